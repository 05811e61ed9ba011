"""A memory of recent posts: it knows a hashtag seconds after its first use.

The last W posts with a hashtag are held. A post is answered by those that are most like it: they
vote for their hashtags. What is held is a pure function of the posts that were added, and the votes
are one of what is held: any two memories that read the same posts agree, and a repeat of what is
held changes nothing but when it leaves.

numba compiles the steps, since it needs no compiler where it is installed; `worker/compiled.py`
says how a worker starts without compiling.
"""

import copy
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Self

import msgspec
import numpy as np
import numpy.typing as npt

from worker.errors import WorkerError
from worker.memory_entries import Entry, hashtag, packed
from worker.memory_lookup import look_up
from worker.memory_names import Names
from worker.memory_room import Sizes, new_answers, new_scratch, new_state
from worker.memory_state import (
    AUTHOR,
    FIRST_OUT,
    FIRST_TOKEN,
    HELD,
    NONE,
    ORIGINAL,
    Batch,
    Ints,
    Keys,
    Longs,
    LookUp,
    Rules,
)
from worker.memory_tables import add, find_slots

_FORMAT = 2  # 2: hashtags as they are spelt, and ids of posts


class MemoryMismatchError(WorkerError):
    """A snapshot of another format, or of tokens made with another key or of other signals."""


@dataclass(frozen=True, slots=True)
class Votes:
    """Shares of the votes by hashtag, in canonical form, the most first.

    `nearest` are the most similar posts by their ids with their cosines, the most similar first.
    """

    shares: dict[str, float]
    nearest: dict[str, float]


class _Snapshot(msgspec.Struct, frozen=True, array_like=True):
    form: int
    signals: str
    entries: list[Entry]


