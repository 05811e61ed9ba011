import socket
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem
from fsspec.spec import AbstractFileSystem
from s3fs import S3FileSystem

from export.bundle import MANIFEST, Bundle, copy_bundle, read_bundle, write_bundle
from export.errors import (
    BundleCorruptError,
    BundleIncompleteError,
    RegistryChangedError,
    RegistryError,
)
from export.places import Place, write
from export.registry import CHAMPION, Registry

ONE, OTHER = "1" * 64, "2" * 64


@pytest.fixture(params=["folder", "file", "memory", "s3"])
def url(request: pytest.FixtureRequest, tmp_path: Path, unique: str) -> str:
    """Where a registry may lie; nothing is there yet."""
    if request.param == "s3":
        return f"{request.getfixturevalue('bucket')}/models"
    kinds = {"folder": str(tmp_path / "r"), "file": f"file://{tmp_path}/r"}
    return kinds.get(request.param, f"memory://{unique}/r")


@pytest.fixture
def mine(url: str) -> Registry:
    """A registry with two bundles, as far as a registry looks into them."""
    registry = Registry.at(url)
    for digest in (ONE, OTHER):
        put(registry.bundles / digest / MANIFEST, b"")
    return registry


def put(file: Place, data: bytes) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    write(file, data)


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


def test_one_that_does_not_exist_is_empty(url: str) -> None:
    registry = Registry.at(url)
    assert registry.aliases() == {}
    assert registry.digests() == []
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
def test_a_broken_file_of_the_history_is_named(mine: Registry, raw: bytes) -> None:
    mine.assign(CHAMPION, ONE, "first")
    put(mine.root / "history" / "00000002.json", raw)
    with pytest.raises(RegistryError, match=r"00000002\.json cannot be read"):
        mine.resolve(CHAMPION)


def test_assigning_at_once_loses_nothing(mine: Registry) -> None:
    names = [f"alias-{number}" for number in range(16)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda name: mine.assign(name, ONE, "at once"), names))
    assert mine.aliases() == dict.fromkeys(names, ONE)
    assert sorted(event.alias for event in mine.history()) == sorted(names)


def test_no_half_written_file_stays(tmp_path: Path) -> None:
    registry = Registry(tmp_path)
    put(registry.bundles / ONE / MANIFEST, b"")
    registry.assign(CHAMPION, ONE, "first")
    assert [file.name for file in (tmp_path / "history").iterdir()] == ["00000001.json"]


def test_each_change_tells_who_made_it(mine: Registry) -> None:
    mine.assign(CHAMPION, ONE, "first")
    (event,) = mine.history()
    assert event.who.endswith(f"@{socket.gethostname()}")


def test_a_change_may_ask_that_nobody_was_faster(mine: Registry) -> None:
    mine.assign(CHAMPION, ONE, "first", instead_of=[None])
    with pytest.raises(RegistryChangedError, match=r"champion of .* became 1111"):
        mine.assign(CHAMPION, OTHER, "better", instead_of=[None, OTHER])
    assert mine.aliases() == {CHAMPION: ONE}
    mine.assign(CHAMPION, OTHER, "better", instead_of=[ONE])
    assert mine.aliases() == {CHAMPION: OTHER}


def test_rolling_back_goes_on_to_what_was_before(mine: Registry) -> None:
    third = "3" * 64
    put(mine.bundles / third / MANIFEST, b"")
    for digest in (ONE, OTHER, OTHER, third):
        mine.assign(CHAMPION, digest, "better")
        mine.assign("challenger", digest, "for the record")
    assert mine.roll_back(CHAMPION, "wrong") == OTHER
    assert mine.roll_back(CHAMPION, "wrong, too") == ONE
    with pytest.raises(RegistryError, match=r"champion of .* stood for nothing before"):
        mine.roll_back(CHAMPION, "all wrong")
    mine.assign(CHAMPION, third, "mended")
    assert mine.line(CHAMPION) == [ONE, third]
    assert mine.roll_back(CHAMPION, "wrong") == ONE
    assert [event.rollback for event in mine.history() if event.alias == CHAMPION] == [
        False, False, False, False, True, True, False, True,
    ]  # fmt: skip


