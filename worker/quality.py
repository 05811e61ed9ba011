"""Is what is suggested right? Posts tell by their own hashtags, once the answer has been given.

Prequential: each post is answered before it is added to what answers the next ones (Gama,
Sebastião and Rodrigues 2013, On evaluating stream learning algorithms).
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from worker.memory import Memory, Votes
from worker.memory_entries import Entry

RANKS = 5


@dataclass(frozen=True, slots=True)
class Score:
    """Whether each of the five best suggestions is a hashtag of the post, and how many it has."""

    hits: tuple[bool, ...]
    hashtags: int


def score(suggested: Sequence[str], hashtags: Collection[str]) -> Score:
    """Compare suggestions, the best first, with a post's own hashtags; all in canonical form."""
    hits = [hashtag in hashtags for hashtag in suggested[:RANKS]]
    return Score((*hits, *[False] * (RANKS - len(hits))), len(hashtags))


def predict_first(memory: Memory, entries: Sequence[Entry]) -> list[Votes]:
    """Look all posts of a batch up, and only then add those with a hashtag."""
    votes = memory.look_up(entries)
    memory.add([entry for entry in entries if entry.hashtags])
    return votes
