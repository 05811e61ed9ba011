"""Trainers that are gone at named points, as after a power cut: `crashing_trainer.py ARGUMENTS`.

Each is the trainer as it is, with one function wrapped. One process imports what they all need, and
forks one for each point that it reads.
"""

import os
import signal
import sys
from collections.abc import Callable
from typing import Any

import click

import export.bundle
import export.registry
import trainer.retrain
import trainer.snapshot
from export.registry import Registry
from trainer.checkpoints import Checkpoints
from trainer.cli import main
from trainer.job import Job

BEFORE, AFTER = "before", "after"
# What is wrapped, at which of its calls the process ends, and on which side of it; in order.
POINTS: dict[str, tuple[Any, str, int, str]] = {
    "in the snapshot": (trainer.snapshot, "write_durably", 1, BEFORE),
    "after the snapshot": (Job, "step_done", 1, BEFORE),
    "in an epoch": (Checkpoints, "save_state", 3, AFTER),
    "after learning": (Job, "step_done", 1, AFTER),
    "in the export": (export.bundle, "write", 3, AFTER),
    "after the export": (Job, "remember", 1, BEFORE),
    "in judging": (trainer.retrain, "judge", 1, BEFORE),
    "before the registry has it": (trainer.retrain, "copy_bundle", 1, BEFORE),
    "while the registry gets it": (export.bundle, "write", 3, AFTER),
    "before it is challenger": (Registry, "assign", 1, BEFORE),
    "before it is champion": (Registry, "assign", 2, BEFORE),
    "in the change of the champion": (export.registry, "create", 1, AFTER),
    "before the end": (trainer.retrain, "prune", 1, BEFORE),
}


def crash_at(point: str) -> None:
    """Let the process end at once when a point is reached."""
    owner, name, calls, side = POINTS[point]
    real: Callable[..., Any] = getattr(owner, name)
    left = [calls]

    def wrapped(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        left[0] -= 1
        if left[0] == 0 and side == BEFORE:
            os.kill(os.getpid(), signal.SIGKILL)
        result = real(*args, **kwargs)
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    setattr(owner, name, wrapped)


def serve() -> None:
    """Write the exit code of a trainer for each point read."""
    for line in sys.stdin:
        process = os.fork()
        if not process:
            os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # the pipe is for the codes
            crash_at(line.strip())
            main(sys.argv[1:])
        click.echo(os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]))


if __name__ == "__main__":
    serve()
