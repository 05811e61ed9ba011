"""A picture of F1@1 over the test posts in their order, the model alone beside both together."""

from collections.abc import Sequence

from trainer.line_picture import BLUE, GREY, Line, picture
from trainer.replay import FUSED, STATIC
from trainer.replay_rows import ReplayRow
from trainer.timeline import SIDE_BY_SIDE


def draw(rows: Sequence[ReplayRow]) -> str:
    """Return an SVG of the sources side by side, without those left out, where there are some."""
    parts = [row for row in rows if row.subset.startswith("part ")]
    parts = [row for row in parts if row.protocol == SIDE_BY_SIDE] or parts
    left_out = max((row.without for row in parts), default="")

    def values(method: str) -> list[float]:
        some = [row for row in parts if row.method == method and row.without == left_out]
        return [row.f1_1 for row in sorted(some, key=lambda row: row.subset)]

    told = f"without {left_out.replace(',', ', ')}" if left_out else "all sources"
    return picture(
        f"F1@1 in per cent, {told}, a clock a source",
        "test posts in the order of time, in equal parts",
        [
            Line("model alone", values(STATIC), GREY, dashed=True),
            Line("with memory", values(FUSED), BLUE),
        ],
    )
