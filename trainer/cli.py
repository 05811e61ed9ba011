"""The command `trainer`."""

from pathlib import Path
from typing import Any

import click
import msgspec
from rich.console import Console
from rich.table import Table

from export.text import PROTOCOLS
from trainer.catalogue import PLUS, settings_for
from trainer.click_parts import (
    CORPUS,
    FILE,
    FOLDER,
    MEMORY,
    PROTOCOLS_HELP,
    SIGN_KEY,
    given,
    in_one_line,
    protocols,
    variants_option,
)
from trainer.collect_cli import collect, compact
from trainer.registry_cli import list_bundles, promote, prune, rollback, show
from trainer.replay_cli import fit_memory, replay
from trainer.retrain_cli import retrain
from trainer.schedule_cli import schedule
from trainer.settings import FitSettings
from trainer.simulate_cli import simulate
from trainer.status_cli import status
from trainer.study_cli import ablate, compare, methods, report, sweep
from trainer.window_cli import corpus_of, snapshot, window_options
from worker.options import options
from worker.settings import ModelSettings

_OWN_DEFAULTS = ", ".join(f"--{name.replace('_', '-')} {value}" for name, value in PLUS.items())


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="tagstream")
def main() -> None:
    r"""Learn to recommend hashtags, and judge what was learned.

    A corpus is a folder with train, dev and test as .jsonl, .jsonl.gz or .jsonl.zst. One post a
    line: {"id": "1", "text": "off to the sea #travel", "created_at": "2026-01-31T12:00:00Z"}.
    Its answers are its `tags` if it has that field, else its `hashtags` and those in its text.

    \b
    trainer collect collected                  posts of a topic, to learn from with fit
    trainer fit CORPUS runs/first              learn word2vec, LDA and TAB-LSTM+
    trainer export runs/first registry --alias champion
    trainer evaluate CORPUS --registry registry
    trainer compare CORPUS results             every method of the paper, side by side
    """


@main.command(epilog=f"tab-lstm+ and blend have defaults of their own: {_OWN_DEFAULTS}.")
@click.argument("corpus")
@click.argument("run", type=FOLDER)
@click.option("--resume", is_flag=True, help="Go on with an interrupted run.")
@click.option("--parts", type=FOLDER, help="Keep all that is learned here, for other runs too.")
@window_options
@options(FitSettings)
@in_one_line
def fit(corpus: str, run: Path, resume: bool, parts: Path | None, **values: Any) -> None:  # noqa: ANN401, FBT001
    """Learn a model from CORPUS and leave it in the directory RUN.

    CORPUS may also be what `trainer collect` wrote, a folder or a URL: the posts of the window are
    kept in RUN/corpus, the newest tenth as test, which `trainer evaluate RUN/corpus` scores.

    The defaults are the paper's, but for some of tab-lstm+ and blend. Each step is kept when it is
    done: after an interruption, --resume goes on from there. Equal seeds and settings on one
    machine give equal models, where --precision is not left to a trial.

    `torchrun --nproc-per-node N -m trainer fit …` trains a network in N processes: the same batches
    and, up to rounding, the same model, on as many GPUs with --device cuda.
    """
    from trainer import processes  # noqa: PLC0415 - torch and gensim load slowly
    from trainer.pipeline import fit as learn  # noqa: PLC0415

    window = values.pop("since"), values.pop("between")
    settings = settings_for(values["method"], given(values))
    with processes.joined(settings.device):
        first = processes.rank() == 0
        with processes.first_ahead():
            folder = corpus_of(corpus, run, *window, resume=resume or not first)
        done = learn(folder, run, settings, resume=resume, parts=parts)
    best = next(row for row in done.metrics() if row.k == 1)
    if first:
        click.echo(f"{run}: {settings.method}, dev F1@1 {best.f1:.2f} %")


