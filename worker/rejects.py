"""Stops a worker that rejects too much: then the fault is likely ours, not the posts'."""

from collections import deque
from collections.abc import Iterable

from worker.errors import TooManyRejectsError


class RejectLimit:
    """Watches the share of rejected records in a window, and how many come in a row.

    Arguments: `ratio`, the largest share of the last `window` records (judged once the window
    is full); `run`, the largest number in a row. `ratio` 1 and `run` 0 switch them off.
    """

    def __init__(self, ratio: float = 0.2, window: int = 1_000, run: int = 100) -> None:
        self._ratio = ratio
        self._run = run
        self._window: deque[bool] = deque(maxlen=window)
        self.forget()

    def forget(self) -> None:
        """Begin anew: a batch that is read again must not count twice."""
        self._window.clear()
        self._rejected = 0
        self._in_a_row = 0

    def check(self, rejected: Iterable[bool]) -> None:
        """Take one batch, in the order of its records; raises `TooManyRejectsError`.

        Called before the batch is published, so what made us stop is not committed.
        """
        for bad in rejected:
            if len(self._window) == self._window.maxlen:
                self._rejected -= self._window[0]
            self._window.append(bad)
            self._rejected += bad
            self._in_a_row = self._in_a_row + 1 if bad else 0
            self._judge()

    def _judge(self) -> None:
        advice = "look at the dead letters' reasons, or raise --reject-ratio and --reject-run"
        if self._run and self._in_a_row > self._run:
            raise TooManyRejectsError(f"more than {self._run} records rejected in a row; {advice}")
        full = len(self._window) == self._window.maxlen
        if full and self._rejected > self._ratio * len(self._window):
            raise TooManyRejectsError(
                f"{self._rejected} of the last {len(self._window)} records rejected; {advice}"
            )
