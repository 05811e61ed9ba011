"""No crash and no refusal, wherever it comes, loses a post or commits ahead of delivery."""

from collections.abc import Iterator, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from export.bundle import Bundle
from tests.support.inmemory import InMemorySink, InMemorySource, InMemoryTopic
from tests.support.loops import Bench, CountingPredictor, coordinates, post
from worker.delivery import Offsets
from worker.errors import RetryLaterError
from worker.messages import Output, decode_suggestion
from worker.predictor import Predictor
from worker.settings import Settings

FAULTS = ("before_send", "amid_send", "after_send", "after_commit")
CRASHES = tuple(f"crash {fault}" for fault in FAULTS)
FAILURES = tuple(f"failure {fault}" for fault in FAULTS[:-1])
REFUSAL = "commit refused"
BAD = "word that breaks inference"

kinds = st.sampled_from(["good", "good", "good", "same", "no words", "bad", "no JSON", "deletion"])
arrivals = st.lists(st.tuples(kinds, st.integers(0, 2)), max_size=30)
schedules = st.lists(st.sampled_from(["", "", *CRASHES, *FAILURES, REFUSAL]), max_size=12)


class PowerCutError(BaseException):
    """The process is gone; nothing in it may catch this."""


class FaultySink(InMemorySink):
    """A sink that fails as it is told, once a call, and then no more."""

    def __init__(
        self, source: InMemorySource, outputs: list[Output], schedule: Iterator[str]
    ) -> None:
        super().__init__(source, outputs)
        self._refusing = source
        self._schedule = schedule

    def publish(self, outputs: Sequence[Output], offsets: Offsets) -> None:
        fault = next(self._schedule, "")
        error = PowerCutError if fault in CRASHES else RetryLaterError
        if fault.endswith("before_send"):
            raise error(fault)
        if fault.endswith("amid_send"):
            self.outputs.extend(outputs[: len(outputs) // 2])
            raise error(fault)
        if fault.endswith("after_send"):
            self.outputs.extend(outputs)
            raise error(fault)
        if fault == REFUSAL:
            self._refusing.refuse_commits()
        super().publish(outputs, offsets)
        if fault.endswith("after_commit"):
            raise error(fault)


def fill(topic: InMemoryTopic, arrivals: Sequence[tuple[str, int]], words: Sequence[str]) -> None:
    for number, (kind, partition) in enumerate(arrivals):
        identity = str(number)
        values = {
            "good": post(identity, f"{words[number % len(words)]} {words[number % 7]}"),
            "same": post(identity, words[0]),
            "no words": post(identity, "#tag"),
            "bad": post(identity, BAD),
            "no JSON": b"no JSON",
            "deletion": None,
        }
        topic.append(values[kind], key=b"k", partition=partition)


def start(topic: InMemoryTopic, predictor: Predictor, outputs: list[Output], size: int,
          schedule: Iterator[str]) -> Bench:  # fmt: skip
    """Start a worker, as after a crash: it knows nothing but what was committed."""
    settings = Settings(max_batch_size=size)
    bench = Bench(topic, CountingPredictor(predictor, bad=[BAD]), settings, outputs=outputs)
    bench.sink = FaultySink(bench.source, outputs, schedule)
    return bench


def unanswered(topic: InMemoryTopic, outputs: Sequence[Output]) -> set[str]:
    """Return the records that will never be read again and have no answer."""
    answered = {coordinates(output) for output in outputs}
    return {r.coordinates for r in topic.delivered() if r.value is not None} - answered


@pytest.fixture(scope="session")
def words(bundle: Bundle) -> list[str]:
    return [word for topic in bundle.topics() for word in topic]


@given(arrivals, schedules, st.integers(1, 12))
def test_every_post_is_answered_whatever_fails(
    predictor: Predictor,
    words: list[str],
    arrivals: list[tuple[str, int]],
    schedule: list[str],
    size: int,
) -> None:
    topic, outputs, faults = InMemoryTopic(partitions=3), list[Output](), iter(schedule)
    fill(topic, arrivals, words)
    bench = start(topic, predictor, outputs, size, faults)
    while not topic.done:
        try:
            bench.loop.step()
        except RetryLaterError:
            bench.source.rewind()
        except PowerCutError:
            bench = start(topic, predictor, outputs, size, faults)
        assert not unanswered(topic, outputs)
    due = {record.coordinates for record in topic if record.value is not None}
    assert {coordinates(output) for output in outputs} == due
    assert any(schedule) or len(outputs) == len(due)
    check_repeats(outputs)


def check_repeats(outputs: Sequence[Output]) -> None:
    """What was answered twice got the same answer, to the rounding of its scores."""
    first: dict[str, Output] = {}
    for output in outputs:
        earlier = first.setdefault(coordinates(output), output)
        if output.rejected is not None or output.value is None or earlier.value is None:
            assert output == earlier
            continue
        one, other = decode_suggestion(earlier.value), decode_suggestion(output.value)
        assert (other.id, other.reason) == (one.id, one.reason)
        scores = [scored.score for scored in one.suggestions]
        assert [scored.score for scored in other.suggestions] == pytest.approx(scores, abs=2e-4)
