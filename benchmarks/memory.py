"""What a worker's process holds over very many batches."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from benchmarks.made_up import LONGEST, SHORTEST
from worker.predictor import ModelInput, Predictor

SAMPLES = 20
PAGE = os.sysconf("SC_PAGE_SIZE")


class Held(NamedTuple):
    """Megabytes held at the start, after each twentieth of the batches, and what the line says.

    `slope` is the growth over all batches along the line of least squares through all samples but
    the first quarter, in which buffers reach their sizes.
    """

    start: float
    samples: list[float]
    slope: float


def resident() -> float:
    """Return the megabytes of this process that are in memory (Linux)."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE / 1e6


def held(
    predictor: Predictor, batches: int, largest: int, megabytes: Callable[[], float] = resident
) -> Held:
    """Answer batches of 1 to `largest` posts, few of them large, and watch the memory."""
    random = np.random.default_rng(0)
    model = predictor.bundle.manifest.model
    further = (np.zeros(0, dtype=np.int64),) * (len(predictor.bundle.manifest.inputs) - 1)
    predictor.warm_up()
    start, samples = megabytes(), []
    for number in range(1, batches + 1):
        size = 1 + int(largest * random.random() ** 8)
        lengths = random.integers(SHORTEST, LONGEST + 1, size)
        predictor.predict(
            [ModelInput(random.integers(2, model.vocabulary, n), b"", further) for n in lengths]
        )
        if number % (batches // SAMPLES) == 0:
            samples.append(megabytes())
    settled = samples[SAMPLES // 4 :]
    growth = float(np.polyfit(np.arange(len(settled)), settled, 1)[0]) * SAMPLES
    return Held(round(start, 1), [round(one, 1) for one in samples], round(growth, 2))
