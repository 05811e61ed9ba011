"""What a challenger beside the champion holds: `python -m benchmarks.contest`.

Two bundles of the paper's size, each in a session of its own as in a worker, warm.
"""

import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from benchmarks.footprint import apart
from benchmarks.made_up import PAPER, MadeUp
from benchmarks.memory import resident
from benchmarks.record import record
from export.bundle import read_bundle
from export.manifest import CPU_VARIANTS
from worker.predictor import Predictor


@click.command()
def main() -> None:
    """Measure it and keep what came out."""
    with TemporaryDirectory() as folder:
        path = MadeUp("tab-lstm", PAPER).write(Path(folder))
        figures = {name: apart(one_and_two, path, name) for name in CPU_VARIANTS}
    click.echo(record("contest", "python -m benchmarks.contest", {"megabytes": figures}))


def one_and_two(path: Path, variant: str) -> dict[str, float]:
    """Return the megabytes held with no model, with the champion, and with a challenger too."""
    found = {"none": round(resident(), 1)}
    # A copy of the files: the system would hold one file's pages only once.
    other = Path(shutil.copytree(path, path.parent / variant / path.name))
    opened = []
    for name, bundle in (("champion", path), ("both", other)):
        opened.append(Predictor(read_bundle(bundle), variant))
        opened[-1].warm_up()
        found[name] = round(resident(), 1)
    return found


if __name__ == "__main__":
    main()
