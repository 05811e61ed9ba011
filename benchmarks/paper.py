"""All tables and figures of the paper: `python -m benchmarks.paper DATA`, some hours on a CPU.

DATA has the folders main_random, time_per_source, userhashtag_emnlp2021 and multilingual_es, and
pretrain_en/text.jsonl.zst. Each command can be interrupted; begun again, it goes on.
"""

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import click

from benchmarks.record import RESULTS

PAPER = RESULTS / "paper"
FIXED = {"precision": "bf16"}  # so that equal seeds are equal networks
LARGE = {"vector_epochs": 5, **FIXED}  # with more text, as many updates as 20 of train alone


def commands(data: Path) -> list[list[str]]:
    """Return every command of the study, the most telling first."""
    further = ("--further", str(data / "pretrain_en" / "text.jsonl.zst"), *_flags(LARGE))
    main = str(data / "main_random")
    return [
        ["compare", main, "--protocol", "stripped", "--seeds", "3", *further],
        ["compare", main, "--protocol", "words-kept", "--seeds", "3", *further],
        ["sweep", main, "--topics", "50,100,150,200", "--dims", "50,100,200,300", *further],
        ["ablate", main, *further],
        ["compare", str(data / "time_per_source"), *_flags(FIXED)],
        ["compare", str(data / "userhashtag_emnlp2021"), *_flags(FIXED)],
        ["compare", str(data / "multilingual_es"), *_flags(FIXED)],
    ]


def _flags(settings: Mapping[str, object]) -> list[str]:
    return [f"--{name.replace('_', '-')}={value}" for name, value in settings.items()]


@click.command()
@click.argument("data", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--parts", default=".parts", show_default=True, help="What was learned is kept here.")
@click.option("--estimate", is_flag=True, help="Print the hours it takes, and end.")
def main(data: Path, parts: str, estimate: bool) -> None:  # noqa: FBT001
    """Run the study on the corpora of DATA, then make the page."""
    for name, corpus, *rest in commands(data):
        more = ["--parts", parts, *(["--estimate"] if estimate else [])]
        run(name, corpus, str(PAPER), *rest, *more)
    if not estimate:
        run("report", str(PAPER))


def run(*arguments: str) -> None:
    """Run one command of `trainer` as a user would."""
    click.echo(f"trainer {' '.join(arguments)}")
    subprocess.run([sys.executable, "-m", "trainer", *arguments], check=True)


if __name__ == "__main__":
    main()
