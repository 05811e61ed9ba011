import math
from collections.abc import Sequence

import numpy as np
import pytest

from export.bundle import Bundle
from tests.support.inmemory import InMemoryTopic
from tests.support.loops import Bench, CountingPredictor, coordinates, post
from worker.cache import NoCache
from worker.errors import RecordRejectedError
from worker.predictor import ModelInput, Prediction, Predictor
from worker.responder import predict_each
from worker.settings import Settings


@pytest.fixture
def topic() -> InMemoryTopic:
    return InMemoryTopic()


@pytest.fixture
def texts(bundle: Bundle) -> list[str]:
    return [" ".join(words) for words in bundle.topics()]


@pytest.fixture
def counting(predictor: Predictor) -> CountingPredictor:
    return CountingPredictor(predictor)


@pytest.fixture
def bench(topic: InMemoryTopic, counting: CountingPredictor) -> Bench:
    return Bench(topic, counting)


class TestABatch:
    def test_is_answered_in_the_order_of_its_records(
        self, bench: Bench, topic: InMemoryTopic, texts: list[str], predictor: Predictor
    ) -> None:
        records = [topic.append(post(str(n), text)) for n, text in enumerate(texts)]
        bench.loop.step()
        assert [coordinates(output) for output in bench.outputs] == [r.coordinates for r in records]
        for answer, text in zip(bench.answers, texts, strict=True):
            (expected,) = predictor.predict(predictor.encode([text]))
            best = [predictor.hashtags[row].spelling for row in expected.hashtags[:5]]
            assert [scored.hashtag for scored in answer.suggestions] == best
        assert topic.committed == {0: len(texts)}

    def test_is_as_large_as_the_settings_say(
        self, topic: InMemoryTopic, counting: CountingPredictor, texts: list[str]
    ) -> None:
        bench = Bench(topic, counting, Settings(max_batch_size=4))
        for text in texts:
            topic.append(post("1", text))
        bench.loop.step()
        assert counting.calls == [4]
        assert topic.committed == {0: 4}

    def test_of_nothing_changes_nothing(self, bench: Bench) -> None:
        bench.loop.step()
        assert bench.outputs == []
        assert bench.value("tagstream_batch_records_count") == 0
        assert bench.health.live
        assert bench.health.ready

    def test_of_deletions_is_passed_over(
        self, bench: Bench, topic: InMemoryTopic, texts: list[str]
    ) -> None:
        topic.append(None, key=b"1")
        topic.append(post("2", texts[0]))
        topic.append(None, key=b"3")
        bench.loop.step()
        assert [answer.id for answer in bench.answers] == ["2"]
        assert topic.committed == {0: 3}
        assert bench.value("tagstream_skipped_records_total", reason="deletion") == 2

    @pytest.mark.parametrize("text", ["", "#OnlyAHashtag", "@me https://a.b"])
    def test_of_posts_without_words_is_answered_and_not_inferred(
        self, bench: Bench, topic: InMemoryTopic, counting: CountingPredictor, text: str
    ) -> None:
        topic.append(post("1", text))
        bench.loop.step()
        (answer,) = bench.answers
        assert (answer.id, answer.suggestions, answer.reason) == ("1", [], "no_words")
        assert counting.calls == []
        assert bench.value("tagstream_posts_without_words_total") == 1

    def test_of_what_cannot_be_read_becomes_dead_letters(
        self, bench: Bench, topic: InMemoryTopic, texts: list[str]
    ) -> None:
        values = [b"no JSON", post("2", texts[0]), post("", "x"), post("4", "x" * 70_000)]
        records = [topic.append(value, key=b"k") for value in values]
        records.append(topic.append(None))
        bench.loop.step()
        assert [coordinates(output) for output in bench.outputs] == [r.coordinates for r in records]
        assert [(o.topic, o.rejected) for o in bench.outputs] == [
            ("tweets.dead-letter", "not_json"),
            ("suggestions", None),
            ("tweets.dead-letter", "bad_id"),
            ("tweets.dead-letter", "text_too_long"),
            ("tweets.dead-letter", "not_json"),
        ]
        assert bench.outputs[0].value == b"no JSON"
        assert topic.committed == {0: 5}
        assert bench.value("tagstream_dead_letters_total", reason="not_json") == 2


