"""The rows of `trainer replay`: every way of replaying, by method, on all posts and on some."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import msgspec

from trainer.memory_fit import MemoryChoice
from trainer.progress import progress
from trainer.provenance import Provenance
from trainer.replay import (
    Probabilities,
    ReplayedRow,
    Scores,
    figures,
    of_each_method,
    probabilities,
    votes,
)
from trainer.replay_ways import Way, near_repeats, subsets
from trainer.timeline import Moment, joined, read_entries, timeline
from worker.memory import Memory
from worker.memory_entries import Entry
from worker.memory_room import Sizes
from worker.predictor import Predictor
from worker.signals import Signal
from worker.voting import rules_for

NO_GUARDS = 1 << 30  # votes an hour: more than any author has


class ReplayRow(ReplayedRow, frozen=True, kw_only=True):
    """One method in one way of replaying; `window` is how many posts the memory holds."""

    signals: str
    guards: bool
    delay: str
    without: str
    window: int

    @property
    def key(self) -> tuple[object, ...]:
        """What a later run of the same cell replaces."""
        cell = (self.corpus, self.protocol, self.without, self.delay, self.guards, self.signals)
        return (*cell, self.method, self.subset)


@dataclass(frozen=True)
class Replays:
    """A corpus, a model that was learned from its train split alone, and how the memory votes."""

    corpus: Path
    predictor: Predictor
    choice: MemoryChoice
    command: str

    def rows(self, way: Way) -> list[ReplayRow]:
        """Replay in one way, and return its rows."""
        moments = self._moments(way)
        asked = [row for row, moment in enumerate(moments) if moment.split == "test"]
        posts = [moments[row] for row in asked]
        some = subsets(way, moments, asked, near_repeats(self.corpus))
        found = []
        for method, suggested in self._suggested(way, moments, asked).items():
            scores = Scores.of(suggested, posts)
            for name, rows in some.items():
                found.append(self._row(way, method, name, scores.take(rows), len(moments)))
        return found

    def _suggested(
        self, way: Way, moments: Sequence[Moment], asked: Sequence[int]
    ) -> dict[str, list[list[str]]]:
        """Return what each method suggests for each test post."""
        entries = list(self._entries(way.signals, moments))
        most = self.choice.most if way.guards else NO_GUARDS
        rules = rules_for(way.signals, self.choice.rules)
        memory = Memory(Sizes(posts=len(entries)), rules, most)
        lists: dict[str, list[list[str]]] = {}
        with progress(f"{way.protocol}, posts", len(asked)) as advance:
            replayed = votes(entries, asked, [memory], way.delay, advance)
            for row, (answer,) in zip(asked, replayed, strict=True):
                expected = self._model[moments[row].post.id]
                for method, best in of_each_method(answer, expected, self.choice.weight).items():
                    lists.setdefault(method, []).append(best)
        return lists

    def _row(self, way: Way, method: str, subset: str, scores: Scores, window: int) -> ReplayRow:
        return ReplayRow(
            corpus=self.corpus.name,
            protocol=way.protocol,
            method=method,
            command=self.command,
            provenance=self._provenance,
            signals=",".join(way.signals),
            subset=subset,
            guards=way.guards,
            delay=str(way.delay),
            without=",".join(way.without),
            window=window,
            model=self.predictor.bundle.manifest.model.method,
            **figures(scores),
        )

    @cached_property
    def _provenance(self) -> Provenance:
        return Provenance.of_this_process()

    def _moments(self, way: Way) -> list[Moment]:
        return timeline(self.corpus, without=way.without, clock=way.protocol)

    def _entries(self, kinds: Sequence[Signal], moments: Sequence[Moment]) -> Iterator[Entry]:
        """Yield what the memory reads of posts, by the clock of this way."""
        known = self._joined(kinds)
        for moment in moments:
            yield msgspec.structs.replace(known[moment.post.id], time=moment.time)

    def _joined(self, kinds: Sequence[Signal]) -> dict[str, Entry]:
        moments, read = self._read
        entries = joined(read, kinds)
        return {moment.post.id: entry for moment, entry in zip(moments, entries, strict=True)}

    @cached_property
    def _read(self) -> tuple[list[Moment], dict[Signal, list[Entry]]]:
        moments = timeline(self.corpus)
        return moments, read_entries(moments)

    @cached_property
    def _model(self) -> Mapping[str, Probabilities]:
        """What the model expects of each test post, by its id."""
        posts = [moment.post for moment in self._read[0] if moment.split == "test"]
        expected = probabilities(self.predictor, [post.text for post in posts])
        return {post.id: one for post, one in zip(posts, expected, strict=True)}
