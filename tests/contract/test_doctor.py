"""`worker doctor` beside real services."""

from collections.abc import Iterator
from contextlib import closing

import pytest
import redis
from click.testing import CliRunner, Result
from kafka import KafkaAdminClient
from kafka.admin import ConfigResource

from deploy.local.install import install
from deploy.local.redis_server import RedisServer
from export.registry import Registry
from tests.conftest import Addresses
from tests.support.redis_forms import RedisCluster, RedisSentinel
from worker.cli import main
from worker.errors import ExitCode


def doctor(addresses: Addresses, registry: Registry, unique: str, *flags: str) -> Result:
    settings = {
        "--registry": str(registry.root),
        "--bootstrap-servers": addresses.kafka,
        "--cache": addresses.redis,
        "--input-topic": f"{unique}-tweets",
        "--output-topic": f"{unique}-suggestions",
        "--partitions": "2",
        "--cache-timeout": "10",  # this machine may be busy
    }
    pairs = [word for pair in settings.items() for word in pair]
    return CliRunner().invoke(main, ["doctor", *pairs, *flags])


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, RedisServer]]:
    """Servers whose memory a test may set."""
    install()
    folder = tmp_path_factory.mktemp("redis")
    single, cluster = RedisServer(folder / "single"), RedisCluster(folder / "cluster")
    sentinel = RedisSentinel(folder / "sentinel")
    sentinel.watched = single
    with single, cluster, sentinel:
        yield {"single": single, "cluster": cluster, "sentinel": sentinel}


def findings(result: Result) -> str:
    return " ".join(result.output.split())


def test_all_is_there(addresses: Addresses, registry: Registry, unique: str) -> None:
    result = doctor(addresses, registry, unique, "--create-topics")
    assert result.exit_code == ExitCode.DONE
    assert "FAIL" not in result.output
    for name in ("tweets", "suggestions", "tweets.dead-letter"):
        assert f"{unique}-{name} (2 partitions)" in findings(result)
    assert "ok cache: Redis" in findings(result)


def test_a_missing_topic_is_named_with_what_to_do(
    addresses: Addresses, registry: Registry, unique: str
) -> None:
    result = doctor(addresses, registry, unique)
    assert result.exit_code == ExitCode.START_FAILED
    assert f"FAIL broker and topics: no topic {unique}-tweets" in findings(result)
    assert "--create-topics" in findings(result)


def test_what_may_be_lost_is_a_warning_and_no_failure(
    addresses: Addresses, registry: Registry, unique: str
) -> None:
    result = doctor(addresses, registry, unique, "--create-topics")
    all_three = f"({unique}-tweets, {unique}-suggestions, {unique}-tweets.dead-letter)"
    for setting in ("replication factor", "min.insync.replicas"):
        assert f"warn broker and topics: {setting} 1 {all_three}" in findings(result)
    assert result.exit_code == ExitCode.DONE
    with closing(KafkaAdminClient(bootstrap_servers=addresses.kafka)) as admin:
        name = f"{unique}-suggestions"
        admin.alter_configs([ConfigResource("topic", name, {"min.insync.replicas": "2"})])
    again = findings(doctor(addresses, registry, unique))
    others = f"({unique}-tweets, {unique}-tweets.dead-letter)"
    assert f"min.insync.replicas 1 {others}" in again
    assert f"replication factor 1 {all_three}" in again


@pytest.mark.parametrize(
    ("form", "limit", "policy", "words"),
    [
        ("single", "0", "noeviction", "has no limit (maxmemory 0, noeviction)"),
        ("cluster", "0", "allkeys-lru", "has no limit (maxmemory 0, allkeys-lru)"),
        ("sentinel", "8388608", "noeviction", "once its 8388608 bytes are full, writes fail"),
        ("cluster", "8388608", "noeviction", "once its 8388608 bytes are full, writes fail"),
        ("single", "8388608", "allkeys-lru", None),
    ],
)
def test_a_cache_that_may_fill_up_is_a_warning(
    addresses: Addresses, registry: Registry, unique: str, cache: dict[str, RedisServer],
    form: str, limit: str, policy: str, words: str | None,
) -> None:  # fmt: skip
    server = cache["single" if form == "sentinel" else form]
    with redis.Redis.from_url(f"redis://{server.address}") as client:
        client.config_set("maxmemory", limit)
        client.config_set("maxmemory-policy", policy)
    result = doctor(addresses, registry, unique, "--create-topics", "--cache", cache[form].url)
    told = findings(result)
    assert "ok cache: Redis" in told
    assert ("warn cache:" in told) is (words is not None)
    assert words is None or words in told
    assert result.exit_code == ExitCode.DONE


def test_a_delivery_is_told_by_what_it_promises(
    addresses: Addresses, registry: Registry, unique: str
) -> None:
    plain = findings(doctor(addresses, registry, unique, "--create-topics"))
    assert "ok delivery: at-least-once: every post is answered, after a crash some twice" in plain
    once = ("--delivery", "exactly-once")
    named = findings(doctor(addresses, registry, unique, *once, "--instance-id", "one"))
    assert "ok delivery: exactly-once: readers of committed records" in named
    nameless = doctor(addresses, registry, unique, *once)
    assert "FAIL delivery: --delivery exactly-once needs --instance-id" in findings(nameless)
    assert nameless.exit_code == ExitCode.START_FAILED
