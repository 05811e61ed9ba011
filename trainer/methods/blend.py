"""Late fusion: what similar posts had, and what the network expects, each for itself."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol, Self

import msgspec
import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array

from trainer.fitted import fitted_folder
from trainer.material import Material
from trainer.methods.neighbours import NeighboursWithContext
from trainer.methods.tab_lstm_plus import TabLstmPlus
from trainer.metrics import measure
from trainer.progress import progress
from trainer.ranking import best_rows
from trainer.reading import EncodedPosts, Inputs
from trainer.recommender import Rows
from trainer.scoring import hits_of, padded_ranks
from trainer.settings import FitSettings

NEIGHBOURS, NETWORK, CHOICE = "neighbours", "network", "choice.json"
WEIGHTS = (0.3, 0.5, 0.7, 1.0, 1.5, 2.0, 3.0)  # of the network; dev decides


class Choice(msgspec.Struct, frozen=True):
    """The network's weight, and what F1@1 on dev it gives, in per cent."""

    weight: float
    dev_f1_at_1: float


class Shares(Protocol):
    """What tells each hashtag's share of the votes."""

    def shares(self, posts: Inputs) -> csr_array:
        """Return shares [posts, M]."""
        ...


class Probabilities(Protocol):
    """What tells each hashtag's probability."""

    def probabilities(self, posts: Inputs) -> Iterator[tuple[Rows, npt.NDArray[np.float32]]]:
        """Yield the rows of some posts, and their probabilities [rows, M]."""
        ...


class Blend:
    """Scores hashtags by the neighbours' share plus the network's probability, which has a weight.

    The neighbours are compared by words, mentions and links; the network is TAB-LSTM+.
    """

    def __init__(self, neighbours: Shares, network: Probabilities, weight: float) -> None:
        self._neighbours = neighbours
        self._network = network
        self._weight = weight

    @classmethod
    def fit(cls, material: Material, settings: FitSettings, folder: Path) -> Self:
        """Take the network that was learned for all, and weigh it on dev."""
        NeighboursWithContext.fit(material, settings, _made(folder / NEIGHBOURS))
        learned = fitted_folder(material, _network(settings))
        shutil.copytree(learned, folder / NETWORK, copy_function=_linked, dirs_exist_ok=True)
        neighbours, network = _loaded(folder, settings)
        choice = weigh(neighbours, network, material.dev)
        (folder / CHOICE).write_bytes(msgspec.json.encode(choice) + b"\n")
        return cls(neighbours, network, choice.weight)

    @classmethod
    def load(cls, folder: Path, settings: FitSettings) -> Self:
        """Read what `fit` left."""
        choice = msgspec.json.decode((folder / CHOICE).read_bytes(), type=Choice)
        return cls(*_loaded(folder, settings), choice.weight)

    def rank(self, posts: Inputs, k: int) -> Rows:
        """Return the hashtags [posts, k] of the highest scores."""
        ranked = np.empty((len(posts), k), dtype=np.int64)
        for rows, shares, probabilities in _opinions(self._neighbours, self._network, posts):
            ranked[rows] = best_rows(shares + self._weight * probabilities, k)
        return ranked


def weigh(neighbours: Shares, network: Probabilities, dev: EncodedPosts) -> Choice:
    """Return the weight that is best on the posts of dev with a word; of equal ones the least."""
    dev = dev.take(np.flatnonzero(dev.ids.lengths))
    best = np.empty((len(WEIGHTS), len(dev), 1), dtype=np.int64)
    with progress("blend, posts", len(dev)) as advance:
        for rows, shares, probabilities in _opinions(neighbours, network, dev.inputs):
            for some, weight in zip(best, WEIGHTS, strict=True):
                some[rows] = best_rows(shares + weight * probabilities, 1)
            advance(len(rows))
    f1 = [measure(hits_of(padded_ranks(some), dev.labels), dev.gold).f1[0] for some in best]
    return Choice(WEIGHTS[int(np.argmax(f1))], 100 * max(f1))


def _opinions(
    neighbours: Shares, network: Probabilities, posts: Inputs
) -> Iterator[tuple[Rows, npt.NDArray[np.float64], npt.NDArray[np.float32]]]:
    """Yield rows of posts, their shares and their probabilities [rows, M]."""
    for rows, probabilities in network.probabilities(posts):
        yield rows, neighbours.shares(posts.take(rows)).toarray(), probabilities


def _loaded(folder: Path, settings: FitSettings) -> tuple[Shares, Probabilities]:
    neighbours = NeighboursWithContext.load(folder / NEIGHBOURS, settings)
    return neighbours, TabLstmPlus.load(folder / NETWORK, _network(settings))


def _linked(source: str, target: str) -> None:
    """Let two names stand for one file, where a copy would be hundreds of megabytes."""
    Path(target).unlink(missing_ok=True)
    try:
        os.link(source, target)
    except OSError:  # another file system
        shutil.copy2(source, target)


def _network(settings: FitSettings) -> FitSettings:
    return msgspec.structs.replace(settings, method="tab-lstm+")


def _made(folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    return folder
