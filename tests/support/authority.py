"""A certificate authority of the tests: what it issues ends with them."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import (
    SECP256R1,
    EllipticCurvePrivateKey,
    generate_private_key,
)
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

DAY = timedelta(days=1)


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


@dataclass
class Authority:
    """Issues certificates into a folder, each a PEM file of key and certificate."""

    folder: Path
    name: str = "tests"
    _key: EllipticCurvePrivateKey = field(default_factory=lambda: generate_private_key(SECP256R1()))

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        ours = self._signed(self.name, self._key, x509.BasicConstraints(ca=True, path_length=0))
        self.file.write_bytes(ours.public_bytes(Encoding.PEM))

    @property
    def file(self) -> Path:
        """The authority's own certificate, which clients trust."""
        return self.folder / f"{self.name}.pem"

    def issue(self, common: str, address: str | None = None, *, expired: bool = False) -> Path:
        """Issue a certificate: a server's for an address, else a client's."""
        key = generate_private_key(SECP256R1())
        names = [] if address is None else [x509.IPAddress(ip_address(address))]
        extension = x509.SubjectAlternativeName(names) if names else None
        certificate = self._signed(common, key, extension, expired=expired)
        form = (Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        file = self.folder / f"{common}.pem"
        file.write_bytes(key.private_bytes(*form) + certificate.public_bytes(Encoding.PEM))
        return file

    def _signed(
        self,
        common: str,
        key: EllipticCurvePrivateKey,
        extension: x509.ExtensionType | None,
        *,
        expired: bool = False,
    ) -> x509.Certificate:
        now = datetime.now(UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(_name(common))
            .issuer_name(_name(self.name))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - 3 * DAY)
            .not_valid_after(now - DAY if expired else now + DAY)
        )
        if extension is not None:
            builder = builder.add_extension(extension, critical=False)
        return builder.sign(self._key, SHA256())
