"""What the clients are told for many posts a second, or for answers at once."""

from typing import NamedTuple


class Profile(NamedTuple):
    """Client settings."""

    fetch_min_bytes: int  # the broker waits for so much,
    fetch_max_wait_ms: int  # but no longer than this
    linger_ms: int  # what librdkafka waits for a fuller request; kafka-python is flushed at once
    retry_backoff_ms: int  # kafka-python waits so long for each answer of a transaction's


PROFILES = {
    "throughput": Profile(65_536, 100, 5, 100),
    "latency": Profile(1, 500, 0, 10),
}
