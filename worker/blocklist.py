"""Hashtags that are never suggested, in a file that may change while the worker runs."""

from pathlib import Path

import structlog

from export.text import canonical_hashtag
from worker.errors import StartupFailedError

log = structlog.get_logger("worker")


class Blocklist:
    """The hashtags of a file, one a line, with or without '#'; of no file, none.

    Raises `StartupFailedError` where the file cannot be read at the start. Later, what was read
    last holds on.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._seen: object = None
        self._hashtags: frozenset[str] = frozenset()
        try:
            self._read()
        except (OSError, UnicodeDecodeError) as error:
            raise StartupFailedError(f"--blocklist {path} cannot be read: {error}") from error

    def __contains__(self, canonical: str) -> bool:
        """Say whether a hashtag, in canonical form, is blocked."""
        return canonical in self._hashtags

    def refresh(self) -> None:
        """Read the file again if it changed."""
        try:
            self._read()
        except (OSError, UnicodeDecodeError) as error:
            if self._seen is not None:  # said once, not every batch
                log.warning("blocklist_unreadable", path=str(self._path), reason=str(error))
            self._seen = None

    def _read(self) -> None:
        if self._path is None:
            return
        status = self._path.stat()
        state = (status.st_mtime_ns, status.st_size, status.st_ino)
        if state == self._seen:
            return
        lines = self._path.read_text(encoding="utf-8-sig").splitlines()
        self._hashtags = frozenset(filter(None, (_canonical(line) for line in lines)))
        self._seen = state


def _canonical(line: str) -> str:
    return canonical_hashtag(line.strip().lstrip("#＃").strip())
