"""Times that can be compared: all that is compared runs in turns, so a busy machine slows all."""

import time
from collections.abc import Callable, Mapping
from statistics import median
from typing import TypeVar

Run = Callable[[], object]
_Name = TypeVar("_Name")


def medians(runs: Mapping[_Name, Run], repeats: int) -> dict[_Name, float]:
    """Return the median seconds of each, after one round that warms up."""
    times: dict[_Name, list[float]] = {name: [] for name in runs}
    for _ in range(1 + repeats):
        for name, run in runs.items():
            started = time.perf_counter()
            run()
            times[name].append(time.perf_counter() - started)
    return {name: median(some[1:]) for name, some in times.items()}