def test_a_bundle_is_found_by_alias_or_by_how_its_digest_begins(mine: Registry) -> None:
    mine.assign(CHAMPION, ONE, "first")
    put(mine.bundles / f"2222{'0' * 60}" / MANIFEST, b"")
    assert mine.find(CHAMPION) == mine.find("1111") == ONE
    for name, words in {"": "3 bundles", "111": "1 bundles", "2222": "2 b", "new": "no b"}.items():
        with pytest.raises(RegistryError, match=f"has {words}.* `trainer list"):
            mine.find(name)


def test_a_bundle_is_there_when_its_manifest_is(mine: Registry) -> None:
    put(mine.bundles / ("3" * 64) / "golden.json", b"[]")
    put(mine.bundles / ".incomplete-1" / MANIFEST, b"")
    assert mine.digests() == [ONE, OTHER]


def test_a_real_bundle_is_written_and_read_at_any_place(url: str, bundle: Bundle) -> None:
    registry = Registry.at(url)
    path = write_bundle(bundle.files, bundle.manifest, registry.bundles)
    assert write_bundle(bundle.files, bundle.manifest, registry.bundles) == path
    assert registry.digests() == [bundle.digest]
    assert read_bundle(path).files == bundle.files
    assert copy_bundle(path, registry.root / "elsewhere").name == bundle.digest
    write(path / "hashtags.tsv", b"")
    with pytest.raises(BundleCorruptError, match=r"hashtags\.tsv differs"):
        copy_bundle(path, registry.root / "third")
    assert not (registry.root / "third").exists()


class LooksFirst(MemoryFileSystem):  # type: ignore[misc]
    """A store with only fsspec's own way to create a file: look, then write."""

    protocol = "looksfirst"
    pipe_file = AbstractFileSystem.pipe_file


class KnowsNoCondition(MemoryFileSystem):  # type: ignore[misc]
    """A store that writes whatever it is asked for."""

    protocol = "knowsnocondition"

    def pipe_file(self, path: str, value: bytes, mode: str = "", **_: object) -> None:
        del mode
        super().pipe_file(path, value)


@pytest.mark.filterwarnings("ignore:UPath .* filesystem not explicitly implemented")
@pytest.mark.parametrize("store", [LooksFirst, KnowsNoCondition])
def test_a_store_in_which_changes_could_be_lost_is_refused_for_writing(
    store: type[MemoryFileSystem], unique: str
) -> None:
    fsspec.register_implementation(store.protocol, store, clobber=True)
    registry = Registry.at(f"{store.protocol}://{unique}/r")
    put(registry.bundles / ONE / MANIFEST, b"")
    with pytest.raises(RegistryError, match="cannot create a file exclusively"):
        registry.assign(CHAMPION, ONE, "first")
    assert registry.history() == []
    assert registry.digests() == [ONE]  # it can be read


def test_a_url_that_nothing_knows_is_told() -> None:
    with pytest.raises(RegistryError, match=r"nowhere://x: .*install what fsspec needs"):
        Registry.at("nowhere://x")


def test_a_store_that_cannot_be_reached_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "tests")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    monkeypatch.setattr(S3FileSystem, "retries", 1)
    monkeypatch.setattr(S3FileSystem, "cachable", False)  # it would have the address of before
    registry = Registry.at("s3://nowhere/models")
    with pytest.raises(RegistryError, match=r"cannot be read: .*Could not connect"):
        registry.resolve(CHAMPION)
    with pytest.raises(BundleIncompleteError, match="Could not connect"):
        read_bundle(registry.bundles / ONE)
