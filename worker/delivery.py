"""What the loop asks of Kafka, whichever client speaks to it.

At least once: send, flush, check every future, and only then commit. Exactly once: the same with
the offsets inside a transaction (KIP-98, KIP-447). While `poll` runs nothing is in flight, so a
rebalance finds clean hands.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from worker.errors import RetryLaterError, StartupFailedError
from worker.messages import Output, Record
from worker.settings import Settings

CLIENT_ID = "tagstream-worker"
COMMIT_WITHIN = 30.0  # seconds
FLUSH_MORE = 5.0  # seconds beyond the delivery timeout, in which a client reports what expired
TRANSACTION_WITHIN = 15.0  # seconds; readers wait so long for one whose worker was killed
RECONNECT_MS = 1_000  # longest pause between two tries to reach a broker that went away
METADATA_MS = 10_000  # how long a new partition may go unseen
BATCH_BYTES = 65_536  # of a request; far below what a topic takes
POLL_INTERVAL = 2.0  # times the stall timeout, by which the watchdog was first

Offsets = Mapping[tuple[str, int], int]
"""(topic, partition) → the offset to read next."""


class CommitRefusedError(RetryLaterError):
    """The partitions went to another member, who answers the posts again."""


class Source(Protocol):
    """Where records come from."""

    def poll(self, max_records: int, timeout: float) -> list[Record]:
        """Return the next records, at most `max_records`, after at most `timeout` seconds."""
        ...

    def rewind(self) -> None:
        """Go back to what is committed: all records after it are read again."""
        ...

    def lag(self) -> dict[int, int]:
        """Return the records not yet read, by assigned partition, as last heard."""
        ...

    def connected(self) -> bool:
        """Return whether the group's coordinator is reached, as last heard."""
        ...


class Sink(Protocol):
    """Where answers go."""

    def publish(self, outputs: Sequence[Output], offsets: Offsets) -> None:
        """Deliver all outputs and commit the offsets, in this order or as one.

        Raises `RetryLaterError` when that did not work: nothing was committed.
        """
        ...


def next_offsets(records: Iterable[Record]) -> dict[tuple[str, int], int]:
    """Return what is to be committed once these records are answered."""
    return {(r.topic, r.partition): r.offset + 1 for r in records}


def instance(settings: Settings, slot: int) -> str | None:
    """Return the member's name across restarts; `slot` tells a supervisor's processes apart."""
    return settings.instance_id and f"{settings.instance_id}-{slot}"


def transactional_id(settings: Settings, slot: int) -> str:
    """Return the name under which a restarted worker ends what the killed one began."""
    name = instance(settings, slot)
    if name is None:
        raise StartupFailedError(
            "--delivery exactly-once needs --instance-id, a name of this worker that is the same "
            "after a restart and no other worker's"
        )
    return f"{settings.group}-{name}"
