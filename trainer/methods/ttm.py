"""The topical translation model (Ding, Qiu, Zhang and Huang 2013): words translated to hashtags."""

from pathlib import Path
from types import SimpleNamespace
from typing import Self

import msgspec
import numpy as np

from export.text import SPECIAL_WORDS
from trainer.algorithms.gibbs import sweep
from trainer.algorithms.ttm_counts import Longs, Posts, Priors, State, gather, start, translations
from trainer.algorithms.ttm_scores import Floats, Tables, score
from trainer.arrays import load_arrays, save_arrays
from trainer.checkpoints import write_durably
from trainer.choosing import f1_at_1
from trainer.material import Material
from trainer.progress import progress
from trainer.ragged import Ragged
from trainer.ranking import best_rows
from trainer.reading import Inputs
from trainer.recommender import Rows
from trainer.settings import FitSettings

TABLES, CHOICE = "tables.npz", "choice.json"
SMOOTHING = (0.3, 1.0, 3.0, 10.0)  # the grid that dev decides on
SWEEPS = 200
SAMPLED = range(155, SWEEPS + 1, 5)  # sweeps after which the state is noted
TOPIC_PRIOR, WORD_PRIOR, HASHTAG_PRIOR, SWITCH_PRIOR = 50.0, 0.01, 0.1, 0.5  # the first over K
_RANKED_AT_ONCE = 512


class Choice(msgspec.Struct, frozen=True):
    """The weight μ that counts are smoothed with, and F1@1 on dev of each tried, in per cent."""

    smoothing: float
    dev_f1_at_1: dict[str, float]


class Ttm:
    """p(t | post) over all topics and words of a post; words without a hashtag to learn unknown."""

    def __init__(self, tables: Tables, smoothing: float) -> None:
        self._tables = tables
        self._smoothing = smoothing

    @classmethod
    def fit(cls, material: Material, settings: FitSettings, folder: Path) -> Self:
        """Sample topics, switches and sources, and choose on dev how counts are smoothed."""
        tables = learn_tables(material, settings)
        tried = {weight: f1_at_1(cls(tables, weight), material.dev) for weight in SMOOTHING}
        choice = Choice(max(tried, key=tried.__getitem__), {str(w): f1 for w, f1 in tried.items()})
        save_arrays(folder / TABLES, SimpleNamespace(**tables._asdict()))
        write_durably(folder / CHOICE, msgspec.json.encode(choice) + b"\n")
        return cls(tables, choice.smoothing)

    @classmethod
    def load(cls, folder: Path, settings: FitSettings) -> Self:
        """Read what `fit` left."""
        del settings
        choice = msgspec.json.decode((folder / CHOICE).read_bytes(), type=Choice)
        return cls(load_arrays(folder / TABLES, Tables), choice.smoothing)

    def rank(self, posts: Inputs, k: int) -> Rows:
        """Return the most probable hashtags [posts, k]."""
        ranked = np.empty((len(posts), k), dtype=np.int64)
        out = np.empty((_RANKED_AT_ONCE, len(self._tables.hashtags)))
        for first in range(0, len(posts), _RANKED_AT_ONCE):
            offsets = posts.ids.offsets[first : first + _RANKED_AT_ONCE + 1]
            scores = out[: len(offsets) - 1]
            score(posts.ids.values, offsets, self._tables, self._smoothing, scores)
            ranked[first : first + _RANKED_AT_ONCE] = best_rows(scores, k)
        return ranked


def learn_tables(material: Material, settings: FitSettings) -> Tables:
    """Sample `settings.topics` topics, on posts with a known word and a hashtag to learn."""
    words = _known(material.train.ids)
    rows = np.flatnonzero((words.lengths > 0) & (material.train.labels.lengths > 0))
    posts = gather(words.take(rows), material.train.labels.take(rows))
    shape = material.words, settings.topics, len(material.labels.hashtags)
    priors = Priors(
        TOPIC_PRIOR / settings.topics,
        *(WORD_PRIOR, HASHTAG_PRIOR, SWITCH_PRIOR),
        words=len(np.unique(posts.words)),
        tags=shape[2],
    )
    random = np.random.default_rng(settings.seed)
    state = start(posts, shape[:2], random)
    noted = []
    with progress("translations, sweeps", SWEEPS) as advance:
        for done in range(1, SWEEPS + 1):
            sweep(posts, state, priors, random)
            advance(1)
            if done in SAMPLED:
                noted.append(np.ravel_multi_index(translations(posts, state), shape))
    cells, counts = np.unique(np.concatenate(noted), return_counts=True)
    return tables(posts, state, priors, np.unravel_index(cells, shape), counts / len(noted))


def tables(
    posts: Posts, state: State, priors: Priors, cells: tuple[Longs, ...], counts: Floats
) -> Tables:
    """Estimate all probabilities; `cells` are words, topics and hashtags, sorted, of `counts`."""
    words, topics, tags = cells
    seen = np.bincount(posts.words, minlength=len(state.background)) > 0
    theta = state.of_topic + priors.alpha
    y = (state.of_switch + priors.delta) / (state.of_switch.sum() + 2 * priors.delta)
    spread = priors.words * priors.beta
    topical = y[1] * (state.topical + priors.beta) / (state.of_topical + spread)
    background = y[0] * (state.background + priors.beta) / (state.of_switch[0] + spread)
    _, run = np.unique(words * len(theta) + topics, return_inverse=True)
    return Tables(
        theta / theta.sum(),
        np.where(seen[:, None], topical, 0.0).astype(np.float32),
        np.where(seen, background, 0.0),
        np.bincount(posts.tags, minlength=priors.tags) / len(posts.tags),
        np.searchsorted(words, np.arange(len(seen) + 1)),
        topics.astype(np.int32),
        tags.astype(np.int32),
        counts,
        np.bincount(run, counts).astype(float)[run],
        np.bincount(words, counts, minlength=len(seen)).astype(float),
    )


def _known(ids: Ragged) -> Ragged:
    """Return posts without the words that stand for none."""
    return Ragged.of(row[row >= len(SPECIAL_WORDS)] for row in ids)
