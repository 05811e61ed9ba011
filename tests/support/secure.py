"""A broker and a Redis that speak TLS, ask who is there, and allow what was granted only."""

import argparse
import base64
import os
import shlex
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import BinaryIO

import msgspec
from kafka import KafkaAdminClient
from kafka.admin import (
    ACL,
    ACLOperation,
    ACLPermissionType,
    ACLResourcePatternType,
    ResourcePattern,
    ResourceType,
    ScramMechanism,
    UserScramCredentialUpsertion,
)

from deploy.local.broker import Broker
from deploy.local.redis_server import RedisServer
from deploy.local.service import HOST, free_port
from tests.support.authority import Authority

ACLS = Path(__file__).parents[2] / "deploy" / "kafka" / "acls"
LISTENERS = ("LOGIN", "MUTUAL", "EXPIRED")
# Later lines take the place of earlier ones. Without TLS one is nobody, whom the tests' own hands
# use to do everything.
PROPERTIES = """\
listeners=PLAINTEXT://{host}:{port},CONTROLLER://{host}:{controller_port},{ours}
advertised.listeners=PLAINTEXT://{host}:{port},CONTROLLER://{host}:{controller_port},{ours}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,\
LOGIN:SASL_SSL,MUTUAL:SSL,EXPIRED:SSL
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:ANONYMOUS
ssl.keystore.type=PEM
ssl.keystore.location={server}
ssl.truststore.type=PEM
ssl.truststore.location={authority}
ssl.principal.mapping.rules=RULE:^CN=(.*)$/$1/,DEFAULT
listener.name.mutual.ssl.client.auth=required
listener.name.expired.ssl.keystore.type=PEM
listener.name.expired.ssl.keystore.location={expired}
listener.name.login.sasl.enabled.mechanisms=SCRAM-SHA-512,OAUTHBEARER
listener.name.login.scram-sha-512.sasl.jaas.config=\
org.apache.kafka.common.security.scram.ScramLoginModule required;
listener.name.login.oauthbearer.sasl.jaas.config=\
org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required \
unsecuredLoginStringClaim_sub="broker";
"""


class SecureBroker(Broker):
    """A broker with an authorizer, and listeners for logins, for certificates, and expired."""

    def __init__(self, directory: Path, authority: Authority) -> None:
        super().__init__(directory)
        self._authority = authority
        self._ports = {name: free_port() for name in LISTENERS}

    def at(self, listener: str, host: str = HOST) -> str:
        """Return the address of a listener."""
        return f"{host}:{self._ports[listener]}"

    def properties(self, controller_port: int) -> str:
        """Return the configuration."""
        return super().properties(controller_port) + PROPERTIES.format(
            host=HOST,
            port=self.port,
            controller_port=controller_port,
            ours=",".join(f"{name}://{self.at(name)}" for name in LISTENERS),
            authority=self._authority.file,
            server=self._authority.issue("server", HOST),
            expired=self._authority.issue("expired", HOST, expired=True),
        )

    def add_user(self, name: str, password: str) -> None:
        """Let a name log in by SCRAM-SHA-512."""
        with closing(KafkaAdminClient(bootstrap_servers=self.address)) as admin:
            form = ScramMechanism.SCRAM_SHA_512
            change = UserScramCredentialUpsertion(name, form, password)
            assert admin.alter_user_scram_credentials([change]) == {name: None}


class SecureRedis(RedisServer):
    """A Redis with a port for TLS, and one user beside the default one."""

    def __init__(self, directory: Path, authority: Authority, user: str) -> None:
        super().__init__(directory)
        self._authority, self._user = authority, user
        self.tls_port = free_port()

    def prepare(self, log: BinaryIO) -> Sequence[str]:
        """Return the command."""
        server = str(self._authority.issue("redis", HOST))
        options = {
            "tls-port": [str(self.tls_port)],
            "tls-cert-file": [server],
            "tls-key-file": [server],
            "tls-ca-cert-file": [str(self._authority.file)],
            "tls-auth-clients": ["no"],
            "user": self._user.split(),
        }
        more = [word for name, values in options.items() for word in (f"--{name}", *values)]
        return [*super().prepare(log), *more]


def unsecured_token(name: str, seconds: int = 600) -> str:
    """Return a token of OAUTHBEARER without a signature, as a broker without an issuer takes it."""
    now = int(time.time())
    parts = ({"alg": "none"}, {"sub": name, "iat": now, "exp": now + seconds})
    coded = (base64.urlsafe_b64encode(msgspec.json.encode(part)).rstrip(b"=") for part in parts)
    return b".".join([*coded, b""]).decode()


def allow(broker: SecureBroker, folder: Path, **names: str) -> None:
    """Give the rights that `deploy/kafka/acls` names, run with these variables."""
    with closing(KafkaAdminClient(bootstrap_servers=broker.address)) as admin:
        admin.create_acls([acl for line in _asked(folder, names) for acl in _acls(line)])


def _asked(folder: Path, names: dict[str, str]) -> Iterator[list[str]]:
    """Yield the arguments of each call of Kafka's own program, which stands in no jar of ours."""
    folder.mkdir()
    program = folder / "kafka-acls.sh"
    program.write_text('#!/bin/sh\nprintf "%s\\n" "$*"\n')
    program.chmod(0o755)
    path = f"{folder}:{os.environ['PATH']}"
    said = subprocess.run(
        [str(ACLS), "broker:9092"],
        env={"PATH": path, **names},
        capture_output=True,
        text=True,
        check=True,
    )
    yield from map(shlex.split, said.stdout.splitlines())


def _acls(arguments: list[str]) -> Iterator[ACL]:
    parser = argparse.ArgumentParser()
    parser.add_argument("--bootstrap-server")
    parser.add_argument("--add", action="store_true", required=True)
    parser.add_argument("--allow-principal", required=True)
    parser.add_argument("--operation", action="append", required=True)
    parser.add_argument("--resource-pattern-type", default="literal")
    for kind in ("topic", "group", "transactional-id"):
        parser.add_argument(f"--{kind}", action="append", default=[])
    asked = vars(parser.parse_args(arguments))
    pattern = ACLResourcePatternType[asked["resource_pattern_type"].upper()]
    for kind in ("topic", "group", "transactional_id"):
        for name in asked[kind]:
            resource = ResourcePattern(ResourceType[kind.upper()], name, pattern)
            for operation in asked["operation"]:
                yield ACL(
                    asked["allow_principal"],
                    "*",
                    ACLOperation[operation.upper()],
                    ACLPermissionType.ALLOW,
                    resource,
                )
