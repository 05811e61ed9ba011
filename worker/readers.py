"""Reading topics beside the workers: without a group, so that nothing is ever committed."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

from kafka import KafkaConsumer
from kafka.errors import KafkaError

from worker.errors import StartupFailedError, UnreachableError
from worker.security import check_login, kafka_python
from worker.settings import Settings


@contextmanager
def reader(
    settings: Settings,
    client_id: str,
    topic: str,
    flag: str,
    **more: Any,  # noqa: ANN401 - the client's own
) -> Iterator[KafkaConsumer]:
    """Give a consumer of committed records, for a topic that must be there; `flag` names it.

    Raises `UnreachableError` for what fails inside the block, `StartupFailedError` where the
    addresses are none, a broker refuses us, or there is no such topic.
    """
    try:
        with closing(_consumer(settings, client_id, more)) as consumer:
            if not consumer.partitions_for_topic(topic):
                raise StartupFailedError(f"there is no topic {topic}; name it with {flag}")
            yield consumer
    except KafkaError as error:
        raise UnreachableError(f"{topic} cannot be read: {error}") from error


def _consumer(settings: Settings, client_id: str, more: dict[str, Any]) -> KafkaConsumer:
    try:
        check_login(settings)
        return KafkaConsumer(
            **kafka_python(settings),
            client_id=client_id,
            enable_auto_commit=False,
            isolation_level="read_committed",
            allow_auto_create_topics=False,
            bootstrap_timeout_ms=5_000,
            **more,
        )
    except ValueError as error:
        raise StartupFailedError(
            f"--bootstrap-servers {settings.bootstrap_servers}: {error}; give host:port, by commas"
        ) from error
