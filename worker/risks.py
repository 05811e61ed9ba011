"""What a worker can run with, and its people may regret: each line says what to do. Pure."""

from collections.abc import Iterator, Mapping, Sequence

from worker.clients import AT_LEAST_ONCE
from worker.memory_topic import kept, loses
from worker.security import TLS
from worker.stores import Memory
from worker.topics import Replication

NO_EVICTION = "noeviction"
LOOPBACK = frozenset({"localhost", "127.0.0.1", "[::1]"})


class Risk(str):
    """One of them."""

    __slots__ = ()


def promise(delivery: str) -> str:
    """Return what a delivery promises to readers of the answers."""
    if delivery == AT_LEAST_ONCE:
        return (
            "at-least-once: every post is answered, after a crash some twice, with the same ce_id"
        )
    return "exactly-once: readers of committed records (read_committed) see each answer once"


def of_connection(protocol: str, servers: str) -> Iterator[Risk]:
    """Yield what others on the way to brokers, host:port by commas, may do."""
    hosts = {one.strip().rpartition(":")[0] for one in servers.split(",")}
    if protocol not in TLS and not hosts <= LOOPBACK:
        yield Risk(
            f"{protocol} to {servers}: who is on the way can read and change posts, and see what a "
            "login sends; use SASL_SSL or SSL"
        )


def of_topics(topics: Mapping[str, Replication]) -> Iterator[Risk]:
    """Yield what a broker's end would lose."""
    alone = [name for name, kept in topics.items() if kept.replicas == 1]
    if alone:
        yield Risk(
            f"replication factor 1 ({', '.join(alone)}): what is in them is lost with one broker; "
            "create them with 3 replicas"
        )
    trusting = [name for name, kept in topics.items() if kept.min_insync == 1]
    if trusting:
        yield Risk(
            f"min.insync.replicas 1 ({', '.join(trusting)}): a record may be acknowledged that "
            "only one broker has; set 2 where there are 3 replicas"
        )
    hidden = [name for name, kept in topics.items() if kept.min_insync is None]
    if hidden:
        yield Risk(
            f"min.insync.replicas ({', '.join(hidden)}) cannot be read: it needs the right to "
            "describe the settings of topics"
        )


KNOWN_KEY = Risk(
    "TAGSTREAM_MEMORY_KEY is the default, which everybody knows: who reads the topic can look "
    "words and authors up in it; set a secret, the same for all workers, and begin with an empty "
    "topic"
)


def of_memory(configs: Mapping[str, str | None], posts: int) -> Iterator[Risk]:
    """Yield why the memory's topic may lose some of the last `posts`."""
    if None in configs.values():
        yield Risk(
            "how long the topic keeps records cannot be read: it needs the right to describe the "
            "settings of topics"
        )
    elif setting := loses(configs, posts):
        least = kept(posts)[setting]
        yield Risk(
            f"{setting} {configs[setting]}: the topic may hold fewer than --memory-posts {posts}, "
            f"and a worker that starts knows less than the others; set {setting}={least}"
        )


def of_cache(servers: Sequence[Memory], ttl: int) -> Iterator[Risk]:
    """Yield why the cache may come to refuse writes; `ttl`, the seconds that entries live."""
    for one in servers:
        if one.limit == 0:
            yield Risk(
                f"{one.server} has no limit (maxmemory 0, {one.policy}): it grows for --cache-ttl "
                f"{ttl} s, at worst until the machine has no memory; set maxmemory, and "
                "maxmemory-policy allkeys-lru"
            )
        elif one.policy == NO_EVICTION:
            yield Risk(
                f"{one.server} has maxmemory-policy {NO_EVICTION}: once its {one.limit} bytes are "
                "full, writes fail and new answers are not cached; set allkeys-lru"
            )
