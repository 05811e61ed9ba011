"""How the workers do, as the page shows it: figures of now, and curves of the last minutes."""

from collections import deque

import msgspec

from worker.quality import TOLD
from worker.samples import Spread
from worker.scrape import State
from worker.status import Model, Status, mean_known

PAUSE = 2.0  # seconds between two looks
POINTS = 150  # of a curve: five minutes


class Worker(msgspec.Struct, frozen=True):
    """One worker; `reason` where it could not be reached."""

    url: str
    state: State
    reason: str | None


class Vitals(msgspec.Struct, frozen=True):
    """All workers as one; None for what is not known.

    `rates` (posts a second) and `lags` (posts not yet read) have a value each `seconds`, the newest
    last. `hits` is the share of right answers by k, of the last thousand or so of the `scored`.
    """

    workers: list[Worker]
    models: list[Model]
    seconds: float
    rates: list[float | None]
    lags: list[int | None]
    latency: Spread | None
    hits: dict[str, float | None]
    scored: int
    remembered: int | None


class Curves:
    """Keeps the last minutes of what was seen."""

    def __init__(self) -> None:
        self._rates = deque[float | None](maxlen=POINTS)
        self._lags = deque[int | None](maxlen=POINTS)

    def add(self, status: Status) -> Vitals:
        """Add a look, and return what is shown after it."""
        rate = status.records_per_second
        self._rates.append(None if rate is None else round(rate, 1))
        self._lags.append(status.lag if status.reachable else None)
        qualities = [one.quality for one in status.workers if one.quality]
        held = [one.memory.posts for one in status.workers if one.memory]
        models = {model for one in status.workers for model in one.models}
        return Vitals(
            workers=[Worker(one.url, one.state, one.reason) for one in status.workers],
            models=sorted(models, key=lambda one: (one.role, one.model, one.variant)),
            seconds=PAUSE,
            rates=list(self._rates),
            lags=list(self._lags),
            latency=status.recent.latency_seconds if status.recent else None,
            hits={
                str(k): mean_known([one.decayed_hits.get(str(k)) for one in qualities])
                for k in TOLD
            },
            scored=status.since_start.scored if status.since_start else 0,
            remembered=min(held) if held else None,
        )
