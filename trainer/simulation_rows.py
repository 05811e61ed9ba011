"""The rows of `trainer simulate`, and its picture: what freshness is worth."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import numpy.typing as npt

from trainer.line_picture import BLUE, GREY, Line, picture
from trainer.progress import console
from trainer.provenance import Provenance
from trainer.replay import FUSED, MEMORY, STATIC, ReplayedRow, Scores, figures
from trainer.replay_ways import part_of
from trainer.significance import Interval, difference
from trainer.simulation import Simulation
from trainer.simulation_plan import Plan, Span

NEVER, ALL = "never", "all"
_PICTURED = {STATIC: ("", GREY), FUSED: ("with memory, ", BLUE)}


class SimulatedRow(ReplayedRow, frozen=True, kw_only=True):
    """One method while models are learned every so often, or never again, on posts asked.

    `first` is the share of the posts after which the first model is learned, `window` of which
    posts each learns, `models` how many there are, and `above_never`, on all posts asked, F1@1 less
    that of the first model kept on, in points.
    """

    every: str
    first: float
    window: str
    models: int
    above_never: Interval | None

    @property
    def key(self) -> tuple[object, ...]:
        """What a later run of the same cell replaces."""
        cell = (self.corpus, self.protocol, self.model, self.first, self.window, self.every)
        return (*cell, self.method, self.subset)


@dataclass(frozen=True)
class Simulated:
    """A simulation of the first model kept on, beside others learned every so often."""

    simulation: Simulation
    first: float
    every: Sequence[Span]
    window: Span | None
    command: str

    def rows(self) -> list[SimulatedRow]:
        """Learn what is not learned yet, and return the rows."""
        plans = [Plan(self.first, None, self.window)]
        plans += [Plan(self.first, every, self.window) for every in self.every]
        times = self.simulation.times
        learnings = {told(plan.every): plan.learnings(times) for plan in plans}
        count = sum(len(some) for some in learnings.values()) - len(self.every)
        console.print(f"{count} models; what was learned before is not learned again")
        ways = {
            every: [one for learning in some for one in self.simulation.expected(learning)]
            for every, some in learnings.items()
        }
        first = learnings[NEVER][0].asked
        suggested = self.simulation.suggested(first, ways)
        posts = self.simulation.moments[first:]
        scores = {cell: Scores.of(best, posts) for cell, best in suggested.items()}
        models = {every: len(some) for every, some in learnings.items()}
        return list(self._rows(scores, models))

    def _rows(
        self, scores: Mapping[tuple[str, str], Scores], models: Mapping[str, int]
    ) -> Iterator[SimulatedRow]:
        made = Provenance.of_this_process()
        for (every, method), found in scores.items():
            if method == MEMORY and every != NEVER:
                continue  # it knows of no model
            for subset, rows in _subsets(len(found.gold)).items():
                some, above = found.take(rows), None
                if every != NEVER and subset == ALL:
                    never = scores[NEVER, method].take(rows)
                    above = difference(some.first, never.first).interval
                yield SimulatedRow(
                    corpus=self.simulation.corpus.name,
                    protocol=self.simulation.clock,
                    method=method,
                    command=self.command,
                    provenance=made,
                    subset=subset,
                    model=self.simulation.settings.method,
                    every=every,
                    first=self.first,
                    window="all" if self.window is None else told(self.window),
                    models=models[every],
                    above_never=above,
                    **figures(some),
                )

    def marks(self) -> list[float]:
        """Return where between the first post asked and the last models are learned, of all."""
        times, found = self.simulation.times, set[float]()
        for every in self.every:
            asked = [one.asked for one in Plan(self.first, every, self.window).learnings(times)]
            found |= {(row - asked[0]) / (len(times) - asked[0]) for row in asked[1:]}
        return sorted(found)


def told(span: Span | None) -> str:
    """Return a span as it is given on the command line."""
    if span is None:
        return NEVER
    if isinstance(span, timedelta):
        hours = round(span / timedelta(hours=1))
        return f"{hours // 24}d" if hours % 24 == 0 else f"{hours}h"
    return f"{span:g}"


def draw(rows: Sequence[SimulatedRow], marks: Sequence[float]) -> str:
    """Return an SVG of F1@1 over the posts asked, with the moments at which models are learned."""
    lines = []
    for method, (name, colour) in _PICTURED.items():
        for every in dict.fromkeys(row.every for row in rows):
            parts = [row for row in rows if (row.method, row.every) == (method, every)]
            parts = [row for row in parts if row.subset.startswith("part ")]
            values = [row.f1_1 for row in sorted(parts, key=lambda row: row.subset)]
            again = NEVER if every == NEVER else f"every {every}"
            lines.append(Line(f"{name}{again}", values, colour, dashed=every == NEVER))
    head = "F1@1 in per cent, by how often a model is learned; a thin line where one is"
    return picture(head, f"posts, {rows[0].protocol}, in equal parts", lines, marks)


def _subsets(posts: int) -> dict[str, npt.NDArray[np.int64]]:
    found: dict[str, list[int]] = {ALL: list(range(posts))}
    for row in range(posts):
        found.setdefault(part_of(row, posts), []).append(row)
    return {name: np.array(rows, dtype=np.int64) for name, rows in found.items()}
