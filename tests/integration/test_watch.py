"""`worker watch` on a real broker: answers beside their posts, and nothing committed."""

import json
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from kafka import KafkaAdminClient, TopicPartition

from deploy.local.process import wait_until
from export.bundle import Bundle
from tests.conftest import Addresses
from tests.support.streams import Stream, post
from worker.cli import main
from worker.errors import ExitCode
from worker.messages import Record, ScoredHashtag, Suggestion, suggestion_output
from worker.settings import Settings
from worker.watch import Answered, follow


@pytest.fixture
def stream(addresses: Addresses, unique: str, tmp_path: Path) -> Iterator[Stream]:
    stream = Stream(addresses, unique, tmp_path, partitions=2)
    stream.create_topics()
    yield stream
    stream.stop()


def answer(stream: Stream, identity: str, partition: int, offset: int, topic: str = "") -> None:
    """Put an answer into its topic, as a worker does."""
    record = Record(topic or stream.posts, partition, offset, None, None)
    found = Suggestion(identity, [ScoredHashtag("travel", 0.5)], "abc", "cpu-fp32")
    output = suggestion_output(stream.suggestions, record, found)
    with stream.producer() as producer:
        producer.send(output.topic, key=output.key, value=output.value, headers=output.headers).get(
            timeout=60
        )


def put(stream: Stream, *values: bytes) -> None:
    """Put posts into partition 1."""
    with stream.producer() as producer:
        for value in values:
            producer.send(stream.posts, value, partition=1).get(timeout=60)


def watch(stream: Stream, *flags: str) -> Result:
    where = ["--bootstrap-servers", stream.addresses.kafka, "--input-topic", stream.posts]
    where += ["--output-topic", stream.suggestions, "--from-beginning"]
    return CliRunner().invoke(main, ["watch", *where, *flags])


def groups(stream: Stream) -> set[str]:
    with closing(KafkaAdminClient(bootstrap_servers=stream.addresses.kafka)) as admin:
        return {group["group_id"] for group in admin.list_groups()}


def test_answers_of_a_worker_stand_beside_their_posts(
    stream: Stream, bundle: Bundle, bundle_path: Path
) -> None:
    words = bundle.topics()[0][:4]
    texts = {str(n): f"@me {' '.join(words[: n % 3 + 2])} #tag" for n in range(30)}
    stream.worker(bundle=str(bundle_path), explain=True)
    stream.produce_posts(texts)
    stream.answers().until_answered(texts)
    assert wait_until(lambda: sum(stream.committed().values()) == len(texts), 60)
    before = stream.committed(), groups(stream)
    result = watch(stream, "--limit", "30", "--json", "--bundle", str(bundle_path))
    assert result.exit_code == ExitCode.DONE, result.output
    told = {line["id"]: line for line in map(json.loads, result.stdout.splitlines())}
    assert {identity: line["text"] for identity, line in told.items()} == texts
    for identity, line in told.items():
        assert line["words"] == words[: int(identity) % 3 + 2]
        assert len(line["attention"]) == len(line["words"])
        assert len(line["suggestions"]) == 5
    assert (stream.committed(), groups(stream)) == before
    screen = watch(stream, "--limit", "1", "--bundle", str(bundle_path))
    assert "attention  " in screen.stdout
    assert screen.stderr == ""
    without = watch(stream, "--limit", "2", "--registry", "nowhere")
    assert without.exit_code == ExitCode.DONE
    assert "attention" not in without.stdout
    assert without.stderr.count("no words of") == 1


def test_control_characters_stay_away_from_the_terminal(stream: Stream) -> None:
    text = "red \x1b[31m alert \x07 \x9b2J end"
    put(stream, post("1", text))
    answer(stream, "1", 1, 0)
    shown = watch(stream, "--limit", "1").stdout
    assert "red \ufffd[31m alert" in shown
    as_json = watch(stream, "--limit", "1", "--json").stdout
    assert json.loads(as_json)["text"] == text
    for output in (shown, as_json):
        assert not set("\x1b\x07\x9b") & set(output)


def test_a_post_that_is_not_there_is_said_so(stream: Stream) -> None:
    put(stream, post("0", "deleted"), post("1", "kept"), b"no post")
    with closing(KafkaAdminClient(bootstrap_servers=stream.addresses.kafka)) as admin:
        admin.delete_records({TopicPartition(stream.posts, 1): 1})
    cases = {
        "deleted": (1, 0, ""),
        "kept": (1, 1, ""),
        "broken": (1, 2, ""),
        "not yet": (1, 3, ""),
        "nowhere": (9, 0, ""),
        "elsewhere": (1, 1, "another-topic"),
    }
    for identity, (partition, offset, topic) in cases.items():
        answer(stream, identity, partition, offset, topic)
    shown = watch(stream, "--limit", str(len(cases))).stdout
    blocks = {block.split(" ·")[0]: block for block in shown.split("── ")[1:]}
    assert set(blocks) == set(cases)
    assert "kept" in blocks["kept"].splitlines()[1]
    for identity in ("deleted", "not yet", "nowhere"):
        assert "no post: it is no longer there" in blocks[identity]
    assert "no post: it is of another topic" in blocks["elsewhere"]
    assert "no post: not_json" in blocks["broken"]
    assert "--format" in blocks["broken"]


def test_what_is_no_answer_is_named_and_passed_over(stream: Stream) -> None:
    with stream.producer() as producer:
        for value in (b"\x1b[2J", None):
            producer.send(stream.suggestions, key=b"1", value=value).get(timeout=60)
    put(stream, post("1", "hi"))
    answer(stream, "1", 1, 0)
    result = watch(stream, "--limit", "1")
    assert result.exit_code == ExitCode.DONE
    assert "#travel" in result.stdout
    assert result.stderr.count("is no answer: ") == 2
    assert "\x1b" not in result.output


def test_without_the_flag_only_new_answers_are_shown(stream: Stream) -> None:
    put(stream, post("old", "old"), post("new", "new"))
    answer(stream, "old", 1, 0)
    settings = Settings(
        bootstrap_servers=stream.addresses.kafka,
        input_topic=stream.posts,
        output_topic=stream.suggestions,
    )
    stop, seen = threading.Event(), list[str | None]()

    def read() -> None:
        for one in follow(settings, stop):
            assert isinstance(one, Answered)
            seen.append(one.text)
            stop.set()

    reading = threading.Thread(target=read)
    reading.start()
    while not stop.wait(0.2):
        answer(stream, "new", 1, 1)
    reading.join()
    assert set(seen) == {"new"}


def test_a_topic_that_is_not_there_is_named(addresses: Addresses, unique: str) -> None:
    flags = ["--bootstrap-servers", addresses.kafka, "--output-topic", f"{unique}-none"]
    result = CliRunner().invoke(main, ["watch", *flags])
    assert result.exit_code == ExitCode.START_FAILED
    assert f"there is no topic {unique}-none; name it with --output-topic" in result.stderr


def test_without_a_broker_it_says_so() -> None:
    result = CliRunner().invoke(main, ["watch", "--bootstrap-servers", "127.0.0.1:1"])
    assert result.exit_code == ExitCode.UNREACHABLE
    assert "suggestions cannot be read" in result.stderr


def test_an_address_that_is_none_is_named() -> None:
    result = CliRunner().invoke(main, ["watch", "--bootstrap-servers", "host:port"])
    assert result.exit_code == ExitCode.START_FAILED
    assert "--bootstrap-servers host:port" in result.stderr
