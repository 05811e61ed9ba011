"""`make chaos`: everything breaks, and what it cost is kept in benchmarks/results/chaos.json.

Each part is kept as it ends, so an interrupted run goes on with those that are missing.
"""

import json
from collections.abc import Callable
from typing import Any

import click

from benchmarks.record import RESULTS, record
from tests.chaos import collecting, fuzz, outage, schedule, stops, swaps
from tests.chaos.bench import Bench, bench

PARTS: dict[str, Callable[[Bench], dict[str, Any]]] = {
    "schedule, at-least-once": lambda one: schedule.run(
        one, "at-least-once", schedule.Plan(), click.echo
    ),
    "schedule, exactly-once": lambda one: schedule.run(
        one, "exactly-once", schedule.Plan(), click.echo
    ),
    "fuzzed messages": fuzz.run,
    "a hanging Redis": outage.run,
    "bundle swaps": swaps.run,
    "stops under load": stops.run,
    "killed collectors": collecting.run,
}


@click.command()
@click.option("--part", "parts", multiple=True, type=click.Choice(list(PARTS)), help="Only these.")
@click.option("--again", is_flag=True, help="Also the parts that a result has already.")
def main(*, parts: tuple[str, ...], again: bool) -> None:
    """Break things and count what was lost."""
    path = RESULTS / "chaos.json"
    figures = json.loads(path.read_text())["figures"] if path.exists() else {}
    for name in parts or PARTS:
        if name in figures and not (again or parts):
            continue
        click.echo(name)
        with bench() as one:
            figures[name] = PARTS[name](one)
        click.echo(json.dumps(figures[name]))
        record("chaos", "make chaos", figures)


if __name__ == "__main__":
    main()
