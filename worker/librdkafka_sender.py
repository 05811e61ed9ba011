"""The output topics through confluent-kafka."""

from collections.abc import Sequence
from typing import Any, Self

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from worker.delivery import (
    BATCH_BYTES,
    FLUSH_MORE,
    TRANSACTION_WITHIN,
    Offsets,
    transactional_id,
)
from worker.librdkafka import common, mapped, positions
from worker.messages import Output
from worker.profiles import PROFILES
from worker.settings import Settings


class RdSender:
    """A producer, and how long it may take to deliver."""

    def __init__(self, producer: Producer, within: float) -> None:
        self._producer, self._within = producer, within

    @classmethod
    def plain(cls, settings: Settings) -> Self:
        """Return one for at-least-once."""
        within = settings.delivery_timeout
        config = {"enable.idempotence": False, "max.in.flight": 1, **_config(settings, within)}
        return cls(Producer(config), within)

    @classmethod
    def transactional(cls, settings: Settings, slot: int) -> Self:
        """Return one for exactly-once; what one of its name left open is aborted first."""
        within = min(settings.delivery_timeout, TRANSACTION_WITHIN)
        config = {
            "transactional.id": transactional_id(settings, slot),
            "transaction.timeout.ms": int(TRANSACTION_WITHIN * 1_000),
            **_config(settings, within),
        }
        producer = Producer(config)
        with mapped("init_transactions"):
            producer.init_transactions(within)
        return cls(producer, within)

    def deliver(self, outputs: Sequence[Output]) -> None:
        """Send, flush, check every report."""
        errors: list[KafkaError] = []

        def report(error: KafkaError | None, _: Message) -> None:
            if error is not None:
                errors.append(error)

        with mapped("delivery"):
            for one in outputs:
                self._producer.produce(
                    one.topic, one.value, one.key, headers=list(one.headers), on_delivery=report
                )
            if self._producer.flush(self._within + FLUSH_MORE):
                errors.append(KafkaError(KafkaError._TIMED_OUT))  # noqa: SLF001
            if errors:
                raise KafkaException(errors[0])

    def begin(self) -> None:
        """Begin a transaction."""
        with mapped("begin"):
            self._producer.begin_transaction()

    def commit(self, offsets: Offsets, membership: object) -> None:
        """Add the offsets to the transaction, and commit it."""
        with mapped("transaction"):
            self._producer.send_offsets_to_transaction(
                positions(offsets), membership, TRANSACTION_WITHIN
            )
            self._producer.commit_transaction(TRANSACTION_WITHIN)

    def abort(self) -> None:
        """Take back what was sent since `begin`."""
        with mapped("abort"):
            self._producer.abort_transaction(TRANSACTION_WITHIN)

    def drop(self) -> None:
        """Forget what is left in it."""
        self._producer.purge()


def _config(settings: Settings, within: float) -> dict[str, Any]:
    return {
        **common(settings),
        "acks": "all",
        "compression.type": "lz4",
        "linger.ms": PROFILES[settings.profile].linger_ms,
        "batch.size": BATCH_BYTES,
        "delivery.timeout.ms": int(within * 1_000),
        "request.timeout.ms": int(within * 1_000 * 0.9),
        "partitioner": "murmur2_random",  # the other client's: keys stay on their partitions
    }