class TestInference:
    def test_of_equal_posts_happens_once(
        self, bench: Bench, topic: InMemoryTopic, counting: CountingPredictor, texts: list[str]
    ) -> None:
        for number, text in enumerate([texts[0], texts[1], texts[0].upper(), f"{texts[0]} #tag"]):
            topic.append(post(str(number), text))
        bench.loop.step()
        assert counting.calls == [2]
        first, other, *again = bench.answers
        assert all(answer.suggestions == first.suggestions for answer in again)
        assert other.suggestions != first.suggestions

    def test_is_spared_for_what_the_cache_knows(
        self, bench: Bench, topic: InMemoryTopic, counting: CountingPredictor, texts: list[str]
    ) -> None:
        for text in texts[:3]:
            topic.append(post("1", text))
        bench.loop.step()
        for text in texts[2:5]:
            topic.append(post("1", text))
        bench.loop.step()
        assert counting.calls == [3, 2]
        assert bench.value("tagstream_inferred_posts_total") == 5
        assert bench.answers[2] == bench.answers[3]

    def test_without_a_cache_asks_the_graph_each_time(
        self, topic: InMemoryTopic, counting: CountingPredictor, texts: list[str]
    ) -> None:
        bench = Bench(topic, counting, cache=NoCache())
        for _ in range(2):
            topic.append(post("1", texts[0]))
            bench.loop.step()
        assert counting.calls == [1, 1]

    def test_that_fails_on_one_post_dead_letters_it_alone(
        self, topic: InMemoryTopic, predictor: Predictor, texts: list[str]
    ) -> None:
        bench = Bench(topic, CountingPredictor(predictor, bad=[texts[3]]))
        for number, text in enumerate(texts):
            topic.append(post(str(number), text))
        bench.loop.step()
        rejected = [o.rejected for o in bench.outputs]
        assert rejected == [*[None] * 3, "inference_failed", *[None] * (len(texts) - 4)]
        assert dict(bench.outputs[3].headers)["__connect.errors.exception.message"] == (
            b"RuntimeError: a bad post"
        )
        assert len(bench.answers) == len(texts) - 1


class TestBisection:
    @pytest.mark.parametrize(
        "bad", [[0], [511], [7, 300], [100, 101, 102], list(range(0, 512, 64))]
    )
    def test_finds_bad_posts_in_few_calls_and_answers_the_rest(self, bad: list[int]) -> None:
        size, calls = 512, 0
        inputs = [ModelInput(np.array([n]), n.to_bytes(2, "big")) for n in range(size)]

        def predict(batch: Sequence[ModelInput]) -> list[Prediction]:
            nonlocal calls
            calls += 1
            if any(int(item.ids[0]) in bad for item in batch):
                raise ValueError("bad")
            return [Prediction(*[item.ids] * 4) for item in batch]  # type: ignore[arg-type]

        answers = predict_each(predict, inputs)
        assert [n for n, a in enumerate(answers) if isinstance(a, RecordRejectedError)] == bad
        for number, answer in enumerate(answers):
            if isinstance(answer, Prediction):
                assert answer.hashtags.tolist() == [number]
        assert calls <= 1 + 2 * len(bad) * math.log2(size)

    def test_of_nothing_calls_nothing(self) -> None:
        assert predict_each(lambda _: pytest.fail("called"), []) == []


def test_the_lag_is_told_by_partition(counting: CountingPredictor, texts: list[str]) -> None:
    topic = InMemoryTopic(partitions=2)
    bench = Bench(topic, counting, Settings(max_batch_size=2))
    for number in range(5):
        topic.append(post(str(number), texts[0]), partition=number % 2)
    bench.loop.step()
    assert bench.value("tagstream_consumer_lag_records", partition="0") == 1
    assert bench.value("tagstream_consumer_lag_records", partition="1") == 2
