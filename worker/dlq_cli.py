"""`worker dlq`: what could not be answered, and once more."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, TypeVar

import click
import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from worker.click_times import Time
from worker.dead_letters import (
    LONGEST_REPLAY,
    MOST_REPLAYS,
    Choice,
    DeadLetter,
    latest,
    read,
    replay,
)
from worker.errors import StopError
from worker.options import options
from worker.settings import BrokerSettings, Settings, all_but
from worker.telemetry import Health
from worker.watchdog import Watchdog

NEEDED = {*BrokerSettings.__annotations__, "input_topic", "dead_letter_topic"}
_F = TypeVar("_F", bound=Callable[..., Any])


def _filters(command: _F) -> _F:
    for flag in (
        click.option("--reason", multiple=True, help="Of this reason; may be repeated."),
        click.option("--partition", multiple=True, type=int, help="Of this input partition."),
        click.option("--since", type=Time(), help="Rejected at this time or later."),
        click.option("--until", type=Time(), help="Rejected before this time."),
    ):
        command = flag(command)
    return options(Settings, all_but(NEEDED))(command)


def _choice(values: dict[str, Any]) -> Choice:
    return Choice(
        frozenset(values.pop("reason")),
        frozenset(values.pop("partition")),
        values.pop("since"),
        values.pop("until"),
    )


@click.group()
def dlq() -> None:
    """List dead letters, show one, or send them again to the topic they came from."""


@dlq.command("list")
@_filters
@click.option("--json", "as_json", is_flag=True, help="One JSON object a dead letter.")
def list_letters(as_json: bool, **values: Any) -> None:  # noqa: ANN401, FBT001
    """List the dead letters that are there now."""
    choice = _choice(values)
    letters = [letter for letter in _all(Settings(**values)) if letter in choice]
    if as_json:
        for letter in letters:
            click.echo(msgspec.json.encode(_facts(letter)).decode())
        return
    table = Table("from", "rejected (UTC)", "reason", "why", "key", "bytes", "replays")
    for letter in letters:
        facts = _facts(letter)
        table.add_row(*(Text(str(facts[name])[:80]) for name in facts))
    console = Console()
    console.print(table)
    console.print(f"{len(letters)} dead letters")


@dlq.command()
@_filters
@click.argument("source")
def show(source: str, **values: Any) -> None:  # noqa: ANN401
    """Show the dead letter of SOURCE (topic-partition-offset, as `list` prints it) in full."""
    choice = _choice(values)
    for letter in _all(Settings(**values)):
        if letter.source == source and letter in choice:
            for name, value in letter.record.headers:
                click.echo(f"{name}: {(value or b'').decode(errors='replace')}")
            click.echo(f"key: {_text(letter.record.key)}\n\n{_text(letter.record.value)}")
            return
    raise click.ClickException(f"no dead letter of {source}; `worker dlq list` shows them")


@dlq.command("replay")
@_filters
@click.option("--dry-run", is_flag=True, help="Say what would be sent, and send nothing.")
def send_again(dry_run: bool, **values: Any) -> None:  # noqa: ANN401, FBT001
    """Send dead letters again, all in one transaction, each at most three times.

    They stay in their topic: bound a second replay by --since, or they are sent once more.
    """
    choice = _choice(values)
    settings = Settings(**values)
    chosen = [letter for letter in latest(_all(settings)) if letter in choice]
    ready = [letter for letter in chosen if letter.obstacle is None]
    for letter in chosen:
        if letter.obstacle is not None:
            click.echo(f"{letter.source} stays: {letter.obstacle}", err=True)
    if dry_run:
        click.echo(f"{len(ready)} of {len(chosen)} would be sent again")
        return
    with Watchdog(Health(LONGEST_REPLAY)):  # a client's transaction may wait for ever
        count = _or_exit(lambda: replay(settings, ready))
    click.echo(f"{count} of {len(chosen)} sent again (at most {MOST_REPLAYS} times each)")


def _all(settings: Settings) -> list[DeadLetter]:
    return _or_exit(lambda: list(read(settings)))


_T = TypeVar("_T")


def _or_exit(task: Callable[[], _T]) -> _T:
    try:
        return task()
    except StopError as error:
        click.echo(f"worker: {error}", err=True)
        raise click.exceptions.Exit(error.exit_code) from error


def _facts(letter: DeadLetter) -> dict[str, str | int]:
    at = datetime.fromtimestamp(letter.record.timestamp / 1_000, UTC)
    return {
        "from": letter.source,
        "at": at.isoformat(timespec="seconds"),
        "reason": letter.reason,
        "why": letter.message,
        "key": _text(letter.record.key),
        "bytes": len(letter.record.value or b""),
        "replays": letter.replays,
    }


def _text(value: bytes | None) -> str:
    return "-" if value is None else value.decode(errors="backslashreplace")
