"""Lines over posts in their order, as an SVG: what changes as time goes by."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

WIDTH, HEIGHT, LEFT, TOP, BOTTOM = 640, 300, 48, 28, 44
GREY, BLUE = "#888", "#1465b0"
_LETTER, _ROW = 6.5, 14  # about the width of a letter, and the height of a line of text

_HEAD = (
    f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
    'font-family="system-ui, sans-serif" font-size="12">'
)


@dataclass(frozen=True)
class Line:
    """A name, a value in per cent for each of some equal parts, and how it is drawn."""

    name: str
    values: Sequence[float]
    colour: str = BLUE
    dashed: bool = False


def picture(head: str, foot: str, lines: Sequence[Line], marks: Sequence[float] = ()) -> str:
    """Return an SVG; `marks` are places between 0 and 1 where something happened."""
    lines = [line for line in lines if line.values]
    highest = max(chain.from_iterable(line.values for line in lines), default=0)
    top = min(100, 10 * (1 + highest // 10))
    right = WIDTH - 10 - _LETTER * max((len(line.name) for line in lines), default=0)
    drawn = [_drawn(line, top, right) for line in lines]
    drawn += [
        f'<text x="{right + 6}" y="{y}" fill="{line.colour}">{line.name}</text>'
        for line, y in zip(lines, _apart([_y(line.values[-1], top) for line in lines]), strict=True)
    ]
    return "\n".join(
        [
            _HEAD,
            '<rect width="100%" height="100%" fill="#fff"/>',
            f'<text x="{LEFT}" y="16">{head}</text>',
            *(_mark(place, right) for place in marks),
            *(_tick(value, top, right) for value in range(0, int(top) + 1, 10)),
            *drawn,
            f'<text x="{(LEFT + right) / 2}" y="{HEIGHT - 14}" text-anchor="middle">{foot}</text>',
            "</svg>\n",
        ]
    )


def _y(value: float, top: float) -> float:
    return round(HEIGHT - BOTTOM - (HEIGHT - BOTTOM - TOP) * value / top, 1)


def _apart(places: Sequence[float]) -> list[float]:
    """Move names down that would cover one above."""
    found = dict.fromkeys(range(len(places)), 0.0)
    lowest = float("-inf")
    for number in sorted(found, key=places.__getitem__):
        lowest = found[number] = max(places[number] + 4, lowest + _ROW)
    return list(found.values())


def _drawn(line: Line, top: float, right: float) -> str:
    step = (right - LEFT) / max(len(line.values) - 1, 1)
    points = " ".join(
        f"{LEFT + step * at:.1f},{_y(value, top)}" for at, value in enumerate(line.values)
    )
    dashes = ' stroke-dasharray="5 3"' if line.dashed else ""
    style = f'fill="none" stroke-width="2" stroke="{line.colour}"{dashes}'
    return f'<polyline {style} points="{points}"/>'


def _mark(place: float, right: float) -> str:
    x = round(LEFT + (right - LEFT) * place, 1)
    return f'<path d="M{x},{TOP}V{HEIGHT - BOTTOM}" stroke="#eee"/>'


def _tick(value: int, top: float, right: float) -> str:
    y = _y(value, top)
    return (
        f'<path d="M{LEFT},{y}H{right}" stroke="#ddd"/>'
        f'<text x="{LEFT - 6}" y="{y + 4}" text-anchor="end">{value}</text>'
    )
