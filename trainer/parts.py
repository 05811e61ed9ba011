"""Parts that several methods share, each learned once and kept by the digest of what made it."""

import hashlib
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import msgspec
from filelock import FileLock, Timeout

from trainer.arrays import load_arrays, save_arrays
from trainer.progress import console

_T = TypeVar("_T")
FORMAT = 1  # to be raised when what methods share comes to be made otherwise


def digest(of: Mapping[str, object]) -> str:
    """Return a name for all that made a part: files by their SHA-256, settings by their values."""
    named = msgspec.json.encode({"format": FORMAT, "of": of}, order="sorted")
    return hashlib.sha256(named).hexdigest()[:16]


@dataclass(frozen=True)
class Parts:
    """A folder of parts; deleting it costs time and nothing else.

    Several processes may share it: of two that want the same part, one waits for the other.
    """

    path: Path

    def has(self, name: str, of: Mapping[str, object]) -> bool:
        """Whether a part is kept already."""
        stem = self.path / f"{name}-{digest(of)}"
        return stem.exists() or stem.with_name(f"{stem.name}.npz").exists()

    def kept(
        self, name: str, of: Mapping[str, object], make: Callable[[], _T], kind: type[_T]
    ) -> _T:
        """Return a dataclass of arrays, made only where it is not kept yet."""
        file = self.path / f"{name}-{digest(of)}.npz"
        if not file.exists():
            with self._alone(file):
                if not file.exists():  # another process may have made it meanwhile
                    save_arrays(file, make())
        return load_arrays(file, kind)

    def folder(self, name: str, of: Mapping[str, object], fill: Callable[[Path], None]) -> Path:
        """Return a folder that `fill` has filled to its end, now or before.

        What an interrupted `fill` left is still there when it is called again.
        """
        folder = self.path / f"{name}-{digest(of)}"
        if not folder.exists():
            with self._alone(folder):
                if not folder.exists():
                    unfinished = folder.with_name(f".{folder.name}")
                    unfinished.mkdir(exist_ok=True)
                    fill(unfinished)
                    unfinished.rename(folder)
        return folder

    @contextmanager
    def _alone(self, part: Path) -> Iterator[None]:
        """Hold the lock under which a part is made; say so where another process has it."""
        locks = self.path / ".locks"
        locks.mkdir(parents=True, exist_ok=True)
        lock = FileLock(locks / part.name)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            console.print(f"waiting for another process that makes {part.name}")
            lock.acquire()
        try:
            yield
        finally:
            lock.release()

    def forget(self) -> None:
        """Remove all parts."""
        shutil.rmtree(self.path, ignore_errors=True)
