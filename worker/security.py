"""How connections to Kafka are secured: TLS and SASL, told to both clients in one place."""

import logging
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from kafka.errors import (
    IllegalSaslStateError,
    KafkaError,
    SaslAuthenticationFailedError,
    UnsupportedSaslMechanismError,
)
from kafka.net.manager import KafkaConnectionManager
from kafka.net.sasl.oauth import AbstractTokenProvider
from kafka.net.selector import NetworkSelector

from worker import tls
from worker.errors import StartupFailedError
from worker.settings import BrokerSettings

TLS = frozenset({"SSL", "SASL_SSL"})
SASL = frozenset({"SASL_PLAINTEXT", "SASL_SSL"})
OAUTH = "OAUTHBEARER"
ANSWER_WITHIN = 5.0  # seconds for one broker to take a login
TOKEN_SECONDS = 60.0  # after which librdkafka reads the token again


class TokenFile(AbstractTokenProvider):  # type: ignore[misc] # the library has no types
    """Gives kafka-python the token that a file holds now."""

    def __init__(self, path: str) -> None:
        self._path = path

    def token(self) -> str:
        """Return the token."""
        return _token(self._path)


def kafka_python(settings: BrokerSettings) -> dict[str, Any]:
    """Return what kafka-python is told of brokers and security."""
    config: dict[str, Any] = {
        "bootstrap_servers": settings.bootstrap_servers.split(","),
        "security_protocol": settings.security_protocol,
        "ssl_cafile": settings.ssl_ca_file,
        "ssl_certfile": settings.ssl_cert_file,
        "ssl_keyfile": settings.ssl_key_file,
        "ssl_password": settings.ssl_key_password,
    }
    if settings.security_protocol in SASL:
        config["sasl_mechanism"] = settings.sasl_mechanism
        if settings.sasl_mechanism == OAUTH:
            config["sasl_oauth_token_provider"] = TokenFile(_needed(settings, "sasl_token_file"))
        else:
            config["sasl_plain_username"] = _needed(settings, "sasl_username")
            config["sasl_plain_password"] = _needed(settings, "sasl_password")
    return config


def librdkafka(settings: BrokerSettings) -> dict[str, Any]:
    """Return what librdkafka is told of the same."""
    config: dict[str, Any] = {
        "bootstrap.servers": settings.bootstrap_servers,
        "security.protocol": settings.security_protocol,
        "ssl.ca.location": settings.ssl_ca_file,
        "ssl.certificate.location": settings.ssl_cert_file,
        "ssl.key.location": settings.ssl_key_file or settings.ssl_cert_file,  # as Python's ssl
        "ssl.key.password": settings.ssl_key_password,
    }
    if settings.security_protocol in SASL:
        config["sasl.mechanisms"] = settings.sasl_mechanism
        if settings.sasl_mechanism == OAUTH:
            config["oauth_cb"] = _read_for(_needed(settings, "sasl_token_file"))
        else:
            config["sasl.username"] = _needed(settings, "sasl_username")
            config["sasl.password"] = _needed(settings, "sasl_password")
    return {name: value for name, value in config.items() if value is not None}


def check_login(settings: BrokerSettings) -> None:
    """Log in once, since the clients only say that they did not connect, and try for ever.

    Returns where no broker is there yet. Raises `StartupFailedError` where one refuses, or is not
    the one that its certificate names: the next try would end the same way.
    """
    _check_files(settings)
    if settings.security_protocol == "PLAINTEXT":
        return
    config = {"client_id": "tagstream-login", **kafka_python(settings)}
    reasons = []
    with (
        _quiet(logging.getLogger("kafka.net")),
        closing(NetworkSelector(**config)) as net,
        closing(_Manager(net, **config)) as manager,
    ):
        for broker in manager.cluster.bootstrap_brokers():
            try:
                manager.run(_connected, manager, broker.node_id)
            except (KafkaError, OSError) as error:
                reasons.append(_refusal(error))
            else:
                return
    if found := next((reason for reason in reasons if reason is not None), None):
        raise StartupFailedError(f"{settings.bootstrap_servers} cannot be used: {found}")


@contextmanager
def _quiet(logger: logging.Logger) -> Iterator[None]:
    """Leave to us what is said of a refusal: one line."""
    before = logger.level
    logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        logger.setLevel(before)


class _Manager(KafkaConnectionManager):  # type: ignore[misc] # the library has no types
    """Hears a broker out that refuses and hangs up, where the client's own forgets what it read."""

    async def _build_transport(self, node: Any, timeout_at: float | None = None) -> Any:  # noqa: ANN401
        transport = await super()._build_transport(node, timeout_at=timeout_at)
        receive = transport._sock_recv  # noqa: SLF001 - the library has no other way

        def hear_out() -> tuple[bytes, KafkaError | None]:
            data, error = receive()
            return data, None if data else error

        transport._sock_recv = hear_out  # noqa: SLF001
        return transport


async def _connected(manager: _Manager, node: str) -> None:
    await manager.get_connection(node, timeout_ms=ANSWER_WITHIN * 1_000, pop_on_close=False)


def _refusal(error: BaseException) -> str | None:
    """Return what was refused and which setting to look at; none where a later try may do."""
    if isinstance(error, SaslAuthenticationFailedError):
        why = str(error.args[0]).partition(": ")[2]
        return f"the login is refused ({why}); check --sasl-username and what goes with it"
    if isinstance(error, UnsupportedSaslMechanismError):
        return "it knows no such login; check --sasl-mechanism"
    if isinstance(error, IllegalSaslStateError):
        return "it asks for no login there; check --security-protocol"
    found = tls.refusal(error)
    return (
        found
        and f"{found}; check --bootstrap-servers, --security-protocol and the files of --ssl-..."
    )


def _check_files(settings: BrokerSettings) -> None:
    """Raise `StartupFailedError` for settings that fit no connection."""
    if settings.security_protocol not in SASL and (
        settings.sasl_username or settings.sasl_password
    ):
        raise StartupFailedError(
            f"--security-protocol {settings.security_protocol} has no login, and --sasl-username "
            "or --sasl-password is given; choose SASL_SSL"
        )
    if settings.security_protocol in SASL and settings.sasl_mechanism == OAUTH:
        _token(_needed(settings, "sasl_token_file"))
    if settings.security_protocol not in TLS:
        return
    try:
        context = ssl.create_default_context(cafile=settings.ssl_ca_file)
        if settings.ssl_cert_file is not None:
            context.load_cert_chain(
                settings.ssl_cert_file, settings.ssl_key_file, settings.ssl_key_password or ""
            )
    except OSError as error:  # ssl's are such, too
        raise StartupFailedError(
            f"--ssl-ca-file, --ssl-cert-file and --ssl-key-file cannot be used together: {error}"
        ) from error


def _needed(settings: BrokerSettings, name: str) -> str:
    value: str = getattr(settings, name) or ""
    if not value:
        raise StartupFailedError(
            f"--security-protocol {settings.security_protocol} with {settings.sasl_mechanism} "
            f"needs --{name.replace('_', '-')}"
        )
    return value


def _token(path: str) -> str:
    try:
        return Path(path).read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise StartupFailedError(f"--sasl-token-file {path} cannot be read: {error}") from error


def _read_for(path: str) -> Callable[[str], tuple[str, float]]:
    return lambda _: (_token(path), time.time() + TOKEN_SECONDS)
