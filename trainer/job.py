"""A retraining's work directory: what it was asked for, and each step's result, whole or not there.

One that was killed goes on after its last whole step, with the posts that it began with; what was
learned once is found again by what it was made of.
"""

import hashlib
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec
from filelock import FileLock, Timeout

from trainer.checkpoints import write_durably
from trainer.corpus import digests
from trainer.errors import AlreadyRunningError
from trainer.provenance import revision
from trainer.settings import FitSettings
from trainer.snapshot import SPLITS

REMEMBERED = 100  # challengers
TRIES = 5  # that may be killed at the same step before all begins anew


class Asked(msgspec.Struct, frozen=True):
    """What makes a challenger: collected posts, the window in words, settings, variants, code."""

    url: str
    window: str
    settings: FitSettings
    variants: list[str]
    revision: str

    @classmethod
    def now(cls, url: str, window: str, settings: FitSettings, variants: Sequence[str]) -> "Asked":
        """Return what is asked of this code."""
        return cls(url, window, settings, list(variants), revision())


@dataclass(frozen=True)
class Job:
    """The files of one retraining below a work directory."""

    work: Path

    @property
    def path(self) -> Path:
        """What is under way."""
        return self.work / "job"

    @property
    def corpus(self) -> Path:
        """The snapshot."""
        return self.path / "corpus"

    @property
    def run(self) -> Path:
        """What `trainer fit` leaves."""
        return self.path / "run"

    @property
    def bundles(self) -> Path:
        """Where challengers are that the registry does not have yet."""
        return self.work / "bundles"

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keep others out; raises `AlreadyRunningError` where one is at work."""
        self.work.mkdir(parents=True, exist_ok=True)
        lock = FileLock(self.work / ".lock")
        try:
            lock.acquire(timeout=0)
        except Timeout as error:
            raise AlreadyRunningError(f"another retraining is at work in {self.work}") from error
        try:
            yield
        finally:
            lock.release()

    def begin(self, asked: Asked) -> None:
        """Begin; or go on with what was asked for the same and did not come to its end."""
        file, tries = self.path / "asked.json", self.path / "tries"
        wanted = msgspec.json.encode(asked)
        goes_on = file.exists() and file.read_bytes() == wanted
        killed = tries.stat().st_size if tries.exists() else 0
        if not goes_on or killed >= TRIES:
            self.end()
            self.path.mkdir()
            write_durably(file, wanted)
        with tries.open("ab") as more:
            more.write(b".")

    def step_done(self) -> None:
        """Note that a step came to its end: kills are counted anew."""
        (self.path / "tries").write_bytes(b"")

    def end(self) -> None:
        """Remove what was under way; what was learned stays known."""
        (self.path / "asked.json").unlink(missing_ok=True)  # what is left without it is nothing
        shutil.rmtree(self.path, ignore_errors=True)

    def key(self, asked: Asked) -> str:
        """Return a digest of all that makes a challenger: what was asked, and the posts."""
        posts = digests(self.corpus, SPLITS)
        made_of = msgspec.json.encode([msgspec.structs.replace(asked, url="", window=""), posts])
        return hashlib.sha256(made_of).hexdigest()

    def learned(self) -> dict[str, str]:
        """Return the digests of challengers by what they were made of."""
        file = self.work / "learned.json"
        if not file.exists():
            return {}
        return msgspec.json.decode(file.read_bytes(), type=dict[str, str])

    def remember(self, key: str, digest: str) -> None:
        """Note what a challenger was made of."""
        latest = [*self.learned().items()][-REMEMBERED:]
        write_durably(self.work / "learned.json", msgspec.json.encode(dict(latest) | {key: digest}))
