"""`trainer promote`, `rollback`, `list`, `show` and `prune`, on a folder and on a bucket."""

import os
import time
from pathlib import Path

import msgspec
import pytest

from export.bundle import Bundle, write_bundle
from export.registry import CHALLENGER, CHAMPION, Registry
from tests.support.cli import assert_one_line, squeezed, trainer


@pytest.fixture(params=["folder", "s3"])
def shelf(request: pytest.FixtureRequest, bundle: Bundle, tmp_path: Path) -> Registry:
    """A registry of four bundles, of which the second was champion before the third."""
    url = str(tmp_path / "r") if request.param == "folder" else request.getfixturevalue("bucket")
    registry = Registry.at(url)
    digests = [published(registry, bundle, f"revision {number}") for number in range(4)]
    registry.assign(CHAMPION, digests[1], "the first")
    registry.assign(CHAMPION, digests[2], "better")
    return registry


def published(registry: Registry, bundle: Bundle, revision: str) -> str:
    """Publish a bundle that is younger than those before."""
    card = msgspec.structs.replace(bundle.manifest, revision=revision)
    path = write_bundle(bundle.files, card, registry.bundles)
    if isinstance(path, Path):
        number = int(revision.split()[1])
        os.utime(path / "manifest.json", times=(number, number))
    else:
        time.sleep(1.0)  # a bucket counts seconds
    return path.name


def by_revision(registry: Registry) -> dict[str, str]:
    shown = msgspec.json.decode(trainer("list", registry.root, "--json").stdout)
    cards = (trainer("show", registry.root, row["digest"], "--json").stdout for row in shown)
    manifests = (msgspec.json.decode(card)["manifest"] for card in cards)
    return {card["revision"]: card["digest"] for card in manifests}


def test_promoting_and_rolling_back_are_told_in_the_history(shelf: Registry) -> None:
    known = by_revision(shelf)
    digest = known["revision 3"]
    result = trainer("promote", shelf.root, digest[:8], "--reason", "asked for")
    assert result.stdout == f"{digest} is champion now\n"
    assert trainer("promote", shelf.root, CHAMPION).stdout == f"{digest} is champion already\n"
    assert shelf.aliases() == {CHAMPION: digest}
    result = trainer("rollback", shelf.root, "--reason", "it was wrong")
    assert result.stdout == f"{known['revision 2']} is champion again\n"
    assert trainer("rollback", shelf.root).exit_code == 0
    assert shelf.aliases() == {CHAMPION: known["revision 1"]}
    assert_one_line(trainer("rollback", shelf.root), "stood for nothing before")
    reasons = [event.reason for event in shelf.history()]
    assert reasons == ["the first", "better", "asked for", "it was wrong", "by hand"]


def test_only_a_sound_bundle_is_promoted(shelf: Registry) -> None:
    known = by_revision(shelf)
    file = shelf.bundles / known["revision 3"] / "hashtags.tsv"
    file.write_bytes(b"")
    result = trainer("promote", shelf.root, known["revision 3"])
    assert_one_line(result, "hashtags.tsv differs from what was published")
    assert_one_line(trainer("promote", shelf.root, "abcdef"), "no bundle or alias 'abcdef'")
    assert shelf.aliases() == {CHAMPION: known["revision 2"]}


def test_list_and_show_tell_what_there_is(shelf: Registry) -> None:
    known = by_revision(shelf)
    assert list(known) == [f"revision {number}" for number in (3, 2, 1, 0)]  # the newest first
    told = squeezed(trainer("list", shelf.root, environment={"COLUMNS": "80"}).stdout)
    assert f"{known['revision 2'][:12]} champion" in told
    told = squeezed(trainer("show", shelf.root).stdout)
    assert known["revision 2"] in told
    assert "cpu-fp32" in told
    assert "better" in told
    assert "the first" not in told


def test_an_empty_registry_has_nothing_to_show(tmp_path: Path) -> None:
    assert trainer("list", tmp_path).exit_code == 0
    assert_one_line(trainer("show", tmp_path), "no bundle or alias 'champion'")


def test_pruning_keeps_what_is_served_and_what_a_rollback_needs(shelf: Registry) -> None:
    known = by_revision(shelf)
    result = trainer("prune", shelf.root, "--keep", 1, "--dry-run")
    assert result.stdout == f"{known['revision 0']}\n1 bundles would be removed\n"
    assert len(shelf.digests()) == 4
    assert trainer("prune", shelf.root, "--keep", 4).stdout == "0 bundles removed\n"
    shelf.assign(CHALLENGER, known["revision 0"], "to be looked at")
    assert trainer("prune", shelf.root, "--keep", 1).stdout == "0 bundles removed\n"
    shelf.assign(CHALLENGER, known["revision 3"], "to be looked at")
    assert trainer("prune", shelf.root, "--keep", 1).exit_code == 0
    assert known["revision 0"] not in shelf.digests()
    assert not (shelf.bundles / known["revision 0"]).exists()
    assert len(shelf.digests()) == 3
    assert trainer("rollback", shelf.root).exit_code == 0


def test_pruning_removes_the_halves_that_a_kill_left_long_ago(
    bundle: Bundle, tmp_path: Path
) -> None:
    registry = Registry(tmp_path)
    whole = write_bundle(bundle.files, bundle.manifest, registry.bundles)
    for name, age in {"old": 90_000, "new": 3_600}.items():
        half = tmp_path / "bundles" / f".incomplete-{name}"
        half.mkdir()
        (half / "golden.json").touch()
        os.utime(half / "golden.json", times=(time.time() - age,) * 2)
    assert trainer("prune", tmp_path).exit_code == 0
    left = {path.name for path in (tmp_path / "bundles").iterdir()}
    assert left == {whole.name, ".incomplete-new"}
