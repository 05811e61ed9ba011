"""A corpus on the command line: a folder with splits, or a window of collected posts."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import click

from trainer.click_parts import CORPUS, FOLDER, in_one_line
from trainer.window import Window
from worker.click_times import Time

_F = TypeVar("_F", bound=Callable[..., Any])
_UNITS = {"d": "days", "h": "hours"}


def since_option(command: _F) -> _F:
    """Give a command `--since`."""
    told = "Of collected posts, the last 30d or 12h."
    return click.option("--since", callback=_span, help=told)(command)


def window_options(command: _F) -> _F:
    """Give a command `--since` and `--between`."""
    between = click.option(
        "--between",
        nargs=2,
        type=Time(),
        help="Of collected posts, those written from the first time on and before the second.",
    )
    return since_option(between(command))


def _span(_: click.Context, __: click.Parameter, text: str | None) -> timedelta | None:
    return None if text is None else span_of(text)


def span_of(text: str) -> timedelta:
    """Read a span of time; raises `click.BadParameter`."""
    if (match := re.fullmatch(r"([1-9]\d{0,5})([dh])", text, re.ASCII)) is None:
        raise click.BadParameter(f"{text!r} is no span of time such as 30d or 12h")
    return timedelta(**{_UNITS[match[2]]: int(match[1])})


def corpus_of(
    corpus: str,
    run: Path,
    since: timedelta | None,
    between: tuple[datetime, datetime] | None,
    *,
    resume: bool,
) -> Path:
    """Return the folder that a run learns from: as it was given, or the run's own snapshot."""
    from trainer import snapshot  # noqa: PLC0415 - pyarrow loads slowly
    from trainer.runs import Run  # noqa: PLC0415

    if snapshot.is_collected(corpus):
        asked, window = window_of(since, between)
        return snapshot.of_run(corpus, asked, window, Run(run), resume=resume)
    if since or between:
        raise click.UsageError(f"--since and --between are for collected posts; {corpus} has none")
    return Path(CORPUS(corpus))


def window_of(
    since: timedelta | None, between: tuple[datetime, datetime] | None
) -> tuple[str, Window]:
    """Return a window in words, the same whenever it is asked for, and as it is now."""
    if since and between:
        raise click.UsageError("--since or --between, not both")
    if between:
        if between[0] >= between[1]:
            raise click.UsageError("--between: the first time is to be before the second")
        return f"between {between[0].isoformat()} and {between[1].isoformat()}", Window(*between)
    if since:
        now = datetime.now(UTC)
        return f"the last {since / timedelta(hours=1):g} hours", Window(now - since, now)
    return "all times", Window()


@click.command()
@click.argument("url")
@click.argument("corpus", type=FOLDER)
@window_options
@in_one_line
def snapshot(url: str, corpus: Path, **window: Any) -> None:  # noqa: ANN401
    """Write collected posts below URL as CORPUS, a folder that every command takes.

    By event time: the newest tenth is test, the tenth before it dev, and all else train.
    """
    from trainer import snapshot as snapshots  # noqa: PLC0415

    made = snapshots.take(url, *window_of(window["since"], window["between"]), corpus)
    for name, count in made.posts.items():
        click.echo(f"{corpus}: {name}, {count} posts, from {made.begin[name]:%Y-%m-%d %H:%M} UTC")
