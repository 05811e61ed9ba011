"""How the memory's topic is made: one order of posts, of which the last W are never deleted."""

from collections.abc import Mapping

from worker.errors import StartupFailedError

RECORD = 2_048  # bytes that are set aside for a post: most take far fewer, and some come again
_SEGMENT = 67_108_864  # bytes; whole segments are deleted, so the usual gigabyte would stay
CLEANUP, RETENTION_TIME, RETENTION_BYTES = "cleanup.policy", "retention.ms", "retention.bytes"
UNLIMITED = "-1"


def kept(posts: int) -> dict[str, str]:
    """Return the settings of a topic that holds the last `posts`, however long ago they came."""
    return {
        CLEANUP: "delete",
        RETENTION_TIME: UNLIMITED,
        RETENTION_BYTES: str(posts * RECORD),
        "segment.bytes": str(_SEGMENT),
    }


def check_partitions(topic: str, partitions: int) -> None:
    """Raise `StartupFailedError` where a topic cannot be a memory's log."""
    if partitions != 1:
        raise StartupFailedError(
            f"{topic} has {partitions} partitions; a memory is one order of posts: "
            "create it with one"
        )


def loses(configs: Mapping[str, str | None], posts: int) -> str | None:
    """Return which setting of a topic may delete one of the last `posts`, if any does."""
    if "delete" not in (configs[CLEANUP] or ""):
        return None
    if configs[RETENTION_TIME] != UNLIMITED:
        return RETENTION_TIME
    size = configs[RETENTION_BYTES] or UNLIMITED
    return RETENTION_BYTES if size != UNLIMITED and int(size) < posts * RECORD else None
