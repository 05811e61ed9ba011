"""LDA over words and hashtags together (Krestel, Fankhauser and Nejdl 2009)."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt

from trainer.arrays import load_arrays, save_arrays
from trainer.material import Material
from trainer.progress import progress
from trainer.ragged import Ragged
from trainer.ranking import best_rows
from trainer.reading import EncodedPosts, Inputs, infer_topics
from trainer.recommender import Rows
from trainer.settings import FitSettings
from trainer.topics import Bags, TopicModel, online_lda, topic_model, uninformative

MODEL = "model.npz"
# α is 50/K (Griffiths and Steyvers 2004), since posts are short and tell little of their topics;
# of few topics a post would have all alike.
TOPIC_PRIOR, LARGEST_ALPHA = 50.0, 0.5
_RANKED_AT_ONCE = 1_024
_DECIMALS = 6  # of the best score: θ is float32, and less than that hangs on the batch


@dataclass(frozen=True)
class HashtagTopics:
    """The topics of words, and p(t | z) [K, M] of hashtags: the rest of φ.

    Its rows do not sum to one: a topic that draws few hashtags has as little say about them.
    """

    words: TopicModel
    hashtags: npt.NDArray[np.float64]


class Lda:
    """Ranks by p(t | post) = Σ_z p(t | z) p(z | post), with topics inferred from words only."""

    def __init__(self, model: HashtagTopics) -> None:
        self._model = model

    @classmethod
    def fit(cls, material: Material, settings: FitSettings, folder: Path) -> Self:
        """Learn topics of words and hashtags in one bag a post."""
        sizes = material.words, len(material.labels.hashtags)
        with progress("lda, posts", settings.topic_passes * len(material.train)) as advance:
            model = learn_hashtag_topics(material.train, *sizes, settings, advance)
        save_arrays(folder / MODEL, model)
        return cls(model)

    @classmethod
    def load(cls, folder: Path, settings: FitSettings) -> Self:
        """Read what `fit` left."""
        del settings
        return cls(load_arrays(folder / MODEL, HashtagTopics))

    def rank(self, posts: Inputs, k: int) -> Rows:
        """Return the most probable hashtags [posts, k]; without a known word all are equal."""
        theta = infer_topics(self._model.words, posts.ids).astype(np.float64)
        theta[~self._readable(posts.ids)] = 0.0
        ranked = np.empty((len(posts), k), dtype=np.int64)
        for start in range(0, len(posts), _RANKED_AT_ONCE):
            some = slice(start, start + _RANKED_AT_ONCE)
            scores = theta[some] @ self._model.hashtags
            scores /= np.maximum(scores.max(axis=1, keepdims=True), np.finfo(float).tiny)
            ranked[some] = best_rows(np.round(scores, _DECIMALS), k)
        return ranked

    def _readable(self, ids: Ragged) -> npt.NDArray[np.bool_]:
        known = self._model.words.exp_elog_beta.max(axis=1) > 0
        return np.array([known[row].any() for row in ids], dtype=np.bool_)


def learn_hashtag_topics(
    posts: EncodedPosts,
    words: int,
    hashtags: int,
    settings: FitSettings,
    advance: Callable[[int], None] = lambda _: None,
) -> HashtagTopics:
    """Learn `settings.topics` topics of so many words and hashtags; `advance` counts posts read.

    Words in too many posts are left out as `learn_topics` does, hashtags never.
    """
    ignored = uninformative(posts.ids, words, settings.max_post_share)
    alpha = min(TOPIC_PRIOR / settings.topics, LARGEST_ALPHA)
    read = Bags(bags(posts, words), ignored, advance)
    model = online_lda(read, words + hashtags, settings, alpha)
    shares = model.get_topics()[:, words:].astype(np.float64)
    return HashtagTopics(topic_model(model, words, ignored), shares)


def bags(posts: EncodedPosts, words: int) -> Ragged:
    """Return the words of each post and its hashtags behind them, hashtag h as `words` + h."""
    pairs = zip(posts.ids, posts.labels, strict=True)
    return Ragged.of(np.concatenate((ids, words + labels)) for ids, labels in pairs)
