"""Hashtags that are never suggested, in a file that may change while the worker runs."""

import time
from collections.abc import Callable
from pathlib import Path

import structlog

from export.text import canonical_hashtag
from worker.errors import StartupFailedError

SETTLED = 1.0  # seconds without a change, until which a file may be half written
log = structlog.get_logger("worker")


class Blocklist:
    """The hashtags of a file, one a line, with or without '#'; of no file, none.

    Raises `StartupFailedError` where the file cannot be read at the start. Later, what was read
    last holds on. `clock` gives seconds.
    """

    def __init__(
        self, path: Path | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._path, self._clock = path, clock
        self._seen: object = None
        self._latest: tuple[object, float] = (None, float("-inf"))  # a state, and since when
        self._hashtags: frozenset[str] = frozenset()
        try:
            if path is not None:
                self._read(path, _state(path))
        except (OSError, UnicodeDecodeError) as error:
            raise StartupFailedError(f"--blocklist {path} cannot be read: {error}") from error

    def __contains__(self, canonical: str) -> bool:
        """Say whether a hashtag, in canonical form, is blocked."""
        return canonical in self._hashtags

    def refresh(self) -> None:
        """Read the file again if it changed, once it stays as it is."""
        if self._path is None:
            return
        try:
            state = _state(self._path)
            if state == self._seen:
                return
            if state != self._latest[0]:
                self._latest = (state, self._clock())
            if self._clock() - self._latest[1] >= SETTLED:
                self._read(self._path, state)
        except (OSError, UnicodeDecodeError) as error:
            if self._seen is not None:  # said once, not every batch
                log.warning("blocklist_unreadable", path=str(self._path), reason=str(error))
            self._seen = None

    def _read(self, path: Path, state: object) -> None:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
        self._hashtags = frozenset(filter(None, (_canonical(line) for line in lines)))
        self._seen = state


def _state(path: Path) -> object:
    status = path.stat()
    return status.st_mtime_ns, status.st_size, status.st_ino


def _canonical(line: str) -> str:
    return canonical_hashtag(line.strip().lstrip("#＃").strip())
