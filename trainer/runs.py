"""A run directory: what `trainer fit` leaves behind, each file whole or not at all."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import numpy as np
import numpy.typing as npt
import torch
from tokenizers import Tokenizer

from export.bundle import Hashtag, encode_hashtags, parse_hashtags
from export.manifest import DataCard, MetricRow
from trainer.errors import RunError
from trainer.networks import HashtagNetwork
from trainer.ragged import Ragged
from trainer.settings import FitSettings, Select
from trainer.topics import TopicModel

_T = TypeVar("_T")


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
class Run:
    """The files of one run, read and written through their types."""

    path: Path

    @classmethod
    def open(cls, path: Path) -> "Run":
        """Return a finished run; raises `RunError` where there is none."""
        run = cls(path)
        if not run.finished:
            raise RunError(f"{path} is no finished run; `trainer fit CORPUS {path}` makes one")
        return run

    def begin(self, settings: FitSettings, sources: Mapping[str, str], *, resume: bool) -> None:
        """Claim the directory; raises `RunError` where it holds another run.

        With `resume`, steps that finished are not done again; `sources`, the SHA-256 of each file
        of posts, tells whether they were done on the same posts.
        """
        file, origin = self.path / "settings.json", self.path / "sources.json"
        if file.exists():
            if not resume:
                raise RunError(f"{self.path} holds a run; give --resume, or another directory")
            if msgspec.json.decode(file.read_bytes(), type=FitSettings) != settings:
                raise RunError(f"{self.path} was begun with other settings: see {file}")
            if msgspec.json.decode(origin.read_bytes()) != sources:
                raise RunError(f"{self.path} was begun on other posts; take another directory")
            return
        self.path.mkdir(parents=True, exist_ok=True)
        self._write(origin.name, msgspec.json.encode(sources))
        self._write(file.name, msgspec.json.format(msgspec.json.encode(settings)))

    @property
    def finished(self) -> bool:
        """Whether the run came to its end."""
        return (self.path / "finished").exists()

    def finish(self) -> None:
        """Note that the run came to its end."""
        self._write("finished", b"")

    @property
    def settings(self) -> FitSettings:
        """How the run was made."""
        return msgspec.json.decode((self.path / "settings.json").read_bytes(), type=FitSettings)

    def kept(self, name: str, make: Callable[[], _T], kind: type[_T]) -> _T:
        """Return a dataclass of arrays, made only where the run does not have it yet."""
        file = self.path / f"{name}.npz"
        if not file.exists():
            temporary = self.path / f".{file.name}"
            np.savez(temporary, **vars(make()))
            temporary.replace(file)
        with np.load(file, allow_pickle=False) as arrays:
            return kind(**arrays)

    def save_text(self, tokenizer: Tokenizer, hashtags: list[Hashtag], data: DataCard) -> None:
        """Keep the text rules, the classes, and what the posts were."""
        self._write("tokenizer.json", tokenizer.to_str().encode())
        self._write("hashtags.tsv", encode_hashtags(hashtags))
        self._write("data.json", msgspec.json.encode(data))

    @property
    def has_text(self) -> bool:
        """Whether the training posts were read to their end."""
        return (self.path / "data.json").exists()

    def tokenizer(self) -> Tokenizer:
        """Return the text rules and the vocabulary."""
        return Tokenizer.from_file(str(self.path / "tokenizer.json"))

    def hashtags(self) -> list[Hashtag]:
        """Return the classes in the order of the network's output."""
        return parse_hashtags((self.path / "hashtags.tsv").read_bytes())

    def data(self) -> DataCard:
        """Return what the posts were."""
        return msgspec.json.decode((self.path / "data.json").read_bytes(), type=DataCard)

    def topics(self) -> TopicModel:
        """Return the topic model."""
        return self.kept("topics", _missing, TopicModel)

    def dev_ids(self) -> Ragged:
        """Return the ids of the dev posts, on which an export is compared with its reference."""
        return self.kept("dev", _missing, Ragged)

    def network(self) -> HashtagNetwork:
        """Return the network of the best epoch, for inference."""
        settings, topics = self.settings, self.topics()
        vectors = np.zeros((len(topics.exp_elog_beta), settings.dimensions), dtype=np.float32)
        network = build_network(settings, vectors, len(self.hashtags()))
        network.load_state_dict(self.load_state("network"))
        return network.eval()

    @property
    def has_checkpoint(self) -> bool:
        """Whether there is an epoch to go on from."""
        return (self.path / "checkpoint.pt").exists()

    def save_state(self, name: str, state: dict[str, Any]) -> None:
        """Keep a checkpoint of torch."""
        temporary = self.path / f".{name}.incomplete"
        torch.save(state, temporary)
        temporary.replace(self.path / f"{name}.pt")

    def load_state(self, name: str) -> dict[str, Any]:
        """Return a checkpoint; only tensors and plain values are read, never code."""
        state: dict[str, Any] = torch.load(
            self.path / f"{name}.pt", weights_only=True, map_location="cpu"
        )
        return state

    def epochs(self) -> list[EpochRow]:
        """Return the history of the training."""
        file = self.path / "epochs.json"
        if not file.exists():
            return []
        return msgspec.json.decode(file.read_bytes(), type=list[EpochRow])

    def save_epochs(self, rows: list[EpochRow]) -> None:
        """Keep the history of the training."""
        self._write("epochs.json", msgspec.json.format(msgspec.json.encode(rows)))

    def save_metrics(self, rows: list[MetricRow]) -> None:
        """Keep the quality on dev of the best epoch."""
        self._write("metrics.json", msgspec.json.encode(rows))

    def metrics(self) -> list[MetricRow]:
        """Return the quality on dev of the best epoch."""
        return msgspec.json.decode((self.path / "metrics.json").read_bytes(), type=list[MetricRow])

    def _write(self, name: str, data: bytes) -> None:
        temporary = self.path / f".{name}.incomplete"
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(self.path / name)


def build_network(
    settings: FitSettings, vectors: npt.NDArray[np.float32], hashtags: int
) -> HashtagNetwork:
    """Return the network of a run before it has learned; weights depend on the seed alone."""
    torch.manual_seed(settings.seed)
    return HashtagNetwork(settings.method, vectors, hashtags, settings.topics, settings.hidden)


def _missing() -> Any:  # noqa: ANN401 - never returns
    raise RunError("the run is not finished; give --resume to `trainer fit`")
