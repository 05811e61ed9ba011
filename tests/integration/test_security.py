"""TLS, logins and rights on a broker and a Redis that insist on them."""

import itertools
import re
import secrets
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from click import Group
from click.testing import CliRunner, Result
from kafka import KafkaAdminClient
from kafka.admin import (
    ACLFilter,
    ACLOperation,
    ACLPermissionType,
    ACLResourcePatternType,
    ResourcePatternFilter,
    ResourceType,
)

from deploy.local.install import install
from tests.conftest import Addresses
from tests.support.authority import Authority
from tests.support.collecting import Collecting, places
from tests.support.secure import SecureBroker, SecureRedis, allow, unsecured_token
from tests.support.secured import WORKER, Secure
from tests.support.streams import Stream, post
from trainer.cli import main as trainer
from trainer.post_files import PostFiles
from worker.cli import main as worker
from worker.errors import ExitCode

USERS = (WORKER, "tagstream-collect", "tagstream-operator")
TEXTS = {str(n): "off to the sea #travel" for n in range(20)}
WRONG = "wr0ng"
REDIS_USER = re.compile(r"^user tagstream on >PASSWORD (.*)$", re.MULTILINE)


@pytest.fixture(scope="module")
def secure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secure]:
    install()
    folder = tmp_path_factory.mktemp("secure")
    authority = Authority(folder / "authority")
    passwords = {name: secrets.token_hex(16) for name in (*USERS, "stranger", "redis")}
    documented = REDIS_USER.search(Path("docs/security.md").read_text())
    assert documented is not None
    user = f"tagstream on >{passwords['redis']} {documented[1]}"
    broker = SecureBroker(folder / "kafka", authority)
    redis = SecureRedis(folder / "redis", authority, user)
    with broker, redis:
        for name in (*USERS, "stranger"):
            broker.add_user(name, passwords[name])
        yield Secure(broker, redis, authority, folder, passwords)


@pytest.fixture
def guarded(secure: Secure, unique: str, tmp_path: Path) -> Iterator[Stream]:
    """Topics of this test, in which `deploy/kafka/acls` says who may do what."""
    addresses = Addresses(secure.broker.address, secure.cache())
    stream = Stream(addresses, unique, tmp_path, partitions=2)
    stream.create_topics()
    with closing(KafkaAdminClient(bootstrap_servers=addresses.kafka)) as admin:
        admin.create_topics({f"{stream.posts}.memory": {"num_partitions": 1}})
    names = {"INPUT": stream.posts, "OUTPUT": stream.suggestions, "GROUP": stream.group}
    allow(secure.broker, tmp_path / "bin", **names, COLLECT_GROUP=f"{stream.group}-collect")
    yield stream
    stream.stop()


def settings_of(stream: Stream, **more: str) -> dict[str, str]:
    return {
        "TAGSTREAM_INPUT_TOPIC": stream.posts,
        "TAGSTREAM_OUTPUT_TOPIC": stream.suggestions,
        "TAGSTREAM_CACHE_TIMEOUT": "10",  # this machine may be busy
        **{f"TAGSTREAM_{name.upper()}": value for name, value in more.items()},
    }


def run(group: Group, *words: str, stream: Stream, **settings: str) -> Result:
    environment = settings_of(stream, **settings)
    return CliRunner().invoke(group, words, env=environment)


WAYS: dict[str, tuple[str, dict[str, Any]]] = {
    "login": ("login", {}),
    "login, transactions, memory": (
        "login", {"delivery": "exactly-once", "instance_id": "one", "memory": "on"},
    ),
    "token": ("token", {}),
    "certificate": ("certificate", {}),
}  # fmt: skip


