"""Collected posts are read once each; what cannot be read is told."""

import os
import sys
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fsspec.registry import _registry
from hypothesis import given
from hypothesis import strategies as st

from tests.support.collecting import places
from tests.support.stopping import StoppedError
from trainer.collected import read
from trainer.compaction import compact, expire
from trainer.errors import CorpusError
from trainer.post_files import ROW_GROUP, SCHEMA, PostFiles
from trainer.window import Window

DAY = date(2026, 1, 31)
NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)


@pytest.fixture
def files(tmp_path: Path) -> PostFiles:
    return PostFiles(str(tmp_path / "posts"))


def table(*offsets: int, topic: str = "tweets", partition: int = 0) -> pa.Table:
    """Return posts whose second of the day is their offset."""
    rows = [
        {
            "id": str(offset),
            "text": f"at #sea {offset}",
            "hashtags": ["sea"],
            "created_at": NOON + timedelta(seconds=offset),
            "topic": topic,
            "partition": partition,
            "offset": offset,
        }
        for offset in offsets
    ]
    return pa.Table.from_pylist(rows, schema=SCHEMA)


def offsets(files: PostFiles, window: Window | None = None) -> list[int]:
    tables = read(files, window or Window(), ("offset",))
    return [one for posts in tables for one in posts["offset"].to_pylist()]


def folder(files: PostFiles) -> Path:
    return Path(files.url) / f"day={DAY}"


@given(st.lists(st.sets(st.integers(0, 40), min_size=1), max_size=6))
def test_files_that_overlap_in_any_way_are_read_as_one(written: list[set[int]]) -> None:
    files = PostFiles("memory://overlap")
    files.remove_day(DAY)
    for some in written:
        files.write(DAY, [table(*sorted(some))])
    union = sorted(set().union(*written))
    assert offsets(files) == union
    compact(files)
    assert offsets(files) == union
    assert len(files.of(DAY)) == bool(union)


