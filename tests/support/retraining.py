"""Small retrainings: posts of some days, and the flags of a network that takes a moment."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from click.testing import Result

from export.registry import Registry
from tests.support.cli import trainer
from tests.support.learning import planted_posts

NOW = datetime.now(UTC)
FLAGS = {
    "method": "tab-lstm", "dimensions": 8, "hidden": 8, "topics": 3, "vector-epochs": 1,
    "topic-passes": 1, "epochs": 6, "patience": 6, "min-count": 2, "min-word-count": 1,
    "max-post-share": 1.0, "batch": 20, "rate": 0.02, "precision": "fp32", "held-out": 30,
    "variants": "cpu-fp32", "max-slowdown": 50,
}  # fmt: skip


def posts_of(days: range, seed: int, a_day: int = 100) -> list[dict[str, str]]:
    """Draw posts, so many a day; day 0 is the last one."""
    posts = planted_posts(len(days) * a_day, seed)
    for number, post in enumerate(posts):
        day, part = days[number // a_day], number % a_day / a_day
        post["created_at"] = (NOW - timedelta(days=day + 1 - part)).isoformat()
    return posts


OLD, NEW = posts_of(range(9, 3, -1), seed=3), posts_of(range(3, -1, -1), seed=4)


def arguments(folder: Path, *more: object, **flags: object) -> list[str]:
    """Return what `trainer` is called with, to learn from what is collected in a folder."""
    chosen = {**FLAGS, "work": folder / "work", **flags}
    options = [part for name, value in chosen.items() for part in (f"--{name}", value)]
    words = ["retrain", folder / "posts", folder / "registry", *options, *more]
    return [str(word) for word in words]


def retrain(folder: Path, *more: object, **flags: object) -> Result:
    return trainer(*arguments(folder, *more, **flags))


def registry_of(folder: Path) -> Registry:
    return Registry(folder / "registry")
