"""Two opinions on one post: what recent posts vote for, and what the model expects."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from heapq import merge


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

    `probabilities` has the most probable first, and is read no further than the ranking is.
    Hashtags that the model does not know count as improbable. Where nobody votes, as while the
    memory is empty, scores are the model's probabilities. Of equals those come first that the
    memory names first, then those that the model does.
    """
    voted = [
        Fused(name, (share + weight * p) / (1 + weight), share, p)
        for name, share in shares.items()
        for p in [probabilities[name] if name in probabilities else 0.0]  # noqa: SIM401 - quicker
    ]
    scale = weight / (1 + weight) if shares else 1.0
    expected = (
        Fused(name, scale * p, 0.0, p) for name, p in probabilities.items() if name not in shares
    )
    voted.sort(key=_falling)  # stable, as the merge is
    return merge(voted, expected, key=_falling)


def _falling(one: Fused) -> float:
    return -one.score
