"""Champion and challenger on the same posts, through the worker's predictor: what is served."""

import time
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import numpy as np

from export.bundle import Bundle
from export.manifest import CPU, CPU_FP32
from trainer.corpus import LabelledPost, split
from trainer.evaluate import hits_of, read, recommend
from trainer.gate import Evidence, Measured
from trainer.labels import most_frequent
from trainer.metrics import KS
from trainer.significance import PostScores, lower_bound
from worker.event_time import event_time
from worker.predictor import ModelInput, Predictor

TIMED_POSTS = 1_000
ROUNDS = 5  # in turns, so that whatever else the machine does slows both


def held_out(corpus: Path, champion: Bundle | None) -> list[LabelledPost]:
    """Return the test posts with a hashtag that the champion cannot have learned from.

    Those are the ones written after the last post of its train and dev, as far as it says.
    """
    seen = seen_until(champion)
    posts = [post for post in split(corpus, "test") if post.spellings]
    if seen is None:
        return posts
    return [post for post in posts if (time := event_time(post.created_at)) and time > seen]


def seen_until(bundle: Bundle | None) -> datetime | None:
    """Return when the last post was written that a bundle was made from, as far as it says."""
    if bundle is None:
        return None
    data = bundle.manifest.data
    times = (event_time(written) for written in (data.last, data.dev_last))
    return max(filter(None, times), default=None)


def judge(
    challenger: Predictor,
    champion: Predictor | None,
    posts: Sequence[LabelledPost],
    corpus: Path,
) -> Evidence:
    """Measure both on the same posts, and popularity as it is in the corpus's train."""
    models = [model for model in (challenger, champion) if model]
    inputs = [read(model, [post.text for post in posts], "stripped") for model in models]
    popular = [most_frequent(split(corpus, "train"), KS[-1])] * len(posts)
    rankings = [*map(recommend, models, inputs), popular]
    scores = [_scores(posts, ranked) for ranked in rankings]
    times = _microseconds(models, inputs)
    measured = [
        _measured(model, score, posts, microseconds)
        for model, score, microseconds in zip(models, scores[:-1], times, strict=True)
    ]
    return Evidence(
        posts=len(posts),
        challenger=measured[0],
        champion=measured[1] if champion else None,
        popularity=_per_cent(scores[-1].f1),
        above_popularity=lower_bound(scores[0], scores[-1]),
        above_champion=lower_bound(scores[0], scores[1]) if champion else None,
    )


def sound(bundle: Bundle) -> Predictor:
    """Return a predictor, once each variant for processors repeats its golden examples.

    Raises `BundleError` where one does not.
    """
    for name, card in bundle.manifest.variants.items():
        if card.device == CPU and name != CPU_FP32:
            Predictor(bundle, name)
    return Predictor(bundle)


def _scores(posts: Sequence[LabelledPost], ranked: Sequence[Sequence[str]]) -> PostScores:
    gold = np.array([len(post.spellings) for post in posts])
    return PostScores.of(hits_of(posts, ranked)[None, :, 0], gold)


def _measured(
    model: Predictor, scores: PostScores, posts: Sequence[LabelledPost], microseconds: float
) -> Measured:
    answers = [hashtag for post in posts for hashtag in post.hashtags]
    covered = sum(hashtag in model.spellings for hashtag in answers) / len(answers)
    size = sum(card.size for card in model.bundle.manifest.files.values()) / 1e6
    f1, covered = _per_cent(scores.f1), _per_cent(covered)
    return Measured(model.bundle.digest, f1, covered, size, microseconds)


def _microseconds(models: Sequence[Predictor], inputs: Sequence[list[ModelInput]]) -> list[float]:
    """Return the median time a post of each model, in microseconds."""
    asked = [[item for item in some if not item.empty][:TIMED_POSTS] for some in inputs]
    rounds = [[_timed(*pair) for pair in zip(models, asked, strict=True)] for _ in range(ROUNDS)]
    medians: list[float] = np.median(rounds, axis=0).tolist()
    return medians


def _timed(model: Predictor, inputs: list[ModelInput]) -> float:
    started = time.perf_counter()
    model.predict(inputs)
    return 1e6 * (time.perf_counter() - started) / max(1, len(inputs))


def _per_cent(share: float) -> float:
    return round(100 * share, 2)
