"""What posts and hashtags are called, by their slots: Python's part of the memory."""

from collections.abc import Iterator

import numpy as np

from worker.memory_entries import MAX_NAME_BYTES, MAX_TAG_BYTES, hashtag
from worker.memory_room import Sizes
from worker.memory_state import NONE, Ints

_OBJECT = 56  # bytes that Python and a list add to a name


class Names:
    """Ids of posts, and the spellings of hashtags.

    A chain links the spellings of each hashtag. One that nobody uses any more stays in it until its
    slot is another's, so the first of a chain always tells what its hashtag is.
    """

    def __init__(self, sizes: Sizes) -> None:
        slots = sizes.hashtag_slots
        self.posts = [b""] * sizes.posts
        self.spellings = [b""] * slots
        self._first, self._next, self._owner = (np.full(slots, NONE, np.int32) for _ in range(3))

    @property
    def nbytes(self) -> int:
        """The most that all of it can take."""
        names = len(self.posts) * (MAX_NAME_BYTES + _OBJECT)
        names += len(self.spellings) * (MAX_TAG_BYTES + _OBJECT)
        return names + self._first.nbytes + self._next.nbytes + self._owner.nbytes

    def note(self, tag: int, slot: int, spelling: str) -> None:
        """Let a slot of spellings be one of a hashtag."""
        written = spelling.encode()
        if self._owner[slot] == tag and self.spellings[slot] == written:
            return
        self._let_go(slot)
        first = int(self._first[tag])
        if first != NONE and self._canonical(first) != hashtag(spelling).canonical:
            for other in list(self._of(tag)):  # the slot was another hashtag's
                self._let_go(other)
        self.spellings[slot] = written
        self._owner[slot], self._next[slot] = tag, self._first[tag]
        self._first[tag] = slot

    def hashtags(self, tags: Ints) -> list[str]:
        """Return the canonical forms of hashtags that are held."""
        spelt = self.spellings
        return [hashtag(spelt[slot].decode()).canonical for slot in self._first[tags].tolist()]

    def most_voted(self, tag: int, uses: Ints, votes: Ints) -> str:
        """Return the spelling of most votes among those in use; of equals, what sorts first."""
        used = [slot for slot in self._of(tag) if uses[slot]]
        return min((-int(votes[slot]), self.spellings[slot].decode()) for slot in used)[1]

    def _canonical(self, slot: int) -> str:
        return hashtag(self.spellings[slot].decode()).canonical

    def _of(self, tag: int) -> Iterator[int]:
        """Yield the slots of a hashtag's spellings."""
        slot = int(self._first[tag])
        while slot != NONE:
            yield slot
            slot = int(self._next[slot])

    def _let_go(self, slot: int) -> None:
        """Take a slot out of the chain it is in."""
        owner = int(self._owner[slot])
        if owner == NONE:
            return
        before = next((other for other in self._of(owner) if self._next[other] == slot), NONE)
        if before == NONE:
            self._first[owner] = self._next[slot]
        else:
            self._next[before] = self._next[slot]
        self._owner[slot] = NONE
