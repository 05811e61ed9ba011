"""What a registry need not keep: old bundles that nothing names, and halves that a kill left."""

import time

from export.bundle import MANIFEST
from export.places import Place, modified, names, remove
from export.registry import CHAMPION, Registry

ABANDONED = 86_400.0  # seconds after which half a bundle is one that a kill left


def prune(registry: Registry, keep: int, *, dry_run: bool = False) -> list[str]:
    """Remove bundles but for the `keep` newest; returns their digests. 0 removes none.

    What an alias names stays, and the champion before this one, for a rollback; the history, too.
    """
    whole = registry.digests()
    by_age = sorted(whole, key=lambda digest: modified(registry.bundles / digest / MANIFEST))
    needed = {*registry.aliases().values(), *registry.line(CHAMPION)[-2:], *by_age[-keep:]}
    removed = [digest for digest in by_age if digest not in needed] if keep else []
    if not dry_run:
        for name in [*removed, *_abandoned(registry, set(whole))]:
            remove(registry.bundles / name, MANIFEST)
    return removed


def _abandoned(registry: Registry, whole: set[str]) -> list[str]:
    """Return the names of what is no bundle and was left long ago."""
    halves = [name for name in names(registry.bundles) if name not in whole]
    return [name for name in halves if _age(registry.bundles / name) > ABANDONED]


def _age(folder: Place) -> float:
    """Return the seconds since something in a folder changed; only a local one may be empty."""
    files = [folder / name for name in names(folder)]
    return time.time() - max(modified(file) for file in files or [folder])
