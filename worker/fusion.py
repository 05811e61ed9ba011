"""Two opinions on one post: what recent posts vote for, and what the model expects."""

from collections.abc import Iterator, Mapping
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
) -> Iterator[Fused]:
    """Rank hashtags by (share + weight · probability) / (1 + weight), the best first.

    Hashtags that the model does not know count as improbable. Where nobody votes, as while the
    memory is empty, scores are the model's probabilities. Of equals those come first that the
    memory names first, then those that the model does.
    """
    whole = 1 + weight
    scores = {
        name: (share + weight * probabilities.get(name, 0.0)) / whole
        for name, share in shares.items()
    }
    for name, probability in probabilities.items():
        if name not in scores:
            scores[name] = weight * probability / whole if shares else probability
    for name in sorted(scores, key=scores.__getitem__, reverse=True):  # stable, also in reverse
        yield Fused(name, scores[name], shares.get(name, 0.0), probabilities.get(name, 0.0))
