"""Two opinions on one post: what recent posts vote for, and what the model expects."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fused:
    """A hashtag in canonical form, its share of the votes and its probability; 0 where none."""

    hashtag: str
    score: float
    share: float
    probability: float

    @property
    def sources(self) -> list[str]:
        """Who knows of it."""
        return ["model"] * bool(self.probability) + ["memory"] * bool(self.share)


def fuse(
    shares: Mapping[str, float], probabilities: Mapping[str, float], weight: float
) -> list[Fused]:
    """Rank hashtags by (share + weight · probability) / (1 + weight), the best first.

    Hashtags that the model does not know count as improbable. Where nobody votes, as while the
    memory is empty, scores are the model's probabilities. Of equals those come first that the
    memory names first, then those that the model does.
    """
    names = dict.fromkeys([*shares, *probabilities])
    fused = [
        Fused(
            name,
            (share + weight * probability) / (1 + weight) if shares else probability,
            share,
            probability,
        )
        for name in names
        for share, probability in [(shares.get(name, 0.0), probabilities.get(name, 0.0))]
    ]
    return sorted(fused, key=lambda one: -one.score)
