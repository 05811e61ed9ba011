"""What learning takes as posts become many: `python -m benchmarks.fit_memory`.

Made-up posts lie in files as `trainer collect` writes them. A new process takes a snapshot of them,
gathers the vocabulary, reads the posts, and learns word vectors and topics of the paper's sizes. Of
each step: its seconds, and the most memory that the process has held until its end.
"""

import resource
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click
import numpy as np
import pyarrow as pa

from benchmarks.footprint import apart
from benchmarks.memory_speed import ranks
from benchmarks.record import record
from trainer.material import Material
from trainer.parts import Parts
from trainer.post_files import SCHEMA, PostFiles
from trainer.settings import FitSettings
from trainer.snapshot import take
from trainer.window import Window

POSTS = 5_000_000
WORDS, HASHTAGS = 400_000, 30_000
SHORTEST, LONGEST = 6, 20  # words of a post
IN_A_FILE = 50_000
BEGIN, DAYS = datetime(2026, 1, 1, tzinfo=UTC), 30
# Once each: more passes take longer, not more memory.
SETTINGS = FitSettings(vector_epochs=1, topic_passes=1)


@click.command()
@click.option("--posts", default=POSTS, show_default=True, help="How many posts are learned from.")
def main(posts: int) -> None:
    """Measure and keep what came out."""
    with TemporaryDirectory() as folder:
        apart(write, Path(folder) / "collected", posts)  # its memory does not count
        steps = apart(learned, Path(folder))
    sizes = {"posts": posts, "words": WORDS, "hashtags": HASHTAGS, "lengths": [SHORTEST, LONGEST]}
    figures = {**sizes, "steps": steps, "peak_gigabytes": steps[-1]["gigabytes"]}
    click.echo(record("fit-memory", f"python -m benchmarks.fit_memory --posts {posts}", figures))


def write(folder: Path, posts: int) -> None:
    """Write posts over the days as collectors do."""
    files, stream = PostFiles(str(folder)), _texts()
    apart_by = timedelta(days=DAYS) / posts
    for first in range(0, posts, IN_A_FILE):
        count = min(IN_A_FILE, posts - first)
        times = [BEGIN + apart_by * number for number in range(first, first + count)]
        columns: dict[str, Any] = {
            "id": [str(number) for number in range(first, first + count)],
            "text": list(islice(stream, count)),
            "hashtags": [None] * count,
            "created_at": times,
            "author": [f"user{number % 100_000}" for number in range(first, first + count)],
            "lang": ["en"] * count,
            "topic": ["tweets"] * count,
            "partition": [0] * count,
            "offset": list(range(first, first + count)),
        }
        table = pa.table(columns, schema=SCHEMA)
        days = np.array([time.toordinal() for time in times])
        for day in np.unique(days):
            rows = np.flatnonzero(days == day)
            files.write(times[rows[0]].date(), [table.slice(rows[0], len(rows))])


def _texts() -> Iterator[str]:
    """Yield texts without end, of words and one hashtag by Zipf's law."""
    random = np.random.default_rng(2016)
    while True:
        lengths = random.integers(SHORTEST, LONGEST + 1, IN_A_FILE)
        words = [f"w{rank}" for rank in ranks(random, WORDS, int(lengths.sum())).tolist()]
        tags = ranks(random, HASHTAGS, IN_A_FILE).tolist()
        start = 0
        for length, tag in zip(lengths.tolist(), tags, strict=True):
            yield f"{' '.join(words[start : start + length])} #tag{tag}"
            start += length


def learned(folder: Path) -> list[dict[str, Any]]:
    """Return what each step took, in order, in this process."""
    corpus, parts = folder / "corpus", Parts(folder / "parts")
    material = Material(corpus, SETTINGS, parts)
    steps: dict[str, Callable[[], object]] = {
        "snapshot": lambda: take(str(folder / "collected"), "all times", Window(), corpus),
        "vocabulary": lambda: material.text,
        "posts read": lambda: (material.train, material.dev),
        "words read": lambda: material.sentences,
        "word vectors": lambda: material.vectors,
        "topics": lambda: material.topics,
    }
    found = []
    for name, step in steps.items():
        started = time.monotonic()
        step()
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # KiB
        seconds = round(time.monotonic() - started, 1)
        found.append({"step": name, "seconds": seconds, "gigabytes": round(1024 * most / 1e9, 3)})
        click.echo(found[-1])
    return found


if __name__ == "__main__":
    main()
