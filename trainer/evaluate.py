"""How good is a bundle? Measured through the worker's predictor: what is served is judged."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from export.text import Protocol, text_as_read
from trainer.corpus import LabelledPost, split
from trainer.errors import CorpusError
from trainer.labels import most_frequent
from trainer.metrics import KS, Quality, measure
from worker.predictor import ModelInput, Predictor

POPULARITY = "popularity"


def evaluate(
    predictor: Predictor, corpus: Path, split_name: str, protocols: Sequence[Protocol]
) -> dict[tuple[str, str], Quality]:
    """Return the quality by method and text protocol, on all posts of a split with a hashtag.

    Under `words-kept` a post's hashtags lose their '#' before the predictor reads it, which
    leaves the answer in its text. Raises `CorpusError` where there is no such post.
    """
    reader = split(corpus, split_name)
    posts = [post for post in reader if post.spellings]
    if not posts:
        raise CorpusError(f"{reader.path} has no post with a hashtag")
    method = predictor.bundle.manifest.model.method
    found: dict[tuple[str, str], Quality] = {}
    for protocol in protocols:
        inputs = read(predictor, [post.text for post in posts], protocol)
        found[method, protocol] = score(posts, recommend(predictor, inputs))
    popular = most_frequent(split(corpus, "train"), KS[-1])
    found[POPULARITY, "-"] = score(posts, [popular] * len(posts))
    return found


def read(predictor: Predictor, texts: Sequence[str], protocol: Protocol) -> list[ModelInput]:
    """Return what the predictor reads of each text: its words under a protocol, and all else.

    A protocol is about words: of mentions and links, no hashtag is read under either one.
    """
    words = predictor.encode([text_as_read(text, protocol) for text in texts])
    whole = predictor.encode(texts)
    return [replace(one, further=other.further) for one, other in zip(words, whole, strict=True)]


def recommend(predictor: Predictor, inputs: Sequence[ModelInput]) -> list[list[str]]:
    """Return the five best hashtags a post, in canonical form."""
    answers = iter(predictor.predict([item for item in inputs if not item.empty]))
    return [
        []
        if item.empty
        else [predictor.hashtags[row].canonical for row in next(answers).hashtags[: KS[-1]]]
        for item in inputs
    ]


def score(posts: Sequence[LabelledPost], ranked: Sequence[Sequence[str]]) -> Quality:
    """Score rankings in canonical form against the hashtags of the posts."""
    return measure(hits_of(posts, ranked), [len(post.spellings) for post in posts])


def hits_of(
    posts: Sequence[LabelledPost], ranked: Sequence[Sequence[str]]
) -> npt.NDArray[np.bool_]:
    """Tell of each rank [posts, 5] whether it is one of the post's hashtags."""
    hits = np.zeros((len(posts), KS[-1]), dtype=np.bool_)
    for row, (post, best) in enumerate(zip(posts, ranked, strict=True)):
        hits[row, : len(best)] = [hashtag in post.spellings for hashtag in best]
    return hits
