"""The memory beside a model, on a real broker."""

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from kafka import KafkaAdminClient

from deploy.local.process import wait_until
from export.bundle import Bundle, with_memory, write_bundle
from export.registry import CHAMPION, Registry
from tests.conftest import Addresses
from tests.support.streams import Stream, post
from trainer.memory_fit import MemoryChoice
from worker.cache import NoCache
from worker.following import FollowedModel
from worker.intake import Intake
from worker.memory_state import Rules
from worker.messages import Output, Record, Suggestion, decode_suggestion
from worker.models import answerer, blocklist
from worker.predictor import Predictor
from worker.recall import Recall
from worker.responder import Responder
from worker.scoreboard import Scoreboard
from worker.settings import Settings
from worker.telemetry import Metrics

NOW = datetime.now(UTC)
WORDS = "fireworks over the old harbour tonight"


def record(identity: str, text: str, age: timedelta = timedelta(0)) -> Record:
    value = post(identity, text, author=identity, created_at=(NOW - age).isoformat())
    return Record("tweets", 0, 0, identity.encode(), value)


class Bench:
    """A worker's answers by the champion of a registry, and a memory that others may write to."""

    def __init__(self, stream: Stream, shelf: Registry) -> None:
        self.stream, self.metrics = stream, Metrics()
        self.settings = Settings(
            bootstrap_servers=stream.addresses.kafka, input_topic=stream.posts,
            registry=str(shelf.root), warm_up=0, top=50, explain=True,
        )  # fmt: skip
        self.recall = Recall(self.settings, self.metrics)
        self.board = Scoreboard(self.metrics)
        self.models = FollowedModel(self.settings, self._responder, self.metrics, 0.0)

    def _responder(self, predictor: Predictor) -> Responder:
        blocked = blocklist(self.settings)
        answers = answerer(predictor, self.settings, blocked, self.recall.spelling)
        intake = Intake.of(self.settings)
        return Responder(
            intake, answers, NoCache(), self.settings, self.metrics, self.board, self.recall
        )

    def answered(self, one: Record) -> tuple[Suggestion, Output]:
        (output,) = self.models.current().respond([one])
        assert isinstance(output, Output)
        assert output.value is not None
        return decode_suggestion(output.value), output

    def remember(self, *records: Record) -> None:
        """Let the memory hold these posts, by way of its topic."""
        held = len(self.recall.follow()) + len(records)
        with self.stream.producer() as producer:
            for one in records:
                for kept in self.answered(one)[1].also:
                    producer.send(kept.topic, key=kept.key, value=kept.value)
            producer.flush()
        assert wait_until(lambda: len(self.recall.follow()) == held, 30)

    def scores(self) -> dict[str, float]:
        answer, _ = self.answered(record("asked", WORDS))
        return {tag.hashtag: tag.score for tag in answer.suggestions}


@pytest.fixture
def shelf(bundle: Bundle, tmp_path: Path) -> Registry:
    shelf = Registry(tmp_path / "registry")
    made = write_bundle(bundle.files, bundle.manifest, shelf.bundles)
    shelf.assign(CHAMPION, made.name, "to begin with")
    return shelf


@pytest.fixture
def bench(addresses: Addresses, unique: str, tmp_path: Path, shelf: Registry) -> Iterator[Bench]:
    made = Bench(Stream(addresses, unique, tmp_path), shelf)
    with closing(KafkaAdminClient(bootstrap_servers=addresses.kafka)) as admin:
        topic = made.settings.memory_topic
        admin.create_topics({topic: {"num_partitions": 1}}, wait_for_metadata=True)
    with made.recall:
        yield made


def serve(shelf: Registry, bench: Bench, rules: Rules, weight: float) -> None:
    """Let a bundle take over in which the memory votes by these rules."""
    choice = MemoryChoice(rules, weight)
    made = with_memory(shelf.resolve(CHAMPION), choice.card)
    shelf.assign(CHAMPION, made.name, "other rules")
    bench.models.look()


def test_other_rules_vote_as_soon_as_their_bundle_serves(bench: Bench, shelf: Registry) -> None:
    yesterday = timedelta(days=1)
    bench.remember(record("1", f"{WORDS} #old", yesterday), record("2", f"{WORDS} #new"))
    serve(shelf, bench, Rules(decay=0.0), weight=0.0)
    alike = bench.scores()
    assert alike["old"] == pytest.approx(alike["new"]) == pytest.approx(0.5)
    serve(shelf, bench, Rules(decay=5.0, scale=0.01), weight=0.0)
    fading = bench.scores()
    assert fading["new"] > 0.99
    serve(shelf, bench, Rules(decay=5.0, scale=0.01), weight=3.0)
    weighed = bench.scores()
    assert weighed["new"] == pytest.approx(fading["new"] / 4, abs=1e-4)
    assert len(bench.recall.follow()) == 2


def test_a_hashtag_is_suggested_as_people_spell_it_and_similar_posts_are_named(
    bench: Bench,
) -> None:
    written = {"1": "#SeaSide", "2": "#seaside", "5": "#SeaSide"}
    bench.remember(
        *(record(i, f"{WORDS} {tag}") for i, tag in written.items()),
        record("6", "hills and woods #Hike"),
    )
    answer, _ = bench.answered(record("asked", f"{WORDS} tomorrow"))
    assert answer.suggestions[0].hashtag == "SeaSide"
    assert answer.suggestions[0].sources == ["memory"]
    assert {one.id for one in answer.nearest or []} == {"1", "2", "5"}
    assert all(0.5 < one.similarity < 1 for one in answer.nearest or [])


def test_a_hashtag_of_the_field_is_spelt_as_one_in_a_text(bench: Bench) -> None:
    value = post("7", WORDS, hashtags=["＃Sea\tSide", "", "#"], author="one")
    bench.remember(Record("tweets", 0, 0, b"7", value))
    assert next(iter(bench.scores())) == "Sea Side"
