"""Table 2 of the report, continued: how sure the differences are, and what methods cost."""

from collections.abc import Sequence

from trainer.compare import CostRow, SureRow
from trainer.report.rows import Block, Results, by_method, in_block, method_order
from trainer.report.tables import Cell, Column, Table, mean, method_bodies, table
from trainer.report.words import (
    INTERVAL,
    about,
    between,
    chance,
    counted,
    label,
    listed,
    numbers,
    percent,
    seeds_of,
    signed,
    size,
)
from trainer.results import QualityRow

_OF_SEEDS = (
    "F1@1 in per cent, differences in points; a post's scores are averaged over the seeds first."
)


def certainty_table(results: Results, block: Block) -> Table | None:
    """Return intervals, differences with their tests, and quality without near-duplicates."""
    sure, distinct = in_block(results.significance, block), in_block(results.distinct, block)
    if not sure and not distinct:
        return None
    tested = {row.method: row for row in sure}
    others = by_method(distinct)
    columns = _certainty_columns(sure, distinct)
    cells = {
        method: [
            *(_tested(tested.get(method)) if sure else ()),
            *(_without_repeats(others.get(method, [])) if distinct else ()),
        ]
        for method in sorted({*tested, *others}, key=method_order)
    }
    seeds = seeds_of(
        [(row.method, seed) for row in sure for seed in row.seeds]
        or [(row.method, row.seed) for row in distinct]
    )
    rest = numbers(row.test_posts for row in distinct)
    return table(
        "Table 2b. How sure",
        about(results, block, seeds),
        "Method",
        columns,
        method_bodies(cells),
        _OF_SEEDS if sure else "",
        f"Without near-duplicates: on the {rest} test posts that repeat no training post."
        if distinct
        else "",
    )


def _certainty_columns(sure: Sequence[SureRow], distinct: Sequence[QualityRow]) -> list[Column]:
    columns = []
    if sure:
        references = listed(dict.fromkeys(label(row.reference) for row in sure))
        columns += [Column("F1@1", best="most"), Column(INTERVAL)]
        tested = ("Points", INTERVAL, "p, t-test", "p, bootstrap")
        columns += [Column(name, f"Difference to {references}") for name in tested]
    if distinct:
        shown = ("F1@1", "Hit@5")
        columns += [Column(name, "Without near-duplicates", "most") for name in shown]
    return columns


def _tested(row: SureRow | None) -> list[Cell]:
    if row is None:
        return [Cell()] * 6
    own = Cell(percent(row.f1.value), value=row.f1.value)
    interval = Cell(between(percent(row.f1.low), percent(row.f1.high)))
    if row.method == row.reference:
        return [own, interval, *[Cell()] * 4]
    found = row.difference
    return [
        own,
        interval,
        Cell(signed(found.interval.value)),
        Cell(between(signed(found.interval.low), signed(found.interval.high))),
        Cell(chance(found.p_t_test)),
        Cell(chance(found.p_bootstrap)),
    ]


def _without_repeats(rows: Sequence[QualityRow]) -> list[Cell]:
    return [
        mean([row.f1 for row in rows if row.k == 1]),
        mean([row.hit for row in rows if row.k == 5]),
    ]


def cost_table(results: Results, block: Block) -> Table | None:
    """Return what learning and ranking took."""
    rows = in_block(results.costs, block)
    if not rows:
        return None
    columns = [
        Column("Training, s", best="least"),
        Column("Size", best="least"),
        Column("Posts/s", best="most"),
        Column("Threads"),
    ]
    cells = {method: _cost_cells(some) for method, some in by_method(rows).items()}
    machines = listed(dict.fromkeys(row.provenance.machine for row in rows))
    return table(
        "Table 2c. What it costs",
        about(results, block, seeds_of((row.method, row.seed) for row in rows)),
        "Method",
        columns,
        method_bodies(cells),
        f"Measured on {machines}. Training leaves "
        "out what all methods share (vocabulary, word vectors, topics), and for blend the network "
        "that it takes. Posts/s: test posts ranked for their five best hashtags, their text read "
        "before.",
    )


def _cost_cells(rows: Sequence[CostRow]) -> list[Cell]:
    seconds, speed = [row.fit_seconds for row in rows], [row.posts_per_second for row in rows]
    return [
        mean(seconds, counted),
        mean([row.size_bytes for row in rows], size),
        mean(speed, counted),
        Cell(numbers(row.threads for row in rows)),
    ]
