"""What a training leaves in its folder: the best network, the last checkpoint, the history."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import torch

from trainer.settings import Select


class EpochRow(msgspec.Struct, frozen=True):
    """One epoch of the history: losses a post, F1@1 on dev in per cent."""

    epoch: int
    loss: float
    dev_f1_at_1: float
    dev_loss: float
    seconds: float
    precision: str

    def merit(self, select: Select) -> float:
        """Return what the best epoch has most of."""
        return self.dev_f1_at_1 if select == "f1" else -self.dev_loss


@dataclass(frozen=True)
class Checkpoints:
    """The files of one training, each whole or not at all."""

    path: Path

    @property
    def unfinished(self) -> bool:
        """Whether there is an epoch to go on from."""
        return (self.path / "checkpoint.pt").exists()

    def save_state(self, name: str, state: dict[str, Any]) -> None:
        """Keep a state of torch."""
        temporary = self.path / f".{name}.incomplete"
        torch.save(state, temporary)
        temporary.replace(self.path / f"{name}.pt")

    def load_state(self, name: str) -> dict[str, Any]:
        """Return a state; only tensors and plain values are read, never code."""
        state: dict[str, Any] = torch.load(
            self.path / f"{name}.pt", weights_only=True, map_location="cpu"
        )
        return state

    def epochs(self) -> list[EpochRow]:
        """Return the history."""
        file = self.path / "epochs.json"
        if not file.exists():
            return []
        return msgspec.json.decode(file.read_bytes(), type=list[EpochRow])

    def save_epochs(self, rows: list[EpochRow]) -> None:
        """Keep the history."""
        write_durably(
            self.path / "epochs.json", msgspec.json.format(msgspec.json.encode(rows)) + b"\n"
        )

    def finish(self) -> None:
        """Drop the checkpoint, the largest file: nobody goes on from here."""
        (self.path / "checkpoint.pt").unlink(missing_ok=True)


def write_durably(path: Path, data: bytes) -> None:
    """Write a file whole or not at all."""
    temporary = path.with_name(f".{path.name}.incomplete")
    with temporary.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
