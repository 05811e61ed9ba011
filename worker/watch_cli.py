"""`worker watch`: answers as they come, each beside its post."""

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from itertools import islice
from typing import Any, TypeVar

import click
import msgspec
from rich.console import Console

from worker.errors import StartupFailedError, StopError
from worker.explained import weighed
from worker.glossary import Glossaries, Glossary
from worker.lifecycle import stop_on_signal
from worker.options import options
from worker.printable import printable, printable_json
from worker.settings import BrokerSettings, Settings, all_but
from worker.status_cli import NEEDED as NEEDED_OF_STATUS
from worker.status_cli import addresses, url_option
from worker.watch import Answered, Unreadable, follow
from worker.watch_screen import block

NEEDED = {
    *BrokerSettings.__annotations__, *NEEDED_OF_STATUS,
    "input_topic", "output_topic", "format", "registry", "alias", "bundle",
}  # fmt: skip
LOOPBACK = "127.0.0.1"
_F = TypeVar("_F", bound=Callable[..., Any])


def _page_options(command: _F) -> _F:
    for option in (
        url_option,
        click.option(
            "--web-name",
            "names",
            multiple=True,
            help="Further name by which browsers reach the page, as a proxy's; may be repeated.",
        ),
        click.option(
            "--web-host",
            "host",
            help="Address of the page; whoever reaches it reads posts and sends some "
            f"[default: {LOOPBACK}].",
        ),
        click.option(
            "--web",
            "port",
            type=click.IntRange(0, 65_535),
            help="Show a page for browsers at this port instead; needs tagstream[web]; 0: any.",
        ),
    ):
        command = option(command)
    return command


@click.command()
@options(Settings, all_but(NEEDED))
@_page_options
@click.option("--from-beginning", is_flag=True, help="Begin with the oldest answer that is kept.")
@click.option("--limit", type=click.IntRange(1), help="Stop after so many answers.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object an answer.")
def watch(
    from_beginning: bool,  # noqa: FBT001 - a flag
    limit: int | None,
    as_json: bool,  # noqa: FBT001
    port: int | None,
    **values: Any,  # noqa: ANN401
) -> None:
    """Show answers as they come, each beside its post; with --web on a page, with how workers do.

    Where workers run with --explain, and --bundle or the registry has their model, words are
    shaded by attention and topics have their words. Reads without a group: nothing is committed.
    """
    page = {name: values.pop(name) for name in ("host", "names", "urls")}
    settings = Settings(**values)
    if port is None and any(page.values()):
        raise click.UsageError("--url and --web-… are of the page; give it a port with --web")
    if port is not None and (limit or as_json):
        raise click.UsageError("--limit and --json are of the terminal; leave out --web")
    try:
        with stop_on_signal() as stop:
            if port is None:
                _print(settings, stop, limit, from_beginning=from_beginning, as_json=as_json)
            else:
                _serve(settings, stop, port, from_beginning=from_beginning, **page)
    except StopError as error:
        click.echo(f"worker: {error}", err=True)
        click.get_current_context().exit(error.exit_code)


def _print(
    settings: Settings,
    stop: threading.Event,
    limit: int | None,
    *,
    from_beginning: bool,
    as_json: bool,
) -> None:
    console, glossaries = Console(markup=False, highlight=False), Glossaries(settings, _note)
    with closing(follow(settings, stop, from_beginning=from_beginning)) as found:
        for one in islice(_answers(found), limit):
            glossary = glossaries.of(one.answer)
            if as_json:
                click.echo(printable_json(_json(one, glossary)))
            else:
                console.print(block(one, glossary))


def _serve(  # noqa: PLR0913 - an argument a flag
    settings: Settings,
    stop: threading.Event,
    port: int,
    *,
    from_beginning: bool,
    host: str | None,
    names: tuple[str, ...],
    urls: list[str],
) -> None:
    try:
        from worker.web.server import Page, serve  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise StartupFailedError(f"--web: {error}; install tagstream[web]") from error
    page = Page(host or LOOPBACK, port, names, urls or addresses(settings))
    serve(settings, page, stop, _note, from_beginning=from_beginning)


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