@main.command()
@click.argument("run", type=CORPUS)
@click.argument("registry")
@click.option("--alias", help="Let this alias, such as champion, stand for the bundle.")
@click.option("--reason", default="exported by hand", show_default=True, help="For the history.")
@variants_option
@SIGN_KEY
@MEMORY
@in_one_line
def export(  # noqa: PLR0913, PLR0917 - a parameter a flag
    run: Path,
    registry: str,
    alias: str | None,
    reason: str,
    variants: list[str],
    sign_key: Path | None,
    memory: Path | None,
) -> None:
    """Turn RUN into a bundle of REGISTRY, checked against gensim and torch.

    A worker serves the bundle that the alias `champion` stands for.
    """
    from export.registry import Registry  # noqa: PLC0415
    from trainer.memory_fit import MemoryChoice  # noqa: PLC0415
    from trainer.release import release  # noqa: PLC0415
    from trainer.runs import Run  # noqa: PLC0415

    shelf = Registry.at(registry)
    card = MemoryChoice.load(memory).card if memory else None
    made = release(Run.open(run), shelf.bundles, variants, card)
    if sign_key:
        from export.signatures import sign  # noqa: PLC0415

        sign(made.path, sign_key)
    if alias:
        shelf.assign(alias, made.path.name, reason)
    click.echo(f"{made.path}\nagainst gensim and torch on {made.posts} posts:")
    for name, found in made.differences.items():
        click.echo(
            f"{name}: θ within {found.theta:.1e}, scores within {found.scores:.1e}, "
            f"{100 * found.best:.2f} % with the same first hashtag"
        )


@main.command("sign")
@click.argument("registry")
@click.option("--alias", default="champion", show_default=True, help="Which bundle to sign.")
@click.option("--sign-key", type=FILE, required=True, help="Ed25519 key, in PEM.")
@in_one_line
def sign_bundle(registry: str, alias: str, sign_key: Path) -> None:
    """Sign a bundle of REGISTRY, for workers that run with --require-signature."""
    from export.registry import Registry  # noqa: PLC0415
    from export.signatures import sign  # noqa: PLC0415

    click.echo(f"{sign(Registry.at(registry).resolve(alias), sign_key)} written")


@main.command()
@click.argument("corpus", type=CORPUS)
@click.option("--split", default="test", show_default=True, help="Which posts to score.")
@click.option(
    "--protocol",
    default=PROTOCOLS[0],
    show_default=True,
    help=PROTOCOLS_HELP,
)
@click.option("--json", "file", type=FILE, help="Write the figures here too.")
@options(ModelSettings)
@in_one_line
def evaluate(corpus: Path, split: str, protocol: str, file: Path | None, **values: Any) -> None:  # noqa: ANN401
    """Score a bundle on CORPUS beside popularity: P, R, F1 and Hit at 1 to 5, in per cent.

    It runs the bundle as a worker does. All posts with a hashtag count, also those whose
    hashtags no model knows.
    """
    from trainer.evaluate import evaluate as judge  # noqa: PLC0415
    from worker.models import load_predictor  # noqa: PLC0415

    asked = protocols(protocol)
    qualities = judge(load_predictor(ModelSettings(**values)), corpus, split, asked)
    table = Table("method", "text", "k", "P@k", "R@k", "F1@k", "Hit@k", title=f"{corpus}, {split}")
    rows = []
    for (method, text), quality in qualities.items():
        for row in quality.rows(split, text):
            figures = (row.precision, row.recall, row.f1, row.hit)
            table.add_row(method, text, str(row.k), *(f"{value:.2f}" for value in figures))
            rows.append({"method": method, **msgspec.structs.asdict(row)})
        table.add_section()
    Console().print(table)
    if file is not None:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(msgspec.json.format(msgspec.json.encode(rows)))


@main.command()
@click.argument("folder", type=FOLDER)
@click.option("--posts", default=24_000, show_default=True, help="How many posts.")
@click.option("--subjects", default=120, show_default=True, help="Main hashtags, planted.")
@click.option("--seed", default=2016, show_default=True, help="Seed of everything random.")
def synthesize(folder: Path, posts: int, subjects: int, seed: int) -> None:
    """Write a made-up corpus whose best possible F1@1 is known to FOLDER."""
    from trainer.synthetic import SyntheticSettings, write_corpus  # noqa: PLC0415

    try:
        settings = SyntheticSettings(posts=posts, subjects=subjects, seed=seed)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error
    summary = write_corpus(settings, folder)
    best = summary.optimum["test"].f1_at_1
    click.echo(f"{folder}: {posts} posts, best possible F1@1 on test {100 * best:.2f} %")


for command in (
    collect, compact, snapshot, retrain, schedule, status, promote, rollback, list_bundles, show,
    prune, methods, compare, sweep, ablate, report, fit_memory, replay, simulate,
):  # fmt: skip
    main.add_command(command)
