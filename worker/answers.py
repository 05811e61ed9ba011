"""What the graph says of a post → what we suggest to its author."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import NamedTuple

from worker.blocklist import Blocklist
from worker.fusion import fuse
from worker.memory import Votes
from worker.messages import SCORE_DECIMALS, Post, ScoredHashtag, SimilarPost, Suggestion
from worker.predictor import Prediction, Predictor
from worker.quality import RANKS, Ranked, Source
from worker.recall import carried
from worker.voting import Voting

_Ranked = tuple[str, str, float, list[str] | None]  # canonical, as it is spelt, score, sources


class Answered(NamedTuple):
    """The answer to a post, and the hashtags it carries already.

    If there are any, `first` are the five best before those are left out.
    """

    suggestion: Suggestion
    first: list[Ranked]
    carried: AbstractSet[str]


@dataclass(frozen=True)
class Answerer:
    """Turns predictions into suggestions.

    Arguments: `top`, how many hashtags a post gets; `keep_present`, whether one that the post
    already carries may be suggested; `explain`, whether topics and attention go along; `min_score`,
    the least score of one; `blocklist`, those never suggested; `voting`, how the memory votes, and
    `spell`, how it spells a hashtag that the model does not know.
    """

    predictor: Predictor
    top: int = 5
    keep_present: bool = False
    explain: bool = False
    min_score: float = 0.0
    blocklist: Blocklist = field(default_factory=Blocklist)
    voting: Voting = field(default_factory=Voting)
    spell: Callable[[str], str] = str

    def suggest(
        self, post: Post, prediction: Prediction | None, votes: Votes | None = None
    ) -> Suggestion:
        """Return the suggestions for a post alone."""
        return self.answer(post, prediction, votes).suggestion

    def answer(
        self, post: Post, prediction: Prediction | None, votes: Votes | None = None
    ) -> Answered:
        """Answer a post by its prediction, none where it has no words, and by votes if any."""
        ranked = self._expected(prediction) if votes is None else self._fused(prediction, votes)
        present = carried(post).keys()
        best, first = self._best(ranked, present)
        explained = prediction if self.explain else None
        suggestion = Suggestion(
            post.id,
            best,
            self.predictor.bundle.name,
            self.predictor.variant,
            reason=None if best or prediction else "no_words",
            topics=_rounded(explained.theta.tolist()) if explained else None,
            attention=_rounded(explained.attention.tolist()) if explained else None,
            nearest=self._nearest(votes),
        )
        return Answered(suggestion, first, present)

    def _nearest(self, votes: Votes | None) -> list[SimilarPost] | None:
        if votes is None or not self.explain:
            return None
        found = votes.nearest.items()
        return [SimilarPost(name, round(cosine, SCORE_DECIMALS)) for name, cosine in found]

    def _best(
        self, ranked: Iterable[_Ranked], present: AbstractSet[str]
    ) -> tuple[list[ScoredHashtag], list[Ranked]]:
        """Return what is suggested, and what a post's own hashtags are compared with, if any."""
        best: list[ScoredHashtag] = []
        first: list[Ranked] = []
        compared = RANKS if present else 0
        left_out = frozenset() if self.keep_present else present
        for canonical, spelling, score, sources in ranked:
            if (len(best) == self.top and len(first) == compared) or score < self.min_score:
                break
            if canonical in self.blocklist:
                continue
            if len(first) < compared:
                first.append(Ranked(canonical, Source.of(sources)))
            if len(best) < self.top and canonical not in left_out:
                best.append(ScoredHashtag(spelling, round(score, SCORE_DECIMALS), sources))
        return best, first

    def _expected(self, prediction: Prediction | None) -> Iterator[_Ranked]:
        if prediction is None:
            return
        hashtags = self.predictor.hashtags
        rows, scores = prediction.hashtags.tolist(), prediction.scores.tolist()
        for row, score in zip(rows, scores, strict=True):
            hashtag = hashtags[row]
            yield hashtag.canonical, hashtag.spelling, score, None

    def _fused(self, prediction: Prediction | None, votes: Votes) -> Iterator[_Ranked]:
        expected = _Expected(self.predictor, prediction) if prediction else {}
        for one in fuse(votes.shares, expected, self.voting.weight):
            spelling = self.predictor.spellings.get(one.hashtag) or self.spell(one.hashtag)
            yield one.hashtag, spelling, one.score, one.sources


class _Expected(Mapping[str, float]):
    """Probabilities by canonical forms, the most probable first; read no further than asked."""

    def __init__(self, predictor: Predictor, prediction: Prediction) -> None:
        self._predictor = predictor
        rows, scores = prediction.hashtags.tolist(), prediction.scores.tolist()
        self._scores: dict[int | None, float] = dict(zip(rows, scores, strict=True))

    def __contains__(self, canonical: object) -> bool:
        return self._predictor.rows.get(canonical) in self._scores  # type: ignore[call-overload]

    def __getitem__(self, canonical: str) -> float:
        return self._scores[self._predictor.rows[canonical]]

    def __iter__(self) -> Iterator[str]:
        hashtags = self._predictor.hashtags
        return (hashtags[row].canonical for row in self._scores if row is not None)

    def __len__(self) -> int:
        return len(self._scores)


def _rounded(values: list[float]) -> list[float]:
    return [round(value, SCORE_DECIMALS) for value in values]
