"""Runs that are stopped, and trainings that go as a test wants them to."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch

from trainer.checkpoints import Checkpoints, EpochRow
from trainer.fitting import Epoch, Training
from trainer.metrics import Quality
from trainer.runs import Run


class StoppedError(Exception):
    """Stands for whatever ends a process."""


def epochs(run: Run) -> list[EpochRow]:
    return Checkpoints(run.path).epochs()


def stop_at(monkeypatch: pytest.MonkeyPatch, target: object, name: str, call: int) -> None:
    """Let the given call of a function be the last thing that happens."""
    original: Callable[..., Any] = getattr(target, name)
    calls = iter(range(1, 1_000))

    def stopping(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        if next(calls) == call:
            raise StoppedError
        return original(*args, **kwargs)

    monkeypatch.setattr(target, name, stopping)


def epochs_of(*figures: float) -> Callable[..., Iterator[Epoch]]:
    """Return a training whose F1@1 on dev goes like this, and its loss there with it.

    An epoch writes its number over all that the network has learned.
    """

    def train(training: Training, *_: object) -> Iterator[Epoch]:
        for number, f1 in enumerate(figures[training.epoch :], training.epoch + 1):
            training.epoch = number
            with torch.no_grad():
                for parameter in training.network.parameters():
                    parameter.fill_(number)
            dev = Quality(*((f1,) * 5,) * 4)
            yield Epoch(number, 1.0, dev, 1.0 + f1, 0.0, "fp32")

    return train


def kept_epoch(run: Run) -> int:
    """Return the number of the epoch whose network the run has."""
    numbers = {
        float(x) for w in Checkpoints(run.path).load_state("network").values() for x in w.view(-1)
    }
    [number] = numbers
    return int(number)
