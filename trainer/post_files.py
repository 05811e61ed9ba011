"""Where collected posts lie: Parquet files by day of event time, at any URL of fsspec.

`day=2026-01-31/tweets-3-1200-1847-5e1f09ab.parquet` has posts of partition 3 of the topic `tweets`
that were written on that day (UTC), in the order of their offsets, of which the first is 1200 and
the last 1847; `5e1f09ab` begins the SHA-256 of the file. So a file never changes, and one written
twice is one file. It appears whole or not at all. An offset may be in several files, and stands for
the same post in each.
"""

import hashlib
import io
import os
import re
import secrets
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
from fsspec.implementations.local import LocalFileSystem
from fsspec.spec import AbstractFileSystem

from export.places import sync_folder
from trainer.errors import CorpusError

SCHEMA = pa.schema(
    {
        "id": pa.string(),
        "text": pa.string(),
        "hashtags": pa.list_(pa.string()),
        "created_at": pa.timestamp("us", tz="UTC"),
        "author": pa.string(),
        "lang": pa.string(),
        "topic": pa.string(),
        "partition": pa.int32(),
        "offset": pa.int64(),
    }
)
ROW_GROUP = 10_000  # rows that a reader holds at once
ABANDONED = timedelta(days=1)  # after which an incomplete file is one that a kill left
_DAY = re.compile(r"day=(\d{4}-\d\d-\d\d)")
_NAME = re.compile(r"([\w.-]+)-(\d+)-(\d+)-(\d+)-[0-9a-f]{8}\.parquet", re.ASCII)
_REPEATED = ["hashtags.list.element", "created_at", "author", "lang", "topic", "partition"]
_PLACE = ("topic", "partition", "offset")
_INCOMPLETE = ".incomplete"


@dataclass(frozen=True, order=True)
class PostFile:
    """What the name of a file tells: offsets, first and last, of a partition; `size` in bytes."""

    topic: str
    partition: int
    first: int
    last: int
    path: str
    size: int

    @property
    def log(self) -> tuple[str, int]:
        """The topic and the partition."""
        return self.topic, self.partition

    def covers(self, other: "PostFile") -> bool:
        """Say whether the offsets of another file lie within this one's."""
        return self.log == other.log and self.first <= other.first and other.last <= self.last


class PostFiles:
    """The files below a URL; what the store cannot do is an `OSError`."""

    def __init__(self, url: str) -> None:
        try:
            self._store, self._root = fsspec.core.url_to_fs(url)
        except (ImportError, ValueError) as error:
            raise CorpusError(f"{url}: {error}") from error
        self.url = url
        self._renames = type(self._store).mv is not AbstractFileSystem.mv

    def prepare(self) -> None:
        """Make the folder, where the store has folders, or find out that it cannot be made."""
        if self._renames:
            self._store.makedirs(self._root, exist_ok=True)

    def days(self) -> list[date]:
        """Return the days that have a folder, in order."""
        names = (one["name"].rpartition("/")[2] for one in self._listed(self._root))
        found = filter(None, map(_DAY.fullmatch, names))
        return sorted(date.fromisoformat(match[1]) for match in found)

    def of(self, day: date) -> list[PostFile]:
        """Return the whole files of a day, by topic, partition and offset."""
        found = []
        for one in self._listed(self._folder(day)):
            match = _NAME.fullmatch(one["name"].rpartition("/")[2])
            if match:
                topic, partition, first, last = match.groups()
                place = int(partition), int(first), int(last)
                found.append(PostFile(topic, *place, one["name"], one["size"]))
        return sorted(found)

    def write(self, day: date, posts: Iterable[pa.Table]) -> PostFile:
        """Write posts of one day and one partition, which come by offset, as one file."""
        sink, ends = io.BytesIO(), []
        with pq.ParquetWriter(sink, SCHEMA, compression="zstd", use_dictionary=_REPEATED) as writer:
            for group in _groups(posts):
                writer.write_table(group, row_group_size=ROW_GROUP)
                ends += [group.slice(0, 1), group.slice(len(group) - 1)]
        topic, partition, first = (ends[0][name][0].as_py() for name in _PLACE)
        last = ends[-1]["offset"][0].as_py()
        data = sink.getvalue()
        digest = hashlib.sha256(data).hexdigest()[:8]
        path = f"{self._folder(day)}/{topic}-{partition}-{first}-{last}-{digest}.parquet"
        self._put(path, data)
        return PostFile(topic, partition, first, last, path, len(data))

    def open(self, file: PostFile) -> pq.ParquetFile:
        """Open a file; raises `CorpusError` for one that holds no posts as these are written."""
        try:
            opened = pq.ParquetFile(self._store.open(file.path, "rb"))
        except pa.ArrowInvalid as error:
            raise CorpusError(f"{file.path}: {error}") from error
        if missing := set(SCHEMA.names) - set(opened.schema_arrow.names):
            raise CorpusError(
                f"{file.path} has no column {', '.join(sorted(missing))}; "
                "read what `trainer collect` wrote"
            )
        return opened

    def remove(self, file: PostFile) -> None:
        """Remove a file, if it is still there."""
        with suppress(FileNotFoundError):
            self._store.rm_file(file.path)

    def remove_day(self, day: date) -> None:
        """Remove a day with all of its posts."""
        with suppress(FileNotFoundError):
            self._store.rm(self._folder(day), recursive=True)

    def remove_abandoned(self, day: date) -> None:
        """Remove what a kill left half written."""
        for one in self._listed(self._folder(day)):
            if one["name"].endswith(_INCOMPLETE):
                with suppress(FileNotFoundError):
                    if datetime.now(UTC) - self._store.modified(one["name"]) > ABANDONED:
                        self._store.rm_file(one["name"])

    def _folder(self, day: date) -> str:
        return f"{self._root}/day={day}"

    def _listed(self, folder: str) -> Iterator[dict[str, Any]]:
        self._store.invalidate_cache()
        with suppress(FileNotFoundError):
            yield from self._store.ls(folder, detail=True)

    def _put(self, path: str, data: bytes) -> None:
        """Write a file whole: under another name first, where a store renames.

        In others, such as buckets, a put is whole by itself.
        """
        if not self._renames:
            self._store.pipe_file(path, data)
            return
        folder, _, name = path.rpartition("/")
        self._store.makedirs(folder, exist_ok=True)
        temporary = f"{folder}/.{name}.{secrets.token_hex(4)}{_INCOMPLETE}"
        with self._store.open(temporary, "wb") as file:
            file.write(data)
            file.flush()
            if isinstance(self._store, LocalFileSystem):
                os.fsync(file.fileno())
        self._store.mv(temporary, path)
        if isinstance(self._store, LocalFileSystem):
            sync_folder(Path(folder))  # offsets are committed next


def _groups(posts: Iterable[pa.Table]) -> Iterator[pa.Table]:
    """Yield the rows in tables that fill row groups."""
    waiting: list[pa.Table] = []
    for table in posts:
        waiting.append(table)
        if sum(map(len, waiting)) >= ROW_GROUP:
            yield pa.concat_tables(waiting)
            waiting = []
    if waiting:
        yield pa.concat_tables(waiting)
