"""What the clients are told, and which failures of TLS a later try would repeat."""

import ssl
from pathlib import Path
from typing import Any

import pytest

from worker import tls
from worker.errors import StartupFailedError
from worker.security import check_login, kafka_python, librdkafka
from worker.settings import Settings

NOBODY = "127.0.0.1:1"  # where no broker is
LOGIN: dict[str, Any] = {
    "security_protocol": "SASL_SSL",
    "sasl_username": "me",
    "sasl_password": "of ours",
}


def test_both_clients_are_told_the_same() -> None:
    settings = Settings(**LOGIN, ssl_ca_file="ca.pem", ssl_cert_file="me.pem")
    one, other = kafka_python(settings), librdkafka(settings)
    for name, same in {
        "security_protocol": "security.protocol",
        "ssl_cafile": "ssl.ca.location",
        "ssl_certfile": "ssl.certificate.location",
        "sasl_mechanism": "sasl.mechanisms",
        "sasl_plain_username": "sasl.username",
        "sasl_plain_password": "sasl.password",
    }.items():
        assert one[name] == other[same]


def test_without_security_no_login_is_told() -> None:
    assert "sasl_mechanism" not in kafka_python(Settings())
    assert librdkafka(Settings()) == {
        "bootstrap.servers": "127.0.0.1:9092",
        "security.protocol": "PLAINTEXT",
    }


@pytest.mark.parametrize(
    ("settings", "flag"),
    [
        ({**LOGIN, "sasl_username": None}, "--sasl-username"),
        ({**LOGIN, "sasl_password": ""}, "--sasl-password"),
        ({**LOGIN, "security_protocol": "PLAINTEXT"}, "choose SASL_SSL"),
        ({**LOGIN, "sasl_mechanism": "OAUTHBEARER"}, "--sasl-token-file"),
        ({**LOGIN, "sasl_mechanism": "OAUTHBEARER", "sasl_token_file": "/no"}, "cannot be read"),
        ({**LOGIN, "ssl_ca_file": "/no"}, "--ssl-ca-file"),
        ({"security_protocol": "SSL", "ssl_cert_file": "/no"}, "--ssl-cert-file"),
    ],
)
def test_settings_that_fit_no_connection_are_named(settings: dict[str, Any], flag: str) -> None:
    with pytest.raises(StartupFailedError, match=flag) as refused:
        check_login(Settings(bootstrap_servers=NOBODY, **settings))
    assert "of ours" not in str(refused.value)


def test_a_broker_that_is_not_there_refuses_nothing() -> None:
    check_login(Settings(bootstrap_servers=NOBODY, **LOGIN))


def test_a_token_is_read_anew(tmp_path: Path) -> None:
    file = tmp_path / "token"
    more = {"security_protocol": "SASL_SSL", "sasl_mechanism": "OAUTHBEARER"}
    settings = Settings(**more, sasl_token_file=str(file))  # type: ignore[arg-type]
    provider = kafka_python(settings)["sasl_oauth_token_provider"]
    callback = librdkafka(settings)["oauth_cb"]
    for token in ("first", "second"):
        file.write_text(f"{token}\n")
        assert provider.token() == callback("")[0] == token


def test_only_what_a_later_try_repeats_is_a_refusal() -> None:
    untrusted = ssl.SSLCertVerificationError(1, "no")
    untrusted.verify_message = "certificate has expired"
    assert "has expired" in (tls.refusal(untrusted) or "")
    for later in (ssl.SSLEOFError(8, "gone"), ConnectionResetError(), TimeoutError()):
        assert tls.refusal(later) is None
    assert "has expired" in (tls.refusal(RuntimeError(untrusted)) or "")
