"""`worker dlq` on a real broker: dead letters are listed, shown, and sent again at most thrice."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tests.conftest import Addresses
from tests.support.streams import Reader, Stream, post
from worker.cli import main
from worker.dead_letters import MOST_REPLAYS, ORIGIN, REPLAYS
from worker.errors import RecordRejectedError
from worker.messages import Output, Record, dead_letter_output

HOUR_AGO, NOW = 1_600_000_000_000, 1_600_003_600_000


@pytest.fixture
def stream(addresses: Addresses, unique: str, tmp_path: Path) -> Stream:
    stream = Stream(addresses, unique, tmp_path, partitions=2)
    stream.create_topics()
    return stream


def rejected(stream: Stream, offset: int, reason: str, at: int, **more: bytes) -> None:
    """Put a dead letter into the topic, as a worker does."""
    record = Record(stream.posts, 1, offset, b"key", b"value", tuple(more.items()))
    output = dead_letter_output(
        stream.dead_letters, record, RecordRejectedError(reason, f"{reason} at {offset}")
    )
    send(stream, output, at)


def send(stream: Stream, output: Output, at: int) -> None:
    with stream.producer() as producer:
        producer.send(
            output.topic,
            key=output.key,
            value=output.value,
            headers=output.headers,
            timestamp_ms=at,
        ).get(timeout=60)


def dlq(stream: Stream, *arguments: str) -> Result:
    where = ["--bootstrap-servers", stream.addresses.kafka, "--input-topic", stream.posts]
    command, *rest = arguments
    return CliRunner().invoke(main, ["dlq", command, *where, *rest])


def listed(stream: Stream, *filters: str) -> list[dict[str, object]]:
    result = dlq(stream, "list", "--json", *filters)
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_they_are_listed_by_reason_partition_and_time(stream: Stream) -> None:
    assert listed(stream) == []
    rejected(stream, 5, "not_json", HOUR_AGO)
    rejected(stream, 6, "bad_id", NOW)
    rows = {row["from"]: row for row in listed(stream)}
    assert set(rows) == {f"{stream.posts}-1-5", f"{stream.posts}-1-6"}
    assert rows[f"{stream.posts}-1-5"] == {
        "from": f"{stream.posts}-1-5",
        "at": "2020-09-13T12:26:40+00:00",
        "reason": "not_json",
        "why": "not_json at 5",
        "key": "key",
        "bytes": 5,
        "replays": 0,
    }

    def sources(*filters: str) -> set[object]:
        return {str(row["from"])[-1] for row in listed(stream, *filters)}

    assert sources("--reason", "bad_id") == {"6"}
    assert sources("--reason", "bad_id", "--reason", "not_json") == {"5", "6"}
    assert sources("--partition", "1") == {"5", "6"}
    assert sources("--partition", "0") == set()
    assert sources("--since", "2020-09-13T13:00:00Z") == {"6"}
    assert sources("--until", "2020-09-13T13:00:00Z") == {"5"}
    table = dlq(stream, "list").output
    assert "2 dead letters" in table


def test_one_is_shown_in_full(stream: Stream) -> None:
    rejected(stream, 5, "not_json", NOW, trace=b"abc")
    shown = dlq(stream, "show", f"{stream.posts}-1-5").output
    assert "trace: abc" in shown
    assert "__connect.errors.exception.message: not_json at 5" in shown
    assert shown.endswith("key: key\n\nvalue\n")
    missing = dlq(stream, "show", f"{stream.posts}-1-9")
    assert missing.exit_code == 1
    assert "no dead letter" in missing.output


def test_a_replay_sends_the_record_as_it_came(stream: Stream) -> None:
    rejected(stream, 5, "not_json", NOW, trace=b"abc")
    rejected(stream, 6, "bad_id", NOW)
    assert (
        "1 of 1 would be sent" in dlq(stream, "replay", "--reason", "not_json", "--dry-run").output
    )
    assert "1 of 1 sent again" in dlq(stream, "replay", "--reason", "not_json").output
    reader = Reader(stream.addresses, stream.posts)
    reader.until(lambda: len(reader.records) >= 1)
    reader.rest()
    reader.close()
    (record,) = reader.records
    assert (record.key, record.value) == (b"key", b"value")
    assert dict(record.headers) == {
        "trace": b"abc",
        REPLAYS: b"1",
        ORIGIN: f"{stream.posts}-1-5".encode(),
    }


def test_what_fails_again_is_sent_at_most_thrice(stream: Stream, bundle_path: Path) -> None:
    worker = stream.worker(bundle=str(bundle_path), reject_limit="off")
    stream.produce([(b"bad", b"no post"), (b"good", post("good", "hi"))])
    dead = stream.dead()
    for replays in range(MOST_REPLAYS):
        dead.until(lambda count=replays: len(dead.records) > count)  # type: ignore[misc]
        assert "1 of 1 sent again" in dlq(stream, "replay").output
    dead.until(lambda: len(dead.records) > MOST_REPLAYS)
    result = dlq(stream, "replay")
    assert "0 of 1 sent again" in result.output
    assert "stays: it was sent again 3 times already" in result.stderr
    assert {row["replays"] for row in listed(stream)} == {0, 1, 2, 3}
    assert worker.stop() == 0


def test_what_was_too_large_to_keep_stays(stream: Stream) -> None:
    record = Record(stream.posts, 0, 7, b"key", b"x" * 2_000_000)
    error = RecordRejectedError("text_too_long", "two megabytes")
    send(stream, dead_letter_output(stream.dead_letters, record, error), NOW)
    result = dlq(stream, "replay")
    assert "0 of 1 sent again" in result.output
    assert "too large for the dead-letter topic" in result.stderr


def test_without_a_broker_it_says_so() -> None:
    result = CliRunner().invoke(
        main, ["dlq", "list", "--bootstrap-servers", "127.0.0.1:1", "--input-topic", "t"]
    )
    assert result.exit_code == 7
    assert "t.dead-letter cannot be read" in result.stderr


def test_what_is_no_time_is_refused(stream: Stream) -> None:
    assert dlq(stream, "list", "--since", "yesterday").exit_code == 2
