"""Where a registry lies: a folder, or what any URL of fsspec names, both as paths.

A local file is written under another name and linked or renamed; elsewhere a put is whole by
itself. A file that must not be there yet is what changes of a registry are compared and set by: one
of two who write it at once is refused.
"""

import errno
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from export.errors import RegistryError

if TYPE_CHECKING:  # a worker with a local registry never loads them
    from upath import UPath

Place: TypeAlias = "Path | UPath"
INCOMPLETE = ".incomplete-"
PROBE = "exclusive"  # a file that tells whether a store refuses to write what is there
_LOCAL = "file://"


def place(url: str) -> Place:
    """Return the folder that a path or URL names; raises `RegistryError` where none can be."""
    if "://" not in url or url.startswith(_LOCAL):
        return Path(url.removeprefix(_LOCAL))
    try:
        from upath import UPath  # noqa: PLC0415

        return UPath(url, use_listings_cache=False)
    except (ImportError, ValueError) as error:
        raise RegistryError(
            f"{url}: {error}; install what fsspec needs for it, such as tagstream[s3]"
        ) from error


def read(file: Place) -> bytes:
    """Return the bytes of a file; raises `OSError`, whatever the store itself raises."""
    with _os_errors(file):
        return file.read_bytes()


def names(folder: Place) -> list[str]:
    """Return the names in a folder, sorted; none where it is not there. Raises `OSError`."""
    with suppress(FileNotFoundError), _os_errors(folder):
        if isinstance(folder, Path):
            return sorted(one.name for one in folder.iterdir())
        found = folder.fs.ls(folder.path, detail=False)
        return sorted(one.rstrip("/").rpartition("/")[2] for one in found)
    return []


def create(file: Place, data: bytes) -> None:
    """Write a new file, whole; raises `FileExistsError` where one is there, also one of just now.

    Raises `RegistryError` where the store cannot promise that, `OSError` where it fails.
    """
    if not isinstance(file, Path):
        with _os_errors(file):
            _check_exclusive(file)
            file.fs.pipe_file(file.path, data, mode="create")
        return
    file.parent.mkdir(parents=True, exist_ok=True)
    with _written_beside(file, data) as whole:
        file.hardlink_to(whole)


def write(file: Place, data: bytes) -> None:
    """Write a file, durably; only in a store that is no folder is it there whole or not at all."""
    with _os_errors(file):
        if not isinstance(file, Path):
            file.fs.pipe_file(file.path, data)
            return
        with file.open("wb") as opened:
            opened.write(data)
            opened.flush()
            os.fsync(opened.fileno())


def replace(file: Place, data: bytes) -> None:
    """Write a file over one that may be there, durably and whole; raises `OSError`."""
    if not isinstance(file, Path):
        write(file, data)
        return
    with _written_beside(file, data) as whole:
        whole.replace(file)


@contextmanager
def _written_beside(file: Path, data: bytes) -> Iterator[Path]:
    """Give the data under another name, to be linked or renamed in the block; that then lasts."""
    temporary = file.with_name(f"{INCOMPLETE}{secrets.token_hex(8)}")
    try:
        write(temporary, data)
        yield temporary
        sync_folder(file.parent)
    finally:
        temporary.unlink(missing_ok=True)


def modified(file: Place) -> float:
    """Return when a file was written, in seconds since the epoch."""
    with _os_errors(file):
        if isinstance(file, Path):
            return file.stat().st_mtime
        written: datetime = file.fs.modified(file.path)
        return written.timestamp()


def remove(folder: Place, first: str) -> None:
    """Remove a folder with all in it, beginning with the file `first`; what is gone is passed."""
    with _os_errors(folder):
        if isinstance(folder, Path):
            (folder / first).unlink(missing_ok=True)
            shutil.rmtree(folder, ignore_errors=True)
            return
        with suppress(FileNotFoundError):
            folder.fs.rm_file((folder / first).path)
        with suppress(FileNotFoundError):  # in a bucket a folder is gone with its last file
            folder.fs.rm(folder.path, recursive=True)


@contextmanager
def _os_errors(place: Place) -> Iterator[None]:
    """Let what the library of a store raises be an `OSError`."""
    try:
        yield
    except (OSError, RegistryError):
        raise
    except Exception as error:
        raise OSError(errno.EIO, str(error), str(place)) from error


def sync_folder(folder: Path) -> None:
    """Let new names in a folder last."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _check_exclusive(file: "UPath") -> None:
    """Raise `RegistryError` unless the store itself refuses to write a file that is there.

    fsspec's own fallback looks first and writes then, between which another may write; a store may
    also not know the condition and write in any case, which a file tells that is written twice.
    """
    from fsspec.asyn import AsyncFileSystem  # noqa: PLC0415
    from fsspec.spec import AbstractFileSystem  # noqa: PLC0415

    kind, probe = type(file.fs), file.parent / PROBE
    own = getattr(kind, "_pipe_file", None) not in {None, AsyncFileSystem._pipe_file}  # noqa: SLF001
    if own or kind.pipe_file is not AbstractFileSystem.pipe_file:
        try:
            for _ in range(2):
                file.fs.pipe_file(probe.path, b"", mode="create")
        except FileExistsError:
            return
    raise RegistryError(
        f"{file.parent} is in a store that cannot create a file exclusively: two who write at once "
        "would undo each other's changes; keep the registry in a folder or a bucket of S3"
    )
