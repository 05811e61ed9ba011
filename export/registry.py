"""The registry: bundles by digest, aliases that say which is served, and what happened when.

A folder or a bucket: `bundles/<digest>/`, and `history/` with one small file a change, numbered,
which holds all aliases as they were then. The newest one says what an alias stands for. Its number
can be taken but once, so of two changes at once the second sees the first, and no change is without
its history.
"""

import getpass
import os
import re
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import msgspec

from export.bundle import MANIFEST
from export.errors import RegistryChangedError, RegistryError
from export.places import Place, create, names, place, read

CHAMPION, CHALLENGER = "champion", "challenger"
_ALIAS = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_EVENT = re.compile(r"(\d{8})\.json", re.ASCII)
_DIGEST = re.compile(r"[0-9a-f]{64}")
_LEAST_DIGITS = 4  # of a digest that is named by its beginning
_TRIES = 100  # to be the next change, while others are faster


class Event(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One change of an alias: when, which, from what to what, why, by whom, and all aliases then.

    `rollback`: it undid the change before, rather than making one.
    """

    at: str
    alias: str
    previous: str | None
    digest: str
    reason: str
    who: str
    aliases: dict[str, str]
    rollback: bool = False


@dataclass(frozen=True)
class Registry:
    """A registry at a place; it need not exist before something is written."""

    root: Place

    @classmethod
    def at(cls, url: str) -> "Registry":
        """Return the registry of a path or URL; raises `RegistryError` where none can be."""
        return cls(place(url))

    @property
    def bundles(self) -> Place:
        """Where to write bundles."""
        return self.root / "bundles"

    def aliases(self) -> dict[str, str]:
        """Return every alias with the digest it stands for."""
        return self._newest()[1]

    def resolve(self, alias: str) -> Place:
        """Return the directory of the bundle that an alias stands for."""
        digest = self.aliases().get(alias)
        if digest is None:
            raise RegistryError(
                f"registry {self.root} has no alias {alias!r}; "
                f"`trainer export RUN {self.root} --alias {alias}` sets it"
            )
        return self.bundles / digest

    def digests(self) -> list[str]:
        """Return the digests of all bundles that are whole, sorted."""
        found = (name for name in self._names("bundles") if _DIGEST.fullmatch(name))
        return [name for name in found if self.has(name)]

    def has(self, digest: str) -> bool:
        """Say whether there is a bundle."""
        return MANIFEST in self._names(f"bundles/{digest}")

    def find(self, name: str) -> str:
        """Return the digest that an alias, or the beginning of a digest, stands for."""
        if (digest := self.aliases().get(name)) is not None:
            return digest
        found = [digest for digest in self.digests() if digest.startswith(name)]
        if len(found) != 1 or len(name) < _LEAST_DIGITS:
            what = "no bundle or alias" if not found else f"{len(found)} bundles for"
            raise RegistryError(
                f"registry {self.root} has {what} {name!r}; `trainer list {self.root}` shows all"
            )
        return found[0]

    def assign(
        self,
        alias: str,
        digest: str,
        reason: str,
        *,
        instead_of: Sequence[str | None] | None = None,
        rollback: bool = False,
    ) -> None:
        """Let an alias stand for a bundle from now on, and write down why.

        Raises `RegistryChangedError` where the alias stands for none of `instead_of`, if given.
        """
        if not _ALIAS.fullmatch(alias):
            raise RegistryError(f"{alias!r} is no alias: letters, digits, '.', '_' and '-' only")
        if not self.has(digest):
            raise RegistryError(f"registry {self.root} has no bundle {digest}")
        for _ in range(_TRIES):
            number, aliases = self._newest()
            previous = aliases.get(alias)
            if instead_of is not None and previous not in instead_of:
                raise RegistryChangedError(
                    f"{alias} of {self.root} became {previous} meanwhile; look, and try again"
                )
            event = Event(
                at=datetime.now(UTC).isoformat(timespec="seconds"),
                alias=alias,
                previous=previous,
                digest=digest,
                reason=reason,
                who=_user(),
                aliases=aliases | {alias: digest},
                rollback=rollback,
            )
            if self._append(number + 1, event):
                return
        raise RegistryError(f"registry {self.root} changes all the time; try again later")

    def _append(self, number: int, event: Event) -> bool:
        """Write a change; returns whether nobody else took its number."""
        try:
            create(self.root / "history" / f"{number:08d}.json", msgspec.json.encode(event))
        except FileExistsError:
            return False
        except OSError as error:
            raise RegistryError(f"{self.root} cannot be written: {error}") from error
        return True

    def roll_back(self, alias: str, reason: str) -> str:
        """Let an alias stand again for what it stood for before; returns that digest."""
        stood = self.line(alias)
        if len(stood) < 2:
            raise RegistryError(f"{alias} of {self.root} stood for nothing before")
        last, before = stood[-1], stood[-2]
        self.assign(alias, before, reason, instead_of=[last], rollback=True)
        return before

    def line(self, alias: str) -> list[str]:
        """Return what an alias stood for and what it does, last; without what was rolled back."""
        line: list[str] = []
        for event in self.history():
            if event.alias != alias:
                continue
            if event.rollback:
                line.pop()
            elif line[-1:] != [event.digest]:
                line.append(event.digest)
        return line

    def history(self) -> list[Event]:
        """Return every change, oldest first."""
        return [self._event(number) for number in self._numbers()]

    def _newest(self) -> tuple[int, dict[str, str]]:
        """Return the number of the last change and the aliases since; 0 and none without one."""
        numbers = self._numbers()
        return (numbers[-1], self._event(numbers[-1]).aliases) if numbers else (0, {})

    def _numbers(self) -> list[int]:
        matches = map(_EVENT.fullmatch, self._names("history"))
        return [int(match[1]) for match in matches if match]

    def _event(self, number: int) -> Event:
        file = self.root / "history" / f"{number:08d}.json"
        try:
            return msgspec.json.decode(read(file), type=Event)
        except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
            raise RegistryError(f"{file} cannot be read: {error}") from error

    def _names(self, folder: str) -> list[str]:
        try:
            return names(self.root / folder)
        except OSError as error:
            raise RegistryError(f"{self.root} cannot be read: {error}") from error


def _user() -> str:
    try:
        name = getpass.getuser()
    except (KeyError, OSError):  # in a container, a user may have no name
        name = str(os.getuid())
    return f"{name}@{socket.gethostname()}"
