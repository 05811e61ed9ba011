"""The files of a study: lists of rows as JSON, each with what it takes to judge it."""

from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

import msgspec
from filelock import FileLock

from trainer.checkpoints import write_durably
from trainer.provenance import Provenance

EVIDENCE = "evidence"  # folder of what is no quality: costs, tests, curves, attention


class QualityRow(msgspec.Struct, frozen=True, kw_only=True):
    """One cell of a table: quality at k in per cent, on all posts of the test split."""

    corpus: str
    protocol: str
    method: str
    k: int
    precision: float
    recall: float
    f1: float
    hit: float
    seed: int
    train_posts: int
    test_posts: int
    topics: int
    dimensions: int
    without: str
    commit: str
    command: str
    machine: str
    time: str

    @property
    def key(self) -> tuple[object, ...]:
        """What a later run of the same cell replaces."""
        cell = (self.corpus, self.protocol, self.method, self.seed, self.k)
        return (*cell, self.topics, self.dimensions, self.without)


class EvidenceRow(msgspec.Struct, frozen=True, kw_only=True):
    """What every other row has: the cell it belongs to, and where it comes from."""

    corpus: str
    protocol: str
    method: str
    command: str
    provenance: Provenance

    @property
    def key(self) -> tuple[object, ...]:
        """What a later run of the same cell replaces."""
        return (self.corpus, self.protocol, self.method, getattr(self, "seed", None))


Row = TypeVar("Row", QualityRow, EvidenceRow)


def read_rows(file: Path, kind: type[Row]) -> list[Row]:
    """Return the rows of a file, none where it is missing."""
    if not file.exists():
        return []
    return msgspec.json.decode(file.read_bytes(), type=list[kind])  # type: ignore[valid-type]


def merge_rows(file: Path, rows: Sequence[Row], kind: type[Row]) -> None:
    """Add rows to a file; each replaces the one of the same cell. Several processes may do so."""
    if not rows:
        return
    file.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(file.with_name(f".{file.name}.lock")):
        merged = {row.key: row for row in [*read_rows(file, kind), *rows]}
        ordered = sorted(merged.values(), key=lambda row: [str(part) for part in row.key])
        write_durably(file, msgspec.json.format(msgspec.json.encode(ordered), indent=1) + b"\n")
