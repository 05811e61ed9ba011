import logging
import threading
from collections.abc import Iterator

import pytest
import structlog
from structlog.testing import LogCapture

from tests.support.inmemory import InMemoryTopic
from tests.support.loops import Bench, post
from worker.journal import MINUTE, Journal
from worker.predictor import Predictor


class Clock:
    """Time that passes when a test says so."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=[logging.DEBUG])
def lines(request: pytest.FixtureRequest) -> Iterator[LogCapture]:
    capture = LogCapture()
    structlog.configure([capture], structlog.make_filtering_bound_logger(request.param))
    yield capture
    structlog.reset_defaults()


def events(lines: LogCapture, event: str) -> list[dict[str, object]]:
    return [dict(entry) for entry in lines.entries if entry["event"] == event]


@pytest.fixture
def topic() -> InMemoryTopic:
    return InMemoryTopic()


@pytest.fixture
def bench(topic: InMemoryTopic, predictor: Predictor) -> Bench:
    return Bench(topic, predictor)


def step(bench: Bench, topic: InMemoryTopic, *values: bytes) -> None:
    for value in values:
        topic.append(value, key=b"k")
    bench.loop.step()


def test_each_batch_has_a_line_for_debugging(
    bench: Bench, topic: InMemoryTopic, lines: LogCapture, clock: Clock
) -> None:
    journal = Journal(bench.metrics, clock)
    for values in ([post("1", "a"), b"no JSON", post("2", "b")], [], [post("3", "c")]):
        bench.metrics.cache_hits.inc(len(values) // 3)
        bench.metrics.cache_misses.inc(len(values))
        step(bench, topic, *values)
        journal.note()
    first, second = events(lines, "batch")
    assert (first["posts"], first["dead_letters"], first["lag"]) == (3, 1, 0)
    assert (second["posts"], second["dead_letters"]) == (1, 0)
    assert (first["cache_hit_share"], second["cache_hit_share"]) == (0.25, 0)
    spent = bench.value("messaging_process_duration_seconds_sum")
    rates = [line["posts_per_second"] for line in (first, second)]
    assert spent is not None
    assert all(isinstance(rate, float) and rate > 1 / spent - 0.1 for rate in rates)
    assert events(lines, "minute") == []


@pytest.mark.parametrize("lines", [logging.INFO], indirect=True)
def test_each_minute_has_a_line(
    bench: Bench, topic: InMemoryTopic, lines: LogCapture, clock: Clock
) -> None:
    journal = Journal(bench.metrics, clock)
    for seconds in (MINUTE / 4, MINUTE / 4, MINUTE / 2, MINUTE - 1, 21):
        step(bench, topic, *[post(str(n), "a") for n in range(20)], b"no JSON")
        clock.now += seconds
        journal.note()
    first, second = events(lines, "minute")
    assert (first["posts"], first["posts_per_second"], first["dead_letters"]) == (63, 1.1, 3)
    assert (second["posts"], second["posts_per_second"], second["dead_letters"]) == (42, 0.5, 2)
    assert events(lines, "batch") == []


@pytest.mark.parametrize("lines", [logging.INFO], indirect=True)
def test_a_minute_without_posts_has_one_too(bench: Bench, lines: LogCapture, clock: Clock) -> None:
    journal = Journal(bench.metrics, clock)
    clock.now += MINUTE
    journal.note()
    (line,) = events(lines, "minute")
    assert (line["posts"], line["posts_per_second"], line["cache_hit_share"]) == (0, 0, None)


def test_the_loop_writes_them(bench: Bench, topic: InMemoryTopic, lines: LogCapture) -> None:
    class TwoSteps(threading.Event):
        steps = 0

        def is_set(self) -> bool:
            self.steps += 1
            return self.steps > 2

    topic.append(post("1", "a"))
    bench.loop.run(TwoSteps())
    assert [line["posts"] for line in events(lines, "batch")] == [1]
