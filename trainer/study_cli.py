"""The commands of `trainer` that make the tables of the paper."""

import shlex
import sys
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from trainer.catalogue import METHODS, method_card
from trainer.click_parts import (
    CORPUS,
    FILE,
    FOLDER,
    PARTS,
    PROTOCOLS_HELP,
    given,
    in_one_line,
    numbers,
    protocols,
    told,
)
from trainer.settings import StudySettings
from worker.options import options

_ESTIMATE = click.option("--estimate", is_flag=True, help="Print the hours it takes, and end.")


def _study(*left_out: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command CORPUS, RESULTS and settings; it is called with a study and a writer."""

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        @wraps(command)
        def studying(corpus: Path, results: Path, parts: Path, **values: Any) -> None:  # noqa: ANN401
            from trainer.compare import Writer  # noqa: PLC0415 - torch and gensim load slowly
            from trainer.parts import Parts  # noqa: PLC0415
            from trainer.study import Study  # noqa: PLC0415

            fields = set(StudySettings.__struct_fields__) - set(left_out)
            settings = {name: values.pop(name) for name in fields}
            study = Study(corpus, Parts(parts), given(settings))
            written = shlex.join(["trainer", *told(sys.argv[1:])])
            command(study, Writer(study, results, written), **values)

        with_settings = options(StudySettings, left_out)(in_one_line(studying))
        with_parts = PARTS(with_settings)
        results = click.argument("results", type=FOLDER)(with_parts)
        return click.argument("corpus", type=CORPUS)(results)

    return decorate


@click.command()
def methods() -> None:
    """List the methods: what each is, and where it comes from."""
    table = Table("method", "what it is", "source", "bundle")
    for name, card in METHODS.items():
        table.add_row(name, card.summary, card.source, "yes" if card.network else "")
    Console().print(table)


@click.command()
@click.option("--methods", "names", default=",".join(METHODS), help="By commas; default: all.")
@click.option("--protocol", default="stripped", show_default=True, help=PROTOCOLS_HELP)
@click.option("--seeds", default=1, show_default=True, help="Seeds of each network.")
@_ESTIMATE
@_study()
def compare(study: Any, writer: Any, names: str, protocol: str, seeds: int, estimate: bool) -> None:  # noqa: ANN401, FBT001
    """Learn and score every method on CORPUS: Table 2 and Figure 3 of the paper.

    Rows at k = 1 to 5 go to the folder RESULTS, with intervals, tests against tab-lstm, costs and
    learning curves beside them. Each cell is kept when it is done: after an interruption the same
    command goes on from there.
    """
    from trainer import compare as comparison  # noqa: PLC0415
    from trainer.evidence import write_evidence  # noqa: PLC0415

    asked = [method for method in names.split(",") if method_card(method)]
    cells = list(comparison.cases(asked, protocols(protocol), seeds))
    if estimate:
        _show_estimate(study, cells)
    else:
        comparison.compare(study, cells, writer)
        write_evidence(study, cells, writer)


@click.command()
@click.option("--topics", help="Numbers of topics, by commas: Table 3.")
@click.option("--dims", help="Lengths of the word vectors, by commas: Table 4.")
@click.option("--method", default="tab-lstm", show_default=True, help="What is varied.")
@click.option("--protocol", default="words-kept", show_default=True, help=PROTOCOLS_HELP)
@click.option("--seeds", default=1, show_default=True, help="Seeds of each cell.")
@_ESTIMATE
@_study("topics", "dimensions")
def sweep(
    study: Any,  # noqa: ANN401
    writer: Any,  # noqa: ANN401
    topics: str | None,
    dims: str | None,
    method: str,
    protocol: str,
    seeds: int,
    estimate: bool,  # noqa: FBT001
) -> None:
    """Vary one size of a network on CORPUS: Tables 3 and 4 of the paper."""
    from trainer import sweep as sweeps  # noqa: PLC0415

    if not topics and not dims:
        raise click.UsageError("give --topics, --dims, or both")
    varied = {"topics": numbers(topics), "dimensions": numbers(dims)}
    cells = list(sweeps.cases(method, protocols(protocol), varied, seeds))
    if estimate:
        _show_estimate(study, [case for _, case in cells])
    else:
        sweeps.sweep(study, cells, writer)


@click.command()
@click.option("--protocol", default="stripped", show_default=True, help=PROTOCOLS_HELP)
@click.option("--seeds", default=1, show_default=True, help="Seeds of each cell.")
@_ESTIMATE
@_study("without")
def ablate(study: Any, writer: Any, protocol: str, seeds: int, estimate: bool) -> None:  # noqa: ANN401, FBT001
    """Leave out one ingredient of tab-lstm+ after the other, to see what each is worth."""
    from trainer import sweep as sweeps  # noqa: PLC0415

    cells = list(sweeps.ablations(protocols(protocol), seeds))
    if estimate:
        _show_estimate(study, [case for _, case in cells])
    else:
        sweeps.sweep(study, cells, writer)


@click.command()
@click.argument("results", type=CORPUS)
@click.option("--output", type=FILE, help="Default: report.html in RESULTS.")
@click.option("--text", "texts", multiple=True, help="A text whose attention is shown too.")
@PARTS
@in_one_line
def report(results: Path, output: Path | None, texts: tuple[str, ...], parts: Path) -> None:
    """Write one self-contained HTML page of what the folder RESULTS holds.

    Everything comes from RESULTS alone; only --text asks the networks in --parts.
    """
    from trainer.report.page import write_report  # noqa: PLC0415

    click.echo(write_report(results, output or results / "report.html", texts, parts))


def _show_estimate(study: Any, cells: list[Any]) -> None:  # noqa: ANN401
    from trainer.estimate import show_estimate  # noqa: PLC0415

    show_estimate(study, cells)
