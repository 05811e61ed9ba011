"""Late fusion: what similar posts had, and what the network expects, each for itself."""

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol, Self

import msgspec
import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array

from trainer.checkpoints import write_durably
from trainer.fitted import link_fitted
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
# The grid that dev decides on.
WEIGHTS = (0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.7, 1.0)
FLOORS = (0.003, 0.01, 0.03)
LEAST = 1e-12  # probability: below it float32 may hold none


class Choice(msgspec.Struct, frozen=True):
    """The network's weight, the share of who got no vote, and the F1@1 on dev, in per cent."""

    weight: float
    floor: float
    dev_f1_at_1: float = 0.0


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
    """Scores hashtags by log(share + floor) + weight · log p: two opinions multiplied.

    The share is that of the neighbours' votes, p the network's probability. The neighbours are
    compared by words, mentions and links; the network is TAB-LSTM+. Multiplied, each can veto what
    the other has alone; the floor keeps the network's say where no neighbour has voted.
    """

    def __init__(self, neighbours: Shares, network: Probabilities, choice: Choice) -> None:
        self._neighbours = neighbours
        self._network = network
        self._choice = choice

    @classmethod
    def fit(cls, material: Material, settings: FitSettings, folder: Path) -> Self:
        """Take the network that was learned for all, and weigh it on dev."""
        NeighboursWithContext.fit(material, settings, _made(folder / NEIGHBOURS))
        link_fitted(material, _network(settings), folder / NETWORK)
        neighbours, network = _loaded(folder, settings)
        choice = weigh(neighbours, network, material.dev)
        write_durably(folder / CHOICE, msgspec.json.encode(choice) + b"\n")
        return cls(neighbours, network, choice)

    @classmethod
    def load(cls, folder: Path, settings: FitSettings) -> Self:
        """Read what `fit` left."""
        choice = msgspec.json.decode((folder / CHOICE).read_bytes(), type=Choice)
        return cls(*_loaded(folder, settings), choice)

    def rank(self, posts: Inputs, k: int) -> Rows:
        """Return the hashtags [posts, k] of the highest scores."""
        ranked = np.empty((len(posts), k), dtype=np.int64)
        for rows, shares, log_p in _opinions(self._neighbours, self._network, posts):
            scores = np.log(shares + self._choice.floor) + self._choice.weight * log_p
            ranked[rows] = best_rows(scores, k)
        return ranked


def weigh(neighbours: Shares, network: Probabilities, dev: EncodedPosts) -> Choice:
    """Return what is best on the posts of dev with a word; of equals the least floor and weight."""
    dev = dev.take(np.flatnonzero(dev.ids.lengths))
    best = np.empty((len(FLOORS), len(WEIGHTS), len(dev), 1), dtype=np.int64)
    with progress("blend, posts", len(dev)) as advance:
        for rows, shares, log_p in _opinions(neighbours, network, dev.inputs):
            for floored, floor in zip(best, FLOORS, strict=True):
                log_share = np.log(shares + floor)
                for some, weight in zip(floored, WEIGHTS, strict=True):
                    some[rows, 0] = (log_share + weight * log_p).argmax(axis=1)
            advance(len(rows))
    tried = [
        Choice(weight, floor, 100 * _f1_at_1(some, dev))
        for floored, floor in zip(best, FLOORS, strict=True)
        for some, weight in zip(floored, WEIGHTS, strict=True)
    ]
    return max(tried, key=lambda choice: choice.dev_f1_at_1)


def _f1_at_1(ranked: Rows, posts: EncodedPosts) -> float:
    return measure(hits_of(padded_ranks(ranked), posts.labels), posts.gold).f1[0]


def _opinions(
    neighbours: Shares, network: Probabilities, posts: Inputs
) -> Iterator[tuple[Rows, npt.NDArray[np.float64], npt.NDArray[np.float32]]]:
    """Yield rows of posts, their shares and the logarithms of their probabilities [rows, M]."""
    for rows, probabilities in network.probabilities(posts):
        log_p = np.log(np.maximum(probabilities, LEAST))
        yield rows, neighbours.shares(posts.take(rows)).toarray(), log_p


def _loaded(folder: Path, settings: FitSettings) -> tuple[Shares, Probabilities]:
    neighbours = NeighboursWithContext.load(folder / NEIGHBOURS, settings)
    return neighbours, TabLstmPlus.load(folder / NETWORK, _network(settings))


def _network(settings: FitSettings) -> FitSettings:
    return msgspec.structs.replace(settings, method="tab-lstm+")


def _made(folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    return folder
