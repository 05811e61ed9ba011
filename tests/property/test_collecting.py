"""Whatever moment a collector or a compaction is killed at, each post is read exactly once."""

import secrets
from datetime import date
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tests.support.collecting import OwnedSource, collector, places, value
from tests.support.inmemory import InMemoryTopic
from tests.support.stopping import StoppedError
from trainer.collector import Collector
from trainer.compaction import compact
from trainer.post_files import PostFile, PostFiles
from trainer.settings import CollectSettings
from worker.delivery import Offsets
from worker.telemetry import Health

NEVER = 10_000


class Fuse:
    """Burns down by one with each step to a store or a broker; where it ends, so does a process."""

    left = NEVER

    def burn(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise StoppedError


class FusedFiles(PostFiles):
    """Files that a process may die before, or after, it writes or removes one of them."""

    def __init__(self, fuse: Fuse) -> None:
        super().__init__(f"memory://{secrets.token_hex(8)}")
        self.fuse = fuse

    def write(self, day: date, posts: Any) -> PostFile:  # noqa: ANN401
        self.fuse.burn()
        written = super().write(day, posts)
        self.fuse.burn()
        return written

    def remove(self, file: PostFile) -> None:
        self.fuse.burn()
        super().remove(file)


class FusedSource(OwnedSource):
    """A broker that a process may die before, or after, it commits."""

    def __init__(self, topic: InMemoryTopic, fuse: Fuse) -> None:
        super().__init__(topic)
        self.fuse = fuse

    def commit(self, offsets: Offsets) -> None:
        self.fuse.burn()
        super().commit(offsets)
        self.fuse.burn()


def collect(topic: InMemoryTopic, files: FusedFiles, flush_rows: int, batch: int) -> None:
    """Collect until all is committed, or the process dies."""
    settings = CollectSettings(flush_rows=flush_rows, flush_seconds=1e6, max_batch_size=batch)
    one = Collector(FusedSource(topic, files.fuse), files, settings, Health())
    while any(one.source.lag().values()):
        one.step()
    one.flush()


lives = st.lists(
    st.tuples(
        st.sampled_from(["collect", "compact"]),
        st.integers(0, 12),  # steps until it dies
        st.integers(1, 9),  # posts in a file at least
        st.integers(1, 5),  # records in a batch
    ),
    max_size=8,
)
posts = st.lists(
    st.tuples(st.integers(0, 2), st.integers(0, 1), st.booleans()), min_size=1, max_size=40
)


@given(posts=posts, lives=lives)
def test_no_kill_loses_or_doubles_a_post(
    posts: list[tuple[int, int, bool]], lives: list[tuple[str, int, int, int]]
) -> None:
    topic = InMemoryTopic(partitions=2)
    kept = set()
    for number, (day, partition, tagged) in enumerate(posts):
        text = "at #sea" if tagged else "at sea"
        record = topic.append(value(number, day, text), partition=partition)
        if tagged:
            kept.add((record.topic, record.partition, record.offset))
    files = FusedFiles(Fuse())
    for act, steps, rows, batch in [*lives, ("collect", NEVER, 7, 3), ("compact", NEVER, 1, 1)]:
        files.fuse.left = steps
        try:
            if act == "collect":
                collect(topic, files, rows, batch)
            else:
                compact(files)
        except StoppedError:
            pass
        found = places(files)
        committed = {(r.topic, r.partition, r.offset) for r in topic.delivered()}
        assert set(found.values()) <= {1}
        assert committed & kept <= found.keys() <= kept
    assert found.keys() == kept
    assert topic.done
    for folder in files.days():
        assert len(files.of(folder)) == len({file.log for file in files.of(folder)})


def test_a_partition_that_comes_back_leaves_no_gap() -> None:
    # One collector reads 0 to 4 and loses the partition, before it writes them; another collects to
    # 9 and stops; the first gets it back, and writes what it held with what came: 0 to 4, 10 to 14.
    topic = InMemoryTopic()
    files = FusedFiles(Fuse())
    for number in range(5):
        topic.append(value(number))
    first, source = collector(topic, files, flush_seconds=1e6)
    first.step()
    for number in range(5, 10):
        topic.append(value(number))
    collect(topic, files, 100, 100)
    for number in range(10, 15):
        topic.append(value(number))
    source.rewind()
    first.step()
    first.flush()
    [day] = files.days()
    assert [(file.first, file.last) for file in files.of(day)] == [(0, 9), (0, 14)]
    assert places(files) == {("tweets", 0, offset): 1 for offset in range(15)}
    compact(files)
    assert [(file.first, file.last) for file in files.of(day)] == [(0, 14)]
    assert places(files) == {("tweets", 0, offset): 1 for offset in range(15)}
