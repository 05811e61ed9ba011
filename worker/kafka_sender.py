"""The output topics through kafka-python."""

import time
from collections.abc import Sequence
from typing import Any, Self

from kafka import KafkaProducer
from kafka.errors import KafkaConnectionError, KafkaError, KafkaTimeoutError
from kafka.net.compat import KafkaNetClient

from worker.delivery import (
    BATCH_BYTES,
    CLIENT_ID,
    FLUSH_MORE,
    RECONNECT_MS,
    TRANSACTION_WITHIN,
    Offsets,
    transactional_id,
)
from worker.kafka import mapped, positions
from worker.messages import Output
from worker.profiles import PROFILES
from worker.security import kafka_python
from worker.settings import Settings


class PatientClient(KafkaNetClient):  # type: ignore[misc] # the library has no types
    """Says that a broker is not ready, where the client's own raises.

    The producer's thread forgets the transactional request at hand when this raises, and who waits
    for that request waits for ever.
    """

    def await_ready(self, node_id: Any, timeout_ms: float = 30_000) -> bool:  # noqa: ANN401
        """Return whether the broker can be asked within the time."""
        try:
            return bool(super().await_ready(node_id, timeout_ms))
        except KafkaConnectionError:
            time.sleep(0.1)
            return False


class KafkaSender:
    """A producer, and how long it may take to deliver."""

    def __init__(self, producer: KafkaProducer, within: float) -> None:
        self._producer, self._within = producer, within

    @classmethod
    def plain(cls, settings: Settings) -> Self:
        """Return one for at-least-once: one refused record must not poison those after it."""
        within = settings.delivery_timeout
        with mapped("connect"):
            producer = KafkaProducer(
                enable_idempotence=False,
                max_in_flight_requests_per_connection=1,
                **_common(settings, within),
            )
        return cls(producer, within)

    @classmethod
    def transactional(cls, settings: Settings, slot: int) -> Self:
        """Return one for exactly-once; what one of its name left open is aborted first."""
        within = min(settings.delivery_timeout, TRANSACTION_WITHIN)
        with mapped("connect"):
            producer = KafkaProducer(
                kafka_client=PatientClient,
                transactional_id=transactional_id(settings, slot),
                transaction_timeout_ms=int(TRANSACTION_WITHIN * 1_000),
                retry_backoff_ms=PROFILES[settings.profile].retry_backoff_ms,
                **_common(settings, within),
            )
        made = cls(producer, within)
        try:
            with mapped("init_transactions"):
                producer.init_transactions()
        except Exception:
            made.drop()
            raise
        return made

    def deliver(self, outputs: Sequence[Output]) -> None:
        """Send, flush, check every future."""
        with mapped("delivery"):
            futures = [
                self._producer.send(o.topic, key=o.key, value=o.value, headers=o.headers)
                for o in outputs
            ]
            self._producer.flush(self._within + FLUSH_MORE)
            for future in futures:  # flush returns normally after failed sends
                if not future.succeeded():
                    raise future.exception or KafkaTimeoutError("in flight")

    def begin(self) -> None:
        """Begin a transaction."""
        with mapped("begin"):
            self._producer.begin_transaction()

    def commit(self, offsets: Offsets, membership: object) -> None:
        """Add the offsets to the transaction, and commit it."""
        with mapped("transaction"):
            self._producer.send_offsets_to_transaction(positions(offsets), membership)
            self._producer.commit_transaction()

    def abort(self) -> None:
        """Take back what was sent since `begin`."""
        with mapped("abort"):
            self._producer.abort_transaction()

    def drop(self) -> None:
        """Close without waiting; where something is left to flush, `close` itself would not."""
        try:
            self._producer.close(timeout=0)
        except KafkaError:
            self._producer._sender.force_close()  # noqa: SLF001 - the client has no other way


def _common(settings: Settings, within: float) -> dict[str, Any]:
    return {
        **kafka_python(settings),
        "client_id": CLIENT_ID,
        "acks": "all",
        "compression_type": "lz4",
        "linger_ms": PROFILES[settings.profile].linger_ms,
        "batch_size": BATCH_BYTES,
        "delivery_timeout_ms": int(within * 1_000),
        "request_timeout_ms": int(within * 1_000 * 0.9),
        "max_block_ms": int(within * 1_000),
        "bootstrap_timeout_ms": int(FLUSH_MORE * 1_000),
        "allow_auto_create_topics": False,
        "reconnect_backoff_max_ms": RECONNECT_MS,
    }