@pytest.mark.parametrize("client", ["kafka-python", "confluent-kafka"])
@pytest.mark.parametrize("way", WAYS)
def test_a_worker_serves_with_the_rights_it_is_given_and_no_others(
    secure: Secure, guarded: Stream, bundle_path: Path, way: str, client: str
) -> None:
    kind, more = WAYS[way]
    known = {
        "login": secure.login,
        "token": lambda: secure.token(unsecured_token(WORKER)),
        "certificate": secure.certificate,
    }[kind]()
    guarded.produce((key.encode(), post(key, text)) for key, text in TEXTS.items())
    served = guarded.worker(
        **known, **more, client=client, bundle=str(bundle_path), log_level="debug",
        cache_prefix="tagstream:test", cache_timeout=10,
    ).wait_ready()  # fmt: skip
    guarded.answers().until_answered(TEXTS)
    assert served.metric("tagstream_cache_errors_total") == 0
    page = served._get("/metrics") or ""
    assert served.stop() == ExitCode.DONE
    secure.clean(page + served.log.read_text())


def test_the_other_commands_work_with_their_rights(
    secure: Secure, guarded: Stream, bundle_path: Path, tmp_path: Path
) -> None:
    guarded.produce([(b"1", post("1", "off to the sea #travel")), (b"2", b"no post")])
    bundle = str(bundle_path)
    doctor = {**secure.login(), "bundle": bundle, "cache": secure.cache()}
    told = run(worker, "doctor", stream=guarded, **doctor)
    assert told.exit_code == ExitCode.DONE, told.output
    assert "ok security: SASL_SSL as tagstream-worker by SCRAM-SHA-512" in secure.clean(told.output)
    assert "ok cache: Redis" in secure.clean(told.output)
    serving = guarded.worker(**secure.login(), bundle=bundle, cache="none", reject_limit="off")
    serving.wait_ready()
    guarded.dead().until(lambda: bool(guarded.readers[0].records))
    assert serving.stop() == ExitCode.DONE
    operator = secure.login("tagstream-operator")
    listed = run(worker, "dlq", "list", "--json", stream=guarded, **operator)
    assert '"reason":"not_json"' in listed.output
    again = run(worker, "dlq", "replay", stream=guarded, **operator)
    assert "1 of 1 sent again" in again.output, again.output
    watched = run(
        worker, "watch", "--from-beginning", "--limit", "1", "--bundle", bundle, stream=guarded,
        **operator,
    )  # fmt: skip
    assert "off to the sea" in watched.output
    collecting = Collecting(guarded, tmp_path / "collected")
    collecting.start(**secure.login("tagstream-collect"))
    collecting.until_committed(3)
    assert collecting.stop() == [ExitCode.DONE]
    assert places(PostFiles(str(collecting.folder))).total() > 0
    everything = listed.output + again.output + watched.output + collecting.log(0).read_text()
    secure.clean(everything)


def test_whoever_has_no_rights_sees_no_topic(
    secure: Secure, guarded: Stream, bundle_path: Path
) -> None:
    known = {**secure.login("stranger"), "bundle": str(bundle_path), "cache": "none"}
    refused = run(worker, "run", "--http-port", "0", stream=guarded, **known)
    assert refused.exit_code == ExitCode.START_FAILED
    assert f"no topic {guarded.posts}" in secure.clean(refused.output)


@pytest.mark.parametrize("client", ["kafka-python", "confluent-kafka"])
def test_a_right_that_is_taken_stops_the_worker(
    secure: Secure, guarded: Stream, bundle_path: Path, client: str
) -> None:
    known = {**secure.login(), "client": client, "bundle": str(bundle_path), "cache": "none"}
    serving = guarded.worker(**known).wait_ready()
    with closing(KafkaAdminClient(bootstrap_servers=secure.broker.address)) as admin:
        written = ResourcePatternFilter(
            ResourceType.TOPIC, guarded.suggestions, ACLResourcePatternType.LITERAL
        )
        taken = ACLFilter(None, None, ACLOperation.WRITE, ACLPermissionType.ALLOW, written)
        admin.delete_acls([taken])
    guarded.produce_posts(TEXTS)
    assert serving.process is not None
    assert serving.process.wait(60)
    assert serving.exit_code == ExitCode.FATAL
    assert "uthoriz" in secure.clean(serving.log.read_text())


