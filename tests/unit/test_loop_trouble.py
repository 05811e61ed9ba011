"""What the loop does when a service fails for a while, or posts for good."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from export.bundle import Bundle
from tests.support.inmemory import InMemorySink, InMemorySource, InMemoryTopic
from tests.support.loops import Bench, post
from worker.delivery import Offsets
from worker.errors import RetryLaterError, TooManyRejectsError
from worker.messages import Output, Record
from worker.predictor import Predictor
from worker.rejects import RejectLimit
from worker.telemetry import Health


class UnreachableSink(InMemorySink):
    """A broker that takes nothing the first times."""

    def __init__(self, source: InMemorySource, outputs: list[Output], times: int) -> None:
        super().__init__(source, outputs)
        self.times = times

    def publish(self, outputs: Sequence[Output], offsets: Offsets) -> None:
        self.times -= 1
        if self.times >= 0:
            raise RetryLaterError("delivery: no broker")
        super().publish(outputs, offsets)


class StoppingSource(InMemorySource):
    """Ends the loop once all is committed; cannot rewind the first times."""

    def __init__(self, topic: InMemoryTopic, stop: threading.Event, stuck: int = 0) -> None:
        super().__init__(topic)
        self._stop = stop
        self._stuck = stuck

    def poll(self, max_records: int, timeout: float) -> list[Record]:
        if self._topic.done:
            self._stop.set()
        return super().poll(max_records, timeout)

    def rewind(self) -> None:
        self._stuck -= 1
        if self._stuck >= 0:
            raise RetryLaterError("rewind: no broker")
        super().rewind()


@dataclass
class WatchedHealth(Health):
    """Tells whether the worker was ready whenever it moved."""

    ready_at_beats: list[bool] = field(default_factory=list)

    def beat(self) -> None:
        self.ready_at_beats.append(self.ready)
        super().beat()


@pytest.fixture
def topic() -> InMemoryTopic:
    return InMemoryTopic()


@pytest.fixture
def texts(bundle: Bundle) -> list[str]:
    return [" ".join(words) for words in bundle.topics()]


@pytest.fixture
def bench(topic: InMemoryTopic, predictor: Predictor) -> Bench:
    return Bench(topic, predictor)


@pytest.fixture
def stop() -> threading.Event:
    return threading.Event()


def test_a_failure_that_passes_leads_back_to_the_commit(
    bench: Bench, topic: InMemoryTopic, texts: list[str], stop: threading.Event
) -> None:
    for number, text in enumerate(texts):
        topic.append(post(str(number), text))
    bench.source = StoppingSource(topic, stop)
    bench.sink = UnreachableSink(bench.source, bench.outputs, times=2)
    bench.loop.run(stop)
    assert [answer.id for answer in bench.answers] == [str(n) for n in range(len(texts))]
    assert topic.done
    assert bench.value("tagstream_retries_total") == 2
    assert bench.value("messaging_client_consumed_messages_total") == len(texts)
    assert bench.health.ready


def test_a_worker_that_cannot_rewind_is_alive_but_not_ready(
    bench: Bench, topic: InMemoryTopic, texts: list[str], stop: threading.Event
) -> None:
    topic.append(post("1", texts[0]))
    bench.source = StoppingSource(topic, stop, stuck=2)
    bench.sink = UnreachableSink(bench.source, bench.outputs, times=1)
    bench.health = health = WatchedHealth()
    bench.loop.run(stop)
    # At the first step, after the failed one, at two failed rewinds, at the last two steps.
    assert health.ready_at_beats == [False, True, False, False, False, True]
    assert [answer.id for answer in bench.answers] == ["1"]


def test_a_worker_whose_broker_is_gone_is_not_ready(bench: Bench, topic: InMemoryTopic) -> None:
    bench.source = source = InMemorySource(topic)
    for reached in (True, False, True):
        source.reached = reached
        bench.loop.step()
        assert bench.health.ready is reached


def test_a_lag_is_unknown_while_a_batch_is_tried_again(
    bench: Bench, topic: InMemoryTopic, texts: list[str], stop: threading.Event
) -> None:
    class Watched(StoppingSource):
        def rewind(self) -> None:
            lags.append([one for kind in bench.metrics.lag.collect() for one in kind.samples])
            super().rewind()

    lags: list[list[object]] = []
    topic.append(post("1", texts[0]))
    bench.source = Watched(topic, stop)
    bench.sink = UnreachableSink(bench.source, bench.outputs, times=1)
    bench.loop.run(stop)
    assert lags == [[]]
    assert bench.value("tagstream_consumer_lag_records", partition="0") == 0


def test_a_refused_commit_is_counted_apart(
    bench: Bench, topic: InMemoryTopic, texts: list[str], stop: threading.Event
) -> None:
    topic.append(post("1", texts[0]))
    bench.source = StoppingSource(topic, stop)
    bench.sink = InMemorySink(bench.source, bench.outputs)
    bench.source.refuse_commits()
    bench.loop.run(stop)
    assert [answer.id for answer in bench.answers] == ["1", "1"]
    assert bench.value("tagstream_refused_commits_total") == 1
    assert bench.value("tagstream_retries_total") == 0
    assert bench.value("messaging_client_sent_messages_total") == 1


def test_a_failure_does_not_keep_a_worker_from_stopping(
    bench: Bench, topic: InMemoryTopic, texts: list[str], stop: threading.Event
) -> None:
    class StoppingSink(InMemorySink):
        def publish(self, outputs: Sequence[Output], offsets: Offsets) -> None:
            stop.set()
            raise RetryLaterError(f"{len(outputs)} not delivered, {len(offsets)} kept")

    topic.append(post("1", texts[0]))
    bench.sink = StoppingSink(bench.source)
    bench.loop.run(stop)
    assert topic.committed == {}


def test_too_many_rejects_stop_it_before_anything_is_published(
    topic: InMemoryTopic, predictor: Predictor, texts: list[str]
) -> None:
    bench = Bench(topic, predictor, rejects=RejectLimit(ratio=1.0, run=3))
    topic.append(post("1", texts[0]))
    for _ in range(4):
        topic.append(b"no JSON")
    with pytest.raises(TooManyRejectsError):
        bench.loop.run(threading.Event())
    assert bench.outputs == []
    assert topic.committed == {}
