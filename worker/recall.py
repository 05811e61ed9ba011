"""The second opinion on a post: what recent ones vote for."""

import logging
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Self

import structlog

from export.text import canonical_hashtag, find_hashtags, spelt_hashtag
from worker.event_time import event_time
from worker.memory import Memory, Votes
from worker.memory_entries import Entry
from worker.memory_log import AT_ONCE, MemoryLog, memory_log, memory_output
from worker.memory_room import Sizes
from worker.memory_state import Rules
from worker.messages import Output, Post, Record
from worker.quality import Apart, Seen
from worker.settings import Settings
from worker.signals import SIGNALS, Signal, Signals
from worker.telemetry import Metrics
from worker.voting import rules_for

log = structlog.get_logger("worker")


@dataclass(frozen=True)
class Opinion:
    """What the memory says of a post, what of it was there before, and how it is remembered."""

    entry: Entry
    votes: Votes
    repeated: Apart | None = None


@dataclass
class Recall:
    """The memory of a worker; as a context manager it has caught up with its log inside the block.

    A batch's posts are all looked up before any is remembered: they are added by way of the log.
    """

    settings: Settings
    metrics: Metrics
    clock: Callable[[], float] = time.time
    _stack: ExitStack = field(default_factory=ExitStack)
    _log: MemoryLog | None = None

    def __post_init__(self) -> None:
        chosen = {name.strip() for name in self.settings.signals.split(",")}
        kinds: list[Signal] = [kind for kind in SIGNALS if kind in chosen]
        self._signals = Signals(kinds, self.settings.memory_key.encode())
        self._seen = Seen(self.settings.memory_posts)

    def __enter__(self) -> Self:
        topic = self.settings.memory_topic
        self._log = self._stack.enter_context(
            memory_log(self.settings, topic, self._empty, self._note)
        )
        return self

    def __exit__(self, *exc: object) -> None:
        if self._log is not None and exc[0] is None and log.is_enabled_for(logging.DEBUG):
            # For debugging alone, since a digest takes a while.
            memory = self._log.memory
            log.debug("memory", offset=self._log.offset, posts=len(memory), digest=memory.digest())
        self._stack.close()

    def _note(self, entries: Sequence[Entry], written: Sequence[int]) -> None:
        """Note what is added; how late that is says something only of what is new."""
        self._seen.note((entry.id, self._signals.same_text(entry)) for entry in entries)
        if self._log is not None:
            now = self.clock()
            for at in written:
                self.metrics.visibility_seconds.observe(max(0.0, now - at / 1_000))

    def _empty(self) -> Memory:
        sizes = Sizes(posts=self.settings.memory_posts)
        return Memory(sizes, most=self.settings.author_votes, signals=self._signals.name)

    def look_up(self, posts: Sequence[tuple[Record, Post]], rules: Rules) -> list[Opinion]:
        """Return what the memory, brought up to date, says of each post by these rules."""
        memory = self._voting_by(rules_for(self._signals.kinds, rules))
        entries = [self._entry(record, post) for record, post in posts]
        with self.metrics.look_up_seconds.time():
            votes = memory.look_up(entries, nearest=self.settings.explain)
        return [
            Opinion(entry, vote, self._seen.repeated(entry.id, self._signals.same_text(entry)))
            for entry, vote in zip(entries, votes, strict=True)
        ]

    def _voting_by(self, rules: Rules) -> Memory:
        """Return the memory, brought up to date; other rules come with another bundle."""
        memory = self.follow()
        if self._log is not None and memory.rules != rules:
            self._log.memory = memory = memory.voting_by(rules)
        return memory

    def follow(self) -> Memory:
        """Bring the memory up to date, and return it."""
        if self._log is None:
            raise RuntimeError("the memory is used outside its block")
        while self._log.follow() == AT_ONCE:
            continue
        memory = self._log.memory
        self.metrics.remembered.set(len(memory))
        self.metrics.memory_offset.set(self._log.offset)
        oldest = memory.oldest
        self.metrics.oldest_seconds.set(0.0 if oldest is None else self.clock() - oldest)
        return memory

    def spelling(self, hashtag: str) -> str:
        """Return how the posts that are remembered spell a hashtag most often."""
        return self._log.memory.spelling(hashtag) if self._log else hashtag

    def remember(self, post: Post, opinion: Opinion) -> tuple[Output, ...]:
        """Return the record by which all workers remember a post, if they shall."""
        if not opinion.entry.hashtags or not sampled(opinion.entry.id, self.settings.memory_share):
            return ()
        if post.accepted_suggestion and self.settings.accepted_votes == "ignore":
            return ()
        name = self._signals.name
        return (memory_output(self.settings.memory_topic, post.id.encode(), name, opinion.entry),)

    def _entry(self, record: Record, post: Post) -> Entry:
        return self._signals.entry(post, self._time(record, post), list(carried(post).values()))

    def _time(self, record: Record, post: Post) -> float:
        """Return when a post was written: it, or else its record, says so; it was not later."""
        written, now = event_time(post.created_at), self.clock()
        if written is not None:
            return min(now, written.timestamp())
        return min(now, record.timestamp / 1_000) if record.timestamp > 0 else now


def sampled(key: int, share: float) -> bool:
    """Say whether a post is among those remembered, by the hash of its id: the same for everyone.

    A smaller share is a part of a larger one.
    """
    return key % 2**64 < share * 2**64


def carried(post: Post) -> dict[str, str]:
    """Return how a post spells the hashtags it has already, by canonical form, in their order."""
    in_text = find_hashtags(post.text) if "#" in post.text or "＃" in post.text else []
    spelt: dict[str, str] = {}
    for tag in [*in_text, *map(spelt_hashtag, post.hashtags or [])]:
        spelt.setdefault(canonical_hashtag(tag), tag)
    spelt.pop("", None)
    return spelt
