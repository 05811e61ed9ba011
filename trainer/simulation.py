"""A corpus lived through: models learned as time goes by, each asked only about what came after."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import cast

import msgspec
import numpy as np
import numpy.typing as npt
import torch

from export.graph import MAX_RANKED
from trainer.corpus import digests, file_digest, split, write_posts
from trainer.fitted import fitted, fitted_folder, kept_cost
from trainer.material import TEXT_SEED, Material
from trainer.memory_fit import MemoryChoice
from trainer.network_method import NetworkMethod
from trainer.parts import Parts
from trainer.pipeline import check_enough
from trainer.progress import progress
from trainer.replay import Probabilities, of_each_method, votes
from trainer.settings import FitSettings
from trainer.simulation_plan import Learning
from trainer.timeline import SPLITS, Clock, Moment, joined, read_entries, timeline
from worker.memory import Memory
from worker.memory_room import Sizes
from worker.signals import SIGNALS


@dataclass(frozen=True)
class Expected:
    """What a model expects of posts: rows of its hashtags [posts, R], the best first, and p."""

    hashtags: npt.NDArray[np.int64]
    scores: npt.NDArray[np.float32]


@dataclass(frozen=True)
class Simulation:
    """A corpus whose splits are joined into one stream, and how a network learns from it.

    Of the posts in their order, `share` is taken, evenly. All that is learned and expected is kept
    in `parts`, so what was interrupted goes on.
    """

    corpus: Path
    clock: Clock
    parts: Parts
    settings: FitSettings
    choice: MemoryChoice
    share: float = 1.0

    @cached_property
    def moments(self) -> list[Moment]:
        """The posts with a hashtag, in their order."""
        return timeline(self.corpus, clock=self.clock)[:: round(1 / self.share)]

    @property
    def times(self) -> list[float]:
        """When they were written."""
        return [moment.time for moment in self.moments]

    def expected(self, learning: Learning) -> list[Probabilities]:
        """Return what a model expects of the posts that it is asked; it learns now or before."""
        corpus = self.window(learning)
        text = msgspec.structs.replace(self.settings, seed=TEXT_SEED)
        material = Material(corpus, text, self.parts)
        check_enough(material)
        folder = fitted_folder(material, self.settings)
        of = {
            "method": folder.name,
            "learned": kept_cost(folder).provenance.time,  # its folder may have been made anew
            "asked": file_digest(split(corpus, "test").path),
        }
        found = self.parts.kept("expected", of, lambda: self._expected(material), Expected)
        names = [hashtag.canonical for hashtag in material.labels.hashtags]
        readable = material.encoded("test").ids.lengths > 0
        return [
            {names[row]: p for row, p in zip(rows, scores, strict=True)} if words else {}
            for rows, scores, words in zip(
                found.hashtags.tolist(), found.scores.tolist(), readable.tolist(), strict=True
            )
        ]

    def suggested(
        self, first: int, ways: Mapping[str, Sequence[Probabilities]]
    ) -> dict[tuple[str, str], list[list[str]]]:
        """Return what is suggested for the posts from a row on, by way and method.

        `ways` has what the models that serve then expect of each of them.
        """
        entries, asked = (
            joined(read_entries(self.moments), SIGNALS),
            range(first, len(self.moments)),
        )
        memory = Memory(Sizes(posts=len(entries)), self.choice.rules, self.choice.most)
        found: dict[tuple[str, str], list[list[str]]] = {}
        with progress(f"{self.clock}, posts", len(asked)) as advance:
            replayed = votes(entries, asked, [memory], advance=advance)
            for post, (answer,) in enumerate(replayed):
                for way, expected in ways.items():
                    best = of_each_method(answer, expected[post], self.choice.weight)
                    for method, some in best.items():
                        found.setdefault((way, method), []).append(some)
        return found

    def window(self, learning: Learning) -> Path:
        """Return the posts that a model learns from, and is asked, as a corpus of their own."""
        begin, dev, asked, until = vars(learning).values()
        rows = {"train": (begin, dev), "dev": (dev, asked), "test": (asked, until)}

        def fill(folder: Path) -> None:
            for name, (some, end) in rows.items():
                posts = (moment.post for moment in self.moments[some:end])
                write_posts(folder / f"{name}.jsonl.zst", posts)

        of = {"sources": self._sources, "clock": self.clock, "share": self.share, "rows": rows}
        return self.parts.folder("window", of, fill)

    @cached_property
    def _sources(self) -> dict[str, str]:
        return digests(self.corpus, SPLITS)

    def _expected(self, material: Material) -> Expected:
        method = cast("NetworkMethod", fitted(material, self.settings))
        posts, k = material.encoded("test").inputs, min(MAX_RANKED, len(material.labels.hashtags))
        hashtags = np.zeros((len(posts), k), dtype=np.int64)
        scores = np.zeros((len(posts), k), dtype=np.float32)
        readable = np.flatnonzero(posts.ids.lengths)
        for rows, probabilities in method.probabilities(posts.take(readable)):
            best = torch.topk(torch.from_numpy(probabilities), k, dim=1)
            hashtags[readable[rows]], scores[readable[rows]] = best.indices, best.values
        return Expected(hashtags, scores)
