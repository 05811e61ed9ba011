"""`trainer collect` on a real broker: each post in files exactly once, whatever is killed."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from deploy.local.process import wait_until
from tests.conftest import Addresses
from tests.support.cli import trainer
from tests.support.collecting import Collecting, Place, places
from tests.support.streams import Stream, post
from trainer.collected import read
from trainer.post_files import PostFiles
from trainer.window import Window

KILLS = 5
POSTS = 4_000  # between two of them


@pytest.fixture
def stream(addresses: Addresses, unique: str, tmp_path: Path) -> Stream:
    stream = Stream(addresses, unique, tmp_path, partitions=4)
    stream.create_topics()
    return stream


@pytest.fixture
def collecting(stream: Stream, tmp_path: Path) -> Iterator[Collecting]:
    collecting = Collecting(stream, tmp_path / "posts")
    yield collecting
    for process in collecting.started:
        process.kill()


def test_kills_at_random_moments_lose_and_double_nothing(collecting: Collecting) -> None:
    found = collecting.kill_at_random(KILLS, POSTS, seed=5)
    assert found.unfinished > 0
    assert (found.lost, found.doubled, found.wrong) == (0, 0, 0)


@pytest.mark.parametrize("client", ["kafka-python", "confluent-kafka"])
def test_two_collectors_share_a_topic(collecting: Collecting, client: str) -> None:
    collecting.start(client=client)
    collecting.produce(1_000)
    collecting.until_committed(1_000)
    collecting.start(client=client)
    written = 1_000
    while not collecting.collected(1):  # until it has its part of the partitions
        collecting.produce(200, written)
        written += 200
        collecting.until_committed(written)
    assert collecting.stop() == [0, 0]
    told = [sum(one["posts"] for one in collecting.collected(n)) for n in (0, 1)]
    assert min(told) > 0
    assert sum(told) >= written
    assert collecting.ids() == Counter(str(number) for number in range(written))


def test_what_is_no_post_is_counted_and_not_kept(stream: Stream, collecting: Collecting) -> None:
    records = [
        (b"1", post("1", "at sea")),
        (b"2", post("2", "at sea", hashtags=["Sun"])),
        (b"3", b"no json"),
        (b"4", None),
        (b"5", post("5", "at the #sea and the #Sun", lang="en", author="me")),
        (b"6", b"[]"),
    ]
    stream.produce(records)
    collecting.start()
    collecting.until_committed(len(records))
    assert collecting.stop() == [0]
    counts: Counter[str] = Counter()
    for told in collecting.collected(0):
        counts.update({name: n for name, n in told.items() if isinstance(n, int)})
    assert (counts["records"], counts["posts"], counts["without_hashtag"]) == (6, 2, 1)
    assert (counts["not_json"], counts["not_a_post"], counts["deletion"]) == (1, 1, 1)
    [*tables] = read(PostFiles(str(collecting.folder)), Window())
    rows = sorted((row for posts in tables for row in posts.to_pylist()), key=lambda r: r["id"])
    assert [row["hashtags"] for row in rows] == [["Sun"], ["sea", "Sun"]]
    assert (rows[1]["author"], rows[1]["lang"], rows[1]["topic"]) == ("me", "en", stream.posts)
    assert all(abs((row["created_at"] - datetime.now(UTC)).total_seconds()) < 600 for row in rows)


def test_the_form_of_posts_is_told_and_all_are_kept_where_asked(
    stream: Stream, collecting: Collecting
) -> None:
    status = {"id_str": "7", "full_text": "at sea", "created_at": "Sat Jan 31 12:00:00 +0000 2026"}
    stream.produce([(b"7", msgspec.json.encode(status))])
    collecting.start(format="x-v1.1", all=True)
    collecting.until_committed(1)
    assert collecting.stop() == [0]
    [table] = read(PostFiles(str(collecting.folder)), Window())
    assert table["text"].to_pylist() == ["at sea"]
    assert PostFiles(str(collecting.folder)).days() == [date(2026, 1, 31)]


def test_days_that_are_too_old_are_removed(stream: Stream, collecting: Collecting) -> None:
    now = datetime.now(UTC)
    ages = {"today": 0, "yesterday": 1, "last week": 7}
    written = {name: (now - timedelta(days=age)).isoformat() for name, age in ages.items()}
    stream.produce((k.encode(), post(k, "#sea", created_at=t)) for k, t in written.items())
    collecting.start()
    collecting.until_committed(3)
    assert collecting.stop() == [0]
    assert set(collecting.ids()) == set(ages)
    collecting.start(keep_days=2)
    assert wait_until(lambda: set(collecting.ids()) == {"today", "yesterday"}, 60)
    assert collecting.stop() == [0, 0]
    assert '"expired"' in collecting.log(1).read_text()


def test_a_reader_goes_on_while_files_are_merged(collecting: Collecting) -> None:
    collecting.produce(2_000)
    collecting.start(flush_rows=100)
    collecting.until_committed(2_000)
    files = PostFiles(str(collecting.folder))
    before = sum(len(files.of(day)) for day in files.days())
    found: Counter[Place] = Counter()
    for posts in read(files, Window(), ("topic", "partition", "offset")):
        if not found:  # one file is open, all others are removed, the collector still runs
            assert trainer("compact", collecting.folder).exit_code == 0
            collecting.produce(100, 2_000)
        found.update(zip(*posts.to_pydict().values(), strict=True))
    collecting.until_committed(2_100)
    assert collecting.stop() == [0]
    assert set(found.values()) == {1}
    assert len(found) >= 2_000
    assert before > sum(len(files.of(day)) for day in files.days()) - 8 >= 0
    assert places(files).total() == 2_100
