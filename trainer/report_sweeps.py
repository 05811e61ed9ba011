"""Tables 3 and 4 of the report, and what each ingredient of tab-lstm+ is worth."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

from trainer.compare import REFERENCE
from trainer.paper_figures import TABLE_3, TABLE_4, Figures
from trainer.report_quality import LEAKY, OTHER_POSTS, OTHER_TEXT
from trainer.report_rows import Block, Results, by_block, by_method, grouped
from trainer.report_tables import (
    Body,
    Cell,
    Column,
    Line,
    Table,
    quality_cells,
    quality_columns,
    table,
)
from trainer.report_words import about, label, numbers, seeds_of, signed
from trainer.results import QualityRow

Size = Literal["topics", "dimensions"]
_WORDS = {
    "context": "mentions and link domains",
    "bigrams": "pairs of words",
    "mean": "the mean of the word vectors",
    "maximum": "the maximum over the LSTM's states",
    "lstm": "the LSTM and its attention",
    "dropout": "dropout",
    "smoothing": "smoothed labels",
    "decay": "a rate that falls",
}


def topic_tables(results: Results) -> list[Table]:
    """Return Table 3: quality by the number of topics."""
    return _sweeps(results, results.table3, "topics", "Table 3. The number of topics", TABLE_3)


def vector_tables(results: Results) -> list[Table]:
    """Return Table 4: quality by the length of the word vectors."""
    title = "Table 4. The length of the word vectors"
    return _sweeps(results, results.table4, "dimensions", title, TABLE_4)


def _sweeps(
    results: Results,
    rows: Iterable[QualityRow],
    size: Size,
    title: str,
    paper: Mapping[int, Figures],
) -> list[Table]:
    return [
        _sweep(results, block, some, size, title, paper if method == REFERENCE else {})
        for block, of_block in by_block(rows).items()
        for method, some in by_method(of_block).items()
    ]


def _sweep(
    results: Results,
    block: Block,
    rows: Sequence[QualityRow],
    size: Size,
    title: str,
    paper: Mapping[int, Figures],
) -> Table:
    sizes = grouped(sorted(rows, key=lambda row: getattr(row, size)), lambda r: getattr(r, size))
    beside = any(value in paper for value in sizes)
    columns = quality_columns(beside)
    lines = [
        Line(f"{value:,}", tuple(quality_cells(some, paper.get(value), len(columns))))
        for value, some in sizes.items()
    ]
    if size == "topics":
        fixed = f"word vectors of length {numbers(row.dimensions for row in rows)}"
    else:
        fixed = f"{numbers(row.topics for row in rows)} topics"
    seeds = seeds_of((row.method, row.seed) for row in rows)
    other = "" if block.protocol == LEAKY else OTHER_TEXT
    return table(
        title,
        about(results, block, f"{label(rows[0].method)} with {fixed}", seeds),
        "Topics" if size == "topics" else "Length",
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
    f1 = {left_out: some[2].value for left_out, some in cells.items()}
    whole = f1.get("")
    lines = []
    for left_out in sorted(cells, key=lambda name: (name != "", f1[name] or 0.0)):
        value = f1[left_out]
        known = left_out and value is not None and whole is not None
        change = Cell(signed(value - whole)) if known else Cell()  # type: ignore[operator]
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
