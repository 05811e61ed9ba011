"""The memory again, without arrays, chains or a compiler: the oracle of `worker.memory`.

Everything is worked out anew from the posts that are held.
"""

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice

from export.text import canonical_hashtag
from worker.memory import Votes
from worker.memory_entries import Entry
from worker.memory_lookup import FIXED
from worker.memory_room import Sizes
from worker.memory_state import Rules

HOUR, DAY = 3_600.0, 86_400.0


class PlainMemory:
    def __init__(self, sizes: Sizes, rules: Rules, most: int) -> None:
        self.sizes, self.rules, self.most = sizes, rules, most
        self.held: dict[int, Entry] = {}

    def add(self, entries: Sequence[Entry]) -> None:
        for entry in entries:
            self.held.pop(entry.id, None)
            while self.held and self._full():
                del self.held[next(iter(self.held))]
            self.held[entry.id] = Entry(
                entry.id, entry.time, entry.author, entry.original,
                entry.tokens[: self.sizes.tokens],
                [min(n, 255) for n in entry.counts[: self.sizes.tokens]],
                entry.hashtags[: self.sizes.hashtags],
                entry.name,
            )  # fmt: skip

    def look_up(self, entry: Entry) -> Votes:
        """Return shares, the most first, and the most similar posts."""
        weights = self._weights(entry)
        scored, similar = [], []
        for post in self._candidates(entry, weights):
            cosine = self._cosine(weights, post)
            if cosine > 0:
                similar.append((cosine, post))
                scored.append((cosine * self._fresh(entry, post), post))
        scored.sort(key=lambda pair: (pair[0], *_newness(pair[1])), reverse=True)
        ballots = self._ballots(scored[: self.rules.voters])
        total = sum(vote for _, vote in ballots)
        own = [(self._fresh(entry, post), post) for post in self._of_author(entry)]
        of_author = self._ballots(own[: self.rules.ring]) if self.rules.author else []
        of_own = sum(vote for _, vote in of_author)
        if of_own > 0:
            weight = self.rules.author * (total or 1.0) / of_own
            ballots += [(tag, weight * vote) for tag, vote in of_author]
            total += weight * of_own
        votes: dict[str, float] = {}
        for tag, vote in ballots:
            votes[tag] = votes.get(tag, 0.0) + vote
        ranked = sorted(votes.items(), key=lambda pair: -pair[1])[: self.sizes.suggested]
        similar.sort(key=lambda pair: (pair[0], *_newness(pair[1])), reverse=True)
        nearest = similar[: self.sizes.nearest]
        return Votes(
            {tag: vote / total for tag, vote in ranked},
            {post.name: cosine for cosine, post in nearest if post.name},
        )

    def spelling(self, canonical: str) -> str:
        """Return how posts spell a hashtag most often, those first that may vote for it."""
        written = [
            (-(tag in self._voted(post)), tag)
            for post in self.held.values()
            for tag in post.hashtags
            if canonical_hashtag(tag) == canonical
        ]
        votes = Counter[str]()
        for vote, tag in written:
            votes[tag] += vote
        return min(votes, key=lambda tag: (votes[tag], tag), default=canonical)

    def _fresh(self, entry: Entry, post: Entry) -> float:
        age = max(entry.time - post.time, 0.0) / (self.rules.scale * DAY)
        return float((1.0 + age) ** -self.rules.decay)

    def _ballots(self, scored: Sequence[tuple[float, Entry]]) -> list[tuple[str, float]]:
        """Return the votes, one after the other."""
        return [
            (
                canonical_hashtag(tag),
                score**self.rules.power * len(post.hashtags) ** -self.rules.sharing,
            )
            for score, post in scored
            for tag in self._voted(post)
        ]

    def _of_author(self, entry: Entry) -> list[Entry]:
        return [
            post for post in self._others(entry) if entry.author and post.author == entry.author
        ]

    def _others(self, entry: Entry) -> list[Entry]:
        """Return the posts that may vote, the newest first."""
        return [
            post
            for post in self._newest()
            if post.id != entry.id and post.original != entry.original and self._voted(post)
        ]

    def _full(self) -> bool:
        keys = {k for e in self.held.values() for k in (*e.tokens, e.original, e.author) if k}
        spellings = {tag for e in self.held.values() for tag in e.hashtags}
        return (
            len(self.held) == self.sizes.posts
            or self.sizes.token_slots - 1 - len(keys) < self.sizes.cells
            or self.sizes.hashtag_slots - len(spellings) < self.sizes.hashtags
        )

    def _newest(self) -> list[Entry]:
        return sorted(self.held.values(), key=_newness, reverse=True)

    def _voted(self, post: Entry) -> list[str]:
        """Return the hashtags of a post that its author's later posts have not too often."""
        if not post.author:
            return post.hashtags
        later = [
            other
            for other in self.held.values()
            if other.author == post.author
            and _newness(other) > _newness(post)
            and other.time - post.time < HOUR
        ]
        counts = Counter(canonical_hashtag(tag) for other in later for tag in other.hashtags)
        return [tag for tag in post.hashtags if counts[canonical_hashtag(tag)] < self.most]

    def _weights(self, entry: Entry) -> dict[int, float]:
        """Return the weights of a post's tokens by the frequencies of the moment."""
        voting = [post for post in self.held.values() if self._voted(post)]
        uses = Counter(token for post in voting for token in post.tokens)
        everything = 1.0 + math.log(1 + len(voting))
        pairs = zip(entry.tokens[: self.sizes.tokens], entry.counts, strict=False)
        return {
            token: (1 + math.log(min(n, 255))) * (everything - math.log(1 + uses[token]))
            for token, n in pairs
        }

    def _candidates(self, entry: Entry, weights: dict[int, float]) -> list[Entry]:
        posts = self._others(entry)
        sums: Counter[int] = Counter()
        for token, weight in weights.items():
            for post in islice(_having(posts, token), self.rules.ring):
                sums[post.id] += int(weight * FIXED)
        met = [post for post in posts if post.id in sums]
        met.sort(key=lambda post: sums[post.id], reverse=True)  # stable: of equals the newer first
        return list(
            {p.id: p for p in [*met[: self.rules.candidates], *posts[: self.rules.newest]]}.values()
        )

    def _cosine(self, weights: dict[int, float], post: Entry) -> float:
        own = self._weights(post)
        product = sum(own[token] * weights[token] for token in own if token in weights)
        return product / (_length(weights) * _length(own)) if product else 0.0


def _having(posts: Sequence[Entry], token: int) -> Iterator[Entry]:
    return (post for post in posts if token in post.tokens)


def _newness(post: Entry) -> tuple[float, int]:
    return post.time, post.id


def _length(weights: dict[int, float]) -> float:
    return math.sqrt(sum(weight * weight for weight in weights.values()))
