"""A worker that ends itself by SIGKILL at a named point: `crashing_worker.py POINT N run …`.

It is the worker as it is, with one method wrapped: the N-th time that the point is reached, the
process is gone, as after a power cut.
"""

import os
import signal
import sys
from collections.abc import Callable
from typing import Any

from kafka.coordinator.consumer import ConsumerCoordinator

from worker.cli import main
from worker.kafka import KafkaSink, KafkaSource

POINTS: dict[str, tuple[type, str]] = {
    "before_send": (KafkaSink, "publish"),
    "after_flush": (KafkaSource, "commit"),
    "inside_commit": (ConsumerCoordinator, "_send_offset_commit_request"),
}


def crash_at(owner: type, name: str, times: int) -> None:
    """Wrap a method so that its `times`-th call ends the process before it does anything."""
    original: Callable[..., Any] = getattr(owner, name)
    calls = 0

    def wrapper(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        nonlocal calls
        calls += 1
        if calls == times:
            os.kill(os.getpid(), signal.SIGKILL)
        return original(*args, **kwargs)

    setattr(owner, name, wrapper)


if __name__ == "__main__":
    point, times = sys.argv[1], int(sys.argv[2])
    crash_at(*POINTS[point], times)
    sys.argv = ["worker", *sys.argv[3:]]
    main()
