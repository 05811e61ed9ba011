"""Steps over Kafka: what fails for a while is tried again, from what is committed on."""

import threading
from collections.abc import Callable

import structlog

from worker.delivery import Source
from worker.errors import RetryLaterError
from worker.telemetry import Health

SHORTEST_PAUSE, LONGEST_PAUSE = 0.1, 10.0  # seconds between two attempts

log = structlog.get_logger("worker")


def keep_stepping(
    step: Callable[[], None],
    failed: Callable[[RetryLaterError], None],
    source: Source,
    health: Health,
    stop: threading.Event,
) -> None:
    """Step until told to stop; after `failed`, go on from what is committed, in growing pauses."""
    pause = SHORTEST_PAUSE
    while not stop.is_set():
        try:
            step()
            pause = SHORTEST_PAUSE
        except RetryLaterError as error:
            log.warning("batch_to_be_read_again", reason=str(error))
            failed(error)
            _rewind(source, health, stop, pause)
            pause = min(2 * pause, LONGEST_PAUSE)


def _rewind(source: Source, health: Health, stop: threading.Event, pause: float) -> None:
    """Go back to the commit once the services answer; alive, but not ready, until then."""
    while not stop.wait(pause):
        health.beat()
        try:
            source.rewind()
        except RetryLaterError as again:
            health.ready = False
            log.warning("still_unreachable", reason=str(again))
            pause = min(2 * pause, LONGEST_PAUSE)
        else:
            return
