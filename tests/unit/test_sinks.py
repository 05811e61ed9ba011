"""When a sink keeps its sender, and when it makes another; the sender is a stand-in here."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from tests.support.inmemory import InMemorySource, InMemoryTopic
from worker import clients
from worker.delivery import Offsets
from worker.errors import RetryLaterError, StartupFailedError
from worker.messages import Output
from worker.settings import Settings
from worker.sinks import AtLeastOnceSink, ExactlyOnceSink

OUTPUT = Output("suggestions", b"key", b"answer", [])
NEXT = {("tweets", 0): 1}


class MemberSource(InMemorySource):
    membership = "generation 1"

    def close(self) -> None:
        """Nothing is to be closed."""


@dataclass
class FakeSender:
    """Writes down what it is asked, and fails at the steps it is told."""

    fails: set[str] = field(default_factory=set)
    steps: list[str] = field(default_factory=list)

    def _do(self, step: str) -> None:
        self.steps.append(step)
        if step in self.fails:
            raise RetryLaterError(step)

    def deliver(self, outputs: Sequence[Output]) -> None:
        assert outputs == [OUTPUT]
        self._do("deliver")

    def begin(self) -> None:
        self._do("begin")

    def commit(self, offsets: Offsets, membership: object) -> None:
        assert (offsets, membership) == (NEXT, "generation 1")
        self._do("commit")

    def abort(self) -> None:
        self._do("abort")

    def drop(self) -> None:
        self.steps.append("drop")


@pytest.fixture
def topic() -> InMemoryTopic:
    return InMemoryTopic()


def test_a_delivery_that_failed_commits_nothing_and_its_sender_is_replaced(
    topic: InMemoryTopic,
) -> None:
    senders = [FakeSender({"deliver"}), FakeSender()]
    sink = AtLeastOnceSink(iter(senders).__next__, MemberSource(topic))
    with pytest.raises(RetryLaterError):
        sink.publish([OUTPUT], NEXT)
    assert topic.committed == {}
    sink.publish([OUTPUT], NEXT)
    assert topic.committed == {0: 1}
    assert [sender.steps for sender in senders] == [["deliver", "drop"], ["deliver"]]


def test_a_transaction_commits_only_what_was_delivered(topic: InMemoryTopic) -> None:
    sender = FakeSender()
    sink = ExactlyOnceSink(lambda: sender, MemberSource(topic))
    sink.publish([OUTPUT], NEXT)
    assert sender.steps == ["begin", "deliver", "commit"]
    assert topic.committed == {}  # the transaction has the offsets, not the consumer


@pytest.mark.parametrize("step", ["begin", "deliver", "commit"])
def test_a_transaction_that_failed_is_taken_back(topic: InMemoryTopic, step: str) -> None:
    sender = FakeSender({step})
    sink = ExactlyOnceSink(lambda: sender, MemberSource(topic))
    with pytest.raises(RetryLaterError, match=step):
        sink.publish([OUTPUT], NEXT)
    assert sender.steps[-1] == "abort"
    sender.fails.clear()
    sink.publish([OUTPUT], NEXT)
    assert sender.steps[-3:] == ["begin", "deliver", "commit"]


def test_a_sender_that_cannot_take_back_is_replaced(topic: InMemoryTopic) -> None:
    senders = [FakeSender({"commit", "abort"}), FakeSender()]
    sink = ExactlyOnceSink(iter(senders).__next__, MemberSource(topic))
    with pytest.raises(RetryLaterError, match="commit"):
        sink.publish([OUTPUT], NEXT)
    sink.publish([OUTPUT], NEXT)
    assert senders[0].steps[-1] == "drop"
    assert senders[1].steps == ["begin", "deliver", "commit"]


def test_a_client_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "worker.librdkafka", raising=False)
    monkeypatch.setitem(sys.modules, "confluent_kafka", None)
    settings = Settings(client="confluent-kafka")
    with pytest.raises(StartupFailedError, match=r"tagstream\[fast\]"), clients.member(settings):
        pass


@pytest.mark.parametrize("client", ["kafka-python", "confluent-kafka"])
def test_exactly_once_wants_a_name_that_lasts(client: str) -> None:
    settings = Settings(client=client, delivery="exactly-once")  # type: ignore[arg-type]
    with pytest.raises(StartupFailedError, match="--instance-id"), clients.member(settings):
        pass
