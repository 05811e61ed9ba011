"""A stream that changes: two of three subjects have other words and hashtags in each age."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.support.learning import planted_posts, write_splits

START = datetime(2020, 1, 1, tzinfo=UTC)


def drifting_posts(posts: int, ages: int, seed: int = 5) -> list[dict[str, Any]]:
    """Draw a post a minute; what is about the sea stays as it is."""
    found = planted_posts(posts, seed)
    for number, post in enumerate(found):
        age, words = ages * number // posts, post["text"].split()
        if "#sea" not in words:
            post["text"] = " ".join(f"{word}{age}" for word in words)
        post["created_at"] = (START + timedelta(minutes=number)).isoformat()
        post["author"] = f"writer {number % 7}"
    return found


def drifting_corpus(folder: Path, posts: int, ages: int) -> Path:
    """Write such a stream as a corpus, its newest posts as dev and test."""
    made = drifting_posts(posts, ages)
    cuts = int(0.8 * posts), int(0.9 * posts)
    train, dev, test = made[: cuts[0]], made[cuts[0] : cuts[1]], made[cuts[1] :]
    return write_splits(folder, train=train, dev=dev, test=test)
