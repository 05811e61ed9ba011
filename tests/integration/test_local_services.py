import itertools
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

import pytest
import redis
from kafka import KafkaConsumer, KafkaProducer
from kafka.admin import KafkaAdminClient, NewTopic

import deploy.local
from deploy.local.install import install
from deploy.local.process import Process, start_time, wait_until
from deploy.local.service import HOST, Service, free_port
from deploy.local.services import (
    Broker,
    PortTakenError,
    RedisServer,
    ServiceError,
    Services,
)

SCRIPTS = Path(deploy.local.__file__).parent
PATIENCE = 60.0


@pytest.fixture(scope="module", autouse=True)
def _installed() -> None:
    install()


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    with Services(tmp_path_factory.mktemp("services")) as services:
        yield services


def create_topic(broker: Broker, topic: str) -> None:
    admin = KafkaAdminClient(bootstrap_servers=broker.address)
    try:
        admin.create_topics([NewTopic(topic, num_partitions=1, replication_factor=1)])
    finally:
        admin.close()


def produce(broker: Broker, topic: str, value: bytes) -> None:
    producer = KafkaProducer(bootstrap_servers=broker.address, acks="all")
    try:
        producer.send(topic, value).get(PATIENCE)
    finally:
        producer.close()


def consume(broker: Broker, topic: str, count: int) -> list[bytes]:
    consumer = KafkaConsumer(
        topic,
        bootstrap_servers=broker.address,
        auto_offset_reset="earliest",
        group_id=f"readers of {topic}",
        enable_auto_commit=False,
        consumer_timeout_ms=PATIENCE * 1000,
    )
    try:
        return [record.value for record in itertools.islice(consumer, count)]
    finally:
        consumer.close()


def test_records_survive_a_restart_and_a_kill(services: Services) -> None:
    broker = services.broker
    address = broker.address
    create_topic(broker, "kept")
    produce(broker, "kept", b"first")
    assert consume(broker, "kept", 1) == [b"first"]
    broker.restart()
    produce(broker, "kept", b"second")
    broker.kill()
    assert not broker.running
    broker.start()
    produce(broker, "kept", b"third")
    assert consume(broker, "kept", 3) == [b"first", b"second", b"third"]
    assert broker.address == address
    assert broker.version == "4.3.0"


def test_topics_are_not_created_by_themselves(services: Services) -> None:
    producer = KafkaProducer(bootstrap_servers=services.broker.address, max_block_ms=1000)
    with pytest.raises(Exception, match="metadata"):
        producer.send("nobody-created-it", b"")
    producer.close()


def test_redis_keeps_its_address_and_not_its_content(services: Services) -> None:
    server = services.redis
    with redis.Redis.from_url(server.url) as client:
        client.set("key", "value")
        assert client.get("key") == b"value"
        assert client.info("server")["redis_version"] == server.version
    server.restart()
    with redis.Redis.from_url(services.environment["TAGSTREAM_CACHE"]) as client:
        assert client.get("key") is None


def test_listens_on_loopback_only(services: Services) -> None:
    for service in services.all:
        assert service.process is not None
        assert listening_addresses(service.process.pid) == {HOST}


def listening_addresses(pid: int) -> set[str]:
    """Return the addresses at which a process listens, IPv6 ones that map IPv4 included."""
    files = Path(f"/proc/{pid}/fd").iterdir()
    sockets = {str(file.readlink()) for file in files if file.is_symlink()}
    found = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/{pid}/net/{table}").read_text(encoding="ascii").splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and f"socket:[{fields[9]}]" in sockets:
                address = bytes.fromhex(fields[1].partition(":")[0][-8:])
                found.add(".".join(str(byte) for byte in reversed(address)))
    return found


def test_a_paused_server_is_silent_until_resumed(tmp_path: Path) -> None:
    with RedisServer(tmp_path) as server:
        server.pause()
        with (
            redis.Redis.from_url(server.url, socket_timeout=0.2, retry=None) as client,
            pytest.raises(redis.TimeoutError),
        ):
            client.ping()
        server.resume()
        with redis.Redis.from_url(server.url) as client:
            assert client.ping()
        server.pause()
    assert not server.running


def test_another_server_at_the_port_is_not_mistaken_for_ours(services: Services) -> None:
    stranger = RedisServer(services.redis.directory, services.redis.port)
    assert services.redis.answers()
    assert not stranger.answers()
    broker = Broker(services.broker.directory / "other", services.broker.port)
    assert services.broker.answers()
    (broker.directory / "data").mkdir(parents=True)
    (broker.directory / "data" / "meta.properties").write_text("cluster.id=other\n")
    assert not broker.answers()


@pytest.mark.parametrize("kind", [Broker, RedisServer])
def test_a_taken_port_is_named(services: Services, tmp_path: Path, kind: type[Service]) -> None:
    port = services.redis.port
    service = kind(tmp_path, port)
    with pytest.raises(PortTakenError, match=rf"^127\.0\.0\.1:{port} cannot be used .*another"):
        service.start()
    assert not service.running


