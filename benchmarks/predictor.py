"""How fast posts are answered, beside today's practice and beside the least that it can cost.

`python -m benchmarks.predictor` measures all; `--quick` the headline alone, within five minutes.
All sides are asked in turns in one run, so that a busy machine slows them alike, and figures are
medians.
"""

import json
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import click

from benchmarks.lanes import FLOOR, LIBRARIES, Lanes, Task, lanes
from benchmarks.made_up import MAIN, PAPER, MadeUp
from benchmarks.record import record
from benchmarks.stages import stages
from export.manifest import CPU_VARIANTS

REPEATS = 5
BATCHES = (1, 8, 32, 64, 128, 256)
QUICK = (1, 128)
POSTS, FEW = 1_024, 192  # of a run in batches, and of one that takes a post at a time


class Cell(NamedTuple):
    """What is timed: a side, posts at once, processes, and threads of each."""

    side: str
    batch: int
    processes: int
    threads: int = 1


@click.command()
@click.option("--quick", is_flag=True, help="The paper's size and TAB-LSTM alone.")
def main(*, quick: bool) -> None:
    """Time all sides; the last line is a JSON object with `speedup` and `floor_fraction`."""
    models = [MadeUp("tab-lstm", PAPER)]
    if not quick:
        models += [MadeUp("tab-lstm+", PAPER), MadeUp("tab-lstm", MAIN), MadeUp("tab-lstm+", MAIN)]
    found = {}
    for made in models:
        click.echo(f"{made.name}: {made.size.words} words, {made.size.hashtags} hashtags")
        found[made.name] = measured(made, QUICK if quick else BATCHES)
    headline = found[models[0].name]["headline"]
    if not quick:
        figures = {"repeats": REPEATS, "cpu_flags": _flags(), "models": found}
        click.echo(record("predictor", "python -m benchmarks.predictor", figures))
    click.echo(json.dumps(headline))


def measured(made: MadeUp, sizes: tuple[int, ...]) -> dict[str, Any]:
    """Return times of all sides in batches of these sizes, of the stages, and what they come to."""
    with TemporaryDirectory() as folder:
        path = made.write(Path(folder))
        with lanes(made, path) as all_lanes:
            rows = _times(all_lanes, sizes)
        _show(rows)
        by_stage = stages(made, path)
    for name, times in by_stage.items():
        click.echo(f"  {name}: " + ", ".join(f"{key} {us} µs" for key, us in times.items()))
    return {
        "size": made.size._asdict(),
        "headline": _headline(rows),
        "stages": by_stage,
        "rows": rows,
    }


def _times(all_lanes: Lanes, sizes: tuple[int, ...]) -> list[dict[str, Any]]:
    """Return microseconds a post of every cell."""
    seconds: dict[Cell, list[float]] = defaultdict(list)
    for repeat in range(REPEATS + 1):
        for cell in _cells(len(all_lanes), sizes):
            task = Task(cell.side, FEW if cell.batch == 1 else POSTS, cell.batch, cell.threads)
            taken = all_lanes.seconds_a_post(task, cell.processes)
            if repeat:  # the first warms up
                seconds[cell].append(taken)
    return [
        {**cell._asdict(), "microseconds_a_post": round(1e6 * median(taken), 1)}
        for cell, taken in seconds.items()
    ]


def _cells(cores: int, sizes: tuple[int, ...]) -> Iterator[Cell]:
    sides = [LIBRARIES, *CPU_VARIANTS, *(FLOOR + name for name in CPU_VARIANTS)]
    for batch in sizes:
        for side in sides:
            yield Cell(side, batch, 1)
            yield Cell(side, batch, cores)
        for side in (LIBRARIES, *CPU_VARIANTS):
            yield Cell(side, batch, 1, cores)


def _headline(rows: list[dict[str, Any]]) -> dict[str, dict[str, float]]:
    """Return how the variants stand to today's practice, and to the least that they can cost.

    `speedup` is over a post at a time through gensim and torch, `speedup_over_batches` over the
    same in batches, both sides in their fastest arrangement of all cores;
    `speedup_over_one_process` over a post at a time in one process. `latency` is the time of a
    single post as a share of the naive one's; `floor_fraction` what the matrix products of TAB-LSTM
    alone take, as a share.
    """

    def best(side: str, *, batch: int | None = None, processes: int | None = None) -> float:
        times = [
            row["microseconds_a_post"]
            for row in rows
            if row["side"] == side
            and batch in {None, row["batch"]}
            and processes in {None, row["processes"]}
        ]
        return float(min(times))

    def each(ratio: Callable[[str], float]) -> dict[str, float]:
        return {name: round(ratio(name), 3) for name in CPU_VARIANTS}

    naive, alone = best(LIBRARIES, batch=1), best(LIBRARIES, batch=1, processes=1)
    return {
        "speedup": each(lambda name: naive / best(name)),
        "speedup_over_batches": each(lambda name: best(LIBRARIES) / best(name)),
        "speedup_over_one_process": each(lambda name: alone / best(name)),
        "latency": each(lambda name: best(name, batch=1, processes=1) / alone),
        "floor_fraction": each(lambda name: best(FLOOR + name) / best(name)),
    }


def _show(rows: list[dict[str, Any]]) -> None:
    for row in rows:
        click.echo(
            f"  {row['side']:<16} batch {row['batch']:>3}  {row['processes']} processes of "
            f"{row['threads']} threads  {row['microseconds_a_post']:>8.1f} µs a post"
        )


def _flags() -> list[str]:
    """Return what the processor says it can do that bears on matrix products."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    flags = next((line for line in lines if line.startswith("flags")), "").split()
    return sorted(flag for flag in set(flags) if flag.startswith(("avx", "amx", "fma")))


if __name__ == "__main__":
    main()
