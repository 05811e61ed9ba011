"""Tables 3 and 4 of the report, and what each ingredient of tab-lstm+ is worth."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from trainer.compare import REFERENCE
from trainer.report.paper import TABLE_3, TABLE_4, Figures
from trainer.report.quality import LEAKY, OTHER_POSTS, OTHER_TEXT
from trainer.report.rows import Block, Results, by_block, by_method, grouped
from trainer.report.tables import (
    SHOWN,
    Body,
    Cell,
    Column,
    Line,
    Table,
    quality_cells,
    quality_columns,
    table,
)
from trainer.report.words import about, label, numbers, seeds_of, signed
from trainer.results import QualityRow

_F1 = [name for name, _, _ in SHOWN].index("F1@1")
_WORDS = {
    "context": "mentions and words of links",
    "mean": "the mean of the word vectors",
    "maximum": "the maximum over the LSTM's states",
    "lstm": "the LSTM and its attention",
    "names": "the words of hashtags' names",
    "dropout": "dropout",
    "smoothing": "smoothed labels",
    "discount": "hashtags among many that count less",
    "decay": "a rate that falls",
}


@dataclass(frozen=True)
class _Sweep:
    """One of the two tables: the size that varies, and the paper's figures by it."""

    title: str
    size: Literal["topics", "dimensions"]
    head: str
    paper: Mapping[int, Figures]

    def of(self, row: QualityRow) -> int:
        """Return the size of a row."""
        return row.topics if self.size == "topics" else row.dimensions

    def fixed(self, rows: Iterable[QualityRow]) -> str:
        """Tell the other size."""
        if self.size == "topics":
            return f"word vectors of length {numbers(row.dimensions for row in rows)}"
        return f"{numbers(row.topics for row in rows)} topics"


_TOPICS = _Sweep("Table 3. The number of topics", "topics", "Topics", TABLE_3)
_VECTORS = _Sweep("Table 4. The length of the word vectors", "dimensions", "Length", TABLE_4)


def topic_tables(results: Results) -> list[Table]:
    """Return Table 3: quality by the number of topics."""
    return _sweeps(results, results.table3, _TOPICS)


def vector_tables(results: Results) -> list[Table]:
    """Return Table 4: quality by the length of the word vectors."""
    return _sweeps(results, results.table4, _VECTORS)


def _sweeps(results: Results, rows: Iterable[QualityRow], sweep: _Sweep) -> list[Table]:
    return [
        _sweep(results, block, some, sweep)
        for block, of_block in by_block(rows).items()
        for some in by_method(of_block).values()
    ]


def _sweep(results: Results, block: Block, rows: Sequence[QualityRow], sweep: _Sweep) -> Table:
    sizes = grouped(sorted(rows, key=sweep.of), sweep.of)
    method = rows[0].method
    paper = sweep.paper if method == REFERENCE else {}
    beside = any(value in paper for value in sizes)
    columns = quality_columns(beside)
    lines = [
        Line(f"{value:,}", tuple(quality_cells(some, paper.get(value), len(columns))))
        for value, some in sizes.items()
    ]
    seeds = seeds_of((row.method, row.seed) for row in rows)
    other = "" if block.protocol == LEAKY else OTHER_TEXT
    return table(
        sweep.title,
        about(results, block, f"{label(method)} with {sweep.fixed(rows)}", seeds),
        sweep.head,
        columns,
        [Body("", tuple(lines))],
        f"{OTHER_POSTS} {other}".strip() if beside else "",
    )


def ablation_tables(results: Results) -> list[Table]:
    """Return the ablations: what is lost without each ingredient, the most first."""
    return [
        _ablation(results, block, method, some)
        for block, of_block in by_block(results.ablation).items()
        for method, some in by_method(of_block).items()
    ]


def _ablation(results: Results, block: Block, method: str, rows: Sequence[QualityRow]) -> Table:
    columns = [*quality_columns(paper=False), Column("F1@1, points", "To the whole")]
    cells = {
        left_out: quality_cells(some, None, len(columns) - 1)
        for left_out, some in grouped(rows, lambda row: row.without).items()
    }
    f1 = {left_out: some[_F1].value or 0.0 for left_out, some in cells.items()}
    lines = []
    for left_out in sorted(cells, key=lambda name: (name != "", f1[name])):
        change = Cell(signed(f1[left_out] - f1[""])) if left_out and "" in f1 else Cell()
        lines.append(Line(_left_out(left_out), (*cells[left_out], change), not left_out))
    return table(
        f"Ingredients of {label(method)}",
        about(results, block, seeds_of((row.method, row.seed) for row in rows)),
        "Left out",
        columns,
        [Body("", tuple(lines))],
        "One ingredient is left out at a time, and all is learned anew; what is missed most "
        "stands first.",
    )


def _left_out(names: str) -> str:
    return ", ".join(_WORDS.get(name, name) for name in names.split(",")) if names else "nothing"
