"""`trainer sweep` and `trainer ablate`: one network with one thing changed at a time."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import product

from trainer.compare import Writer
from trainer.methods.tab_lstm_plus import INGREDIENTS
from trainer.progress import console
from trainer.study import Case, Study

TABLES = {"topics": "table3", "dimensions": "table4"}
ABLATION = "ablation"


def cases(
    method: str, protocols: Sequence[str], varied: Mapping[str, Sequence[int]], seeds: int
) -> Iterator[tuple[str, Case]]:
    """Yield the cells of Tables 3 and 4, each with the name of its table."""
    for protocol, (name, values) in product(protocols, varied.items()):
        for value, seed in product(values, range(1, seeds + 1)):
            yield TABLES[name], Case(method, protocol, seed, {name: value})


def ablations(protocols: Sequence[str], seeds: int) -> Iterator[tuple[str, Case]]:
    """Yield tab-lstm+ whole, and without each of its ingredients."""
    for protocol, left_out in product(protocols, ("", *INGREDIENTS)):
        for seed in range(1, seeds + 1):
            changes = {"without": left_out} if left_out else {}
            yield ABLATION, Case("tab-lstm+", protocol, seed, changes)


def sweep(study: Study, cells: Sequence[tuple[str, Case]], writer: Writer) -> None:
    """Fill the tables; a cell that was learned before costs nothing."""
    for table, case in cells:
        quality = study.quality(case)
        writer.quality(table, case, quality, len(study.test(case)))
        told = ", ".join(f"{name} {value}" for name, value in case.changes.items()) or "whole"
        console.print(
            f"{table}: {case.protocol}, {case.method}, {told}, seed {case.seed}: "
            f"F1@1 {100 * quality.f1[0]:.2f} %"
        )
