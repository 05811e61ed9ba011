"""What the graph says of a post → what we suggest to its author."""

from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

from export.text import canonical_hashtag, find_hashtags
from worker.blocklist import Blocklist
from worker.messages import SCORE_DECIMALS, Post, ScoredHashtag, Suggestion
from worker.predictor import Prediction, Predictor


@dataclass(frozen=True)
class Answerer:
    """Turns predictions into suggestions.

    Arguments: `top`, how many hashtags a post gets; `keep_present`, whether one that the post
    already carries may be suggested; `explain`, whether topics and attention go along; `min_score`,
    the least probability of one; `blocklist`, those never suggested.
    """

    predictor: Predictor
    top: int = 5
    keep_present: bool = False
    explain: bool = False
    min_score: float = 0.0
    blocklist: Blocklist = field(default_factory=Blocklist)

    def suggest(self, post: Post, prediction: Prediction) -> Suggestion:
        """Return the suggestions for a post from its prediction."""
        return Suggestion(
            post.id,
            self._best(prediction, frozenset() if self.keep_present else _carried(post)),
            self.predictor.bundle.name,
            self.predictor.variant,
            topics=_rounded(prediction.theta.tolist()) if self.explain else None,
            attention=_rounded(prediction.attention.tolist()) if self.explain else None,
        )

    def without_words(self, post: Post) -> Suggestion:
        """Return the answer to a post that has nothing to read."""
        return Suggestion(
            post.id, [], self.predictor.bundle.name, self.predictor.variant, reason="no_words"
        )

    def _best(self, prediction: Prediction, carried: AbstractSet[str]) -> list[ScoredHashtag]:
        best: list[ScoredHashtag] = []
        for row, score in zip(prediction.hashtags, prediction.scores.tolist(), strict=True):
            if len(best) == self.top or score < self.min_score:
                break
            hashtag = self.predictor.hashtags[row]
            if hashtag.canonical not in carried and hashtag.canonical not in self.blocklist:
                best.append(ScoredHashtag(hashtag.spelling, round(score, SCORE_DECIMALS)))
        return best


def _carried(post: Post) -> AbstractSet[str]:
    """Return the hashtags that a post has already, in canonical form."""
    in_text = find_hashtags(post.text) if "#" in post.text or "＃" in post.text else []
    return {canonical_hashtag(hashtag) for hashtag in [*in_text, *(post.hashtags or [])]}


def _rounded(values: list[float]) -> list[float]:
    return [round(value, SCORE_DECIMALS) for value in values]
