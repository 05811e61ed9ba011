"""Where the cache keeps its bytes: a Redis, the one that Sentinels name, or a cluster.

All give up within a timeout and try nothing twice: what comes late is a miss. They connect when
they are first used, so one that is down keeps no worker from its start.
"""

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any, Protocol, cast
from urllib.parse import unquote, urlsplit

import redis
from redis.backoff import NoBackoff
from redis.cluster import RedisCluster
from redis.exceptions import RedisClusterException
from redis.retry import Retry
from redis.sentinel import Sentinel

from worker import tls
from worker.errors import StartupFailedError

FAILURES = (redis.RedisError, RedisClusterException, OSError)  # the second is none of the first
SENTINEL = "redis+sentinel"
LOGIN_WITHIN = 1.0  # seconds; TLS and a login take longer than an entry
CLUSTERS = {"redis+cluster": "redis", "rediss+cluster": "rediss"}
Keys = Sequence[bytes]


@dataclass(frozen=True)
class Memory:
    """What a server may fill: `limit` bytes, 0 for no limit, and its `policy` once full."""

    server: str
    limit: int
    policy: str

    @classmethod
    def of(cls, server: str, client: Any, **where: object) -> "Memory":  # noqa: ANN401 - of two kinds
        """Ask by INFO, which is allowed where CONFIG is not."""
        told = client.info("memory", **where)
        return cls(server, int(told["maxmemory"]), str(told["maxmemory_policy"]))


class Store(Protocol):
    """Bytes by key; each method is one round trip and raises one of `FAILURES`."""

    def get(self, keys: Keys) -> list[bytes | None]:
        """Return the values of keys, none where there is none."""
        ...

    def put(self, entries: Mapping[bytes, tuple[bytes, int]]) -> None:
        """Keep values, each for so many seconds."""
        ...

    def version(self) -> str:
        """Return the version of the server."""
        ...

    def memory(self) -> list[Memory]:
        """Return what each server that takes writes now may fill."""
        ...

    def close(self) -> None:
        """Let go of all connections."""
        ...


class RedisStore:
    """One Redis, wherever it is."""

    def __init__(self, client: redis.Redis) -> None:
        self.client = client

    def get(self, keys: Keys) -> list[bytes | None]:
        """Return the values of keys."""
        return cast("list[bytes | None]", self.client.mget(keys))

    def put(self, entries: Mapping[bytes, tuple[bytes, int]]) -> None:
        """Keep values, each for so many seconds."""
        pipeline = self.client.pipeline(transaction=False)
        for key, (value, seconds) in entries.items():
            pipeline.set(key, value, ex=seconds)
        pipeline.execute()

    def version(self) -> str:
        """Return the version of the server."""
        return str(self.client.info("server")["redis_version"])

    def memory(self) -> list[Memory]:
        """Return what the server may fill; behind Sentinels, what the master of now may."""
        return [Memory.of("Redis", self.client)]

    def close(self) -> None:
        """Let go of all connections."""
        self.client.close()


class ClusterStore:
    """A Redis Cluster, asked node by node."""

    def __init__(self, url: str, settings: Mapping[str, Any]) -> None:
        self._url, self._settings = url, settings
        self._client: RedisCluster | None = None

    def get(self, keys: Keys) -> list[bytes | None]:
        """Return the values of keys."""
        return cast("list[bytes | None]", self._connected().mget_nonatomic(keys))

    def put(self, entries: Mapping[bytes, tuple[bytes, int]]) -> None:
        """Keep values, each for so many seconds."""
        pipeline = self._connected().pipeline()  # type: ignore[no-untyped-call]
        for key, (value, seconds) in entries.items():
            pipeline.set(key, value, ex=seconds)
        pipeline.execute()

    def version(self) -> str:
        """Return the version of one of the servers."""
        client = self._connected()
        node = client.get_random_node()  # type: ignore[no-untyped-call]
        return str(client.info("server", target_nodes=node)["redis_version"])

    def memory(self) -> list[Memory]:
        """Return what each primary of the cluster may fill."""
        client = self._connected()
        nodes = client.get_primaries()  # type: ignore[no-untyped-call]
        return [Memory.of(node.name, client, target_nodes=node) for node in nodes]

    def close(self) -> None:
        """Let go of all connections."""
        if self._client is not None:
            self._client.close()

    def _connected(self) -> RedisCluster:
        if self._client is None:
            self._client = RedisCluster.from_url(self._url, **self._settings)
        return self._client


