"""What an error of the client means for the loop; the client itself is a stand-in here."""

from typing import Any

import pytest
from confluent_kafka import KafkaError
from kafka import TopicPartition
from kafka.errors import (
    CoordinatorNotAvailableError,
    FencedInstanceIdError,
    GroupAuthorizationFailedError,
    InvalidSessionTimeoutError,
    KafkaConnectionError,
    KafkaTimeoutError,
    NoError,
    UnknownMemberIdError,
)

from worker import librdkafka
from worker.delivery import CommitRefusedError
from worker.errors import FatalError, RetryLaterError, UnreachableError
from worker.kafka import KafkaSource
from worker.settings import Settings
from worker.topics import broker, place_new_group

PARTITION = TopicPartition("tweets", 0)


class FailingConsumer:
    """Raises one error, whatever it is asked."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def assignment(self) -> set[TopicPartition]:
        return {PARTITION}

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - any method of the client
        def fail(*_: object, **__: object) -> None:
            raise self._error

        return fail


@pytest.mark.parametrize("operation", ["poll", "lag", "rewind", "commit"])
@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (KafkaConnectionError(), RetryLaterError),
        (KafkaTimeoutError(), RetryLaterError),
        (GroupAuthorizationFailedError(), FatalError),
        (InvalidSessionTimeoutError(), FatalError),
        (FencedInstanceIdError(), FatalError),
    ],
)
def test_an_error_is_retried_unless_no_retry_mends_it(
    operation: str, error: Exception, kind: type[Exception]
) -> None:
    source = KafkaSource(FailingConsumer(error))
    arguments: dict[str, tuple[Any, ...]] = {"poll": (10, 0.1), "commit": ({PARTITION: 1},)}
    with pytest.raises(kind):
        getattr(source, operation)(*arguments.get(operation, ()))


def test_a_commit_of_partitions_that_moved_is_refused() -> None:
    with pytest.raises(CommitRefusedError):
        KafkaSource(FailingConsumer(UnknownMemberIdError())).commit({("tweets", 0): 1})


class Admin:
    """Answers to a reset of offsets as it is told."""

    def __init__(self, error: type[Exception]) -> None:
        self._error = error

    def list_group_offsets(self, groups: dict[str, None]) -> dict[str, dict[object, object]]:
        return {group: {} for group in groups}

    def list_topics(self) -> list[str]:
        return ["tweets"]

    def describe_topics(self, names: list[str]) -> list[dict[str, Any]]:
        return [{"name": name, "partitions": [0]} for name in names]

    def reset_group_offsets(self, group: str, offsets: dict[Any, Any]) -> dict[Any, Any]:
        del group
        return {partition: {"error": self._error, "offset": 0} for partition in offsets}


@pytest.mark.parametrize("error", [NoError, UnknownMemberIdError])
def test_a_group_that_another_worker_began_is_left_as_it_is(error: type[Exception]) -> None:
    place_new_group(Admin(error), Settings(start="latest"))


def test_the_first_group_of_a_broker_waits_for_its_coordinator() -> None:
    class NewBroker(Admin):
        asked = 0

        def list_group_offsets(self, groups: dict[str, None]) -> dict[str, dict[object, object]]:
            self.asked += 1
            if self.asked == 1:
                raise CoordinatorNotAvailableError
            return super().list_group_offsets(groups)

    admin = NewBroker(NoError)
    place_new_group(admin, Settings(start="latest"))
    assert admin.asked == 2
    admin.asked = 0
    with pytest.raises(CoordinatorNotAvailableError):
        place_new_group(admin, Settings(start="latest", startup_timeout=0))


def test_a_start_at_the_end_that_is_refused_is_no_start() -> None:
    with pytest.raises(UnreachableError, match="GroupAuthorizationFailedError"):
        place_new_group(Admin(GroupAuthorizationFailedError), Settings(start="latest"))


def test_an_address_that_is_none_is_named() -> None:
    settings = Settings(bootstrap_servers="host:port", startup_timeout=0)
    with pytest.raises(Exception, match="--bootstrap-servers"), broker(settings):
        pass


@pytest.mark.parametrize("code", [KafkaError._NOT_IMPLEMENTED, KafkaError._BAD_COMPRESSION])
def test_what_librdkafka_cannot_decompress_is_fatal(code: int) -> None:
    assert isinstance(librdkafka.failure("poll", KafkaError(code)), FatalError)