def refusals(secure: Secure) -> dict[str, tuple[dict[str, str], str]]:
    """Return wrong settings, and what is said of them."""
    stranger = Authority(secure.folder / "stranger", "stranger")
    expired = {**secure.certificate(), "bootstrap_servers": secure.broker.at("EXPIRED")}
    elsewhere = {"bootstrap_servers": secure.broker.at("LOGIN", "localhost")}
    nobody = {key: v for key, v in secure.certificate().items() if key != "ssl_cert_file"}
    return {
        "password": (secure.login(sasl_password=WRONG), "the login is refused"),
        "user": (secure.login(sasl_username="nobody"), "the login is refused"),
        "mechanism": (secure.login(sasl_mechanism="PLAIN"), "check --sasl-mechanism"),
        "token": (secure.token("none"), "the login is refused"),
        "old token": (secure.token(unsecured_token(WORKER, -900)), "the login is refused"),
        "host name": (secure.login(**elsewhere), "Hostname mismatch"),
        "authority": (secure.login(ssl_ca_file=str(stranger.file)), "is not trusted"),
        "expired": (expired, "certificate has expired"),
        "no certificate": (nobody, "no TLS with it"),
        "certificate": (secure.certificate(stranger), "no TLS with it"),
        "no such file": (secure.login(ssl_ca_file="/nowhere"), "--ssl-ca-file"),
        "no password": (secure.login(sasl_password=""), "needs --sasl-password"),
        "no login": (secure.login(security_protocol="SSL"), "choose SASL_SSL"),
        "login to none": (
            secure.login(
                security_protocol="SASL_PLAINTEXT", bootstrap_servers=secure.broker.address
            ),
            "check --security-protocol",
        ),
    }


def one_line(result: Result, secure: Secure, words: str) -> None:
    assert result.exit_code == ExitCode.START_FAILED, result.output
    assert words in secure.clean(result.stderr)
    told = [line for line in result.stderr.splitlines() if '"event":' not in line]
    assert len(told) == 1, result.stderr


def test_what_is_refused_is_said_in_one_line(secure: Secure, guarded: Stream) -> None:
    for wrong, words in refusals(secure).values():
        one_line(run(worker, "dlq", "list", stream=guarded, **wrong), secure, words)


def test_every_command_is_refused_alike(
    secure: Secure, guarded: Stream, bundle_path: Path, tmp_path: Path
) -> None:
    wrong, words = refusals(secure)["password"]
    known = {**wrong, "bundle": str(bundle_path), "cache": "none", "http_port": "0"}
    commands = ((worker, "run"), (worker, "watch"), (trainer, "collect", str(tmp_path / "posts")))
    for group, *command in commands:
        one_line(run(group, *command, stream=guarded, **known), secure, words)
    for client in ("kafka-python", "confluent-kafka"):
        one_line(run(worker, "run", stream=guarded, **known, client=client), secure, words)
    doctor = run(worker, "doctor", stream=guarded, **known)
    assert doctor.exit_code == ExitCode.START_FAILED
    assert words in secure.clean(doctor.output)


def test_a_cache_that_refuses_us_is_said_at_the_start(
    secure: Secure, guarded: Stream, bundle_path: Path
) -> None:
    stranger = Authority(secure.folder / "other", "other")
    wrong = {
        secure.cache(password=WRONG): "--cache refuses the login",
        secure.cache(user="nobody"): "--cache refuses the login",
        secure.cache("localhost"): "Hostname mismatch",
        secure.cache(authority=str(stranger.file)): "is not trusted",
        secure.cache(password=f"{secure.passwords['redis']}/1"): "quote / ? # and @",
    }
    known = {**secure.login(), "bundle": str(bundle_path), "http_port": "0"}
    for command, (url, words) in itertools.product(("run", "doctor"), wrong.items()):
        told = run(worker, command, stream=guarded, **known, cache=url)
        assert told.exit_code == ExitCode.START_FAILED, told.output
        assert words in secure.clean(told.output)
    other = run(worker, "run", stream=guarded, **known, cache=secure.cache(), cache_prefix="ours")
    assert "MGET and SET are needed on ours:*" in secure.clean(other.output)
