"""Posts are answered however their topic is compressed, through either client."""

import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import count
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from kafka import KafkaAdminClient, codec
from kafka.admin import ConfigResource

from tests.conftest import Addresses
from tests.support.streams import Stream
from worker.answers import Answerer
from worker.cache import NoCache
from worker.clients import member
from worker.errors import FatalError
from worker.intake import Intake
from worker.loop import Loop
from worker.messages import Post, Suggestion
from worker.models import OneModel
from worker.predictor import Predictor
from worker.rejects import RejectLimit
from worker.responder import Responder
from worker.scoreboard import Scoreboard
from worker.settings import Settings
from worker.telemetry import Health, Metrics

NEAR = 2e-4  # a score has four decimals, and its batch may move the last
CODECS = ("gzip", "lz4", "snappy", "zstd")
texts = st.lists(
    # Some repeat so much that they come out many times as long as they were sent.
    st.text(st.characters(exclude_categories=["Cs"]), max_size=50)
    | st.builds(str.__mul__, st.sampled_from(["sea ", "ab", "é"]), st.integers(1, 20_000)),
    min_size=1,
    max_size=8,
)


@pytest.fixture(params=CODECS)
def compression(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def stream(addresses: Addresses, unique: str, tmp_path: Path, compression: str) -> Iterator[Stream]:
    """A stream whose broker keeps the posts compressed, whatever the producer sends."""
    stream = Stream(addresses, unique, tmp_path, partitions=1)
    stream.create_topics()
    kind = ConfigResource("topic", stream.posts, {"compression.type": compression})
    with closing(KafkaAdminClient(bootstrap_servers=addresses.kafka)) as admin:
        admin.alter_configs([kind])
    yield stream
    stream.stop()


def scores(answer: Suggestion) -> list[float]:
    return [one.score for one in answer.suggestions]


@contextmanager
def loop(stream: Stream, client: str, predictor: Predictor) -> Iterator[Loop]:
    chosen = Settings(
        client=client,  # type: ignore[arg-type] # from the parameters below
        bootstrap_servers=stream.addresses.kafka,
        group=stream.group,
        input_topic=stream.posts,
        output_topic=stream.suggestions,
        max_post_bytes=1_000_000,
    )
    metrics = Metrics()
    board = Scoreboard(metrics)
    responder = Responder(Intake.of(chosen), Answerer(predictor), NoCache(), chosen, metrics, board)
    limit = RejectLimit(ratio=1.0, run=0)
    with member(chosen) as (source, sink):
        yield Loop(source, sink, OneModel(responder), limit, chosen, metrics, Health())


@pytest.mark.parametrize("client", ["kafka-python", "confluent-kafka"])
def test_compressed_posts_are_answered_as_they_are(
    stream: Stream, client: str, predictor: Predictor
) -> None:
    answers, numbers, uncompressed = stream.answers(), count(), Answerer(predictor)

    def expected(one: Post) -> Suggestion:
        (read,) = predictor.encode([one.text])
        if read.empty:
            return uncompressed.suggest(one, None)
        return uncompressed.suggest(one, predictor.predict([read])[0])

    with loop(stream, client, predictor) as running:

        @settings(max_examples=10, suppress_health_check=list(HealthCheck))
        @given(texts)
        def check(batch: list[str]) -> None:
            posts = [Post(str(next(numbers)), text) for text in batch]
            stream.produce_posts({one.id: one.text for one in posts})
            due = len(answers.records) + len(posts)

            def answered() -> bool:
                running.step()
                return len(answers.records) >= due

            answers.until(answered)
            for found, one in zip(list(answers)[-len(posts) :], posts, strict=True):
                wanted = expected(one)
                assert (found.id, found.reason) == (one.id, wanted.reason)
                assert scores(found) == pytest.approx(scores(wanted), abs=NEAR)

        check()


def test_what_cannot_be_decompressed_stops_the_worker(
    stream: Stream, compression: str, predictor: Predictor, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream.produce_posts({"1": "hi"})
    monkeypatch.setattr(codec, f"has_{compression}", lambda: False)
    with (
        loop(stream, "kafka-python", predictor) as running,
        pytest.raises(FatalError, match=f"{compression}.*python-snappy and zstandard"),
    ):
        running.run(threading.Event())
