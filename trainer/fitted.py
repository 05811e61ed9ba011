"""A method learned once for all who ask: compared by itself, or part of another."""

import os
import shutil
import time
from pathlib import Path

import msgspec

from trainer.catalogue import METHODS, method_card
from trainer.checkpoints import Checkpoints, write_durably
from trainer.material import Material
from trainer.provenance import Provenance
from trainer.recommender import Method
from trainer.settings import FitSettings

COST = "cost.json"
SETTINGS = "settings.json"


class Cost(msgspec.Struct, frozen=True):
    """What learning took: seconds without what methods share, and where and by what."""

    seconds: float
    provenance: Provenance


def fitted(material: Material, settings: FitSettings) -> Method:
    """Return the method of `settings`, learned from the material now or before."""
    card = method_card(settings.method).load()
    return card.load(fitted_folder(material, settings), settings)


def fitted_folder(material: Material, settings: FitSettings) -> Path:
    """Return the folder of a method that has learned."""
    about = method_card(settings.method)
    card = about.load()

    def fill(folder: Path) -> None:
        about.prepare(material)
        for name in about.made_of:
            if METHODS[name].network:
                fitted_folder(material, msgspec.structs.replace(settings, method=name))
        started = time.monotonic()
        card.fit(material, settings, folder)
        # An interrupted training is as long as its epochs.
        seconds = sum(row.seconds for row in Checkpoints(folder).epochs())
        cost = Cost(seconds or time.monotonic() - started, Provenance.of_this_process())
        write_durably(folder / SETTINGS, msgspec.json.encode(settings))
        write_durably(folder / COST, msgspec.json.encode(cost))

    return material.parts.folder(settings.method, _of(material, settings), fill)


def link_fitted(material: Material, settings: FitSettings, target: Path) -> None:
    """Let a folder have the files of a method that has learned, without its settings and cost.

    They are linked, so no method may change a file in place.
    """

    def link(source: str, name: str) -> None:
        """Let two names stand for one file, where a copy would be hundreds of megabytes."""
        Path(name).unlink(missing_ok=True)
        try:
            os.link(source, name)
        except OSError:  # another file system
            shutil.copy2(source, name)

    shutil.copytree(
        fitted_folder(material, settings),
        target,
        ignore=shutil.ignore_patterns(SETTINGS, COST),
        copy_function=link,
        dirs_exist_ok=True,
    )


def is_fitted(material: Material, settings: FitSettings) -> bool:
    """Whether a method has learned already."""
    return material.parts.has(settings.method, _of(material, settings))


def _of(material: Material, settings: FitSettings) -> dict[str, object]:
    """Return what names a method: the file of further posts counts by its digest alone."""
    own = msgspec.to_builtins(msgspec.structs.replace(settings, further=None))
    del own["warm_start"]  # the material tells of it
    versions = method_card(settings.method).versions
    return {"material": material.of, "settings": own, "versions": versions}


def kept_cost(folder: Path) -> Cost:
    """Return what it took the method in a folder to learn."""
    return msgspec.json.decode((folder / COST).read_bytes(), type=Cost)


def kept_settings(folder: Path) -> FitSettings:
    """Return how the method in a folder was learned."""
    return msgspec.json.decode((folder / SETTINGS).read_bytes(), type=FitSettings)
