"""Progress bars for every long step: on a terminal a bar with the time left, elsewhere a line."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

console = Console(stderr=True)
_T = TypeVar("_T")


@contextmanager
def progress(step: str, total: int | None = None) -> Iterator[Callable[[int], None]]:
    """Show a step; the caller says how much was done since."""
    columns = (
        TextColumn("{task.description:<28}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console) as bar:
        task = bar.add_task(step, total=total)

        def advance(done: int = 1) -> None:
            bar.advance(task, done)

        yield advance


def counted(items: Iterable[_T], advance: Callable[[int], None]) -> Iterator[_T]:
    """Yield the items, and tell of each that it was taken."""
    for item in items:
        advance(1)
        yield item
