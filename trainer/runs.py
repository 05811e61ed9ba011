"""A run directory: what `trainer fit` leaves behind, each file whole or not at all."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec

from export.manifest import MetricRow
from trainer.arrays import load_arrays, save_arrays
from trainer.checkpoints import write_durably
from trainer.errors import RunError
from trainer.reading import Inputs
from trainer.settings import FitSettings
from trainer.text import Text


@dataclass(frozen=True)
class Run:
    """The files of one run, read and written through their types; the method has its own there."""

    path: Path

    @classmethod
    def open(cls, path: Path) -> "Run":
        """Return a finished run; raises `RunError` where there is none."""
        run = cls(path)
        if not run.finished:
            raise RunError(f"{path} is no finished run; `trainer fit CORPUS {path}` makes one")
        return run

    def begin(
        self,
        settings: FitSettings,
        sources: Mapping[str, str],
        *,
        resume: bool,
        parts: Path | None = None,
    ) -> None:
        """Claim the directory; raises `RunError` where it holds another run.

        With `resume`, steps that finished are not done again; `sources`, the SHA-256 of each file
        of posts, tells whether they were done on the same posts, and `parts` where they are.
        """
        file, origin = self.path / "settings.json", self.path / "sources.json"
        place = self.path / "parts.json"
        kept = str(parts.resolve()) if parts else None
        self.check_new(resume=resume)
        if file.exists():
            if self.settings != settings:
                raise RunError(f"{self.path} was begun with other settings: see {file}")
            if msgspec.json.decode(origin.read_bytes()) != sources:
                raise RunError(f"{self.path} was begun on other posts; take another directory")
            if (begun := msgspec.json.decode(place.read_bytes())) != kept:
                before = f"with --parts {begun}" if begun else "without --parts"
                raise RunError(f"{self.path} was begun {before}; go on as it was begun")
            return
        self.path.mkdir(parents=True, exist_ok=True)
        write_durably(origin, msgspec.json.encode(sources))
        write_durably(place, msgspec.json.encode(kept))
        write_durably(file, msgspec.json.format(msgspec.json.encode(settings)))

    def check_new(self, *, resume: bool) -> None:
        """Raise `RunError` where the directory holds a run that is not to go on."""
        if not resume and (self.path / "settings.json").exists():
            raise RunError(f"{self.path} holds a run; give --resume, or another directory")

    @property
    def finished(self) -> bool:
        """Whether the run came to its end."""
        return (self.path / "finished").exists()

    def finish(self) -> None:
        """Note that the run came to its end."""
        write_durably(self.path / "finished", b"")

    @property
    def settings(self) -> FitSettings:
        """How the run was made."""
        return msgspec.json.decode((self.path / "settings.json").read_bytes(), type=FitSettings)

    @property
    def text(self) -> Text:
        """Vocabulary, hashtags, and what the posts were."""
        return Text.load(self.path)

    @property
    def dev(self) -> Inputs:
        """The dev posts, on which an export is compared with its reference."""
        return load_arrays(self.path / "dev.npz", Inputs)

    def save_posts(self, text: Text, dev: Inputs) -> None:
        """Keep how posts are read, and those of dev."""
        text.save(self.path)
        save_arrays(self.path / "dev.npz", dev)

    def save_metrics(self, rows: list[MetricRow]) -> None:
        """Keep the quality on dev."""
        write_durably(self.path / "metrics.json", msgspec.json.encode(rows))

    def metrics(self) -> list[MetricRow]:
        """Return the quality on dev."""
        return msgspec.json.decode((self.path / "metrics.json").read_bytes(), type=list[MetricRow])
