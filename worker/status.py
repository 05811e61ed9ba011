"""How running workers do, from looks at each: now, and since they started."""

import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import msgspec

from worker.samples import Figures, Held, Quality, added, grown, labels, lags, left_alone
from worker.scrape import Look, State, look

_T = TypeVar("_T")
WINDOW = 10.0  # seconds that "now" goes back, where there were looks so long


class Model(msgspec.Struct, frozen=True):
    """A model that answers: champion or challenger, its digest, what it is, and where it runs."""

    role: str
    model: str
    method: str
    variant: str
    device: str


class Reading(msgspec.Struct, frozen=True):
    """What a worker reads, and how."""

    topic: str
    group: str
    client: str
    delivery: str


class WorkerStatus(msgspec.Struct, frozen=True):
    """One worker; `recent` is what it counted in the last `seconds`, once it was seen twice."""

    url: str
    state: State
    reason: str | None
    reading: Reading | None
    models: list[Model]
    lag: dict[str, int]
    cache_left_alone: bool
    quality: Quality | None
    memory: Held | None
    seconds: float | None
    records_per_second: float | None
    recent: Figures | None
    since_start: Figures | None


class Status(msgspec.Struct, frozen=True):
    """All workers, each and as one; `partitions` has the lag of each, `lag` their sum."""

    workers: list[WorkerStatus]
    reachable: int
    records_per_second: float | None
    lag: int
    partitions: dict[str, int]
    recent: Figures | None
    since_start: Figures | None


class Observer:
    """Looks at workers again and again; `ask` is how."""

    def __init__(self, urls: Sequence[str], ask: Callable[[str], Look] = look) -> None:
        self._ask = ask
        self._looks: dict[str, deque[Look]] = {url: deque() for url in urls}

    def observe(self) -> Status:
        """Look at all at once: one that is silent keeps none waiting."""
        with ThreadPoolExecutor(len(self._looks)) as pool:
            for found in pool.map(self._ask, self._looks):
                self._keep(found)
        return _status([(looks[0], looks[-1]) for looks in self._looks.values()])

    def follow(self, stop: threading.Event, pause: float, show: Callable[[Status], None]) -> Status:
        """Look until told to stop, and show each status; returns the last."""
        while True:
            status = self.observe()
            show(status)
            if stop.wait(pause):
                return status

    def _keep(self, found: Look) -> None:
        looks = self._looks[found.url]
        if found.state == State.UNREACHABLE or (looks and looks[-1].state == State.UNREACHABLE):
            looks.clear()  # what it counted meanwhile is not told by the time between
        looks.append(found)
        while len(looks) > 2 and looks[-1].at - looks[1].at >= WINDOW:
            looks.popleft()


def mean_known(values: Sequence[float | None]) -> float | None:
    """Return the mean of those that are known; None where none is."""
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def _status(pairs: list[tuple[Look, Look]]) -> Status:
    workers = [_worker(first, last) for first, last in pairs]
    told = [last for _, last in pairs if last.state != State.UNREACHABLE]
    seen_twice = [grown(last.counts, first.counts) for first, last in pairs if last is not first]
    rates = [one.records_per_second for one in workers if one.records_per_second is not None]
    partitions = lags(added(one.gauges for one in told))
    return Status(
        workers=workers,
        reachable=len(told),
        records_per_second=sum(rates) if rates else None,
        lag=sum(partitions.values()),
        partitions=partitions,
        recent=Figures.of(added(seen_twice)) if seen_twice else None,
        since_start=Figures.of(added(one.counts for one in told)) if told else None,
    )


def _worker(first: Look, last: Look) -> WorkerStatus:
    seconds = last.at - first.at
    recent = Figures.of(grown(last.counts, first.counts)) if last is not first else None
    reached = last.state != State.UNREACHABLE
    return WorkerStatus(
        url=last.url,
        state=last.state,
        reason=last.reason,
        reading=next(iter(_told(last, "worker", Reading)), None),
        models=sorted(_told(last, "model", Model), key=lambda one: one.role),
        lag=lags(last.gauges),
        cache_left_alone=left_alone(last.gauges),
        quality=Quality.of(last.gauges) if reached else None,
        memory=Held.of(last.gauges),
        seconds=seconds or None,
        records_per_second=recent.records / seconds if recent and seconds else None,
        recent=recent,
        since_start=Figures.of(last.counts) if reached else None,
    )


def _told(found: Look, attribute: str, kind: type[_T]) -> list[_T]:
    return msgspec.convert(labels(found.gauges, attribute), list[kind])  # type: ignore[valid-type]
