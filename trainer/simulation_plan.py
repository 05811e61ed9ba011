"""When models are learned as time goes by, and of which posts: rows of a timeline."""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta

from trainer.errors import CorpusError
from trainer.snapshot import DEV

Span = timedelta | float  # of time, or a share of all posts


@dataclass(frozen=True)
class Learning:
    """Rows: a model learns from `begin` on, chooses on `dev`, and is asked `asked` to `until`."""

    begin: int
    dev: int
    asked: int
    until: int


@dataclass(frozen=True)
class Plan:
    """The first model after a share of the posts; then one every so often, or never again.

    Each learns from all posts before it, or from those of a window.
    """

    first: float
    every: Span | None = None
    window: Span | None = None

    def learnings(self, times: Sequence[float]) -> list[Learning]:
        """Return the models of posts at these times, which are sorted.

        Posts of one moment are never parted. Raises `CorpusError` where too few are left to learn
        from, to choose by or to ask.
        """
        asked = sorted(set(self._asked(times)))
        return [
            self._learning(times, row, until)
            for row, until in zip(asked, [*asked[1:], len(times)], strict=True)
        ]

    def _asked(self, times: Sequence[float]) -> Iterator[int]:
        """Yield the first row that each model is asked."""
        first = bisect_left(times, times[int(self.first * len(times))])
        yield first
        if isinstance(self.every, timedelta):
            time, step = times[first], self.every.total_seconds()
            while (time := time + step) <= times[-1]:
                yield bisect_left(times, time)
        elif self.every is not None:
            for number in range(1, 1 + int((1 - self.first) / self.every)):
                row = round((self.first + number * self.every) * len(times))
                if row < len(times):
                    yield bisect_left(times, times[row])

    def _learning(self, times: Sequence[float], asked: int, until: int) -> Learning:
        begin = 0
        if isinstance(self.window, timedelta):
            begin = bisect_left(times, times[asked] - self.window.total_seconds())
        elif self.window is not None:
            begin = max(0, asked - round(self.window * len(times)))
        if begin < asked:
            dev = bisect_left(times, times[begin + int((1 - DEV) * (asked - begin))])
            if begin < dev < asked:
                return Learning(begin, dev, asked, until)
        raise CorpusError(
            f"{asked - begin} posts before post {asked} are too few, or of too few moments, to"
            " learn and to choose by; take a larger share first, or a longer window"
        )
