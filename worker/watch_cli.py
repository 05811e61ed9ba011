"""`worker watch`: answers as they come, each beside its post."""

from collections.abc import Iterable, Iterator
from contextlib import closing
from itertools import islice
from typing import Any

import click
import msgspec
from rich.console import Console

from worker.errors import StopError
from worker.explained import weighed
from worker.glossary import Glossaries, Glossary
from worker.lifecycle import stop_on_signal
from worker.options import options
from worker.printable import printable, printable_json
from worker.settings import BrokerSettings, Settings, all_but
from worker.watch import Answered, Unreadable, follow
from worker.watch_screen import block

NEEDED = {
    *BrokerSettings.__annotations__,
    "input_topic", "output_topic", "format", "registry", "alias", "bundle",
}  # fmt: skip


@click.command()
@options(Settings, all_but(NEEDED))
@click.option("--from-beginning", is_flag=True, help="Begin with the oldest answer that is kept.")
@click.option("--limit", type=click.IntRange(1), help="Stop after so many answers.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object an answer.")
def watch(
    from_beginning: bool,  # noqa: FBT001 - a flag
    limit: int | None,
    as_json: bool,  # noqa: FBT001
    **values: Any,  # noqa: ANN401
) -> None:
    """Show answers as they come, each beside its post.

    Where workers run with --explain, and --bundle or the registry has their model, words are
    shaded by attention and topics have their words. Reads without a group: nothing is committed.
    """
    settings = Settings(**values)
    console, glossaries = Console(markup=False, highlight=False), Glossaries(settings, _note)
    try:
        with (
            stop_on_signal() as stop,
            closing(follow(settings, stop, from_beginning=from_beginning)) as found,
        ):
            for one in islice(_answers(found), limit):
                glossary = glossaries.of(one.answer)
                if as_json:
                    click.echo(printable_json(_json(one, glossary)))
                else:
                    console.print(block(one, glossary))
    except StopError as error:
        click.echo(f"worker: {error}", err=True)
        click.get_current_context().exit(error.exit_code)


def _note(text: str) -> None:
    click.echo(printable(text), err=True)


def _answers(found: Iterable[Answered | Unreadable]) -> Iterator[Answered]:
    for one in found:
        if isinstance(one, Answered):
            yield one
        else:
            _note(f"{one.source} is no answer: {one.reason}")


def _json(one: Answered, glossary: Glossary | None) -> str:
    """Return an answer as JSON; `words` where they are known, one a weight of `attention`."""
    words = [(one.text or "")[start:end] for start, end, *_ in weighed(one, glossary)]
    fields = {"source": one.source, "text": one.text, "words": words or None}
    return msgspec.json.encode(fields | msgspec.to_builtins(one.answer)).decode()
