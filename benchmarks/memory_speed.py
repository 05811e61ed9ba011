"""What the memory of recent posts costs: `python -m benchmarks.memory_speed`.

On one core, in the worker's batches, with as many made-up posts held as there is room for: the time
to look a post up and to add it, beside a matrix product of a fixed size that runs in turns with
them. And the process's memory while a million more posts are added.
"""

import gc
from collections import deque
from collections.abc import Iterator
from itertools import islice
from typing import Any

import click
import numpy as np
import numpy.typing as npt
import torch

from benchmarks.memory import resident
from benchmarks.record import record
from benchmarks.timing import Run, medians
from worker.memory import Memory
from worker.memory_entries import Entry
from worker.memory_room import Sizes
from worker.predictor import BATCH

ROOMS = (100_000, 1_000_000)  # W
MATRIX, BATCHES, REPEATS = 1_024, 40, 9
WORDS, AUTHORS, HASHTAGS = 300_000, 200_000, 30_000
SHORTEST, LONGEST = 8, 22  # tokens of a post
SKEW = 1.1  # of Zipf's law, for words and hashtags
MORE, SAMPLES = 1_000_000, 20
POSTS_A_SECOND = 50.0


def main() -> None:
    """Measure both rooms and keep what came out."""
    figures = {
        "batch": BATCH,
        "repeats": REPEATS,
        "matrix": MATRIX,
        "tokens_a_post": [SHORTEST, LONGEST],
        "rooms": [_measured(posts) for posts in ROOMS],
    }
    click.echo(record("memory_speed", "python -m benchmarks.memory_speed", figures))


def _measured(posts: int) -> dict[str, Any]:
    memory, stream = Memory(Sizes(posts=posts)), made_up()
    _add(memory, stream, posts)
    asked = [_batch(stream) for _ in range(BATCHES)]
    fresh = iter([_batch(stream) for _ in range((1 + REPEATS) * BATCHES)])
    product = torch.randn(MATRIX, MATRIX, generator=torch.Generator().manual_seed(0))
    torch.set_num_threads(1)
    runs: dict[str, Run] = {
        "look-up": lambda: [memory.look_up(batch) for batch in asked],
        "addition": lambda: deque(map(memory.add, islice(fresh, BATCHES)), maxlen=0),
        "product": lambda: product @ product,
    }
    seconds = medians(runs, REPEATS)
    each = 1e6 / (BATCH * BATCHES)
    return {
        "posts": posts,
        "held": len(memory),
        "megabytes": round(memory.nbytes / 1e6, 1),
        "microseconds_a_look_up": round(each * seconds["look-up"], 1),
        "microseconds_an_addition": round(each * seconds["addition"], 1),
        "milliseconds_of_a_matrix_product": round(1e3 * seconds["product"], 2),
        **{
            f"{name}s_in_a_matrix_product": round(seconds["product"] / seconds[name] * 1e6 / each)
            for name in ("look-up", "addition")
        },
        "resident_megabytes": _watched(memory, stream),
    }


def _watched(memory: Memory, stream: Iterator[Entry]) -> list[float]:
    """Return the megabytes of the process while more posts are added, at even distances."""
    found = []
    for _ in range(SAMPLES):
        _add(memory, stream, MORE // SAMPLES)
        gc.collect()
        found.append(round(resident(), 1))
    return found


def _add(memory: Memory, stream: Iterator[Entry], posts: int) -> None:
    for _ in range(posts // BATCH):
        memory.add(_batch(stream))


def _batch(stream: Iterator[Entry]) -> list[Entry]:
    return [next(stream) for _ in range(BATCH)]


def made_up() -> Iterator[Entry]:
    """Yield posts without end: words and hashtags by Zipf's law, each writer as likely."""
    random = np.random.default_rng(2016)
    keys = random.integers(1, 2**63 - 1, WORDS + AUTHORS)
    names = [f"hashtag{number}" for number in range(HASHTAGS)]
    number = 0
    while True:
        lengths = random.integers(SHORTEST, LONGEST + 1, BATCH)
        words = keys[ranks(random, WORDS, int(lengths.sum()))].tolist()
        tags = ranks(random, HASHTAGS, 2 * BATCH).tolist()
        writers = random.integers(WORDS, WORDS + AUTHORS, BATCH)
        ids = random.integers(1, 2**63 - 1, BATCH).tolist()
        for row, length in enumerate(lengths.tolist()):
            tokens = list(dict.fromkeys([int(keys[writers[row]]), *words[:length]]))
            del words[:length]
            time = number / POSTS_A_SECOND
            hashtags = list(dict.fromkeys(names[tag] for tag in tags[2 * row : 2 * row + 2]))
            author = tokens[0] ^ 1
            yield Entry(ids[row], time, author, ids[row] ^ 1, tokens, [1] * len(tokens), hashtags)
            number += 1


def ranks(random: np.random.Generator, most: int, count: int) -> npt.NDArray[np.int64]:
    """Draw ranks below `most` by Zipf's law."""
    drawn = random.zipf(SKEW, 8 * count)
    return drawn[drawn <= most][:count] - 1


if __name__ == "__main__":
    main()
