"""The commands of `trainer` that replay a corpus as a stream."""

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec
from rich.console import Console
from rich.table import Table

from trainer.click_parts import CORPUS, FILE, FOLDER, MEMORY, SIGN_KEY, in_one_line, told
from worker.options import options
from worker.settings import ModelSettings

if TYPE_CHECKING:  # torch and numba load slowly
    from trainer.memory_fit import MemoryChoice


@click.command()
@click.argument("corpus", type=CORPUS)
@click.argument("results", type=FOLDER)
@click.option("--without", default="", help="Sources left out in some replays, by commas.")
@MEMORY
@options(ModelSettings)
@in_one_line
def replay(corpus: Path, results: Path, without: str, memory: Path | None, **values: Any) -> None:  # noqa: ANN401
    """Replay CORPUS as a stream: each test post is answered, and only then known to the memory.

    The bundle must have been learned from CORPUS's train split alone. Beside it stand the memory of
    recent posts and both together, for each set of signals, guarded and not, with posts seen late,
    and with the clocks of all sources set to one start. The memory votes as --memory says, or else
    the bundle. Rows go to the folder RESULTS, and a picture of F1@1 over time.
    """
    from trainer.memory_fit import MemoryChoice  # noqa: PLC0415 - torch and numba load slowly
    from trainer.replay_picture import draw  # noqa: PLC0415
    from trainer.replay_rows import ReplayRow, Replays  # noqa: PLC0415
    from trainer.replay_ways import ways  # noqa: PLC0415
    from trainer.results import merge_rows  # noqa: PLC0415
    from worker.models import load_predictor  # noqa: PLC0415

    predictor = load_predictor(ModelSettings(**values))
    served = MemoryChoice.of(predictor.bundle.manifest.memory)
    choice = MemoryChoice.load(memory) if memory else served
    command = shlex.join(["trainer", *told(sys.argv[1:])])
    replays = Replays(corpus, predictor, choice, command)
    file, replayed = results / f"{corpus.name}.json", []
    table = Table("replay", "signals", "method", "F1@1", "F1@5", "Hit@5", title=corpus.name)
    for way in ways(tuple(filter(None, without.split(",")))):
        rows = replays.rows(way)
        merge_rows(file, rows, ReplayRow)
        replayed += rows
        for row in rows:
            if row.subset == "all":
                bounds = f"{row.f1_1:.1f} ({row.low:.1f}-{row.high:.1f})"
                figures = (bounds, f"{row.f1_5:.1f}", f"{row.hit_5:.1f}")
                table.add_row(str(way), row.signals, row.method, *figures)
        table.add_section()
    Console().print(table)
    picture = results / f"{corpus.name}.svg"
    picture.write_text(draw(replayed))
    click.echo(f"{file}\n{picture}")


@click.command("fit-memory")
@click.argument("corpus", type=CORPUS)
@click.argument("file", type=FILE)
@click.option("--assign", help="Let this alias of the registry stand for the new bundle.")
@click.option("--reason", default="memory fitted", show_default=True, help="For the history.")
@SIGN_KEY
@options(ModelSettings)
@in_one_line
def fit_memory(
    corpus: Path,
    file: Path,
    assign: str | None,
    reason: str,
    sign_key: Path | None,
    **values: Any,  # noqa: ANN401
) -> None:
    """Choose on CORPUS's dev posts how the memory votes; write it to FILE and into a new bundle.

    The new bundle stands beside the old one and shares its files. Train and dev are replayed in the
    order of time; test is not read. The bundle must have been learned from the train split alone.
    """
    from export.bundle import with_memory  # noqa: PLC0415 - torch and numba load slowly
    from export.registry import Registry  # noqa: PLC0415
    from export.signatures import sign  # noqa: PLC0415
    from worker.models import named  # noqa: PLC0415

    settings = ModelSettings(**values)
    if assign and settings.bundle is not None:
        raise click.UsageError("--assign is for a bundle of a registry, and not for --bundle")
    path = named(settings)
    settings = msgspec.structs.replace(settings, bundle=str(path))  # an alias may move meanwhile
    choice = _chosen(corpus, settings)
    choice.save(file)
    click.echo(
        f"{file}: weight of the model {choice.weight:g}, dev F1@1 {choice.dev_f1_at_1:.2f} %"
    )
    made = with_memory(path, choice.card)
    if sign_key:
        sign(made, sign_key)
    click.echo(f"{made}")
    if assign:
        Registry.at(settings.registry).assign(assign, made.name, reason)


def _chosen(corpus: Path, settings: ModelSettings) -> "MemoryChoice":
    from trainer import memory_fit as fitting  # noqa: PLC0415
    from trainer.replay import probabilities  # noqa: PLC0415
    from trainer.timeline import joined, read_entries, timeline  # noqa: PLC0415
    from worker.models import load_predictor  # noqa: PLC0415
    from worker.signals import SIGNALS  # noqa: PLC0415

    moments = timeline(corpus, splits=("train", "dev"))
    texts = [moment.post.text for moment in moments if moment.split == "dev"]
    model = probabilities(load_predictor(settings), texts)
    dev = fitting.Dev(joined(read_entries(moments), SIGNALS), moments, model)
    return fitting.fit_memory(dev, fitting.MemoryChoice())
