"""One corpus, many methods: each cell of a table is learned once, and its rankings are kept."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt

from trainer.catalogue import settings_for
from trainer.corpus import file_digest, split
from trainer.fitted import Cost, fitted, fitted_folder, kept_cost
from trainer.material import TEXT_SEED, Material
from trainer.metrics import KS, Quality, measure
from trainer.parts import Parts
from trainer.reading import EncodedPosts
from trainer.recommender import Recommender
from trainer.scoring import hits_of, padded_ranks
from trainer.settings import FitSettings


@dataclass(frozen=True)
class Case:
    """One cell: a method under a protocol, with a seed and settings that differ for it."""

    method: str
    protocol: str
    seed: int = 1
    changes: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class Outcome:
    """The five best hashtags of each test post [posts, 5], and the seconds that took ()."""

    ranked: npt.NDArray[np.int64]
    seconds: npt.NDArray[np.float64]


@dataclass(frozen=True)
class Study:
    """A corpus and settings, `given` by whoever asks, under which methods are compared."""

    corpus: Path
    parts: Parts
    given: Mapping[str, object]

    def settings(self, case: Case) -> FitSettings:
        """Return the settings of a cell."""
        own = {"protocol": case.protocol, "seed": case.seed, **case.changes}
        return settings_for(case.method, {**self.given, **own})

    def material(self, case: Case) -> Material:
        """Return what the methods of like cells learn from."""
        settings = msgspec.structs.replace(self.settings(case), seed=TEXT_SEED)
        material = Material(self.corpus, settings, self.parts)
        return self._materials.setdefault(str(material.of), material)

    @cached_property
    def _materials(self) -> dict[str, Material]:
        return {}

    def folder(self, case: Case) -> Path:
        """Return the folder of the method of a cell, which learns now if it has not yet."""
        return fitted_folder(self.material(case), self.settings(case))

    def test(self, case: Case) -> EncodedPosts:
        """Return the test posts as the cell reads them."""
        return self.material(case).encoded("test")

    def outcome(self, case: Case) -> Outcome:
        """Return how the method of a cell ranks for the test posts."""
        material, folder = self.material(case), self.folder(case)
        of = {
            "method": folder.name,
            "learned": self.cost(case).provenance.time,  # its folder may have been made anew
            "test": file_digest(split(self.corpus, "test").path),
        }

        def rank() -> Outcome:
            posts = self.test(case).inputs
            recommender = Recommender(material.text, fitted(material, self.settings(case)))
            started = time.perf_counter()
            ranked = recommender.rank(posts, KS[-1])
            return Outcome(padded_ranks(ranked), np.array(time.perf_counter() - started))

        return self.parts.kept("outcome", of, rank, Outcome)

    def hits(self, case: Case) -> npt.NDArray[np.bool_]:
        """Tell of each rank [posts, 5] whether it is one of the post's hashtags."""
        return hits_of(self.outcome(case).ranked, self.test(case).labels)

    def quality(self, case: Case, rows: npt.NDArray[np.int64] | None = None) -> Quality:
        """Return the quality of a cell on all test posts, or on some rows of them."""
        some = slice(None) if rows is None else rows
        return measure(self.hits(case)[some], self.test(case).gold[some])

    def cost(self, case: Case) -> Cost:
        """Return what learning took."""
        return kept_cost(self.folder(case))

    def rows_without_near_duplicates(self) -> npt.NDArray[np.int64] | None:
        """Return the rows of test posts that repeat no training post, where the corpus tells."""
        file = self.corpus / "test_near_dup_of_train_ids.txt"
        if not file.exists():
            return None
        repeats = set(file.read_text().split())
        answered = (post for post in split(self.corpus, "test") if post.spellings)
        return np.flatnonzero([post.id not in repeats for post in answered])
