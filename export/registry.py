"""The registry: bundles by digest, aliases that say which is served, and what happened when.

A folder: `bundles/<digest>/`, `aliases.json`, `history/` with one small file an event.
"""

import fcntl
import os
import re
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from export.bundle import MANIFEST
from export.errors import RegistryError

CHAMPION = "champion"
_ALIAS = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


class Event(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One change of an alias: when, which, from what to what, and why."""

    at: str
    alias: str
    previous: str | None
    digest: str
    reason: str


@dataclass(frozen=True)
class Registry:
    """A registry in a local folder; it need not exist before something is written."""

    root: Path

    @property
    def bundles(self) -> Path:
        """The folder to write bundles into."""
        return self.root / "bundles"

    def aliases(self) -> dict[str, str]:
        """Return every alias with the digest it stands for."""
        path = self.root / "aliases.json"
        try:
            return msgspec.json.decode(path.read_bytes(), type=dict[str, str])
        except FileNotFoundError:
            return {}
        except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
            raise RegistryError(f"{path} cannot be read: {error}") from error

    def resolve(self, alias: str) -> Path:
        """Return the directory of the bundle that an alias stands for."""
        digest = self.aliases().get(alias)
        if digest is None:
            raise RegistryError(
                f"registry {self.root} has no alias {alias!r}; "
                f"`trainer export RUN {self.root} --alias {alias}` sets it"
            )
        return self.bundles / digest

    def assign(self, alias: str, digest: str, reason: str) -> None:
        """Let an alias stand for a bundle from now on, and write down why."""
        if not _ALIAS.fullmatch(alias):
            raise RegistryError(f"{alias!r} is no alias: letters, digits, '.', '_' and '-' only")
        if not (self.bundles / digest / MANIFEST).is_file():
            raise RegistryError(f"registry {self.root} has no bundle {digest}")
        with self._locked():
            aliases = self.aliases()
            event = Event(
                datetime.now(UTC).isoformat(timespec="seconds"),
                alias,
                aliases.get(alias),
                digest,
                reason,
            )
            _replace(self.root / "aliases.json", msgspec.json.encode(aliases | {alias: digest}))
            history = self.root / "history"
            history.mkdir(exist_ok=True)
            _replace(history / f"{time.time_ns()}-{alias}.json", msgspec.json.encode(event))

    def history(self) -> list[Event]:
        """Return every change, oldest first."""
        files = sorted((self.root / "history").glob("*.json"))
        return [msgspec.json.decode(file.read_bytes(), type=Event) for file in files]

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with (self.root / ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def _replace(path: Path, data: bytes) -> None:
    handle, temporary = tempfile.mkstemp(prefix=".incomplete-", dir=path.parent)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    Path(temporary).chmod(0o644)
    Path(temporary).replace(path)
