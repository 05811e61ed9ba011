"""Quality and time of the served networks: `python -m benchmarks.serving CORPUS`.

Both networks are learned (or taken from --parts), exported in all forms for a CPU, and asked
through the worker's own predictor. Answers are compared with those of gensim and torch, a post at
a time; times are of one thread and in turns, so that a busy machine slows all alike.
"""

import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click
import torch

from benchmarks.paper import LARGE
from benchmarks.record import record
from benchmarks.timing import medians
from export.bundle import Bundle, read_bundle
from export.manifest import CPU_FP32, CPU_VARIANTS, Tolerance
from export.parity import Answer, compare
from trainer.catalogue import settings_for
from trainer.corpus import split
from trainer.evaluate import evaluate
from trainer.pipeline import fit
from trainer.release import Reference, release
from worker.predictor import ModelInput, Predictor

METHODS = ("tab-lstm", "tab-lstm+")
POSTS, REPEATS, COMPARED = 4_096, 7, 10_000
MATRIX = 1_024  # a product of two such matrices is timed beside, to judge the machine by
PRODUCT = ("product", "")
ANY = Tolerance(theta=1.0, scores=1.0, ties=1.0, best=0.0)  # what differs is told, not refused


@click.command()
@click.argument("corpus", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--further", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--parts", default=".parts", show_default=True, type=click.Path(path_type=Path))
def main(corpus: Path, further: Path | None, parts: Path) -> None:
    """Measure both on CORPUS and keep what came out."""
    texts = [post.text for post in split(corpus, "test")]
    asked: dict[tuple[str, str], Callable[[], object]] = {}
    rows: list[dict[str, Any]] = []
    for method in METHODS:
        bundle, due = _released(method, corpus, further, parts, texts)
        for variant in CPU_VARIANTS:
            served = Predictor(bundle, variant)
            inputs = [read for read in served.encode(texts) if not read.empty]
            asked[method, variant] = _asking(served, inputs)
            rows.append(
                {
                    "method": method,
                    "variant": variant,
                    "f1_at_1": _f1_at_1(served, corpus),
                    "megabytes": round(_megabytes(bundle, variant), 1),
                    **_differences(due, served.answers(inputs[: len(due)])),
                }
            )
            click.echo(rows[-1])
    seconds = _seconds(asked)
    for row, taken in zip(rows, seconds.values(), strict=False):
        row["microseconds_a_post"] = round(1e6 * taken / POSTS, 1)
        row["ratio_to_tab_lstm"] = round(taken / seconds[METHODS[0], CPU_FP32], 2)
    figures = {
        "corpus": corpus.name,
        "posts": POSTS,
        "compared_posts": COMPARED,
        "threads": 1,
        "repeats": REPEATS,
        "milliseconds_of_a_matrix_product": round(1e3 * seconds[PRODUCT], 2),
        "matrix": MATRIX,
        "rows": rows,
    }
    command = f"python -m benchmarks.serving {corpus.name}"
    if further:
        command += f" --further {further.name}"
    click.echo(record("serving", command, figures))


def _released(
    method: str, corpus: Path, further: Path | None, parts: Path, texts: list[str]
) -> tuple[Bundle, list[Answer]]:
    """Return a bundle in all forms, and what gensim and torch answer to the first posts."""
    settings = settings_for(method, {**LARGE, "further": str(further) if further else None})
    with TemporaryDirectory() as folder:
        run = fit(corpus, Path(folder) / "run", settings, parts=parts)
        made = release(run, Path(folder) / "bundles", CPU_VARIANTS)
        posts = run.text.reader.read(texts)
        not_empty = posts.ids.lengths.nonzero()[0]
        if len(not_empty) < max(POSTS, COMPARED):
            raise click.ClickException(f"{len(not_empty)} posts to ask for are too few")
        due = Reference.of(run).answers(posts.take(not_empty[:COMPARED]))
        return read_bundle(made.path), due


def _differences(due: list[Answer], found: list[Answer]) -> dict[str, float]:
    difference = compare(due, found, ANY)
    return {
        "same_first_hashtag": round(difference.best, 4),
        "largest_difference_of_scores": difference.scores,
        "largest_difference_of_topics": difference.theta,
    }


def _asking(predictor: Predictor, inputs: list[ModelInput]) -> Callable[[], object]:
    return lambda: predictor.predict(inputs[:POSTS])


def _seconds(asked: dict[tuple[str, str], Callable[[], object]]) -> dict[tuple[str, str], float]:
    """Return the median seconds of each, asked in turns, and of a fixed matrix product."""
    matrix = torch.randn(MATRIX, MATRIX, generator=torch.Generator().manual_seed(0))
    torch.set_num_threads(1)
    return medians({**asked, PRODUCT: lambda: matrix @ matrix}, REPEATS)


def _f1_at_1(predictor: Predictor, corpus: Path) -> float:
    quality = evaluate(predictor, corpus, "test", ("stripped",))
    return round(100 * quality[predictor.bundle.manifest.model.method, "stripped"].f1[0], 2)


def _megabytes(bundle: Bundle, variant: str) -> float:
    card = bundle.manifest.variants[variant]
    return sum(bundle.manifest.files[name].size for name in (card.file, *card.weights)) / 1e6


if __name__ == "__main__":
    sys.exit(main())
