"""The memory's topic on a real broker: whoever reads it comes to the same."""

import random
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

import msgspec
import pytest
from kafka import KafkaAdminClient

from deploy.local.process import wait_until
from tests.conftest import Addresses
from tests.support.streams import Stream
from worker.errors import StartupFailedError
from worker.memory import Memory
from worker.memory_entries import Entry
from worker.memory_log import FORM, memory_log, memory_output
from worker.memory_room import Sizes
from worker.settings import Settings

HELD = 40
Writer = Callable[..., None]


@pytest.fixture
def topic(addresses: Addresses, unique: str) -> str:
    name = f"{unique}-tweets.memory"
    with closing(KafkaAdminClient(bootstrap_servers=addresses.kafka)) as admin:
        admin.create_topics({name: {"num_partitions": 1}}, wait_for_metadata=True)
    return name


@pytest.fixture
def write(addresses: Addresses, unique: str, tmp_path: Path, topic: str) -> Writer:
    stream = Stream(addresses, unique, tmp_path)

    def written(entries: Sequence[Entry], signals: str = "mine") -> None:
        with stream.producer() as producer:
            for entry in entries:
                made = memory_output(topic, b"key", signals, entry)
                producer.send(topic, key=made.key, value=made.value)
            producer.flush()

    return written


def entries(count: int, ids: int, seed: int = 0) -> list[Entry]:
    """Return posts whose ids repeat."""
    chance = random.Random(seed)
    return [
        Entry(
            number := chance.randrange(1, ids),
            1_000.0 + at,
            chance.randrange(1, 5),
            number,
            chance.sample(range(1, 30), 3),
            [1, 2, 1],
            [f"tag{chance.randrange(9)}"],
        )
        for at in range(count)
    ]


def made() -> Memory:
    return Memory(Sizes(posts=HELD), signals="mine")


def settings(addresses: Addresses) -> Settings:
    return Settings(bootstrap_servers=addresses.kafka)


@pytest.mark.parametrize(("count", "ids"), [(10, 100), (300, 1_000), (300, 60), (300, 30)])
def test_a_worker_that_starts_later_knows_the_same(
    addresses: Addresses, topic: str, write: Writer, count: int, ids: int
) -> None:
    posts = entries(count, ids)
    whole = made()
    whole.add(posts)
    write(posts)
    with memory_log(settings(addresses), topic, made) as late:
        assert late.memory.digest() == whole.digest()


def test_what_is_written_while_one_follows_is_added(
    addresses: Addresses, topic: str, write: Writer
) -> None:
    posts = entries(120, 90)
    with memory_log(settings(addresses), topic, made) as early:
        assert len(early.memory) == 0
        write(posts)
        read = 0

        def all_read() -> bool:
            nonlocal read
            read += early.follow()
            return read == len(posts)

        assert wait_until(all_read, 30)
        with memory_log(settings(addresses), topic, made) as late:
            assert late.memory.digest() == early.memory.digest()
        write(posts[:5], signals="another's")
        assert wait_until(lambda: (early.follow(), early.passed_over)[1] == 5, 30)
        assert early.memory.digest() == late.memory.digest()


def test_records_of_another_key_are_no_memory_to_start_with(
    addresses: Addresses, topic: str, write: Writer
) -> None:
    write(entries(3, 100), signals="another's")
    with (
        pytest.raises(StartupFailedError, match="3 records of another memory key"),
        memory_log(settings(addresses), topic, made),
    ):
        pass


def test_a_record_of_the_first_form_spells_hashtags_in_canonical_form(
    addresses: Addresses, unique: str, tmp_path: Path, topic: str
) -> None:
    post = [1, 1_000.0, 0, 1, [7], [1], ["sea"]]
    with Stream(addresses, unique, tmp_path).producer() as producer:
        producer.send(topic, key=b"key", value=msgspec.msgpack.encode([1, "mine", post]))
        producer.flush()
    with memory_log(settings(addresses), topic, made) as log:
        assert list(log.memory.entries()) == [Entry(1, 1_000.0, 0, 1, [7], [1], ["sea"], "")]
        assert log.memory.spelling("sea") == "sea"


def test_a_record_of_a_form_to_come_is_passed_over(
    addresses: Addresses, unique: str, tmp_path: Path, topic: str
) -> None:
    with memory_log(settings(addresses), topic, made) as log:
        with Stream(addresses, unique, tmp_path).producer() as producer:
            value = msgspec.msgpack.encode([FORM + 1, "mine", entries(1, 2)[0]])
            producer.send(topic, key=b"key", value=value)
            producer.flush()
        assert wait_until(lambda: (log.follow(), log.passed_over)[1] == 1, 30)
        assert len(log.memory) == 0


def test_a_topic_of_several_partitions_is_no_log(addresses: Addresses, unique: str) -> None:
    name = f"{unique}-wide"
    with closing(KafkaAdminClient(bootstrap_servers=addresses.kafka)) as admin:
        admin.create_topics({name: {"num_partitions": 2}}, wait_for_metadata=True)
    with (
        pytest.raises(StartupFailedError, match="create it with one"),
        memory_log(settings(addresses), name, made),
    ):
        pass
