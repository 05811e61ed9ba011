"""Who vouches for a bundle: an Ed25519 signature (RFC 8032) over its digest, and so all its bytes.

It lies beside the manifest and is no part of the bundle: a bundle is the same, signed or not.
"""

import base64
import re
from pathlib import Path
from typing import Literal

import msgspec
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key

from export.bundle import SIGNATURE, read_bundle
from export.errors import BundleIncompleteError, SignatureError
from export.places import Place, read, replace

_PURPOSE = b"tagstream bundle "  # so that a signature is for nothing else
_PUBLIC_KEY = re.compile(b"-----BEGIN PUBLIC KEY-----.*?-----END PUBLIC KEY-----", re.DOTALL)


class Signature(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The signature of the bundle that it lies in, in base64."""

    algorithm: Literal["ed25519"]
    signature: str


def sign(path: Place, key_file: Path) -> Place:
    """Sign a bundle with the private key of a PEM file; returns the signature's file.

    Raises a `BundleError`: where the bundle does not agree with its manifest, nothing is signed.
    """
    digest = read_bundle(path).digest
    signed = _private_key(key_file).sign(_PURPOSE + digest.encode())
    signature = Signature("ed25519", base64.b64encode(signed).decode())
    replace(path / SIGNATURE, msgspec.json.encode(signature))
    return path / SIGNATURE


def verify(path: Place, digest: str, keys_file: Path) -> None:
    """Check that one of the public keys of a PEM file signed the bundle that was read from a path.

    Raises `BundleIncompleteError` where there is no signature, which may be still coming, and
    `SignatureError` where it is none of these keys'.
    """
    keys = _public_keys(keys_file)
    try:
        raw = read(path / SIGNATURE)
    except OSError as error:
        raise BundleIncompleteError(
            f"{path} is not signed ({error.strerror or error}); sign it with `trainer sign`"
        ) from error
    try:
        found = msgspec.json.decode(raw, type=Signature)
        signed = base64.b64decode(found.signature, validate=True)
    except ValueError as error:  # msgspec's errors are such, too
        raise SignatureError(f"{path / SIGNATURE} is no signature: {error}") from error
    if not any(_vouches(key, signed, digest) for key in keys):
        raise SignatureError(
            f"{path / SIGNATURE} is none of the keys of {keys_file} over this bundle; "
            "sign it again, or do not serve it"
        )


def _vouches(key: Ed25519PublicKey, signed: bytes, digest: str) -> bool:
    try:
        key.verify(signed, _PURPOSE + digest.encode())
    except InvalidSignature:
        return False
    return True


def _public_keys(file: Path) -> list[Ed25519PublicKey]:
    """Return the keys of a file: several, while one follows another."""
    try:
        keys = [load_pem_public_key(block) for block in _PUBLIC_KEY.findall(file.read_bytes())]
    except (OSError, ValueError, UnsupportedAlgorithm) as error:
        raise SignatureError(f"{file} has no readable public keys: {error}") from error
    found = [key for key in keys if isinstance(key, Ed25519PublicKey)]
    if not keys or len(found) < len(keys):
        raise SignatureError(
            f"{file} must have Ed25519 public keys in PEM, and no others; "
            "`openssl pkey -in KEY -pubout` writes one"
        )
    return found


def _private_key(file: Path) -> Ed25519PrivateKey:
    try:
        key = load_pem_private_key(file.read_bytes(), None)
    except (OSError, ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise SignatureError(f"{file} has no readable private key: {error}") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise SignatureError(
            f"{file} is no Ed25519 key; `openssl genpkey -algorithm ed25519` makes one"
        )
    return key
