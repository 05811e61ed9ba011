"""`trainer collect`: posts of a topic into files, each as often as the topic has it.

Offsets are committed once all posts before them are in files, and never sooner. A collector that is
killed between the two, or whose partition another takes over, leaves posts that are written again;
readers take each offset once (`trainer/collected.py`).
"""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import structlog

from export.plain import hashtags as hashtags_of_plain
from export.plain import is_plain
from export.text import find_hashtags
from trainer.compaction import expire
from trainer.post_files import SCHEMA, PostFiles
from trainer.settings import CollectSettings
from worker.errors import RecordRejectedError, RetryLaterError
from worker.event_time import event_time
from worker.intake import Intake, Skipped
from worker.messages import Post, Record
from worker.retries import keep_stepping
from worker.sinks import MemberSource
from worker.telemetry import Health

RETENTION_PAUSE = 3_600.0  # seconds between two looks for days that are too old
_EPOCH = date(1970, 1, 1)
_Row = tuple[Any, ...]

log = structlog.get_logger("trainer")


@dataclass
class Waiting:
    """What was read and is not yet in files; as columns, which take a fraction of the memory."""

    batches: list[pa.Table] = field(default_factory=list)
    offsets: dict[tuple[str, int], int] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    since: float = 0.0
    bytes: int = 0

    @property
    def posts(self) -> int:
        """How many posts wait."""
        return self.counts["posts"]

    def tables(self) -> Iterator[tuple[date, pa.Table]]:
        """Yield the posts by partition and day of event time, sorted by offset.

        One that was read again, its partition having come back, is there once.
        """
        if not self.posts:
            return
        posts = pa.concat_tables(self.batches)
        days = posts["created_at"].cast(pa.date32()).cast(pa.int32())
        keys = np.stack(
            [column.to_numpy() for column in (posts["partition"], days, posts["offset"])]
        )
        order = np.lexsort(keys[::-1])
        order = order[_changes(keys[:, order])]
        starts = np.flatnonzero(_changes(keys[:2, order]))
        for rows in np.split(order, starts[1:]):
            yield _EPOCH + timedelta(days=int(keys[1, rows[0]])), posts.take(rows)


def _changes(keys: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """Say of each column of keys [k, n] whether it differs from the one before."""
    changes = np.ones(keys.shape[1], dtype=np.bool_)
    changes[1:] = (keys[:, 1:] != keys[:, :-1]).any(axis=0)
    return changes


@dataclass
class Collector:
    """Gathers posts, and writes them when they are many, large or old enough."""

    source: MemberSource
    files: PostFiles
    settings: CollectSettings
    health: Health
    clock: Callable[[], float] = time.monotonic
    waiting: Waiting = field(default_factory=Waiting)
    _retained: float = float("-inf")

    def __post_init__(self) -> None:
        self._intake = Intake.of(self.settings)

    def run(self, stop: threading.Event) -> None:
        """Collect until told to stop, and write what waits then."""
        keep_stepping(self.step, self._forget, self.source, self.health, stop)
        try:
            self.flush()
        except RetryLaterError as error:
            log.warning("left_uncommitted", reason=str(error), records=self.waiting.counts.total())

    def step(self) -> None:
        """Read a batch; write if it is time to."""
        records = self.source.poll(self.settings.max_batch_size, self.settings.max_batch_time)
        self.health.beat()
        if records:
            self.take(records)
        self._retain()
        if self._due():
            self.flush()

    def take(self, records: Iterable[Record]) -> None:
        """Keep those that are posts to be collected, and count all."""
        waiting = self.waiting
        if not waiting.offsets:
            waiting.since = self.clock()
        rows = []
        for record in records:
            row = self._row(record)
            waiting.offsets[record.topic, record.partition] = record.offset + 1
            if isinstance(row, str):
                waiting.counts[row] += 1
            else:
                rows.append(row)
                waiting.bytes += len(record.value or b"")
        if rows:
            columns = dict(zip(SCHEMA.names, map(list, zip(*rows, strict=True)), strict=True))
            waiting.batches.append(pa.table(columns, schema=SCHEMA))
            waiting.counts["posts"] += len(rows)

    def flush(self) -> None:
        """Write what waits, then commit; raises `RetryLaterError` where either did not work."""
        waiting = self.waiting
        if not waiting.offsets:
            return
        started, lag = self.clock(), self.source.lag()
        try:
            written = [self.files.write(day, [posts]) for day, posts in waiting.tables()]
        except OSError as error:
            raise RetryLaterError(f"{self.files.url}: {error}") from error
        # What is another member's now is its to commit, which may have come further.
        owned = {place: offset for place, offset in waiting.offsets.items() if place[1] in lag}
        if owned:
            self.source.commit(owned)
        log.info("collected", records=waiting.counts.total(), **{"posts": 0, **waiting.counts},
                 files=len(written), bytes=sum(file.size for file in written),
                 lag=sum(lag.values()), seconds=round(self.clock() - started, 3))  # fmt: skip
        self.waiting = Waiting()

    def _row(self, record: Record) -> _Row | str:
        """Return the columns of a post, or the word under which its record is counted."""
        post = self._intake.read(record)
        if isinstance(post, RecordRejectedError):
            return post.reason
        if isinstance(post, Skipped):
            return post.value
        hashtags = _hashtags(post)
        if not hashtags and not self.settings.all:
            return "without_hashtag"
        written = written_at(post, record)
        if written is None:
            return "without_time"
        place = record.topic, record.partition, record.offset
        return post.id, post.text, hashtags, written, post.author, post.lang, *place

    def _due(self) -> bool:
        waiting, settings = self.waiting, self.settings
        return bool(waiting.offsets) and (
            waiting.posts >= settings.flush_rows
            or waiting.bytes >= settings.flush_bytes
            or self.clock() - waiting.since >= settings.flush_seconds
        )

    def _forget(self, _: RetryLaterError) -> None:
        """All that waits is read again."""
        self.waiting = Waiting()

    def _retain(self) -> None:
        """Remove what is too old, once in a while."""
        if not self.settings.keep_days or self.clock() - self._retained < RETENTION_PAUSE:
            return
        self._retained = self.clock()
        try:
            expired = expire(self.files, self.settings.keep_days, datetime.now(UTC).date())
        except OSError as error:
            log.warning("retention_failed", reason=str(error))
            return
        if expired:
            log.info("expired", days=[str(day) for day in expired])


def written_at(post: Post, record: Record) -> datetime | None:
    """Return when a post was written: by its own account, or else when its record was.

    Never later than its record: a clock that is ahead would make a post the newest for ever.
    """
    own = event_time(post.created_at)
    if record.timestamp <= 0:  # -1 where the producer gave none
        return own
    sent = datetime.fromtimestamp(record.timestamp / 1_000, UTC)
    return sent if own is None else min(own, sent)


def _hashtags(post: Post) -> list[str]:
    """Return the hashtags of the field and of the text, as they are spelt, each once."""
    find = hashtags_of_plain if is_plain(post.text) else find_hashtags
    return list(dict.fromkeys([*find(post.text), *(post.hashtags or [])]))
