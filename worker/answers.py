"""What the graph says of a post → what we suggest to its author."""

from collections.abc import Iterable, Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

from worker.blocklist import Blocklist
from worker.fusion import fuse
from worker.memory import Votes
from worker.messages import SCORE_DECIMALS, Post, ScoredHashtag, Suggestion
from worker.predictor import Prediction, Predictor
from worker.recall import carried

_Ranked = tuple[str, str, float, list[str] | None]  # canonical, as it is spelt, score, sources


@dataclass(frozen=True)
class Answerer:
    """Turns predictions into suggestions.

    Arguments: `top`, how many hashtags a post gets; `keep_present`, whether one that the post
    already carries may be suggested; `explain`, whether topics and attention go along; `min_score`,
    the least score of one; `blocklist`, those never suggested; `weight`, of the model beside the
    memory.
    """

    predictor: Predictor
    top: int = 5
    keep_present: bool = False
    explain: bool = False
    min_score: float = 0.0
    blocklist: Blocklist = field(default_factory=Blocklist)
    weight: float = 0.2

    def suggest(self, post: Post, prediction: Prediction, votes: Votes | None = None) -> Suggestion:
        """Return the suggestions for a post from its prediction, and the votes for it if any."""
        ranked = self._expected(prediction) if votes is None else self._fused(prediction, votes)
        return Suggestion(
            post.id,
            self._best(ranked, post),
            self.predictor.bundle.name,
            self.predictor.variant,
            topics=_rounded(prediction.theta.tolist()) if self.explain else None,
            attention=_rounded(prediction.attention.tolist()) if self.explain else None,
        )

    def without_words(self, post: Post, votes: Votes | None = None) -> Suggestion:
        """Return the answer to a post in which the model has nothing to read."""
        best = [] if votes is None else self._best(self._fused(None, votes), post)
        reason = None if best else "no_words"
        return Suggestion(
            post.id, best, self.predictor.bundle.name, self.predictor.variant, reason=reason
        )

    def _best(self, ranked: Iterable[_Ranked], post: Post) -> list[ScoredHashtag]:
        present: AbstractSet[str] = frozenset() if self.keep_present else carried(post).keys()
        best: list[ScoredHashtag] = []
        for canonical, spelling, score, sources in ranked:
            if len(best) == self.top or score < self.min_score:
                break
            if canonical not in present and canonical not in self.blocklist:
                best.append(ScoredHashtag(spelling, round(score, SCORE_DECIMALS), sources))
        return best

    def _expected(self, prediction: Prediction) -> Iterator[_Ranked]:
        for row, score in zip(prediction.hashtags, prediction.scores.tolist(), strict=True):
            hashtag = self.predictor.hashtags[row]
            yield hashtag.canonical, hashtag.spelling, score, None

    def _fused(self, prediction: Prediction | None, votes: Votes) -> Iterator[_Ranked]:
        expected = {} if prediction is None else {
            canonical: score for canonical, _, score, _ in self._expected(prediction)
        }  # fmt: skip
        for one in fuse(votes.shares, expected, self.weight):
            spelling = self.predictor.spellings.get(one.hashtag, one.hashtag)
            yield one.hashtag, spelling, one.score, one.sources


def _rounded(values: list[float]) -> list[float]:
    return [round(value, SCORE_DECIMALS) for value in values]
