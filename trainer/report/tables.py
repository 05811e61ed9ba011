"""What a table of the report is made of, and the parts that several tables share."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Literal

from trainer.compare import REFERENCE
from trainer.report.paper import Figures
from trainer.report.rows import grouped
from trainer.report.words import NONE, group, label, percent
from trainer.results import QualityRow

Best = Literal["", "most", "least"]
PAPER = "Paper, %"
OURS = "Measured here, %"
# What quality tables show of our rows: the title, k, and the field of the row.
SHOWN = (
    ("P@1", 1, "precision"),
    ("R@1", 1, "recall"),
    ("F1@1", 1, "f1"),
    ("F1@5", 5, "f1"),
    ("Hit@1", 1, "hit"),
    ("Hit@5", 5, "hit"),
)


@dataclass(frozen=True)
class Column:
    """A column, perhaps below a head shared with its neighbours; `best` is shown in bold."""

    name: str
    group: str = ""
    best: Best = ""


@dataclass(frozen=True)
class Cell:
    """What stands in a cell, and smaller below it."""

    text: str = NONE
    note: str = ""
    value: float | None = None
    best: bool = False


@dataclass(frozen=True)
class Line:
    """A row of a table; the reference is shaded."""

    head: str
    cells: tuple[Cell, ...]
    reference: bool = False


@dataclass(frozen=True)
class Body:
    """Rows below one heading."""

    title: str
    lines: tuple[Line, ...]


@dataclass(frozen=True)
class Table:
    """A table with its caption."""

    title: str
    about: str
    head: str
    columns: tuple[Column, ...]
    bodies: tuple[Body, ...]
    notes: tuple[str, ...] = ()

    @property
    def groups(self) -> list[tuple[str, list[Column]]]:
        """The columns by their shared heads."""
        return [(name, list(some)) for name, some in groupby(self.columns, lambda c: c.group)]


def table(
    title: str,
    about: str,
    head: str,
    columns: Sequence[Column],
    bodies: Iterable[Body],
    *notes: str,
) -> Table:
    """Return a table whose best cells are marked; the columns may be of any length."""
    filled = tuple(bodies)
    best = [_best(column, filled, place) for place, column in enumerate(columns)]
    marked = tuple(
        replace(body, lines=tuple(_marked(line, best) for line in body.lines)) for body in filled
    )
    return Table(title, about, head, tuple(columns), marked, tuple(note for note in notes if note))


def _best(column: Column, bodies: Sequence[Body], place: int) -> str | None:
    cells = [line.cells[place] for body in bodies for line in body.lines]
    known = {cell.text: cell.value for cell in cells if cell.value is not None}
    if not column.best or len(cells) < 2 or not known:
        return None
    choose = max if column.best == "most" else min
    return choose(known, key=lambda text: known[text])


def _marked(line: Line, best: Sequence[str | None]) -> Line:
    """Compare as written, so that cells that look the same are all the best or none."""
    cells = zip(line.cells, best, strict=True)
    return replace(line, cells=tuple(replace(cell, best=cell.text == text) for cell, text in cells))


def mean(values: Sequence[float], write: Callable[[float], str] = percent) -> Cell:
    """Return the mean over seeds, with the least and the most of them below it."""
    if not values:
        return Cell()
    average = sum(values) / len(values)
    spread = f"{write(min(values))}–{write(max(values))}" if len(values) > 1 else ""
    return Cell(write(average), spread, average)


def quality_columns(paper: bool) -> list[Column]:  # noqa: FBT001
    """Return the columns of `SHOWN`, and of the paper's figures where there are any."""
    shown = [Column(name, OURS, "most") for name, _, _ in SHOWN]
    names = ("P", "R", "F1") if paper else ()
    return [*shown, *(Column(name, PAPER, "most") for name in names)]


def quality_cells(rows: Sequence[QualityRow], paper: Figures | None, columns: int) -> list[Cell]:
    """Return the cells of such columns for the rows of one method or size."""
    at = grouped(rows, lambda row: row.k)
    cells = [mean([getattr(row, name) for row in at.get(k, ())]) for _, k, name in SHOWN]
    if paper:
        cells += [Cell(f"{100 * value:.1f}", value=value) for value in paper]
    return cells + [Cell()] * (columns - len(cells))


def method_bodies(cells: Mapping[str, Sequence[Cell]]) -> list[Body]:
    """Return rows of methods below the heads of their kinds."""
    lines = [
        (group(method), Line(label(method), tuple(some), method == REFERENCE))
        for method, some in cells.items()
    ]
    return [
        Body(title, tuple(line for _, line in some))
        for title, some in grouped(lines, lambda pair: pair[0]).items()
    ]
