"""Small things to learn from: corpora on planted subjects, and settings that take a moment."""

import gzip
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import zstandard

from trainer.fitting import Examples
from trainer.ragged import Ragged
from trainer.settings import FitSettings

TINY = FitSettings(
    method="tab-lstm",
    dimensions=8,
    hidden=8,
    topics=3,
    vector_epochs=1,
    topic_passes=1,
    epochs=3,
    patience=3,
    min_count=2,
    min_word_count=1,
    max_post_share=1.0,
    batch=20,
    rate=1e-2,
    precision="fp32",
)
POINTING = msgspec.structs.replace(TINY, method="tab-lstm+", epochs=12, patience=12, rate_left=0.1)
SUBJECTS = {
    "sea": ["wave", "sand", "shell", "gull", "tide", "boat", "surf", "reef"],
    "city": ["tram", "street", "tower", "crowd", "neon", "taxi", "metro", "plaza"],
    "wood": ["moss", "fern", "oak", "trail", "owl", "creek", "pine", "cabin"],
}
GROUPS, WORDS_IN_GROUP = 3, 10
WORDS = 2 + GROUPS * WORDS_IN_GROUP  # padding and the unknown word come first


def changed(**values: object) -> FitSettings:
    """Return the tiny settings with other values."""
    return msgspec.structs.replace(TINY, **values)


def lines(posts: Iterable[dict[str, Any]]) -> bytes:
    return b"".join(msgspec.json.encode(post) + b"\n" for post in posts)


def write_file(path: Path, content: bytes) -> Path:
    """Write bytes, compressed as the file's name says."""
    if path.suffix == ".gz":
        content = gzip.compress(content)
    elif path.suffix == ".zst":
        content = zstandard.compress(content)
    path.write_bytes(content)
    return path


def write_splits(folder: Path, **splits: Sequence[dict[str, Any]]) -> Path:
    """Write a corpus folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, posts in splits.items():
        write_file(folder / f"{name}.jsonl", lines(posts))
    return folder


def planted_posts(count: int, seed: int) -> list[dict[str, Any]]:
    """Draw posts of five words of one subject, whose name is their hashtag."""
    random = np.random.default_rng(seed)
    posts = []
    for number in range(count):
        subject = str(random.choice(list(SUBJECTS)))
        words = random.choice(SUBJECTS[subject], size=5).tolist()
        words.insert(int(random.integers(6)), f"#{subject}")
        posts.append({"id": f"{seed}-{number}", "text": " ".join(words)})
    return posts


def pointing_posts(count: int, seed: int) -> list[dict[str, Any]]:
    """Draw posts of any words, that mention someone or link to a place of one subject."""
    random = np.random.default_rng(seed)
    words = [word for some in SUBJECTS.values() for word in some]
    posts = []
    for number in range(count):
        subject = str(random.choice(list(SUBJECTS)))
        pointer = random.choice([f"@{subject}_club", f"https://www.{subject}.org/x"])
        some = random.choice(words, size=int(random.integers(1, 5))).tolist()
        posts.append({"id": f"{seed}-{number}", "text": " ".join([*some, pointer, f"#{subject}"])})
    return posts


def pointing_corpus(folder: Path) -> Path:
    """Write a corpus of which words tell nothing, and mentions and links all."""
    return write_splits(
        folder,
        train=pointing_posts(120, seed=1),
        dev=pointing_posts(40, seed=2),
        test=pointing_posts(40, seed=3),
    )


def planted_corpus(folder: Path) -> Path:
    """Write a corpus that is learned in a second."""
    return write_splits(
        folder,
        train=planted_posts(120, seed=1),
        dev=planted_posts(40, seed=2),
        test=planted_posts(40, seed=3),
    )


def planted_ids(posts: int, seed: int = 0) -> tuple[Ragged, list[int]]:
    """Draw posts of 6 to 12 word ids, each of one of three disjoint groups of ten words."""
    random = np.random.default_rng(seed)
    groups = random.integers(GROUPS, size=posts).tolist()
    rows = [
        2 + group * WORDS_IN_GROUP + random.integers(WORDS_IN_GROUP, size=random.integers(6, 13))
        for group in groups
    ]
    return Ragged.of(rows), groups


def group_rows(group: int) -> slice:
    """Return the ids of a group's words."""
    return slice(2 + group * WORDS_IN_GROUP, 2 + (group + 1) * WORDS_IN_GROUP)


def random_examples(posts: int, *, seed: int = 0, hashtags: int = 7, topics: int = 3) -> Examples:
    """Draw posts whose words decide their label, with θ, and a gold count above the labels'."""
    random = np.random.default_rng(seed)
    ids = [random.integers(2, WORDS, size=random.integers(1, 9)) for _ in range(posts)]
    labels = [{int(row[0]) % hashtags, int(row[-1]) % hashtags} for row in ids]
    theta = random.dirichlet(np.ones(topics), size=posts).astype(np.float32)
    gold = [len(some) + int(random.integers(2)) for some in labels]
    return Examples(
        Ragged.of(ids), theta, Ragged.of([sorted(some) for some in labels]), np.array(gold)
    )
