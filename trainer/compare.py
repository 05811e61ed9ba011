"""`trainer compare`: every method on one corpus, cell by cell, and how sure the differences are."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import torch

from trainer.catalogue import METHODS, method_card
from trainer.checkpoints import Checkpoints, EpochRow
from trainer.metrics import Quality
from trainer.progress import console
from trainer.provenance import Provenance
from trainer.results import EVIDENCE, EvidenceRow, QualityRow, merge_rows
from trainer.significance import Difference, Interval, PostScores, difference, interval
from trainer.study import Case, Study

REFERENCE = "tab-lstm"  # every method is tested against it, as in the paper
_SHARED_CONFUSIONS = 30
_LEAST_CONFUSED = 5  # posts: rarer mistakes say nothing of a hashtag


class CostRow(EvidenceRow, frozen=True, kw_only=True):
    """What a cell costs: learning without what methods share, size, and ranking the test posts."""

    seed: int
    fit_seconds: float
    size_bytes: int
    posts_per_second: float
    threads: int


class CurveRow(EvidenceRow, frozen=True, kw_only=True):
    """How a network learned."""

    seed: int
    epochs: list[EpochRow]


class SureRow(EvidenceRow, frozen=True, kw_only=True):
    """F1@1 over the mean of the seeds, in per cent, and the difference to the reference."""

    seeds: list[int]
    posts: int
    f1: Interval
    reference: str
    difference: Difference


class ConfusionRow(EvidenceRow, frozen=True, kw_only=True):
    """The most frequent mistakes of the first rank: [expected, suggested, posts]."""

    mistakes: list[tuple[str, str, int]]


@dataclass(frozen=True)
class Writer:
    """Writes the rows of a study into the folder of its results."""

    study: Study
    results: Path
    command: str

    @property
    def corpus(self) -> str:
        """The name of the corpus: its folder's."""
        return self.study.corpus.name

    def quality(self, table: str, case: Case, quality: Quality, posts: int) -> None:
        """Write the rows at k of one cell."""
        settings, provenance = self.study.settings(case), self.study.cost(case).provenance
        rows = [
            QualityRow(
                corpus=self.corpus,
                protocol=case.protocol,
                method=case.method,
                k=row.k,
                precision=row.precision,
                recall=row.recall,
                f1=row.f1,
                hit=row.hit,
                seed=case.seed,
                train_posts=self.study.material(case).text.data.train_posts,
                test_posts=posts,
                topics=settings.topics,
                dimensions=settings.dimensions,
                without=settings.without,
                commit=provenance.commit,
                command=self.command,
                machine=provenance.machine,
                time=provenance.time,
            )
            for row in quality.rows("test", case.protocol)
        ]
        merge_rows(self.results / f"{table}-{self.corpus}.json", rows, QualityRow)

    def about(self, case: Case, provenance: Provenance) -> dict[str, Any]:
        """Return the fields that every row of evidence has."""
        return {
            "corpus": self.corpus,
            "protocol": case.protocol,
            "method": case.method,
            "command": self.command,
            "provenance": provenance,
        }

    def evidence(self, name: str, row: EvidenceRow) -> None:
        """Write one row of what stands behind the tables."""
        file = self.results / EVIDENCE / f"{name}-{self.corpus}.json"
        merge_rows(file, [row], type(row))


def cases(methods: Sequence[str], protocols: Sequence[str], seeds: int) -> Iterator[Case]:
    """Yield the cells of Table 2; methods that are repeated, the networks, with each seed."""
    for protocol, method in product(protocols, methods):
        repeats = seeds if method_card(method).repeated else 1
        for seed in range(1, repeats + 1):
            yield Case(method, protocol, seed)


def compare(study: Study, cells: Sequence[Case], writer: Writer) -> None:
    """Fill Table 2 and what stands behind it; a cell that was learned before costs nothing."""
    distinct = study.rows_without_near_duplicates()
    for case in cells:
        quality = study.quality(case)
        writer.quality("table2", case, quality, len(study.test(case)))
        if distinct is not None:
            rest = study.quality(case, distinct)
            writer.quality("table2-without-near-duplicates", case, rest, len(distinct))
        _write_costs(study, case, writer)
        console.print(
            f"{case.protocol}, {case.method}, seed {case.seed}: F1@1 {100 * quality.f1[0]:.2f} %"
        )
    for protocol in dict.fromkeys(case.protocol for case in cells):
        _write_differences(study, [case for case in cells if case.protocol == protocol], writer)


def _write_costs(study: Study, case: Case, writer: Writer) -> None:
    outcome, folder, cost = study.outcome(case), study.folder(case), study.cost(case)
    row = writer.about(case, cost.provenance)
    writer.evidence(
        "costs",
        CostRow(
            **row,
            seed=case.seed,
            fit_seconds=round(cost.seconds, 1),
            size_bytes=sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()),
            posts_per_second=round(len(outcome.ranked) / float(outcome.seconds), 1),
            threads=torch.get_num_threads(),
        ),
    )
    if epochs := Checkpoints(folder).epochs():
        writer.evidence("curves", CurveRow(**row, seed=case.seed, epochs=epochs))


def _write_differences(study: Study, done: Sequence[Case], writer: Writer) -> None:
    """Test each method against the reference, and tell its most frequent mistakes."""
    scores = {}
    for method in METHODS:
        if some := [case for case in done if case.method == method]:
            first = np.stack([study.hits(case)[:, 0] for case in some])
            scores[method] = PostScores.of(first, study.test(some[0]).gold)
    for method, own in scores.items():
        some = [case for case in done if case.method == method]
        row = writer.about(some[0], Provenance.of_this_process())
        writer.evidence("confusions", ConfusionRow(**row, mistakes=_mistakes(study, some[0])))
        if REFERENCE in scores:
            writer.evidence(
                "significance",
                SureRow(
                    **row,
                    seeds=[case.seed for case in some],
                    posts=len(own.precision),
                    f1=interval(own),
                    reference=REFERENCE,
                    difference=difference(own, scores[REFERENCE]),
                ),
            )


def _mistakes(study: Study, case: Case) -> list[tuple[str, str, int]]:
    """Return which hashtag was suggested first where another was expected, the most frequent."""
    test, ranked = study.test(case), study.outcome(case).ranked[:, 0]
    names = [hashtag.canonical for hashtag in study.material(case).text.hashtags]
    counts: Counter[tuple[int, int]] = Counter()
    for best, labels in zip(ranked.tolist(), test.labels, strict=True):
        if best not in labels:
            counts.update((int(label), best) for label in labels)
    return [
        (names[expected], names[suggested], posts)
        for (expected, suggested), posts in counts.most_common(_SHARED_CONFUSIONS)
        if posts >= _LEAST_CONFUSED
    ]
