"""Posts in the order of their times, as a stream brings them, and what a memory reads of them."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Literal

import msgspec

from trainer.corpus import LabelledPost, split
from trainer.errors import CorpusError
from trainer.progress import counted, progress
from worker.event_time import event_time
from worker.memory_entries import Entry
from worker.messages import Post
from worker.signals import SIGNALS, Signal, Signals

SPLITS = ("train", "dev", "test")
Clock = Literal["time order", "side by side", "in step"]
TIME_ORDER: Clock = "time order"
SIDE_BY_SIDE: Clock = "side by side"
IN_STEP: Clock = "in step"


@dataclass(frozen=True, slots=True)
class Moment:
    """A post of a split, and when it was written, in seconds since the epoch."""

    time: float
    split: str
    post: LabelledPost


def timeline(
    corpus: Path,
    splits: Sequence[str] = SPLITS,
    *,
    without: Collection[str] = (),
    clock: Clock = TIME_ORDER,
) -> list[Moment]:
    """Return the posts with a hashtag, in one order of time.

    `without` names sources left out. Of the clocks, "side by side" lets all sources start together,
    and "in step" start and end together, each as far as the share of its posts that came before,
    so that any stretch of time has the same mix of sources; one post's time says nothing of another
    source's then.

    Raises `CorpusError` where a post has no time, since its place cannot be told, and where two
    have one id, since a memory takes the later for a repeat of the earlier.
    """
    moments = [
        Moment(_time(corpus, post), name, post)
        for name in splits
        for post in split(corpus, name)
        if post.spellings and post.source not in without
    ]
    if len({moment.post.id for moment in moments}) < len(moments):
        raise CorpusError(f"{corpus}: ids repeat; a replay needs an `id` of its own for each post")
    if not any(moment.split == splits[-1] for moment in moments):
        raise CorpusError(f"{corpus}: no {splits[-1]} post is left to answer")
    if clock == SIDE_BY_SIDE:
        moments = _side_by_side(moments)
    elif clock == IN_STEP:
        moments = _in_step(moments)
    return sorted(moments, key=lambda moment: moment.time)


def _side_by_side(moments: Sequence[Moment]) -> list[Moment]:
    starts: dict[str | None, float] = {}
    for moment in moments:
        source = moment.post.source
        starts[source] = min(moment.time, starts.get(source, moment.time))
    return [replace(moment, time=moment.time - starts[moment.post.source]) for moment in moments]


def _in_step(moments: Sequence[Moment]) -> list[Moment]:
    """Tell times as shares of each source's posts, of the span of time that is their median."""
    of_source: dict[str | None, list[Moment]] = {}
    for moment in sorted(moments, key=lambda moment: moment.time):
        of_source.setdefault(moment.post.source, []).append(moment)
    span = median(some[-1].time - some[0].time for some in of_source.values())
    return [
        replace(moment, time=span * place / len(some))
        for some in of_source.values()
        for place, moment in enumerate(some)
    ]


def _time(corpus: Path, post: LabelledPost) -> float:
    written = event_time(post.created_at)
    if written is None:
        raise CorpusError(
            f"{corpus}: post {post.id} has no `created_at` that is a time; a replay needs one"
        )
    return written.timestamp()


def read_entries(moments: Sequence[Moment]) -> dict[Signal, list[Entry]]:
    """Return what a memory reads of posts, each kind of signal by itself."""
    kinds = [Signals([kind]) for kind in SIGNALS]
    found: dict[Signal, list[Entry]] = {kind: [] for kind in SIGNALS}
    with progress("reading, posts", len(moments)) as advance:
        for moment in counted(moments, advance):
            post = Post(moment.post.id, moment.post.text, author=moment.post.author)
            for kind, signals in zip(SIGNALS, kinds, strict=True):
                entry = signals.entry(post, moment.time, moment.post.hashtags)
                found[kind].append(entry)
    return found


def joined(read: dict[Signal, list[Entry]], kinds: Collection[Signal]) -> list[Entry]:
    """Return what a memory of these kinds of signals reads, in the order of `Signals`."""
    of_kinds = [read[kind] for kind in reversed(SIGNALS) if kind in kinds]
    return [_joined(parts) for parts in zip(*of_kinds, strict=True)]


def _joined(parts: tuple[Entry, ...]) -> Entry:
    return msgspec.structs.replace(
        parts[0],
        tokens=[token for part in parts for token in part.tokens],
        counts=[count for part in parts for count in part.counts],
    )
