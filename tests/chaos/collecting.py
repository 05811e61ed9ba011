"""A collector is killed again and again: each post is in files exactly once."""

from dataclasses import asdict
from typing import Any

from tests.chaos.bench import Bench
from tests.support.collecting import Collecting

KILLS, POSTS, SEED = 20, 20_000, 13  # posts between two kills


def run(bench: Bench) -> dict[str, Any]:
    """Return what became of the posts."""
    with bench.stream("collected") as stream:
        collecting = Collecting(stream, bench.folder / "collected")
        try:
            return asdict(collecting.kill_at_random(KILLS, POSTS, SEED))
        finally:
            for process in collecting.started:
                process.kill()
