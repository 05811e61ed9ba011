"""What the cache may expect of each form of Redis: real servers, one contract."""

import socket
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from deploy.local.install import install
from deploy.local.redis_server import RedisServer
from tests.support.redis_forms import HangingServer, RedisCluster, RedisSentinel
from worker.errors import StartupFailedError
from worker.stores import FAILURES, Store, open_store

TIMEOUT = 5.0


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, RedisServer]]:
    install()
    folder = tmp_path_factory.mktemp("redis")
    single = RedisServer(folder / "single")
    cluster, sentinel = RedisCluster(folder / "cluster"), RedisSentinel(folder / "sentinel")
    sentinel.watched = single
    with single, cluster, sentinel:
        yield {"single": single, "cluster": cluster, "sentinel": sentinel}


@pytest.fixture(params=["single", "cluster", "sentinel"])
def store(servers: dict[str, RedisServer], request: pytest.FixtureRequest) -> Iterator[Store]:
    with closing(open_store(servers[request.param].url, TIMEOUT)) as store:
        yield store


@pytest.fixture
def nobody() -> str:
    """The address of a port where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return f"127.0.0.1:{listener.getsockname()[1]}"


def test_what_was_put_is_got_in_order(store: Store, unique: str) -> None:
    keys = [f"{unique}:{number}".encode() for number in range(50)]  # of many slots
    store.put({key: (key[::-1], 100) for key in keys[::2]})
    assert store.get(keys) == [None if number % 2 else key[::-1] for number, key in enumerate(keys)]


def test_each_value_has_its_own_time(store: Store, unique: str) -> None:
    short, long = f"{unique}:short".encode(), f"{unique}:long".encode()
    store.put({short: (b"1", 1), long: (b"2", 100)})
    assert store.get([short, long]) == [b"1", b"2"]
    time.sleep(1.2)
    assert store.get([short, long]) == [None, b"2"]


def test_its_version_is_known(store: Store) -> None:
    assert store.version()[0].isdigit()


def test_what_it_may_fill_is_known(store: Store) -> None:
    (memory,) = store.memory()
    assert (memory.limit, memory.policy) == (2**28, "allkeys-lru")


DOWN = ["redis://{}/0", "redis+cluster://{}", "redis+sentinel://{}/main"]


@pytest.mark.parametrize("url", DOWN)
def test_one_that_is_down_is_opened_and_fails_when_asked(url: str, nobody: str) -> None:
    with closing(open_store(url.format(nobody), 0.05)) as store:
        with pytest.raises(FAILURES):
            store.get([b"key"])
        with pytest.raises(FAILURES):
            store.put({b"key": (b"value", 1)})


@pytest.mark.parametrize("url", DOWN)
def test_one_that_hangs_is_asked_once(url: str) -> None:
    with (
        closing(HangingServer()) as server,
        closing(open_store(url.format(server.address), 0.05)) as store,
    ):
        with pytest.raises(FAILURES):
            store.get([b"key"])
        assert server.connections == 1


def test_a_cluster_that_comes_back_is_used(tmp_path: Path) -> None:
    server = RedisCluster(tmp_path / "late")
    with closing(open_store(server.url, TIMEOUT)) as store:
        with pytest.raises(FAILURES):
            store.get([b"key"])
        with server:
            assert store.get([b"key"]) == [None]


def test_a_cluster_that_goes_down_fails_as_any_does(tmp_path: Path) -> None:
    with RedisCluster(tmp_path / "gone") as server:
        store = open_store(server.url, TIMEOUT)
        assert store.get([b"key"]) == [None]
    with closing(store):
        for _ in range(3):
            with pytest.raises(FAILURES):
                store.get([b"key"])


@pytest.mark.parametrize(
    "url",
    [
        "",
        "localhost:6379",
        "http://localhost",
        "redis://localhost:port",
        "redis://localhost/0?no_such_option=1",
        "redis://localhost/0?decode_responses=true",
        "redis+cluster://localhost:port",
        "redis+sentinel://localhost:26379",
        "redis+sentinel://localhost:port/main",
        "redis+sentinel://localhost:1/main/first",
    ],
)
def test_what_is_no_url_of_redis_is_said_so(url: str) -> None:
    with pytest.raises(StartupFailedError, match="--cache is no Redis URL"):
        open_store(url, TIMEOUT)