@pytest.mark.parametrize("kind", [Broker, RedisServer])
def test_a_port_that_was_chosen_here_and_taken_meanwhile_is_replaced(
    services: Services, tmp_path: Path, kind: type[Service]
) -> None:
    service = kind(tmp_path)
    service.port = services.redis.port
    with service:
        assert service.port != services.redis.port
        assert service.answers()


class Broken(RedisServer):
    def prepare(self, log: BinaryIO) -> Sequence[str]:  # noqa: ARG002
        return ["sh", "-c", "echo it went wrong; exit 1"]


def test_a_failed_start_shows_the_end_of_the_log(tmp_path: Path) -> None:
    with pytest.raises(ServiceError, match=r"redis did not start: it ended.*\nit went wrong$"):
        Broken(tmp_path).start()


@pytest.mark.parametrize("kind", [Broker, RedisServer])
def test_a_folder_has_one_server(services: Services, kind: type[Service]) -> None:
    owner = next(service for service in services.all if isinstance(service, kind))
    with pytest.raises(ServiceError, match=rf"^{owner.directory} is in use: stop its {kind.name},"):
        kind(owner.directory).start()
    assert owner.answers()


def test_both_are_stopped_when_one_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    services = Services(tmp_path)
    monkeypatch.setattr(services.broker, "prepare", lambda _: ["false"])
    with pytest.raises(ServiceError, match="kafka did not start"):
        services.start()
    assert services.redis.process is not None
    assert not services.redis.running


OWNER = """
import pathlib, sys, threading
from deploy.local.services import Services

services = Services(pathlib.Path(sys.argv[1]))
thread = threading.Thread(target=services.start)  # it ends, and its services must not
thread.start()
thread.join()
assert all(service.running for service in services.all)
print(*(service.process.pid for service in services.all), flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM])
def test_services_end_with_their_owner(tmp_path: Path, end: signal.Signals) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", OWNER, tmp_path],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=SCRIPTS.parents[1],
    ) as owner:
        assert owner.stdout is not None
        pids = [int(pid) for pid in owner.stdout.readline().split()]
        assert [start_time(pid) is not None for pid in pids] == [True, True]
        owner.send_signal(end)
    assert wait_until(lambda: not any(map(start_time, pids)), PATIENCE)


@pytest.fixture
def background(tmp_path: Path) -> Iterator[list[str]]:
    """Options of `up` and `down` for a place of its own, which is empty in the end."""
    yield ["--state", str(tmp_path)]
    run_script("down", "--state", str(tmp_path))


def run_script(name: str, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(SCRIPTS / name), *options]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_up_and_down_twice(background: list[str], tmp_path: Path) -> None:
    ports = [str(free_port()), str(free_port())]
    up = [*background, "--kafka-port", ports[0], "--redis-port", ports[1]]
    first, second = run_script("up", *up), run_script("up", *up)
    assert [first.returncode, second.returncode] == [0, 0], first.stderr + second.stderr
    exports = [
        f"export TAGSTREAM_BOOTSTRAP_SERVERS=127.0.0.1:{ports[0]}",
        f"export TAGSTREAM_CACHE=redis://127.0.0.1:{ports[1]}/0",
    ]
    assert first.stdout.splitlines()[-2:] == second.stdout.splitlines()[-2:] == exports
    assert second.stdout.count("is already up at") == 2

    records = json.loads((tmp_path / "services.json").read_text(encoding="utf-8"))
    processes = [Process(record["pid"], record["started"]) for record in records.values()]
    assert all(process.alive for process in processes)

    stopped, again = run_script("down", *background), run_script("down", *background, "--purge")
    assert stopped.stdout == "kafka is down.\nredis is down.\n"
    assert again.stdout == "Nothing is up.\nThe data are deleted.\n"
    assert not any(process.alive for process in processes)
    assert not any(path.is_dir() for path in tmp_path.iterdir())


def test_down_spares_a_process_that_only_has_the_pid(background: list[str], tmp_path: Path) -> None:
    record = {"pid": os.getpid(), "started": "long ago", "address": "127.0.0.1:1"}
    (tmp_path / "services.json").write_text(json.dumps({"kafka": record}), encoding="utf-8")
    assert run_script("down", *background).stdout == "Nothing is up.\n"


def test_up_names_a_taken_port_and_leaves_nothing(
    services: Services, background: list[str], tmp_path: Path
) -> None:
    taken, free = services.broker.port, free_port()
    done = run_script("up", *background, "--kafka-port", str(taken), "--redis-port", str(free))
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert f"127.0.0.1:{taken} cannot be used" in done.stderr
    record = json.loads((tmp_path / "services.json").read_text(encoding="utf-8"))["redis"]
    assert not Process(record["pid"], record["started"]).alive