def open_store(url: str, timeout: float) -> Store:
    """Return the store of a URL; raises `StartupFailedError` where it is none.

    `redis://`, `rediss://` and `unix://` as redis-py takes them; `redis+sentinel://[user:password@]
    host:port[,host:port…]/service[/db]`; `redis+cluster://` and `rediss+cluster://`.
    """
    if "decode_responses" in url:
        raise StartupFailedError(
            "--cache is no Redis URL for us: entries are bytes, so leave out decode_responses"
        )
    settings = {
        "socket_timeout": timeout,
        "socket_connect_timeout": timeout,
        "retry": Retry(NoBackoff(), 0),
    }
    try:
        scheme = urlsplit(url).scheme
        if scheme == SENTINEL:
            return RedisStore(_named_by_sentinels(url, settings))
        if scheme in CLUSTERS:
            address = CLUSTERS[scheme] + url.removeprefix(scheme)
            redis.connection.parse_url(address)  # type: ignore[no-untyped-call]
            return ClusterStore(address, settings)
        client = redis.Redis.from_url(url, **settings)
        client.connection_pool.make_connection()  # not opened: it finds options that are none
    except (ValueError, TypeError) as error:
        # Of a password that is not quoted, the error may have a part.
        why = "quote / ? # and @ in its password" if "@" in url else str(error)
        raise StartupFailedError(f"--cache is no Redis URL: {why}") from error
    return RedisStore(client)


def check_rights(url: str, prefix: str) -> None:
    """Read and write a key as a worker does, once.

    A store that is down keeps no worker from its start; one that refuses us would refuse every
    entry. Raises `StartupFailedError` for that: a login, a certificate, or a right.
    """
    key = f"{prefix}:rights".encode()
    with closing(open_store(url, LOGIN_WITHIN)) as store:
        try:
            store.get([key])
            store.put({key: (b"", 1)})
        except (redis.AuthenticationError, redis.exceptions.NoPermissionError) as error:
            raise StartupFailedError(
                f"--cache refuses the login or its rights: {error}; MGET and SET are needed on "
                f"{prefix}:*, or --cache none"
            ) from error
        except FAILURES as error:
            if (why := tls.refusal(error)) is not None:
                raise StartupFailedError(
                    f"--cache cannot be used, {why}; check its name and ssl_ca_certs in the URL"
                ) from error


def _named_by_sentinels(url: str, settings: Mapping[str, Any]) -> redis.Redis:
    """Return a client of the master that the Sentinels of a URL know under a name."""
    parts = urlsplit(url)
    service, _, database = parts.path.strip("/").partition("/")
    if not service:
        raise ValueError(f"it names no service: {SENTINEL}://host:port/service")
    hosts = parts.netloc.rpartition("@")[2].split(",")
    addresses = [(one.hostname or "", one.port or 26379) for one in map(_address, hosts)]
    # Without their own settings the Sentinels would be asked ten times each.
    sentinels = Sentinel(addresses, sentinel_kwargs=settings, **settings)  # type: ignore[no-untyped-call]
    found: redis.Redis = sentinels.master_for(  # type: ignore[no-untyped-call]
        service,
        db=int(database or 0),
        username=parts.username and unquote(parts.username),
        password=parts.password and unquote(parts.password),
    )
    return found


def _address(host: str) -> Any:  # noqa: ANN401 - urlsplit's result has a private type
    return urlsplit(f"//{host}")
