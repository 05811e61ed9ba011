"""The worker's work in its log: a line a batch for debugging, a line a minute for everyone."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from worker.telemetry import Metrics, total

MINUTE = 60.0  # seconds
log = structlog.get_logger("worker")


@dataclass(frozen=True)
class _Counts:
    """What a worker counted until some moment; `seconds` are those spent on batches."""

    posts: float
    dead_letters: float
    hits: float
    misses: float
    seconds: float

    @classmethod
    def of(cls, metrics: Metrics) -> "_Counts":
        """Return the counts of now."""
        return cls(
            total(metrics.consumed),
            total(metrics.rejected),
            total(metrics.cache_hits),
            total(metrics.cache_misses),
            total(metrics.step_seconds),
        )

    def since(self, before: "_Counts", seconds: float | None = None) -> dict[str, float | None]:
        """Return what was counted since then; rates by `seconds`, else by those spent."""
        posts = int(self.posts - before.posts)
        hits, misses = self.hits - before.hits, self.misses - before.misses
        spent = self.seconds - before.seconds if seconds is None else seconds
        return {
            "posts": posts,
            "posts_per_second": round(posts / spent, 1) if spent else None,
            "cache_hit_share": round(hits / (hits + misses), 4) if hits + misses else None,
            "dead_letters": int(self.dead_letters - before.dead_letters),
        }


class Journal:
    """Writes the lines; to be told after each step. `clock` gives seconds."""

    def __init__(self, metrics: Metrics, clock: Callable[[], float] = time.monotonic) -> None:
        self._metrics, self._clock = metrics, clock
        self._step = self._minute = _Counts.of(metrics)
        self._began = clock()

    def note(self) -> None:
        """Write what is due."""
        elapsed = self._clock() - self._began
        debugging = log.is_enabled_for(logging.DEBUG)
        if not debugging and elapsed < MINUTE:
            return
        now = _Counts.of(self._metrics)
        lag = int(total(self._metrics.lag))
        if debugging and now.posts > self._step.posts:
            log.debug("batch", lag=lag, **now.since(self._step))
        self._step = now
        if elapsed >= MINUTE:
            log.info("minute", lag=lag, **now.since(self._minute, elapsed))
            self._minute, self._began = now, self._began + elapsed
