"""The page's server on a real broker: answers reach viewers, and what is typed comes back."""

import secrets
import socket
import threading
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from tests.conftest import Addresses
from tests.support.page import Client, page, until
from tests.support.streams import Reader, Stream, post
from worker.cli import main
from worker.errors import ExitCode
from worker.formats import decode_post
from worker.messages import Record, ScoredHashtag, Suggestion, suggestion_output
from worker.settings import Settings
from worker.web import app, typed

MARKUP = "<script>alert(1)</script> <b>sea</b> & \u2028 \u202e end"


@pytest.fixture(scope="module")
def stream(addresses: Addresses, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stream]:
    folder: Path = tmp_path_factory.mktemp("page")
    stream = Stream(addresses, f"test-{secrets.token_hex(4)}", folder, partitions=2)
    stream.create_topics()
    yield stream
    stream.stop()


def settings(stream: Stream) -> Settings:
    return Settings(
        bootstrap_servers=stream.addresses.kafka,
        input_topic=stream.posts,
        output_topic=stream.suggestions,
    )


@pytest.fixture(scope="module")
def client(stream: Stream) -> Iterator[Client]:
    """A page that reads the broker already."""
    with page(settings(stream), names=("tags.example",)) as client:
        with client.events() as events:
            until(events, "broker", lambda told: told["reached"])
        yield client


def answer(stream: Stream, record: Record, identity: str) -> None:
    """Put an answer into its topic, as a worker does."""
    found = Suggestion(identity, [ScoredHashtag("travel", 0.5, ["memory"])], "abc", "cpu-fp32")
    output = suggestion_output(stream.suggestions, record, found)
    with stream.producer() as producer:
        producer.send(output.topic, key=output.key, value=output.value, headers=output.headers).get(
            timeout=60
        )


def answers(data: Any) -> dict[str, Any]:  # noqa: ANN401 - an event
    return {one["id"]: one for one in data["answers"]}


def test_one_reading_serves_all_viewers(stream: Stream, client: Client) -> None:
    with stream.producer() as producer:
        sent = producer.send(stream.posts, post("1", MARKUP)).get(timeout=60)
    with client.events() as first, client.events() as second:
        answer(stream, Record(stream.posts, sent.partition, sent.offset, None, None), "1")
        told = [until(one, "answers", lambda data: "1" in answers(data)) for one in (first, second)]
    shown = answers(told[0])["1"]
    assert shown == answers(told[1])["1"]
    assert "".join(piece for piece, _ in shown["pieces"]) == MARKUP
    assert shown["suggestions"] == [{"hashtag": "travel", "score": 0.5, "sources": ["memory"]}]
    with client.events() as later:
        assert answers(until(later, "answers", lambda _: True))["1"] == shown


def test_of_a_fast_stream_the_newest_are_shown_and_the_others_counted(
    stream: Stream, client: Client
) -> None:
    count = 3_000
    with client.events() as events, stream.producer() as producer:
        until(events, "broker", lambda told: told["reached"])
        found = Suggestion("many", [], "abc", "cpu-fp32")
        outputs = [
            suggestion_output(
                stream.suggestions, Record(stream.posts, 0, count + at, None, None), found
            )
            for at in range(count)
        ]
        for one in outputs:
            producer.send(one.topic, value=one.value, headers=one.headers, partition=0)
        last, shown, lost = "", 0, 0
        while last != f"{stream.posts}-0-{2 * count - 1}":
            told = until(events, "answers", lambda _: True)
            last = told["answers"][-1]["source"]
            shown += sum(one["id"] == "many" for one in told["answers"])
            lost += told["lost"]
    assert shown + lost == count
    assert shown < count / 2


def test_a_stream_without_a_pause_is_one_that_is_reached(stream: Stream) -> None:
    found = Suggestion("on and on", [], "abc", "cpu-fp32")
    one = suggestion_output(stream.suggestions, Record("other", 0, 0, None, None), found)
    enough = threading.Event()

    def go_on() -> None:
        with stream.producer() as producer:
            while not enough.wait(0.05):
                producer.send(one.topic, value=one.value, headers=one.headers)

    going = threading.Thread(target=go_on)
    going.start()
    try:
        with page(settings(stream)) as client, client.events() as events:
            until(events, "answers", lambda _: True)
            told = [data for name, data in islice(events, 10) if name == "broker"]
        assert any(state["reached"] for state in told)
    finally:
        enough.set()
        going.join()


