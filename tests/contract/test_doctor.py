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

PLAIN = CliRunner()


def doctor(
    addresses: Addresses, registry: Registry, unique: str, *flags: str, runner: CliRunner = PLAIN
) -> Result:
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
    return runner.invoke(main, ["doctor", *pairs, *flags])


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
    assert f"{unique}-tweets.memory (1 partitions)" in findings(result)
    assert "the memory votes by default rules" in findings(result)
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
    names = [f"{unique}-{name}" for name in ("tweets", "tweets.dead-letter", "tweets.memory")]
    every = f"({names[0]}, {unique}-suggestions, {names[1]}, {names[2]})"
    for setting in ("replication factor", "min.insync.replicas"):
        assert f"warn broker and topics: {setting} 1 {every}" in findings(result)
    assert result.exit_code == ExitCode.DONE
    with closing(KafkaAdminClient(bootstrap_servers=addresses.kafka)) as admin:
        name = f"{unique}-suggestions"
        admin.alter_configs([ConfigResource("topic", name, {"min.insync.replicas": "2"})])
    again = findings(doctor(addresses, registry, unique))
    assert f"min.insync.replicas 1 ({', '.join(names)})" in again
    assert f"replication factor 1 {every}" in again


class TestMemory:
    """What `worker doctor` says of the memory's topic."""

    def test_one_made_for_it_holds_what_it_should(
        self, addresses: Addresses, registry: Registry, unique: str
    ) -> None:
        made = findings(doctor(addresses, registry, unique, "--create-topics"))
        assert f"ok memory: {unique}-tweets.memory, one partition, for the last 100,000" in made
        assert "warn memory: TAGSTREAM_MEMORY_KEY is the default" in made
        assert "retention" not in made
        secret = CliRunner(env={"TAGSTREAM_MEMORY_KEY": "of ours"})
        assert "warn memory" not in findings(doctor(addresses, registry, unique, runner=secret))

    @pytest.mark.parametrize(
        ("setting", "value", "least"),
        [("retention.ms", "604800000", "-1"), ("retention.bytes", "204799999", "204800000")],
    )
    def test_one_that_forgets_too_early_is_a_warning(
        self, addresses: Addresses, registry: Registry, unique: str,
        setting: str, value: str, least: str,
    ) -> None:  # fmt: skip
        doctor(addresses, registry, unique, "--create-topics")
        with closing(KafkaAdminClient(bootstrap_servers=addresses.kafka)) as admin:
            name = f"{unique}-tweets.memory"
            admin.alter_configs([ConfigResource("topic", name, {setting: value})])
        result = doctor(addresses, registry, unique)
        assert f"warn memory: {setting} {value}: the topic may hold fewer" in findings(result)
        assert f"set {setting}={least}" in findings(result)
        assert result.exit_code == ExitCode.DONE

    def test_one_of_several_partitions_is_a_failure(
        self, addresses: Addresses, registry: Registry, unique: str
    ) -> None:
        with closing(KafkaAdminClient(bootstrap_servers=addresses.kafka)) as admin:
            name = f"{unique}-tweets.memory"
            admin.create_topics({name: {"num_partitions": 2}}, wait_for_metadata=True)
        result = doctor(addresses, registry, unique, "--create-topics")
        assert f"FAIL memory: {name} has 2 partitions" in findings(result)
        assert result.exit_code == ExitCode.START_FAILED

    def test_none_is_needed_where_it_is_off(
        self, addresses: Addresses, registry: Registry, unique: str
    ) -> None:
        result = findings(doctor(addresses, registry, unique, "--create-topics", "--memory", "off"))
        assert "ok memory: off: the model answers alone" in result
        assert "tweets.memory" not in result


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
