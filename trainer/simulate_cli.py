"""`trainer simulate`: what is it worth to learn again, and how often?"""

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.table import Table

from trainer.catalogue import method_card, settings_for
from trainer.click_parts import CORPUS, FOLDER, MEMORY, PARTS, given, in_one_line, told
from trainer.settings import FitSettings
from trainer.window_cli import span_of
from worker.options import options

if TYPE_CHECKING:  # torch and gensim load slowly
    from trainer.simulation_plan import Span
    from trainer.simulation_rows import SimulatedRow

_CLOCKS = ("time-order", "side-by-side", "in-step")


def _span(text: str) -> "Span":
    """Read a span of time such as 7d, or a share of the posts such as 0.1."""
    try:
        share = float(text)
    except ValueError:
        return span_of(text)
    if not 0 < share < 1:
        raise click.BadParameter(f"{text} is no share of the posts: between 0 and 1")
    return share


def _spans(_: click.Context, __: click.Parameter, text: str | None) -> "list[Span]":
    return [_span(part) for part in text.split(",")] if text else []


@click.command(epilog="A span is one of time, 12h or 7d, or a share of all posts, 0.1.")
@click.argument("corpus", type=CORPUS)
@click.argument("results", type=FOLDER)
@click.option(
    "--every",
    callback=_spans,
    default="0.1",
    show_default=True,
    help="Spans by commas: how often a model is learned.",
)
@click.option(
    "--window", callback=_spans, help="Span before each model, of which it learns; default: all."
)
@click.option(
    "--first",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    default=0.5,
    show_default=True,
    help="Share of the posts before the first model.",
)
@click.option(
    "--clock",
    type=click.Choice(_CLOCKS),
    default=_CLOCKS[0],
    show_default=True,
    help="All posts by their time; or sources that start together, or go in step.",
)
@MEMORY
@PARTS
@options(FitSettings, ("protocol", "warm_start"))
@in_one_line
def simulate(corpus: Path, results: Path, **values: Any) -> None:  # noqa: ANN401
    """Live through CORPUS: models learned as time goes by, beside the first one kept on.

    The posts of all splits are one stream. Each model learns from posts before a moment, the newest
    tenth of them for its choices, and is asked about those from then on until the next one is
    there. Beside it stand the memory of recent posts and both together. Rows go to the folder
    RESULTS, and a picture of F1@1 over time. Each model is kept when it is learned: after an
    interruption the same command goes on from there.
    """
    from trainer.memory_fit import MemoryChoice  # noqa: PLC0415 - torch and numba load slowly
    from trainer.parts import Parts  # noqa: PLC0415
    from trainer.results import merge_rows  # noqa: PLC0415
    from trainer.simulation import Simulation  # noqa: PLC0415
    from trainer.simulation_rows import Simulated, SimulatedRow, draw  # noqa: PLC0415

    every, first, memory = (values.pop(name) for name in ("every", "first", "memory"))
    window, clock = values.pop("window"), values.pop("clock").replace("-", " ")
    if len(window) > 1:
        raise click.UsageError("--window is one span")
    if not method_card(values["method"]).network:
        raise click.UsageError(f"{values['method']} is no network: only networks are served")
    parts = Parts(values.pop("parts"))
    settings = settings_for(values["method"], given(values))
    choice = MemoryChoice.load(memory) if memory else MemoryChoice()
    simulation = Simulation(corpus, clock, parts, settings, choice)
    command = shlex.join(["trainer", *told(sys.argv[1:])])
    simulated = Simulated(simulation, first, every, window[0] if window else None, command)
    rows = simulated.rows()
    file = results / f"simulated-{corpus.name}.json"
    merge_rows(file, rows, SimulatedRow)
    picture = file.with_suffix(".svg")
    picture.write_text(draw(rows, simulated.marks()))
    _show(corpus.name, rows)
    click.echo(f"{file}\n{picture}")


def _show(corpus: str, rows: "list[SimulatedRow]") -> None:
    """Show people the figures on all posts that were asked."""
    table = Table("learned", "models", "method", "F1@1", "above never", "Hit@5", title=corpus)
    for row in rows:
        if row.subset == "all":
            above = row.above_never
            more = f"{above.value:+.1f} ({above.low:.1f} to {above.high:.1f})" if above else ""
            f1 = f"{row.f1_1:.1f} ({row.low:.1f}-{row.high:.1f})"
            hit = f"{row.hit_5:.1f}"
            table.add_row(row.every, str(row.models), row.method, f1, more, hit)
    Console().print(table)
