"""A corpus of hashtagged posts that nobody wrote, whose best possible scores are known.

Each post is about one latent subject, from which its words and its tags are drawn independently
(`trainer.synthetic_posts`). The best answers per subject therefore bound every recommender that
reads the post alone (`trainer.tag_laws`). They do not bound one who remembers the stream, since a
repeated post carries the tags of the post that it repeats: `optimum(..., memory=True)` does.

Equal settings give equal posts, and equal bytes under the same version of zstandard.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import msgspec
import numpy as np
import zstandard

from trainer.synthetic_posts import Composer, Origin, SyntheticSettings, plant
from trainer.tag_laws import Optimum, judge

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

START = datetime(2016, 1, 1, tzinfo=UTC)
SECONDS_BETWEEN_POSTS = 60.0
REPEAT_WINDOW = 200  # a repeat copies a post at most this many posts back

__all__ = [
    "Summary",
    "SyntheticCorpus",
    "SyntheticPost",
    "SyntheticSettings",
    "generate",
    "optimum",
    "write_corpus",
]


@dataclass(frozen=True, slots=True)
class SyntheticPost:
    """A post as anyone may see it; `tags` are lower-cased, in the order of the text."""

    id: str
    text: str
    tags: tuple[str, ...]
    created_at: datetime
    author: str


@dataclass(frozen=True, slots=True)
class SyntheticCorpus:
    """Posts in time order, and beside each its origin."""

    settings: SyntheticSettings
    posts: tuple[SyntheticPost, ...]
    origins: tuple[Origin, ...]

    @property
    def splits(self) -> dict[str, range]:
        """The indices of the posts of train, dev and test."""
        return _splits(len(self.posts))


@dataclass(frozen=True, slots=True)
class Summary:
    """What was written: posts by split, distinct tags, and the optima on dev and test."""

    posts: Mapping[str, int]
    distinct_tags: int
    optimum: Mapping[str, Optimum]
    optimum_with_memory: Mapping[str, Optimum]


def generate(settings: SyntheticSettings) -> SyntheticCorpus:
    """Draw a corpus; the same one for the same settings."""
    rng = np.random.default_rng(settings.seed)
    composer = Composer(settings, plant(settings, rng), rng)
    seconds = np.cumsum(rng.exponential(SECONDS_BETWEEN_POSTS, settings.posts)).astype(int)
    posts: list[SyntheticPost] = []
    origins: list[Origin] = []
    for indices in _splits(settings.posts).values():
        for index in indices:
            written = index - indices.start
            if written and rng.random() < settings.repeats:
                earlier = index - 1 - int(rng.integers(min(written, REPEAT_WINDOW)))
                text, tags = posts[earlier].text, posts[earlier].tags
                origin = replace(origins[earlier], repeat=True)
            else:
                text, tags, origin = composer.compose(late=index >= settings.posts // 2)
            created_at = START + timedelta(seconds=int(seconds[index]))
            post_id = f"{settings.seed}-{index:07d}"
            posts.append(SyntheticPost(post_id, text, tags, created_at, composer.user()))
            origins.append(origin)
    return SyntheticCorpus(settings, tuple(posts), tuple(origins))


def optimum(corpus: SyntheticCorpus, split: str, *, memory: bool = False) -> Optimum:
    """Score the best answers on a split, under the probabilities that the posts were drawn by.

    With `memory`, a repeat is answered with the tags of the post that it repeats.
    """
    judged = []
    for index in corpus.splits[split]:
        tags, origin = corpus.posts[index].tags, corpus.origins[index]
        if memory and origin.repeat:
            judged.append((tags, tags, tags))
        else:
            judged.append((origin.law.best_one, origin.law.best_five, tags))
    return judge(judged)


def write_corpus(settings: SyntheticSettings, folder: Path) -> Summary:
    """Write `train`, `dev` and `test` as `.jsonl.zst`, and `optimum.json`, into the folder."""
    corpus = generate(settings)
    folder.mkdir(parents=True, exist_ok=True)
    for split, indices in corpus.splits.items():
        with zstandard.open(folder / f"{split}.jsonl.zst", "wb") as file:
            for index in indices:
                file.write(msgspec.json.encode(corpus.posts[index]) + b"\n")
    summary = Summary(
        posts={split: len(indices) for split, indices in corpus.splits.items()},
        distinct_tags=len({tag for post in corpus.posts for tag in post.tags}),
        optimum={split: optimum(corpus, split) for split in ("dev", "test")},
        optimum_with_memory={
            split: optimum(corpus, split, memory=True) for split in ("dev", "test")
        },
    )
    (folder / "optimum.json").write_bytes(_optimum_json(settings, summary))
    return summary


def _optimum_json(settings: SyntheticSettings, summary: Summary) -> bytes:
    content = {
        "optimum": {split: best.figures() for split, best in summary.optimum.items()},
        "optimum_with_memory": {
            split: best.figures() for split, best in summary.optimum_with_memory.items()
        },
        "settings": asdict(settings),
    }
    return msgspec.json.format(msgspec.json.encode(content), indent=2) + b"\n"


def _splits(posts: int) -> dict[str, range]:
    dev, test = posts * 8 // 10, posts * 9 // 10
    return {"train": range(dev), "dev": range(dev, test), "test": range(test, posts)}
