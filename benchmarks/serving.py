"""F1@1 and time a post of the served networks: `python -m benchmarks.serving CORPUS`.

Both networks are learned (or taken from --parts), exported with parity checked, and asked through
the worker's own predictor, on one thread and in turns, so that a busy machine slows both alike.
"""

import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import click
import torch

from benchmarks.paper import LARGE
from benchmarks.record import record
from benchmarks.timing import medians
from export.bundle import read_bundle
from export.manifest import CPU_FP32
from trainer.catalogue import settings_for
from trainer.corpus import split
from trainer.evaluate import evaluate
from trainer.pipeline import fit
from trainer.release import Release, release
from worker.predictor import ModelInput, Predictor

METHODS = ("tab-lstm", "tab-lstm+")
POSTS, REPEATS = 4_096, 7
MATRIX = 1_024  # a product of two such matrices is timed beside, to judge the machine by


@click.command()
@click.argument("corpus", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--further", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--parts", default=".parts", show_default=True, type=click.Path(path_type=Path))
def main(corpus: Path, further: Path | None, parts: Path) -> None:
    """Measure both on CORPUS and keep what came out."""
    with TemporaryDirectory() as folder:
        made = {name: _released(name, corpus, further, parts, Path(folder)) for name in METHODS}
        served = {name: Predictor(read_bundle(one.path)) for name, one in made.items()}
        texts = [post.text for post in split(corpus, "test")]
        seconds = _seconds({name: _asking(one, texts) for name, one in served.items()})
        rows = [
            {
                "method": name,
                "f1_at_1": _f1_at_1(served[name], corpus),
                "microseconds_a_post": round(1e6 * seconds[name] / POSTS, 1),
                "ratio_to_tab_lstm": round(seconds[name] / seconds[METHODS[0]], 2),
                "graph_megabytes": round(_megabytes(one), 1),
                "parity_posts": one.posts,
                "largest_difference_of_scores": one.differences[CPU_FP32].scores,
                "largest_difference_of_topics": one.differences[CPU_FP32].theta,
            }
            for name, one in made.items()
        ]
    figures = {
        "corpus": corpus.name,
        "posts": POSTS,
        "threads": 1,
        "repeats": REPEATS,
        "milliseconds_of_a_matrix_product": round(1e3 * seconds["product"], 2),
        "matrix": MATRIX,
        "rows": rows,
    }
    command = f"python -m benchmarks.serving {corpus.name}"
    if further:
        command += f" --further {further.name}"
    click.echo(record("serving", command, figures))


def _released(method: str, corpus: Path, further: Path | None, parts: Path, at: Path) -> Release:
    settings = settings_for(method, {**LARGE, "further": str(further) if further else None})
    run = fit(corpus, at / method, settings, parts=parts)
    return release(run, at / "bundles", [CPU_FP32])


def _asking(predictor: Predictor, texts: list[str]) -> Callable[[], object]:
    inputs: list[ModelInput] = [item for item in predictor.encode(texts) if not item.empty]
    if len(inputs) < POSTS:
        raise click.ClickException(f"{len(inputs)} posts to ask for; {POSTS} are wanted")
    return lambda: predictor.predict(inputs[:POSTS])


def _seconds(asked: dict[str, Callable[[], object]]) -> dict[str, float]:
    """Return the median seconds of each, asked in turns, and of a fixed matrix product."""
    matrix = torch.randn(MATRIX, MATRIX, generator=torch.Generator().manual_seed(0))
    torch.set_num_threads(1)
    asked = {**asked, "product": lambda: matrix @ matrix}
    return medians(asked, REPEATS)


def _f1_at_1(predictor: Predictor, corpus: Path) -> float:
    quality = evaluate(predictor, corpus, "test", ("stripped",))
    return round(100 * quality[predictor.bundle.manifest.model.method, "stripped"].f1[0], 2)


def _megabytes(made: Release) -> float:
    card = read_bundle(made.path).manifest
    form = card.variants[CPU_FP32]
    return sum(card.files[name].size for name in (form.file, *form.weights)) / 1e6


if __name__ == "__main__":
    sys.exit(main())
