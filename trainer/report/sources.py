"""The lists of the report: methods, topics, mistakes, and how all was made."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from trainer.catalogue import METHODS
from trainer.provenance import Provenance
from trainer.report.rows import Results, by_block, by_method, grouped
from trainer.report.words import about, group, label

_MISTAKES = 6


@dataclass(frozen=True)
class MethodNote:
    """What a method is, and where it comes from."""

    kind: str
    name: str
    summary: str
    source: str


@dataclass(frozen=True)
class Mistakes:
    """The most frequent mistakes of each method, as (expected, suggested, posts)."""

    title: str
    about: str
    methods: tuple[tuple[str, tuple[tuple[str, str, str], ...]], ...]


@dataclass(frozen=True)
class Topics:
    """The top words of each topic, the most frequent topic first."""

    title: str
    about: str
    topics: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Source:
    """One command, and where and when its rows were made."""

    command: str
    commits: tuple[str, ...]
    machines: tuple[str, ...]
    first: str
    last: str
    seeds: str
    rows: str


def method_notes(results: Results) -> list[MethodNote]:
    """Return what the methods of the page are."""
    return [
        MethodNote(group(name), label(name), METHODS[name].summary, METHODS[name].source)
        for name in by_method(results.all)
        if name in METHODS
    ]


def mistakes(results: Results) -> list[Mistakes]:
    """Return the most frequent mistakes of the first suggestion."""
    found = []
    for block, rows in by_block(row for row in results.confusions if row.mistakes).items():
        methods = [
            (label(row.method), tuple((a, b, f"{n:,}") for a, b, n in row.mistakes[:_MISTAKES]))
            for some in by_method(rows).values()
            for row in some
        ]
        caption = about(results, block, "the first seed of each method")
        found.append(Mistakes("The most frequent mistakes", caption, tuple(methods)))
    return found


def topics(results: Results) -> list[Topics]:
    """Return the topics that the networks read."""
    return [
        Topics(
            f"{len(row.topics):,} topics by their top words",
            about(results, block, "learned once for all seeds"),
            tuple(tuple(words) for words in row.topics),
        )
        for block, rows in by_block(results.topics).items()
        for row in rows
    ]


def sources(results: Results) -> list[Source]:
    """Return every command whose rows are on the page."""
    return [_source(command, some) for command, some in _by_command(results.all).items()]


def _by_command(rows: Iterable[Any]) -> dict[str, list[Any]]:
    return grouped(rows, lambda row: row.command)


def _source(command: str, rows: Sequence[Any]) -> Source:
    made = [
        getattr(row, "provenance", None) or Provenance(row.commit, row.machine, row.time)
        for row in rows
    ]
    seeds = {seed for row in rows for seed in getattr(row, "seeds", [getattr(row, "seed", None)])}
    return Source(
        command,
        tuple(dict.fromkeys(one.commit for one in made)),
        tuple(dict.fromkeys(one.machine for one in made)),
        min(one.time for one in made),
        max(one.time for one in made),
        ", ".join(str(seed) for seed in sorted(seeds - {None})),
        f"{len(rows):,}",
    )
