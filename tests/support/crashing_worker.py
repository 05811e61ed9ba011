"""A worker with a fault at a named point: `crashing_worker.py crash|hang POINT N run …`.

It is the worker as it is, with one method wrapped: the N-th time that the point is reached, the
process is gone, as after a power cut; or the call never returns.
"""

import os
import signal
import sys
import time
from collections.abc import Callable
from typing import Any

from kafka.coordinator.consumer import ConsumerCoordinator
from kafka.producer.transaction_manager import EndTxnHandler, TransactionManager

from worker.cli import main
from worker.kafka import KafkaSource
from worker.kafka_sender import KafkaSender
from worker.sinks import AtLeastOnceSink, ExactlyOnceSink

POINTS: dict[str, dict[str, tuple[type, str]]] = {
    "at-least-once": {
        "before_send": (AtLeastOnceSink, "publish"),
        "after_flush": (KafkaSource, "commit"),
        "inside_commit": (ConsumerCoordinator, "_send_offset_commit_request"),
    },
    "exactly-once": {
        "before_begin": (ExactlyOnceSink, "publish"),
        "after_send": (KafkaSender, "commit"),
        "before_commit": (TransactionManager, "begin_commit"),
        "commit_unheard": (EndTxnHandler, "handle_response"),
    },
}


def crash() -> None:
    """End the process at once."""
    os.kill(os.getpid(), signal.SIGKILL)


def hang() -> None:
    """Wait for ever."""
    while True:
        time.sleep(1)


FAULTS: dict[str, Callable[[], None]] = {"crash": crash, "hang": hang}


def fail_at(owner: type, name: str, times: int, fault: Callable[[], None]) -> None:
    """Wrap a method so that its `times`-th call has a fault before it does anything."""
    original: Callable[..., Any] = getattr(owner, name)
    calls = 0

    def wrapper(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        nonlocal calls
        calls += 1
        if calls == times:
            fault()
        return original(*args, **kwargs)

    setattr(owner, name, wrapper)


if __name__ == "__main__":
    fault, point, times = sys.argv[1:4]
    points = {name: target for some in POINTS.values() for name, target in some.items()}
    fail_at(*points[point], int(times), FAULTS[fault])
    sys.argv = ["worker", *sys.argv[4:]]
    main()
