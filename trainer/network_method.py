"""What all networks share as methods: learning with checkpoints, and ranking by batches."""

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import msgspec
import numpy as np
import numpy.typing as npt
import torch

from export.manifest import CONTEXT
from trainer import processes
from trainer.arrays import load_arrays, save_arrays
from trainer.checkpoints import Checkpoints, EpochRow, write_durably
from trainer.fitting import Examples, Training, start, train
from trainer.material import Material
from trainer.networks import Network
from trainer.progress import console, progress
from trainer.reading import EncodedPosts, Inputs, infer_topics
from trainer.recommender import Rows
from trainer.settings import FitSettings
from trainer.topics import TopicModel
from trainer.warm_start import warm_network

_RANKED_AT_ONCE = 256
TOPICS = "topics.npz"
SIZES = "sizes.json"


class Sizes(msgspec.Struct, frozen=True):
    """The sizes of a network that its settings do not tell."""

    words: int
    dimensions: int
    hashtags: int
    topics: int
    context: int


@dataclass(frozen=True)
class Vectors:
    """What networks begin with: vectors of words [V, d], and of the names of hashtags [M, d]."""

    words: npt.NDArray[np.float32]
    names: npt.NDArray[np.float32]

    @classmethod
    def zeros(cls, sizes: Sizes) -> Self:
        """Return vectors to be overwritten."""
        rows = (sizes.words, sizes.hashtags)
        return cls(*(np.zeros((count, sizes.dimensions), dtype=np.float32) for count in rows))


@dataclass
class NetworkMethod(ABC):
    """A network that has learned, and the topic model whose θ it reads."""

    network: Network
    topics: TopicModel

    @staticmethod
    @abstractmethod
    def build(settings: FitSettings, sizes: Sizes, vectors: Vectors) -> Network:
        """Return the network before it has learned; weights depend on torch's seed alone."""

    @classmethod
    def fit(cls, material: Material, settings: FitSettings, folder: Path) -> Self:
        """Learn by equation 5; each epoch is a checkpoint, the best one on dev is kept."""
        vectors, topics = Vectors(material.vectors.matrix, material.names), material.topics
        context = material.text.reader.context.get_vocab_size()
        words, dimensions = vectors.words.shape
        sizes = Sizes(words, dimensions, len(material.labels.hashtags), len(topics.alpha), context)
        if processes.rank() == 0:
            save_arrays(folder / TOPICS, topics)
            write_durably(folder / SIZES, msgspec.json.encode(sizes))
        learnable = material.train.learnable()
        examples = _examples(material.train.take(learnable), material.theta.train[learnable])
        torch.manual_seed(settings.seed)
        network = cls.build(settings, sizes, vectors)
        if material.warm:
            warm_network(network, material.warm, material.text)
        learn(network, examples, _examples(material.dev, material.theta.dev), settings, folder)
        processes.wait()
        return cls.load(folder, settings)

    @classmethod
    def load(cls, folder: Path, settings: FitSettings) -> Self:
        """Read the network of the best epoch, for inference."""
        sizes = msgspec.json.decode((folder / SIZES).read_bytes(), type=Sizes)
        network = cls.build(settings, sizes, Vectors.zeros(sizes))
        network.load_state_dict(Checkpoints(folder).load_state("network"))
        return cls(network.eval(), load_arrays(folder / TOPICS, TopicModel))

    def rank(self, posts: Inputs, k: int) -> Rows:
        """Return the `k` most probable hashtags of each post [posts, k]."""
        ranked = np.empty((len(posts), k), dtype=np.int64)
        for rows, logits, _ in self.answers(posts):
            ranked[rows] = torch.topk(logits, k, dim=1).indices.numpy()
        return ranked

    def probabilities(self, posts: Inputs) -> Iterator[tuple[Rows, npt.NDArray[np.float32]]]:
        """Yield the rows of some posts, and their p(t|s) [rows, M] (equation 4)."""
        for rows, logits, _ in self.answers(posts):
            yield rows, torch.softmax(logits, dim=1).numpy()

    def answers(self, posts: Inputs) -> Iterator[tuple[Rows, torch.Tensor, torch.Tensor]]:
        """Yield rows of posts of like length, their logits [rows, M] and attention [rows, L]."""
        order = np.argsort(posts.ids.lengths, kind="stable")
        for i in range(0, len(order), _RANKED_AT_ONCE):
            rows = order[i : i + _RANKED_AT_ONCE]
            some = posts.take(rows)
            ids = torch.from_numpy(some.ids.padded())
            theta = torch.from_numpy(infer_topics(self.topics, some.ids))
            further = [torch.from_numpy(some.context.padded())] * (CONTEXT in self.network.further)
            with torch.inference_mode():
                logits, attention = self.network(ids, theta, *further)
            yield rows, logits, attention


def _examples(posts: EncodedPosts, theta: npt.NDArray[np.float32]) -> Examples:
    return Examples(posts.ids, theta, posts.labels, posts.gold, posts.inputs.context)


def learn(
    network: Network, examples: Examples, dev: Examples, settings: FitSettings, folder: Path
) -> None:
    """Train until dev no longer gets better; the best epoch is kept, each one is a checkpoint."""
    kept = Checkpoints(folder)
    history = kept.epochs()
    if not _over(history, settings):
        training = start(network, settings)
        if kept.unfinished:
            training.restore(kept.load_state("checkpoint"))
            settings = msgspec.structs.replace(settings, precision=history[-1].precision)
        # An epoch without its checkpoint is learned again.
        _learn_on(training, (examples, dev), settings, kept, history[: training.epoch])
    if processes.rank() == 0:
        kept.finish()


def _learn_on(
    training: Training,
    posts: tuple[Examples, Examples],
    settings: FitSettings,
    kept: Checkpoints,
    history: list[EpochRow],
) -> None:
    """Train on; all processes know the history, and the first writes."""
    left = (settings.epochs - training.epoch) * len(posts[0])
    with progress("network, posts", left) as advance:
        for epoch in train(training, *posts, settings, advance):
            row = EpochRow(
                epoch.number,
                epoch.loss,
                100 * epoch.dev.f1[0],
                epoch.dev_loss,
                epoch.seconds,
                epoch.precision,
            )
            best = max((one.merit(settings.select) for one in history), default=-math.inf)
            history = [*history, row]
            if processes.rank() == 0:
                if row.merit(settings.select) > best:
                    kept.save_state("network", training.network.state_dict())
                kept.save_epochs(history)
                kept.save_state("checkpoint", training.state())
            console.print(
                f"epoch {row.epoch}: loss {row.loss:.3f}, dev {row.dev_loss:.3f}, "
                f"dev F1@1 {row.dev_f1_at_1:.2f} %, "
                f"{row.seconds:.0f} s in {row.precision}"
            )
            if _over(history, settings):
                break


def _over(history: list[EpochRow], settings: FitSettings) -> bool:
    """Tell whether no epoch is left, or dev was no better for as many as patience allows."""
    figures = [row.merit(settings.select) for row in history]
    earlier, latest = figures[: -settings.patience], figures[-settings.patience :]
    return len(figures) >= settings.epochs or (bool(earlier) and max(earlier) >= max(latest))
