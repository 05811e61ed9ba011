"""Line charts as geometry: the template draws them, in the page's own font and colours.

Methods differ by marker and dashes, and their names stand at the ends of their lines, so nobody
needs to see colours.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from trainer.compare import REFERENCE
from trainer.report.rows import ORDER
from trainer.report.scale import apart, ticks_of
from trainer.report.words import group, label

WIDTH, HEIGHT = 360.0, 280.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 34.0, 96.0, 10.0, 48.0
_NAMES_AT = WIDTH - _RIGHT + 24.0
_MOST_TICKS = 12
_LONGEST_NAME = 14
# Two lists of unequal length: their pairs repeat only after 28 methods.
_MARKERS = (
    "M-3,0a3,3 0 1,0 6,0a3,3 0 1,0 -6,0Z",
    "M-2.7,-2.7H2.7V2.7H-2.7Z",
    "M0,-3.6L3.4,2.6H-3.4Z",
    "M0,-3.9L3.9,0L0,3.9L-3.9,0Z",
    "M-3,-3L3,3M-3,3L3,-3",
    "M0,3.6L3.4,-2.6H-3.4Z",
    "M0,-3.8V3.8M-3.8,0H3.8",
)
_DASHES = ("", "6 3", "2 2.5", "8 3 2 3")
_EVEN_DASHES = "1 4"


@dataclass(frozen=True)
class Series:
    """Values of a method, or of none, each at the number of a name on the x axis.

    `named` tells whether its name stands at the end of its line; of several seeds one is enough.
    """

    name: str
    method: str
    points: tuple[tuple[int, float], ...]
    named: bool = True


@dataclass(frozen=True)
class Mark:
    """A point of a line, and what it tells when someone points at it."""

    x: float
    y: float
    told: str


@dataclass(frozen=True)
class Drawn:
    """A line as the template draws it."""

    name: str
    kind: str
    dashes: str
    marker: str
    marks: tuple[Mark, ...]
    name_at: float | None
    strong: bool

    @property
    def path(self) -> str:
        """The line through its points."""
        return " ".join(f"{mark.x:g},{mark.y:g}" for mark in self.marks)

    @property
    def leader(self) -> str:
        """The thin line from the last point to the name."""
        end, y = self.marks[-1], self.name_at
        return f"{end.x + 5:g},{end.y:g} {_NAMES_AT - 12:g},{y:g} {_NAMES_AT - 3:g},{y:g}"


@dataclass(frozen=True)
class Chart:
    """A chart, and its values as rows of a table for those who cannot or will not look at it."""

    title: str
    x_title: str
    x_names: tuple[tuple[float, str], ...]
    y_names: tuple[tuple[float, str], ...]
    lines: tuple[Drawn, ...]
    head: tuple[str, ...]
    rows: tuple[tuple[str, tuple[str, ...]], ...]

    width, height = WIDTH, HEIGHT
    left, right, top, bottom = _LEFT, WIDTH - _RIGHT, _TOP, HEIGHT - _BOTTOM
    names_at = _NAMES_AT


def chart(
    title: str, x_title: str, x_names: Sequence[str], series: Sequence[Series], unit: str = " %"
) -> Chart:
    """Draw series; per cents begin at zero, what has no unit where it must."""
    values = [value for some in series for _, value in some.points]
    ticks = ticks_of(0.0 if unit else min(values), max(values))
    span = (ticks[-1] - ticks[0]) or 1.0

    def x(place: float) -> float:
        inner = WIDTH - _LEFT - _RIGHT - 16
        return round(_LEFT + 8 + inner * place / max(1, len(x_names) - 1), 1)

    def y(value: float) -> float:
        return round(HEIGHT - _BOTTOM - (HEIGHT - _BOTTOM - _TOP) * (value - ticks[0]) / span, 1)

    ends = [y(some.points[-1][1]) for some in series if some.named]
    names_at = iter(apart(ends, _TOP, HEIGHT - 14))
    lines = []
    for some in series:
        marks = tuple(
            Mark(x(at), y(value), f"{some.name}, {x_names[at]}: {value:.2f}{unit}")
            for at, value in some.points
        )
        lines.append(_drawn(some, marks, next(names_at) if some.named else None))
    every = math.ceil(len(x_names) / _MOST_TICKS)
    return Chart(
        title=title,
        x_title=x_title,
        x_names=tuple((x(at), name) for at, name in enumerate(x_names) if at % every == 0),
        y_names=tuple((y(value), f"{value:g}") for value in ticks),
        lines=tuple(lines),
        head=tuple(x_names),
        rows=tuple((some.name, _values(some, len(x_names))) for some in series),
    )


def _drawn(some: Series, marks: tuple[Mark, ...], name_at: float | None) -> Drawn:
    if not some.method:
        return Drawn(some.name, "even", _EVEN_DASHES, "", marks, name_at, strong=False)
    place = ORDER.index(some.method) if some.method in ORDER else len(ORDER)
    name, strong = label(some.method), some.method == REFERENCE
    kind = "neural" if "lstm" in some.method else "classic"
    if group(some.method) != "The paper's methods":
        kind = "own" if group(some.method) == "Our own" else "yardstick"
    return Drawn(
        name=name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 1]}…",
        kind=kind,
        dashes="" if strong else _DASHES[place % len(_DASHES)],
        marker=_MARKERS[0 if strong else place % len(_MARKERS)],
        marks=marks,
        name_at=name_at,
        strong=strong,
    )


def _values(some: Series, count: int) -> tuple[str, ...]:
    known = dict(some.points)
    return tuple(f"{known[at]:.2f}" if at in known else "–" for at in range(count))
