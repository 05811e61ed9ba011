"""Learning that starts from a bundle: what it knows keeps its rows, what is new gets rows.

A new word begins as the mean of what the posts it stands in are made of: its vector as the mean of
the known words beside it, its row of the topics as an M-step of LDA (Blei et al. 2003) that leaves
all other rows as they are. Neither word2vec nor LDA is learned again.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from scipy.special import psi

from export.bundle import read_bundle
from export.learned import Tensors, read_learned
from export.manifest import CONTEXT, ModelCard
from export.places import place
from trainer.errors import TrainerError
from trainer.networks import Network
from trainer.ragged import Ragged
from trainer.reading import infer_topics
from trainer.settings import FitSettings
from trainer.text import Text, by_id
from trainer.topics import TopicModel, uninformative
from trainer.vectors import WordVectors

BETA, ALPHA = "topics.exp_elog_beta", "topics.alpha"
NETWORK = "network."
WORDS, HASHTAGS = "words", "hashtags"
# What the rows of a weight stand for; all other weights are taken as they are.
ROWS = {
    "embedding.weight": WORDS,
    "context.weight": CONTEXT,
    "output.weight": HASHTAGS,
    "output.bias": HASHTAGS,
    "match.names.weight": HASHTAGS,
}
_SAME = ("method", "protocol", "dimensions", "topics", "hidden", "max_words")
_AT_ONCE = 4_096  # posts
_Rows = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Learned:
    """What a bundle had learned, and the names of its rows."""

    digest: str
    card: ModelCard
    names: dict[str, list[str]]
    tensors: Tensors

    @classmethod
    def open(cls, path: str) -> "Learned":
        """Read a bundle; raises a `BundleError` where it is none, or tells nothing of this."""
        bundle = read_bundle(place(path))
        names = {
            WORDS: by_id(bundle.tokenizer()),
            HASHTAGS: [hashtag.canonical for hashtag in bundle.hashtags()],
        }
        if any(card.name == CONTEXT for card in bundle.manifest.inputs):
            names[CONTEXT] = by_id(bundle.context())
        return cls(bundle.digest, bundle.manifest.model, names, read_learned(bundle))

    def check(self, settings: FitSettings) -> None:
        """Raise `TrainerError` where a model of these settings cannot start from it."""
        for name in _SAME:
            own, asked = getattr(self.card, name), getattr(settings, name)
            if own != asked:
                raise TrainerError(
                    f"--warm-start: bundle {self.digest[:12]} was learned with --"
                    f"{name.replace('_', '-')} {own}, not {asked}; learn with that, or without it"
                )


def kept(new: Sequence[str], old: Sequence[str]) -> tuple[_Rows, _Rows]:
    """Return the rows of the names that stay, among the new ones and among the old."""
    rows = {name: row for row, name in enumerate(old)}
    pairs = [(row, rows[name]) for row, name in enumerate(new) if name in rows]
    found = np.array(pairs, dtype=np.int64).reshape(len(pairs), 2)
    return found[:, 0], found[:, 1]


def warm_vectors(learned: Learned, words: Sequence[str], posts: Ragged) -> WordVectors:
    """Return vectors [V, d]: those of the bundle, and of new words the mean of their company's."""
    old = learned.tensors[f"{NETWORK}embedding.weight"]
    own, theirs = kept(words, learned.names[WORDS])
    known = np.zeros(len(words), dtype=bool)
    known[own] = True
    vectors = np.zeros((len(words), old.shape[1]), dtype=np.float32)
    vectors[own] = old[theirs]
    sums, counts = np.zeros_like(vectors), np.zeros(len(words))
    for values, post, several in _chunks(posts):
        there, total = known[values], np.zeros((several, old.shape[1]), dtype=np.float32)
        np.add.at(total, post[there], vectors[values[there]])
        means = total / np.maximum(np.bincount(post[there], minlength=several), 1)[:, None]
        np.add.at(sums, values[~there], means[post[~there]])
        counts += np.bincount(values[~there], minlength=len(words))
    vectors[~known] = sums[~known] / np.maximum(counts[~known], 1)[:, None]
    return WordVectors(vectors)


def warm_topics(
    learned: Learned, words: Sequence[str], posts: Ragged, settings: FitSettings
) -> TopicModel:
    """Return the bundle's topics, with rows of exp(E[log β]) for words that are new.

    These are exp(ψ(η + n) - ψ(Vη + N)), where n is what a word's posts have of a topic, once for
    each time it occurs, N the same over all words that tell a topic, and η = 1/K, gensim's prior.
    """
    old, alpha = learned.tensors[BETA], learned.tensors[ALPHA].copy()
    own, theirs = kept(words, learned.names[WORDS])
    beta = np.zeros((len(words), old.shape[1]), dtype=np.float32)
    beta[own] = old[theirs]
    theta = infer_topics(TopicModel(beta, alpha), posts)
    new = np.ones(len(words), dtype=bool)
    new[own] = False
    new[sorted(uninformative(posts, len(words), settings.max_post_share))] = False
    told = new | beta.any(axis=1)
    found, whole = np.zeros(beta.shape), np.zeros(beta.shape[1])
    for first, (values, post, several) in zip(
        range(0, len(posts), _AT_ONCE), _chunks(posts), strict=True
    ):
        own_theta = theta[first : first + several][post]
        np.add.at(found, values[new[values]], own_theta[new[values]])
        whole += own_theta[told[values]].sum(axis=0)
    prior = 1 / beta.shape[1]
    beta[new] = np.exp(psi(prior + found[new]) - psi(prior * len(words) + whole))
    return TopicModel(beta, alpha)


def warm_network(network: Network, learned: Learned, text: Text) -> None:
    """Give a network what the bundle's had learned; rows of new names stay as they are.

    Raises `TrainerError` where they are not made of the same pieces.
    """
    names = {
        WORDS: text.words,
        CONTEXT: by_id(text.reader.context),
        HASHTAGS: [hashtag.canonical for hashtag in text.hashtags],
    }
    state = network.state_dict()
    found = {name.removeprefix(NETWORK) for name in learned.tensors if name.startswith(NETWORK)}
    if state.keys() != found:
        raise TrainerError(
            f"--warm-start: bundle {learned.digest[:12]} has other ingredients; choose the same "
            f"ones with --without (they differ in {', '.join(sorted(state.keys() ^ found))})"
        )
    with torch.no_grad():
        for name, values in state.items():
            old = torch.from_numpy(learned.tensors[f"{NETWORK}{name}"].copy())
            if (kind := ROWS.get(name)) is None:
                values.copy_(old)
            else:
                own, theirs = kept(names[kind], learned.names[kind])
                values[torch.from_numpy(own)] = old[torch.from_numpy(theirs)]


def _chunks(posts: Ragged) -> Iterator[tuple[npt.NDArray[np.int32], _Rows, int]]:
    """Yield the words of some posts, which of these posts each stands in, and how many they are."""
    for first in range(0, len(posts), _AT_ONCE):
        offsets = posts.offsets[first : first + _AT_ONCE + 1]
        several = len(offsets) - 1
        rows = np.repeat(np.arange(several), np.diff(offsets))
        yield posts.values[offsets[0] : offsets[-1]], rows, several
