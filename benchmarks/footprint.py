"""What a worker's process takes: `python -m benchmarks.footprint`.

For a model of the paper's size: the time until it is ready (verified, opened, warm) beside that of
reading and hashing its bytes, each in a process of its own, and memory over 100,000 batches.
"""

import hashlib
import time
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from itertools import pairwise
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import click

from benchmarks.made_up import PAPER, MadeUp
from benchmarks.memory import held, resident
from benchmarks.record import record
from export.bundle import read_bundle
from export.manifest import CPU_VARIANTS
from worker.predictor import Predictor

REPEATS, BATCHES, LARGEST = 5, 100_000, 128
HASHED = "read and hashed"


@click.command()
def main() -> None:
    """Measure both and keep what came out."""
    with TemporaryDirectory() as folder:
        path = MadeUp("tab-lstm", PAPER).write(Path(folder))
        ready = readiness(path)
        memory = {name: apart(over_batches, path, name, BATCHES) for name in CPU_VARIANTS}
    figures = {"repeats": REPEATS, "ready": ready, "batches": BATCHES, "megabytes": memory}
    click.echo(record("footprint", "python -m benchmarks.footprint", figures))


def apart(task: Callable[..., Any], *arguments: object) -> Any:  # noqa: ANN401 - what the task returns
    """Run a task in a new process."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(task, *arguments).result()


def readiness(path: Path) -> dict[str, Any]:
    """Return the seconds of each step until a variant is ready, and their sum as a ratio."""
    taken: dict[str, dict[str, list[float]]] = {
        name: defaultdict(list) for name in (HASHED, *CPU_VARIANTS)
    }
    for _ in range(1 + REPEATS):
        for name, steps in taken.items():
            task = (hashed, path) if name == HASHED else (opened, path, name)
            for step, seconds in apart(*task).items():
                steps[step].append(seconds)
    medians = {
        name: {step: round(median(some[1:]), 3) for step, some in steps.items()}
        for name, steps in taken.items()
    }
    least = medians[HASHED]["all"]
    ratios = {name: round(medians[name]["all"] / least, 2) for name in CPU_VARIANTS}
    return {"seconds": medians, "ratio_to_read_and_hashed": ratios}


def hashed(path: Path) -> dict[str, float]:
    """Return the seconds of reading and hashing every file, as the least that is owed."""
    started = time.perf_counter()
    for file in path.iterdir():
        hashlib.sha256(file.read_bytes())
    return {"all": time.perf_counter() - started}


def opened(path: Path, variant: str) -> dict[str, float]:
    """Return the seconds until a variant is ready, and those of its first and second batches."""
    times = [time.perf_counter()]
    bundle = read_bundle(path)
    times.append(time.perf_counter())
    predictor = Predictor(bundle, variant)
    times.append(time.perf_counter())
    for _ in range(2):
        predictor.warm_up()
        times.append(time.perf_counter())
    verify, session, first, second = (end - start for start, end in pairwise(times))
    return {
        "verify": verify,
        "session": session,
        "first batch": first,
        "second batch": second,
        "all": verify + session + first,
    }


def over_batches(path: Path, variant: str, batches: int) -> dict[str, Any]:
    """Return what the process holds; of the bundle, as in a worker, only what it goes on using."""
    predictor = Predictor(read_bundle(path), variant)
    return {"opened": round(resident(), 1), **held(predictor, batches, LARGEST)._asdict()}


if __name__ == "__main__":
    main()