def test_large_files_are_merged_by_row_groups(
    files: PostFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trainer.collected.ROW_GROUP", 100)
    files.write(DAY, [table(*range(0, 1_000, 2))])
    files.write(DAY, [table(*range(0, 1_000, 3))])
    tables = list(read(files, Window()))
    assert [one for t in tables for one in t["offset"].to_pylist()] == sorted(
        {*range(0, 1_000, 2), *range(0, 1_000, 3)}
    )
    assert len(tables) >= 5
    assert max(map(len, tables)) <= 200


def test_topics_and_partitions_are_told_apart(files: PostFiles) -> None:
    for topic in ("tweets", "tweets-2"):
        for partition in (0, 11):
            files.write(DAY, [table(1, 2, topic=topic, partition=partition)])
    assert len(places(files)) == 8
    compact(files)
    assert set(places(files).values()) == {1}
    assert len(files.of(DAY)) == 4


def test_a_window_has_its_first_moment_and_not_its_last(files: PostFiles) -> None:
    files.write(DAY, [table(*range(10))])
    window = Window(NOON + timedelta(seconds=3), NOON + timedelta(seconds=7))
    assert offsets(files, window) == [3, 4, 5, 6]
    assert offsets(files, Window(NOON + timedelta(days=1))) == []


def test_a_file_written_twice_is_one(files: PostFiles) -> None:
    assert files.write(DAY, [table(1, 2)]) == files.write(DAY, [table(1, 2)])
    assert len(list(folder(files).iterdir())) == 1


def test_a_file_with_other_rows_is_another(files: PostFiles) -> None:
    files.write(DAY, [table(1, 2, 5)])
    files.write(DAY, [table(1, 4, 5)])
    assert offsets(files) == [1, 2, 4, 5]


def test_what_a_kill_left_half_written_is_no_file_and_is_removed_some_day(
    files: PostFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: object) -> None:
        raise StoppedError

    monkeypatch.setattr(files._store, "mv", killed)
    with pytest.raises(StoppedError):
        files.write(DAY, [table(1)])
    [left] = folder(files).iterdir()
    assert offsets(files) == []
    compact(files)
    assert left.exists()
    long_ago = time.time() - 100_000
    os.utime(left, (long_ago, long_ago))
    compact(files)
    assert not left.exists()


def test_files_are_merged_up_to_a_size(files: PostFiles, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = [files.write(DAY, [table(n, n + 1)]).size for n in range(0, 20, 2)]
    monkeypatch.setattr("trainer.compaction.LARGE", 3 * max(sizes))
    assert compact(files) == (9, 3)
    assert offsets(files) == list(range(20))


def test_merged_files_have_whole_row_groups(files: PostFiles) -> None:
    for start in range(0, 3 * ROW_GROUP, 500):
        files.write(DAY, [table(*range(start, start + 500))])
    compact(files)
    [file] = files.of(DAY)
    with files.open(file) as opened:
        assert opened.metadata.num_row_groups == 3


def test_days_that_expired_are_removed_whole(files: PostFiles) -> None:
    for age in range(5):
        files.write(DAY - timedelta(days=age), [table(age)])
    expired = expire(files, 2, DAY)
    assert expired == [DAY - timedelta(days=age) for age in (4, 3, 2)]
    assert files.days() == [DAY - timedelta(days=1), DAY]


def reading(files: PostFiles) -> Iterator[int]:
    """Read with one file open, the next not yet."""
    for posts in read(files, Window(), ("offset",)):
        yield from posts["offset"].to_pylist()


def test_reading_goes_on_in_the_file_that_took_over(files: PostFiles) -> None:
    for first in range(0, 20, 5):
        files.write(DAY, [table(*range(first, first + 5))])
    found = reading(files)
    assert next(found) == 0
    assert compact(files) == (4, 1)
    assert list(found) == list(range(1, 20))


def test_a_file_that_is_gone_for_good_is_told(files: PostFiles) -> None:
    for first in range(0, 20, 5):
        files.write(DAY, [table(*range(first, first + 5))])
    found = reading(files)
    assert next(found) == 0
    files.remove_day(DAY)
    with pytest.raises(CorpusError, match="was removed while it was read; choose a window"):
        list(found)


def broken(files: PostFiles, posts: pa.Table) -> None:
    folder(files).mkdir(parents=True)
    pq.write_table(posts, folder(files) / "tweets-0-1-2-00000000.parquet")


def test_a_missing_column_is_named(files: PostFiles) -> None:
    broken(files, table(1, 2).drop_columns(["text", "lang"]))
    with pytest.raises(CorpusError, match=r"parquet has no column lang, text; read what"):
        offsets(files)


def test_so_are_posts_out_of_order(files: PostFiles) -> None:
    broken(files, table(2, 1))
    with pytest.raises(CorpusError, match="not sorted by offset"):
        offsets(files)


def test_so_is_a_file_of_something_else(files: PostFiles) -> None:
    broken(files, table(1, 2))
    (folder(files) / "tweets-0-1-2-00000000.parquet").write_bytes(b"nothing")
    with pytest.raises(CorpusError, match=r"tweets-0-1-2-00000000\.parquet: "):
        offsets(files)


@pytest.mark.parametrize("url", ["nothing://here", "s3://bucket/posts"])
def test_a_store_that_is_not_there_is_told(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "s3fs", None)
    monkeypatch.delitem(_registry, "s3", raising=False)  # kept once imported
    with pytest.raises(CorpusError, match=url.partition("/")[0]):
        PostFiles(url)


def test_what_lies_beside_is_left_alone(files: PostFiles) -> None:
    files.write(DAY, [table(1)])
    for name in ("notes.txt", "tweets-0-1.parquet", "x.parquet"):
        (folder(files) / name).write_text("mine")
    (Path(files.url) / "day=soon").mkdir()
    assert offsets(files) == [1]
    assert files.days() == [DAY]


def rows(files: PostFiles) -> list[dict[str, Any]]:
    return [row for posts in read(files, Window()) for row in posts.to_pylist()]


def test_a_row_comes_back_as_it_was(files: PostFiles) -> None:
    written = table(1, 2).to_pylist()
    files.write(DAY, [table(1, 2)])
    assert rows(files) == written
