"""Secured services, and the settings that whoever may use them needs."""

import re
import secrets
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.authority import Authority
from tests.support.secure import SecureBroker, SecureRedis

WORKER = "tagstream-worker"


@dataclass
class Secure:
    """Both services, who may log in, and what no output may have in it."""

    broker: SecureBroker
    redis: SecureRedis
    authority: Authority
    folder: Path
    passwords: dict[str, str] = field(default_factory=dict)

    def login(self, user: str = WORKER, **changed: str) -> dict[str, str]:
        """Return the settings of a login with a password."""
        return {
            "bootstrap_servers": self.broker.at("LOGIN"),
            "security_protocol": "SASL_SSL",
            "ssl_ca_file": str(self.authority.file),
            "sasl_username": user,
            "sasl_password": self.passwords[user],
            **changed,
        }

    def token(self, token: str) -> dict[str, str]:
        """Return the settings of a login with a token."""
        file = self.folder / f"token-{secrets.token_hex(4)}"
        file.write_text(token)
        return {
            "bootstrap_servers": self.broker.at("LOGIN"),
            "security_protocol": "SASL_SSL",
            "ssl_ca_file": str(self.authority.file),
            "sasl_mechanism": "OAUTHBEARER",
            "sasl_token_file": str(file),
        }

    def certificate(self, authority: Authority | None = None) -> dict[str, str]:
        """Return the settings of a connection by certificate."""
        file = str((authority or self.authority).issue(WORKER))
        return {
            "bootstrap_servers": self.broker.at("MUTUAL"),
            "security_protocol": "SSL",
            "ssl_ca_file": str(self.authority.file),
            "ssl_cert_file": file,
        }

    def cache(self, host: str = "127.0.0.1", **changed: str) -> str:
        """Return the URL of the Redis."""
        asked = {"user": "tagstream", "password": self.passwords["redis"]} | changed
        authority = asked.get("authority", self.authority.file)
        where = f"{host}:{self.redis.tls_port}/0?ssl_ca_certs={authority}"
        return f"rediss://{asked['user']}:{asked['password']}@{where}"

    def clean(self, said: str) -> str:
        """Return what was said, once it is sure to have no secret."""
        for secret in self.passwords.values():
            assert secret not in said
        assert "Traceback" not in said
        return " ".join(re.sub(r"[│┃]", " ", said).split())
