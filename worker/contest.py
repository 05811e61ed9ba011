"""Champion and challenger side by side: each answers its share of the posts, both are scored."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from worker.following import FollowedChallenger, FollowedModel
from worker.intake import Skipped
from worker.messages import Output, Record
from worker.predictor import Predictor
from worker.recall import sampled
from worker.responder import Posts, Responder, Responds
from worker.scoreboard import Scoreboard


def challenged(identity: str, share: float) -> bool:
    """Say whether a post is the challenger's, by the hash of its id: the same for every worker.

    A smaller share is a part of a larger one. It has nothing to do with what the memory samples.
    """
    person = b"challenger"
    digest = hashlib.blake2b(identity.encode(), digest_size=8, person=person).digest()
    return sampled(int.from_bytes(digest), share)


@dataclass(frozen=True)
class Both:
    """Two models that answer a batch: the challenger a share of it, the champion the rest.

    With `shadow`, the champion's answers are published for all; the challenger's are only scored.
    """

    champion: Responder
    challenger: Responder
    share: float
    shadow: bool = False

    @property
    def scoreboard(self) -> Scoreboard:
        """The one that they share."""
        return self.champion.scoreboard

    @property
    def predictor(self) -> Predictor:
        """The champion's."""
        return self.champion.predictor

    def idle(self) -> None:
        """Use a moment without posts."""
        self.champion.idle()

    def respond(self, records: Sequence[Record]) -> list[Output | Skipped]:
        """Return what is to be published for each record, or why nothing is."""
        return self.champion.respond_by(self._answer, records)

    def _answer(self, posts: Posts) -> list[Output]:
        """Return an answer a post; where the challenger fails on one, the champion's."""
        tried = self._tried(posts)
        if self.shadow:
            return list(map(_beside, self.champion.answer(posts), tried))
        left = [pair for pair, one in zip(posts, tried, strict=True) if one is None]
        rest = iter(self.champion.answer(left))
        return [one or next(rest) for one in tried]

    def _tried(self, posts: Posts) -> list[Output | None]:
        """Return the challenger's answers; None for the posts that it does not get, or fails on."""
        asked = [challenged(post.id, self.share) for _, post in posts]
        chosen = [pair for pair, its in zip(posts, asked, strict=True) if its]
        answers = self.challenger.answer(chosen)
        failures = sum(one.rejected is not None for one in answers)
        self.champion.metrics.challenger_failures.inc(failures)
        found = iter(answers)
        tried = [next(found) if its else None for its in asked]
        return [one if one and one.rejected is None else None for one in tried]


def _beside(published: Output, tried: Output | None) -> Output:
    """Return the champion's answer, with what the challenger's tells of its model."""
    if tried is None:
        return published
    told = tuple(replace(one, shadow=True) for one in tried.judged)
    return replace(published, judged=(*published.judged, *told))


@dataclass(frozen=True)
class Contest:
    """The models of a worker with a challenger, as long as there is one."""

    champion: FollowedModel
    challenger: FollowedChallenger
    share: float
    shadow: bool = False

    def current(self) -> Responds:
        """Return what answers the next batch."""
        champion, challenger = self.champion.current(), self.challenger.current()
        if challenger is None:
            return champion
        return Both(champion, challenger, self.share, self.shadow)
