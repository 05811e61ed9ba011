"""The rows of a folder of results, and which of them belong together."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, NamedTuple, Protocol, TypeVar

import msgspec

from export.text import PROTOCOLS
from trainer.attention import AttentionRow, DistanceRow
from trainer.catalogue import METHODS
from trainer.compare import ConfusionRow, CostRow, CurveRow, SureRow
from trainer.corpus_card import CorpusRow, TopicsRow
from trainer.errors import TrainerError
from trainer.report.paper import TABLE_2
from trainer.results import EVIDENCE, QualityRow, read_rows

_DISTINCT = "table2-without-near-duplicates"
# In the paper's order, then the others in the catalogue's: yardsticks before ours.
ORDER = (*TABLE_2, *(name for name in METHODS if name not in TABLE_2))


class Block(NamedTuple):
    """What figures have in common that may be compared: one corpus, read in one way."""

    corpus: str
    protocol: str


class _Row(Protocol):
    @property
    def corpus(self) -> str: ...

    @property
    def protocol(self) -> str: ...

    @property
    def method(self) -> str: ...


_R = TypeVar("_R", bound=_Row)
_T = TypeVar("_T")
_K = TypeVar("_K")


@dataclass(frozen=True)
class Results:
    """All rows of a folder, by the table or figure that they are for."""

    table2: list[QualityRow]
    distinct: list[QualityRow]
    table3: list[QualityRow]
    table4: list[QualityRow]
    ablation: list[QualityRow]
    corpus: list[CorpusRow]
    topics: list[TopicsRow]
    costs: list[CostRow]
    curves: list[CurveRow]
    significance: list[SureRow]
    confusions: list[ConfusionRow]
    attention: list[AttentionRow]
    distance: list[DistanceRow]

    @classmethod
    def read(cls, folder: Path) -> "Results":
        """Read a folder; raises `TrainerError` where it holds nothing, or something else."""
        found = cls(
            table2=_rows(folder, "table2", QualityRow),
            distinct=_rows(folder, _DISTINCT, QualityRow),
            table3=_rows(folder, "table3", QualityRow),
            table4=_rows(folder, "table4", QualityRow),
            ablation=_rows(folder, "ablation", QualityRow),
            corpus=_rows(folder / EVIDENCE, "corpus", CorpusRow),
            topics=_rows(folder / EVIDENCE, "topics", TopicsRow),
            costs=_rows(folder / EVIDENCE, "costs", CostRow),
            curves=_rows(folder / EVIDENCE, "curves", CurveRow),
            significance=_rows(folder / EVIDENCE, "significance", SureRow),
            confusions=_rows(folder / EVIDENCE, "confusions", ConfusionRow),
            attention=_rows(folder / EVIDENCE, "attention", AttentionRow),
            distance=_rows(folder / EVIDENCE, "distance", DistanceRow),
        )
        if not found.all:
            raise TrainerError(f"{folder} holds no results; `trainer compare` makes some")
        return found

    @property
    def all(self) -> list[Any]:
        """Every row."""
        return [row for field in fields(self) for row in getattr(self, field.name)]

    @property
    def quality(self) -> list[QualityRow]:
        """The rows of all tables of quality on all test posts."""
        return [*self.table2, *self.table3, *self.table4, *self.ablation]


def _rows(folder: Path, name: str, kind: Any) -> list[Any]:  # noqa: ANN401
    rows: list[Any] = []
    for file in sorted(folder.glob(f"{name}-*.json")):
        if name == "table2" and file.name.startswith(f"{_DISTINCT}-"):
            continue
        try:
            rows += read_rows(file, kind)
        except msgspec.DecodeError as error:
            raise TrainerError(
                f"{file} is no list of results ({error}); make it again by its command"
            ) from error
    return rows


def grouped(rows: Iterable[_T], key: Callable[[_T], _K]) -> dict[_K, list[_T]]:
    """Return the rows by what they have in common, in the order in which that first occurs."""
    groups: dict[_K, list[_T]] = {}
    for row in rows:
        groups.setdefault(key(row), []).append(row)
    return groups


def by_block(rows: Iterable[_R]) -> dict[Block, list[_R]]:
    """Return the rows by corpus and protocol, in that order."""
    found = grouped(rows, lambda row: Block(row.corpus, row.protocol))
    return {block: found[block] for block in sorted(found, key=_block_order)}


def in_block(rows: Iterable[_R], block: Block) -> list[_R]:
    """Return the rows of one corpus and protocol."""
    return [row for row in rows if (row.corpus, row.protocol) == block]


def by_method(rows: Iterable[_R]) -> dict[str, list[_R]]:
    """Return the rows by method: the paper's in its order, yardsticks, ours, unknown ones."""
    found = grouped(rows, lambda row: row.method)
    return {method: found[method] for method in sorted(found, key=method_order)}


def _block_order(block: Block) -> tuple[object, ...]:
    known = [str(name) for name in PROTOCOLS]
    place = known.index(block.protocol) if block.protocol in known else len(known)
    return (block.corpus, place, block.protocol)


def method_order(method: str) -> tuple[int, str]:
    """Return what sorts methods as the page shows them."""
    return (ORDER.index(method) if method in ORDER else len(ORDER), method)