class Memory:
    """Holds the last posts, in arrays of a fixed size made here.

    Arguments: `sizes`, what there is room for; `rules`, how posts vote; `most`, how many posts an
    hour of one author may vote for a hashtag: the newest; `signals`, names how tokens were made.

    What does not fit in a post's room is left out: tokens from the end, hashtags from the end.
    Where posts have so many different tokens or hashtags that the tables are full, the first posts
    leave early.
    """

    def __init__(
        self, sizes: Sizes, rules: Rules | None = None, most: int = 5, signals: str = ""
    ) -> None:
        self.sizes = sizes
        self.rules = _typed(rules or Rules())
        self.most = most
        self.signals = signals
        self._state = new_state(sizes)
        self._scratch = new_scratch(sizes, self.rules)
        self._answers = new_answers(sizes)
        self._names = Names(sizes)

    def voting_by(self, rules: Rules) -> Self:
        """Return the same memory with other rules: what is added to one, the other holds too."""
        other = copy.copy(self)
        other.rules = _typed(rules)
        other._scratch = new_scratch(self.sizes, other.rules)  # noqa: SLF001 - of our own kind
        return other

    def __len__(self) -> int:
        return int(self._state.numbers[HELD])

    @property
    def oldest(self) -> float | None:
        """Seconds since the epoch at which the post was written that is the first to leave."""
        post = int(self._state.numbers[FIRST_OUT])
        return None if post == NONE else float(self._state.times[post])

    @property
    def nbytes(self) -> int:
        """Bytes of all arrays, and the most that names of posts and hashtags can take."""
        return self._names.nbytes + sum(array.nbytes for array in self.arrays())

    def arrays(self) -> Iterator[npt.NDArray[Any]]:
        """Yield all arrays there are."""
        return _flat((self._state, self._scratch, self._answers))

    def add(self, entries: Sequence[Entry]) -> None:
        """Hold posts, in their order; a repeated id takes the place of the earlier post.

        Raises `ValueError` where one has no hashtag; then none is added.
        """
        if not all(entry.hashtags for entry in entries):
            raise ValueError("a post without a hashtag has no vote; add those with one")
        for start in range(0, len(entries), self.sizes.batch):
            some = entries[start : start + self.sizes.batch]
            batch, spelt = packed(some, self.sizes)
            add(self._state, batch, self.most)
            self._name(some, batch, spelt)

    def _name(self, entries: Sequence[Entry], batch: Batch, spelt: Sequence[str]) -> None:
        """Keep the names of posts that were just added; some may have left already."""
        state = self._state
        for post, entry in zip(self._held(batch).tolist(), entries, strict=True):
            if post != NONE:
                self._names.posts[post] = entry.name.encode()
        tags = _slots(state.tag_keys, batch.tags).tolist()
        slots = _slots(state.spelling_keys, batch.spellings).tolist()
        for tag, slot, spelling in zip(tags, slots, spelt, strict=True):
            if slot != NONE:
                self._names.note(tag, slot, spelling)

    def _held(self, batch: Batch) -> Ints:
        """Return the slots of posts, none where one is not held."""
        held = np.empty(len(batch.ids), dtype=np.int32)
        find_slots(self._state.ids, self._state.id_places, batch.ids, held)
        return held

    def spelling(self, canonical: str) -> str:
        """Return how the posts that may vote for a hashtag spell it most often.

        Of equals, what sorts first; a hashtag that is not held is spelt as it is given.
        """
        state = self._state
        (tag,) = _slots(state.tag_keys, np.array([hashtag(canonical).key])).tolist()
        if tag == NONE:
            return canonical
        return self._names.most_voted(tag, state.spelling_keys.uses, state.votes)

    def look_up(self, entries: Sequence[Entry], *, nearest: bool = True) -> list[Votes]:
        """Return what similar posts vote for; neither a post itself nor its repeats have a vote.

        The most similar posts are named where `nearest` asks for them.
        """
        found: list[Votes] = []
        for start in range(0, len(entries), self.sizes.batch):
            found += self._look_up(entries[start : start + self.sizes.batch], nearest=nearest)
        return found

    def _look_up(self, entries: Sequence[Entry], *, nearest: bool) -> Iterator[Votes]:
        state, answers = self._state, self._answers
        batch, _ = packed(entries, self.sizes)
        slots, authors, originals = (
            _slots(state.tokens, keys) for keys in (batch.tokens, batch.authors, batch.originals)
        )
        held, scratch = self._held(batch), self._scratch
        look_up(LookUp(state, self.rules, batch, slots, authors, originals, held, scratch, answers))
        for row in range(len(entries)):
            size = int(answers.sizes[row])
            names = self._names.hashtags(answers.tags[row, :size])
            shares = answers.votes[row, :size] / answers.totals[row]
            near = self._nearest(row) if nearest else {}
            yield Votes(dict(zip(names, shares.tolist(), strict=True)), near)

    def _nearest(self, row: int) -> dict[str, float]:
        """Return the most similar posts that have a name."""
        posts, cosines = self._answers.nearest[row].tolist(), self._answers.cosines[row].tolist()
        return {
            name.decode(): cosine
            for post, cosine in zip(posts, cosines, strict=True)
            if post != NONE and (name := self._names.posts[post])
        }

    def entries(self) -> Iterator[Entry]:
        """Yield what is held, the first to leave first."""
        state, post = self._state, int(self._state.numbers[FIRST_OUT])
        while post != NONE:
            slots = state.slots[post, : state.cells[post]]
            keys = state.tokens.keys[slots].tolist()
            spellings = state.spellings[post, : state.tag_counts[post]].tolist()
            yield Entry(
                int(state.ids[post]),
                float(state.times[post]),
                0 if slots[AUTHOR] == NONE else keys[AUTHOR],
                keys[ORIGINAL],
                keys[FIRST_TOKEN:],
                state.counts[post, FIRST_TOKEN : len(keys)].tolist(),
                [self._names.spellings[slot].decode() for slot in spellings],
                self._names.posts[post].decode(),
            )
            post = int(state.after[post])

    def snapshot(self) -> bytes:
        """Return all that is held."""
        return msgspec.msgpack.encode(_Snapshot(_FORMAT, self.signals, list(self.entries())))

    def restore(self, snapshot: bytes) -> None:
        """Add all that a snapshot holds; an empty memory is then as the one it was taken of.

        Raises `MemoryMismatchError` where its tokens were made in another way.
        """
        try:
            read = msgspec.msgpack.decode(snapshot, type=_Snapshot)
        except msgspec.DecodeError as error:
            raise MemoryMismatchError(f"no snapshot of a memory: {error}") from error
        if (read.form, read.signals) != (_FORMAT, self.signals):
            raise MemoryMismatchError(
                "the snapshot has another format, or tokens of other signals or another "
                "memory key; start from the posts instead"
            )
        self.add(read.entries)

    def digest(self) -> str:
        """Return a SHA-256 over all that is held, in the order of leaving."""
        return hashlib.sha256(self.snapshot()).hexdigest()


def _typed(rules: Rules) -> Rules:
    """Return rules of the very types declared: for others, all would be compiled anew."""
    kinds = (type(value) for value in Rules())
    return Rules._make(kind(value) for kind, value in zip(kinds, rules, strict=True))


def _slots(keys: Keys, wanted: Longs) -> Ints:
    slots = np.empty(len(wanted), dtype=np.int32)
    find_slots(keys.keys, keys.places, wanted, slots)
    return slots


def _flat(group: Sequence[Any]) -> Iterator[npt.NDArray[Any]]:
    """Yield the arrays of a named tuple, of those within it too."""
    for one in group:
        if isinstance(one, tuple):
            yield from _flat(one)
        else:
            yield one
