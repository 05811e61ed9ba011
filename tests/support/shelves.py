"""Registries of bundles that differ by their revision alone."""

from pathlib import Path

import msgspec

from export.bundle import Bundle, write_bundle
from export.registry import CHAMPION, Registry


def published(shelf: Registry, bundle: Bundle, revision: str) -> str:
    """Put the bundle on a shelf under another revision; return its digest."""
    card = msgspec.structs.replace(bundle.manifest, revision=revision)
    return write_bundle(bundle.files, card, shelf.bundles).name


def two_bundles(bundle: Bundle, folder: Path) -> tuple[Registry, str, str]:
    """Return a registry of two bundles and their digests; the first is the champion."""
    shelf = Registry(folder)
    first, second = (published(shelf, bundle, name) for name in ("bundle-one", "bundle-two"))
    shelf.assign(CHAMPION, first, "to begin with")
    return shelf, first, second


def spoil(shelf: Registry, digest: str) -> None:
    """Change a byte of a bundle."""
    file = shelf.bundles / digest / "golden.json"
    file.write_bytes(file.read_bytes()[:-1] + b" ")
