"""A picture of F1@1 over the test posts in their order, the model alone beside both together."""

from collections.abc import Sequence

from trainer.replay_rows import FUSED, STATIC, ReplayRow
from trainer.replay_ways import SIDE_BY_SIDE

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 640, 300, 48, 90, 28, 44
_STYLES = {STATIC: 'stroke="#888" stroke-dasharray="5 3"', FUSED: 'stroke="#1465b0"'}
_NAMES = {STATIC: "model alone", FUSED: "with memory"}


def draw(rows: Sequence[ReplayRow]) -> str:
    """Return an SVG of the sources side by side, without those left out, where there are some."""
    parts = [row for row in rows if row.subset.startswith("part ")]
    parts = [row for row in parts if row.protocol == SIDE_BY_SIDE] or parts
    left_out = max((row.without for row in parts), default="")
    lines = {
        method: sorted(
            (row.subset, row.f1_1)
            for row in parts
            if row.method == method and row.without == left_out
        )
        for method in (STATIC, FUSED)
    }
    top = 10 * (1 + max((value for line in lines.values() for _, value in line), default=0) // 10)
    drawn = [_line(method, [value for _, value in line], top) for method, line in lines.items()]
    ticks = [_tick(value, top) for value in range(0, int(top) + 1, 10)]
    told = f"without {left_out.replace(',', ', ')}" if left_out else "all sources"
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        'font-family="system-ui, sans-serif" font-size="12">\n'
        '<rect width="100%" height="100%" fill="#fff"/>\n'
        f'<text x="{LEFT}" y="16">F1@1 in per cent, {told}, a clock a source</text>'
    )
    foot = (
        f'<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 14}" text-anchor="middle">'
        "test posts in the order of time, in equal parts</text>\n</svg>\n"
    )
    return "\n".join([head, *ticks, *drawn, foot])


def _y(value: float, top: float) -> float:
    return round(HEIGHT - BOTTOM - (HEIGHT - BOTTOM - TOP) * value / top, 1)


def _line(method: str, values: Sequence[float], top: float) -> str:
    step = (WIDTH - LEFT - RIGHT) / max(len(values) - 1, 1)
    points = [f"{LEFT + step * at:.1f},{_y(value, top)}" for at, value in enumerate(values)]
    if not points:
        return ""
    path = f'<polyline fill="none" stroke-width="2" {_STYLES[method]} points="{" ".join(points)}"/>'
    end = f'<text x="{WIDTH - RIGHT + 6}" y="{_y(values[-1], top) + 4}">{_NAMES[method]}</text>'
    return f"{path}\n{end}"


def _tick(value: int, top: float) -> str:
    y = _y(value, top)
    return (
        f'<path d="M{LEFT},{y}H{WIDTH - RIGHT}" stroke="#ddd"/>'
        f'<text x="{LEFT - 6}" y="{y + 4}" text-anchor="end">{value}</text>'
    )
