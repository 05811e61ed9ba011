from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path

import pytest

from export.bundle import MANIFEST
from export.errors import RegistryError
from export.registry import CHAMPION, Registry

ONE, OTHER = "1" * 64, "2" * 64


@pytest.fixture
def mine(tmp_path: Path) -> Registry:
    """A registry with two bundles, as far as a registry looks into them."""
    registry = Registry(tmp_path / "registry")
    for digest in (ONE, OTHER):
        (registry.bundles / digest).mkdir(parents=True)
        (registry.bundles / digest / MANIFEST).touch()
    return registry


def test_an_alias_resolves_to_what_it_was_last_assigned(mine: Registry) -> None:
    mine.assign(CHAMPION, ONE, "first")
    mine.assign(CHAMPION, OTHER, "better")
    mine.assign("challenger", ONE, "to compare")
    assert mine.resolve(CHAMPION) == mine.bundles / OTHER
    assert mine.aliases() == {CHAMPION: OTHER, "challenger": ONE}


def test_history_tells_what_became_what_and_why(mine: Registry) -> None:
    mine.assign(CHAMPION, ONE, "first")
    mine.assign(CHAMPION, OTHER, "better")
    events = [(e.alias, e.previous, e.digest, e.reason) for e in mine.history()]
    assert events == [(CHAMPION, None, ONE, "first"), (CHAMPION, ONE, OTHER, "better")]
    assert all(datetime.fromisoformat(event.at).tzinfo for event in mine.history())


def test_one_that_does_not_exist_is_empty(tmp_path: Path) -> None:
    registry = Registry(tmp_path / "none")
    assert registry.aliases() == {}
    assert registry.history() == []


def test_an_unknown_alias_says_how_to_set_it(mine: Registry) -> None:
    with pytest.raises(RegistryError, match="no alias 'champion'; `trainer export"):
        mine.resolve(CHAMPION)


def test_only_a_bundle_it_holds_can_be_assigned(mine: Registry) -> None:
    with pytest.raises(RegistryError, match="no bundle 333"):
        mine.assign(CHAMPION, "3" * 64, "nowhere")
    assert mine.aliases() == {}
    assert mine.history() == []


@pytest.mark.parametrize("raw", [b"", b"[]", b"{", b'{"champion": 1}', b'{"a":"\xff"}'])
def test_a_broken_file_of_aliases_is_named(mine: Registry, raw: bytes) -> None:
    (mine.root / "aliases.json").write_bytes(raw)
    with pytest.raises(RegistryError, match=r"aliases\.json cannot be read"):
        mine.resolve(CHAMPION)


def test_assigning_at_once_loses_nothing(mine: Registry) -> None:
    names = [f"alias-{number}" for number in range(16)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda name: mine.assign(name, ONE, "at once"), names))
    assert mine.aliases() == dict.fromkeys(names, ONE)
    assert sorted(event.alias for event in mine.history()) == sorted(names)


def test_no_half_written_file_stays(mine: Registry) -> None:
    mine.assign(CHAMPION, ONE, "first")
    assert not list(mine.root.rglob(".incomplete-*"))
