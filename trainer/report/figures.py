"""The charts of the report: Figure 3, how networks learned, and what distance does."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from trainer.attention import DistanceRow
from trainer.checkpoints import EpochRow
from trainer.compare import CurveRow
from trainer.report.charts import Chart, Series, chart
from trainer.report.rows import Block, Results, by_block, by_method, grouped
from trainer.report.words import about, label, numbers, seeds_of
from trainer.results import QualityRow

# Their attention is fixed: all on the last word, or even.
_WITHOUT_ATTENTION = ("lstm", "avg-lstm")
_Seeded = TypeVar("_Seeded", CurveRow, DistanceRow)


@dataclass(frozen=True)
class Figure:
    """Charts side by side below one caption; `block` tells in short whose they are."""

    block: str
    title: str
    about: str
    charts: tuple[Chart, ...]


def quality_figures(results: Results) -> list[Figure]:
    """Return Figure 3: precision, recall and F1 of the first 1 to 5 suggestions."""
    figures = []
    for block, rows in by_block(results.table2).items():
        ks = sorted({row.k for row in rows})
        charts = tuple(
            chart(f"{title} at k, %", "suggestions, k", [str(k) for k in ks], series)
            for title, name in (("Precision", "precision"), ("Recall", "recall"), ("F1", "f1"))
            if (series := _means(rows, ks, name))
        )
        seeds = seeds_of((row.method, row.seed) for row in rows)
        title = "Figure 3. Precision, recall and F1 by the number of suggestions"
        caption = about(results, block, f"means over {seeds}")
        figures.append(Figure(_short(block), title, caption, charts))
    return figures


def _means(rows: Sequence[QualityRow], ks: Sequence[int], name: str) -> list[Series]:
    series = []
    for method, some in by_method(rows).items():
        at = grouped(some, lambda row: row.k)
        points = [
            (ks.index(k), sum(getattr(row, name) for row in at[k]) / len(at[k])) for k in sorted(at)
        ]
        series.append(Series(label(method), method, tuple(points)))
    return series


def learning_figures(results: Results) -> list[Figure]:
    """Return the training curves: losses and F1@1 on dev by epoch."""
    figures = []
    for block, rows in by_block(row for row in results.curves if row.epochs).items():
        last = max(epoch.epoch for row in rows for epoch in row.epochs)
        names = [str(number) for number in range(1, last + 1)]
        panels: tuple[tuple[str, str, Callable[[EpochRow], float]], ...] = (
            ("Training loss, a post", "", lambda epoch: epoch.loss),
            ("Loss on dev, a post", "", lambda epoch: epoch.dev_loss),
            ("F1@1 on dev, %", " %", lambda epoch: epoch.dev_f1_at_1),
        )
        charts = tuple(
            chart(title, "epoch", names, _curves(rows, value), unit)
            for title, unit, value in panels
        )
        seeds = seeds_of((row.method, row.seed) for row in rows)
        figures.append(
            Figure(_short(block), "Training curves", about(results, block, seeds), charts)
        )
    return figures


def _curves(rows: Iterable[CurveRow], value: Callable[[EpochRow], float]) -> list[Series]:
    return [
        Series(name, row.method, tuple((e.epoch - 1, value(e)) for e in row.epochs), named)
        for row, name, named in _by_seed(rows)
    ]


def distance_figures(results: Results) -> list[Figure]:
    """Return what becomes of an answer in the text, by the words between it and the end."""
    figures = []
    for block, rows in by_block(row for row in results.distance if any(row.posts)).items():
        found = [
            Series(name, row.method, _points(row, row.found), named)
            for row, name, named in _by_seed(rows)
        ]
        looked = [
            Series(name, row.method, _points(row, [100 * share for share in row.attention]), named)
            for row, name, named in _by_seed(rows)
            if row.method not in _WITHOUT_ATTENTION
        ]
        first = rows[0]
        even = Series("even share", "", _points(first, [100 * share for share in first.even]))
        names = [f"{low}–{high}" if low != high else f"{low}" for low, high in first.distances]
        x_title = "words between the answer and the end"
        charts = [chart("Suggested first, % of posts", x_title, names, found)]
        if looked:
            title = "Attention on the answer's word, %"
            charts.append(chart(title, x_title, names, [*looked, even]))
        figures.append(Figure(_short(block), *_told(results, block, rows, names), tuple(charts)))
    return figures


def _told(
    results: Results, block: Block, rows: Sequence[DistanceRow], names: Sequence[str]
) -> tuple[str, str]:
    seeds = seeds_of((row.method, row.seed) for row in rows)
    posts = ", ".join(
        f"{numbers(row.posts[place] for row in rows)} posts at {name}"
        for place, name in enumerate(names)
    )
    caption = f"{about(results, block, seeds)} Test posts with one word that is an answer: {posts}."
    return "How often they are found, by their distance from the end", caption


def _short(block: Block) -> str:
    return f"{block.corpus}, {block.protocol}"


def _points(row: DistanceRow, values: Sequence[float]) -> tuple[tuple[int, float], ...]:
    """Leave out distances without a post, at which there is no value."""
    return tuple((at, values[at]) for at, posts in enumerate(row.posts) if posts)


def _by_seed(rows: Iterable[_Seeded]) -> list[tuple[_Seeded, str, bool]]:
    """Return rows in the order of their methods and seeds, with names, and which come first."""
    found = []
    for method, some in by_method(rows).items():
        for place, row in enumerate(sorted(some, key=lambda row: row.seed)):
            name = f"{label(method)}, seed {row.seed}" if len(some) > 1 else label(method)
            found.append((row, name, place == 0))
    return found