def test_what_is_typed_is_a_post_like_any_other_and_its_answer_comes_back(
    stream: Stream, client: Client
) -> None:
    told: list[tuple[int, Any]] = []
    body = b'{"text": " off to the \\u00bdsea "}'
    typing = threading.Thread(target=lambda: told.append(client.type(body)))
    typing.start()
    reader = Reader(stream.addresses, stream.posts)

    def sent() -> Any:  # noqa: ANN401 - the client's
        return next((one for one in reader.records if b"off to the" in one.value), None)

    reader.until(lambda: sent() is not None)
    record = sent()
    read = decode_post(record.value, 100)
    assert (read.text, record.key) == ("off to the ½sea", read.id.encode())
    answer(stream, Record(stream.posts, record.partition, record.offset, None, None), read.id)
    typing.join()
    reader.close()
    ((status, shown),) = told
    assert (status, shown["id"], shown["pieces"]) == (200, read.id, [[read.text, 0]])


def test_an_answer_that_does_not_come_is_waited_for_so_long(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (app, typed):
        monkeypatch.setattr(module, "ANSWER_WITHIN", 1.0)
    status, said = client.type(b'{"text": "nobody answers"}')
    assert status == 504
    assert said["error"].startswith("No answer within 1 seconds. Does a worker run")


def test_as_many_as_may_wait_do_wait(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(typed, "MOST_TYPED", 0)
    status, said = client.type(b'{"text": "one too many"}')
    assert (status, "try again soon" in said["error"]) == (503, True)


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        (b"", 400, "no post"),
        (b"[]", 400, "no post"),
        (b'{"text": "\xff"}', 400, "no post"),
        (b'{"text": "lone \\ud800"}', 400, "no post"),
        (b'{"text": " \\n "}', 400, "Type a post first."),
        (b'{"text": "%b"}' % (b"a" * 1_001), 413, "at most 1,000 characters"),
        (b" " * 20_000, 413, "at most 1,000 characters"),
    ],
)
def test_what_is_no_post_is_refused(client: Client, body: bytes, status: int, words: str) -> None:
    found, said = client.type(body)
    assert (found, words in said["error"]) == (status, True)


def test_only_the_page_itself_may_send_posts(client: Client) -> None:
    body = b'{"text": ""}'  # refused in any case, with another status
    assert client.type(body, kind="text/plain")[0] == 415
    for origin in (None, "null", "http://evil.example", f"http://{client.host}9", "http://[::1"):
        assert client.type(body, origin)[0] == 403, origin
    for origin in ("https://tags.example", "https://tags.example:444"):
        assert client.type(body, origin)[0] == 400, origin


@pytest.mark.parametrize("host", ["evil.example", "tags.example.evil.example", "[::1", ""])
@pytest.mark.parametrize("path", ["/", "/events"])
def test_a_page_by_another_name_is_refused(client: Client, path: str, host: str) -> None:
    status, headers, body = client.get(path, Host=host)
    assert (status, b"--web-name" in body) == (403, True)
    assert "frame-ancestors 'none'" in headers["content-security-policy"]


@pytest.mark.parametrize(
    "host", ["localhost:80", "127.0.0.1", "[::1]:9", "192.0.2.7", "Tags.Example"]
)
def test_by_its_own_names_it_is_there(client: Client, host: str) -> None:
    status, headers, body = client.get("/", Host=host)
    assert (status, b"tagstream" in body) == (200, True)
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert headers["x-content-type-options"] == "nosniff"


def test_nothing_but_its_files_is_served(client: Client) -> None:
    for path in ("/../app.py", "/%2e%2e/app.py", "/..%2fapp.py", "/posts", "/none"):
        assert client.get(path)[0] in {404, 405}, path


def test_without_a_broker_or_a_worker_it_says_so() -> None:
    gone = Settings(bootstrap_servers="127.0.0.1:1")
    with page(gone) as client:
        with client.events() as events:
            vitals = until(events, "vitals", lambda _: True)
            broker = until(events, "broker", lambda told: told["reason"])
        status, said = client.type(b'{"text": "hello"}')
    assert (broker["reached"], broker["address"]) == (False, "127.0.0.1:1")
    assert (vitals["workers"][0]["state"], vitals["rates"][0]) == ("unreachable", None)
    assert "refused" in vitals["workers"][0]["reason"]
    assert (status, "nothing was sent" in said["error"]) == (503, True)


def test_a_start_that_fails_for_good_ends_it(stream: Stream) -> None:
    flags = ["--bootstrap-servers", stream.addresses.kafka, "--output-topic", "none", "--web", "0"]
    result = CliRunner().invoke(main, ["watch", *flags])
    assert result.exit_code == ExitCode.START_FAILED
    assert "there is no topic none; name it with --output-topic" in result.stderr


def test_a_port_that_is_taken_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        result = CliRunner().invoke(main, ["watch", "--web", port])
    assert result.exit_code == ExitCode.START_FAILED
    assert f"--web {port} on 127.0.0.1: Address already in use" in result.stderr
