"""Keeps the summary that `make demo` left as a result: `python -m benchmarks.demo synthetic`."""

import json
from pathlib import Path

import click

from benchmarks.record import record

SUMMARY = Path(".demo/summary.json")


@click.command()
@click.argument("corpus")
def main(corpus: str) -> None:
    """Keep the summary of the last demo, which ran on CORPUS: synthetic, or a folder's name."""
    command = "make demo" if corpus == "synthetic" else f"make demo TWEETS={corpus}"
    click.echo(record(f"demo-{corpus}", command, json.loads(SUMMARY.read_text())))


if __name__ == "__main__":
    main()
