"""Topics by LDA (Blei et al. 2003; gensim's online variational Bayes)."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from gensim.models import LdaModel

from export.text import SPECIAL_WORDS
from trainer.ragged import Ragged
from trainer.settings import FitSettings

CHUNK = 4_000
Bag = list[tuple[int, float]]


@dataclass(frozen=True)
class TopicModel:
    """What inference needs: exp(E[log β]) [V, K] and α [K].

    Rows of words that the model does not know are zero: padding, the unknown word, and words in
    so many posts that they tell no topic.
    """

    exp_elog_beta: npt.NDArray[np.float32]
    alpha: npt.NDArray[np.float32]

    def top_words(self, words: list[str], count: int = 10) -> list[list[str]]:
        """Return the most probable words of each topic; `words` by id."""
        order = np.argsort(-self.exp_elog_beta, axis=0, kind="stable")[:count]
        return [[words[row] for row in column] for column in order.T]


class Bags:
    """The posts as bags of words that are not ignored, made anew at each pass to bound memory."""

    def __init__(
        self,
        posts: Ragged,
        ignored: frozenset[int],
        advance: Callable[[int], None] = lambda _: None,
    ) -> None:
        self._posts = posts
        self._ignored = ignored
        self._advance = advance

    def __len__(self) -> int:
        return len(self._posts)

    def __iter__(self) -> Iterator[Bag]:
        for ids in self._posts:
            self._advance(1)
            yield bag_of_words(ids, self._ignored)


def bag_of_words(ids: npt.NDArray[np.int32], ignored: frozenset[int] = frozenset()) -> Bag:
    """Return the words of a post with their counts, as gensim takes them."""
    words, counts = np.unique(ids, return_counts=True)
    pairs = zip(words.tolist(), counts.tolist(), strict=True)
    return [(word, float(count)) for word, count in pairs if word not in ignored]


def learn_topics(
    posts: Ragged,
    words: int,
    settings: FitSettings,
    advance: Callable[[int], None] = lambda _: None,
) -> TopicModel:
    """Learn `settings.topics` topics with a symmetric prior; `advance` counts the posts read.

    Words in more than `settings.max_post_share` of the posts are left out: they fill every topic.
    """
    ignored = uninformative(posts, words, settings.max_post_share)
    model = online_lda(Bags(posts, ignored, advance), words, settings)
    return topic_model(model, words, ignored)


def online_lda(
    posts: Bags, terms: int, settings: FitSettings, alpha: float | None = None
) -> LdaModel:
    """Return gensim's model over `terms` ids; α is 1/K where it is not given."""
    return LdaModel(
        corpus=posts,
        id2word={term: str(term) for term in range(terms)},
        num_topics=settings.topics,
        passes=settings.topic_passes,
        alpha="symmetric" if alpha is None else alpha,
        chunksize=CHUNK,
        eval_every=None,
        random_state=settings.seed,
        dtype=np.float32,
    )


def topic_model(model: LdaModel, words: int, ignored: frozenset[int]) -> TopicModel:
    """Return what inference needs of the first `words` terms of a model."""
    beta = np.ascontiguousarray(model.expElogbeta[:, :words].T, dtype=np.float32)
    beta[sorted(ignored)] = 0.0
    return TopicModel(beta, model.alpha.astype(np.float32))


def uninformative(posts: Ragged, words: int, max_post_share: float) -> frozenset[int]:
    """Return the words of more than that share of the posts, padding and the unknown word."""
    frequencies = np.zeros(words, dtype=np.int64)
    for ids in posts:
        frequencies[np.unique(ids)] += 1
    common = np.flatnonzero(frequencies > max_post_share * len(posts)).tolist()
    return frozenset([*range(len(SPECIAL_WORDS)), *common])


class _Ones:
    """Stands in for gensim's random start of γ, so that inference has one answer."""

    @staticmethod
    def gamma(shape: float, scale: float, size: tuple[int, int]) -> npt.NDArray[np.float32]:
        del shape, scale
        return np.ones(size, dtype=np.float32)


def as_gensim(model: TopicModel) -> LdaModel:
    """Return a model of gensim's with these topics."""
    words, topics = model.exp_elog_beta.shape
    made = LdaModel(
        id2word={word: str(word) for word in range(words)}, num_topics=topics, dtype=np.float32
    )
    made.expElogbeta = np.ascontiguousarray(model.exp_elog_beta.T)
    made.alpha = model.alpha
    return made


def gensim_inference(model: TopicModel, posts: Ragged) -> npt.NDArray[np.float32]:
    """Return θ [posts, K] by gensim's own E-step from γ = 1: the reference for the graph."""
    reference = as_gensim(model)
    reference.random_state = _Ones()
    unknown = frozenset(np.flatnonzero(~model.exp_elog_beta.any(axis=1)).tolist())
    gamma, _ = reference.inference([bag_of_words(ids, unknown) for ids in posts])
    theta: npt.NDArray[np.float32] = (gamma / gamma.sum(axis=1, keepdims=True)).astype(np.float32)
    return theta
