"""The demo's summary as a result: `python -m benchmarks.demo [--tweets DIR]`."""

import json
import subprocess
import sys
from pathlib import Path

import click

from benchmarks.record import record


@click.command()
@click.option("--tweets", type=click.Path(exists=True, file_okay=False, path_type=Path))
def main(tweets: Path | None) -> None:
    """Run the demo and keep its summary."""
    chosen = ["--tweets", str(tweets)] if tweets else []
    subprocess.run([sys.executable, "-m", "deploy.demo", *chosen], check=True)
    figures = json.loads(Path(".demo/summary.json").read_text())
    corpus = tweets.name if tweets else "synthetic"
    command = "python -m benchmarks.demo" + (f" --tweets {tweets.name}" if tweets else "")
    click.echo(record(f"demo-{corpus}", command, figures))


if __name__ == "__main__":
    main()
