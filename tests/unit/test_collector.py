"""When posts are written, what is kept of them, and what happens when a store or a broker fails."""

import threading
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from tests.support.cli import trainer
from tests.support.collecting import OwnedSource, collector, places, value
from tests.support.inmemory import InMemoryTopic
from trainer.collector import Collector, written_at
from trainer.post_files import PostFiles
from worker.errors import ExitCode, RetryLaterError
from worker.messages import Post, Record

LATER = 1e6  # seconds, which no test waits for


@pytest.fixture
def files(tmp_path: Path) -> PostFiles:
    return PostFiles(str(tmp_path / "posts"))


@pytest.fixture
def topic() -> InMemoryTopic:
    topic = InMemoryTopic()
    for number in range(10):
        topic.append(value(number))
    return topic


def test_posts_are_written_when_they_are_many(topic: InMemoryTopic, files: PostFiles) -> None:
    one, _ = collector(topic, files, flush_rows=7, flush_seconds=LATER, max_batch_size=4)
    one.step()
    assert files.days() == []
    assert topic.committed == {}
    one.step()
    assert places(files) == {("tweets", 0, offset): 1 for offset in range(8)}
    assert topic.committed == {0: 8}


def test_or_large(topic: InMemoryTopic, files: PostFiles) -> None:
    size = len(value(0))
    one, _ = collector(topic, files, flush_bytes=3 * size, flush_seconds=LATER, max_batch_size=2)
    one.step()
    assert topic.committed == {}
    one.step()
    assert topic.committed == {0: 4}


def test_or_have_waited_long(topic: InMemoryTopic, files: PostFiles) -> None:
    one, _ = collector(topic, files, flush_seconds=60, max_batch_size=10)
    now = 0.0
    one.clock = lambda: now
    one.step()
    now = 59.0
    one.step()
    assert topic.committed == {}
    now = 60.0
    one.step()
    assert topic.committed == {0: 10}


def test_what_waits_is_written_when_it_stops(topic: InMemoryTopic, files: PostFiles) -> None:
    one, source = collector(topic, files, flush_seconds=LATER)
    run_until_read(one, source)
    assert topic.done
    assert places(files).total() == 10


def run_until_read(one: Collector, source: OwnedSource) -> None:
    stop = threading.Event()
    poll = source.poll

    def stopping(max_records: int, timeout: float) -> list[Record]:
        records = poll(max_records, timeout)
        if not any(source.lag().values()):
            stop.set()
        return records

    source.poll = stopping  # type: ignore[method-assign]
    one.run(stop)


def test_offsets_are_committed_where_nothing_was_kept(files: PostFiles) -> None:
    topic = InMemoryTopic()
    topic.append(b"no json")
    topic.append(value(1, text="no hashtag"))
    one, source = collector(topic, files, flush_seconds=LATER)
    run_until_read(one, source)
    assert topic.done
    assert files.days() == []


def test_a_store_that_fails_for_a_while_is_tried_again(
    topic: InMemoryTopic, files: PostFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    write, failures = files._put, iter([True, True])

    def failing(path: str, data: bytes) -> None:
        if next(failures, False):
            raise OSError("the disk is full")
        write(path, data)

    monkeypatch.setattr(files, "_put", failing)
    one, source = collector(topic, files, flush_rows=1, max_batch_size=5)
    run_until_read(one, source)
    assert places(files) == {("tweets", 0, offset): 1 for offset in range(10)}
    assert topic.done


def test_what_another_member_has_now_is_left_to_it(topic: InMemoryTopic, files: PostFiles) -> None:
    one, source = collector(topic, files, flush_rows=1, max_batch_size=5)
    source.refuse_commits()
    with pytest.raises(RetryLaterError):
        one.step()
    assert topic.committed == {}
    run_until_read(one, source)
    assert places(files) == {("tweets", 0, offset): 1 for offset in range(10)}


def test_partitions_that_went_to_another_are_its_to_commit(
    topic: InMemoryTopic, files: PostFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    topic.partitions = 2
    topic.append(value(10), partition=1)
    one, source = collector(topic, files, flush_rows=11)
    monkeypatch.setattr(source, "lag", lambda: {1: 0})
    topic.committed = {0: 30}
    source._positions = {}
    one.step()
    assert topic.committed == {0: 30, 1: 1}
    assert places(files).total() == 11


@pytest.mark.parametrize("url", ["nothing://here", "{tmp}/file/posts"])
def test_a_place_that_cannot_be_written_to_ends_the_start(tmp_path: Path, url: str) -> None:
    (tmp_path / "file").touch()
    result = trainer("collect", url.format(tmp=tmp_path))
    assert result.exit_code == ExitCode.START_FAILED
    assert "trainer: posts cannot be written to " in result.stderr


def test_a_store_that_fails_at_the_end_leaves_posts_uncommitted(
    topic: InMemoryTopic, files: PostFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(path: str, data: bytes) -> None:
        raise OSError(path, len(data))

    monkeypatch.setattr(files, "_put", failing)
    one, source = collector(topic, files, flush_seconds=LATER)
    run_until_read(one, source)
    assert topic.committed == {}


NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
MS = int(NOON.timestamp() * 1_000)


@pytest.mark.parametrize(
    ("created_at", "sent", "written"),
    [
        ("2026-01-31T12:00:00Z", -1, NOON),
        ("2026-01-31T12:00:00Z", MS + 60_000, NOON),
        ("2026-02-01T12:00:00Z", MS, NOON),
        ("9999-01-01T00:00:00Z", MS, NOON),
        (None, MS, NOON),
        ("yesterday", MS, NOON),
        (None, -1, None),
    ],
)
def test_a_post_is_as_old_as_it_says_but_no_younger_than_its_record(
    created_at: str | None, sent: int, written: datetime | None
) -> None:
    record = Record("tweets", 0, 0, None, b"", (), sent)
    assert written_at(Post("1", "a", created_at), record) == written


def test_days_are_those_of_utc(files: PostFiles) -> None:
    topic = InMemoryTopic()
    topic.append(b'{"id": "1", "text": "#a", "created_at": "2026-01-31T23:30:00-01:00"}')
    one, source = collector(topic, files)
    run_until_read(one, source)
    assert files.days() == [date(2026, 2, 1)]
