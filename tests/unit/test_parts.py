"""A part is made once for what it is made of, and whole or not at all."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from trainer.parts import Parts, digest
from trainer.ragged import Ragged


def making(number: int, calls: list[int]) -> Callable[[], Ragged]:
    """Return what makes a part with one number in it, and notes that it did."""

    def make() -> Ragged:
        calls.append(number)
        return Ragged.of([[number]])

    return make


def kept(parts: Parts) -> list[Path]:
    """Return what is whole, without what is under way and the locks."""
    return [path for path in parts.path.iterdir() if not path.name.startswith(".")]


@pytest.fixture
def parts(tmp_path: Path) -> Parts:
    return Parts(tmp_path / "new" / "parts")


def test_a_digest_names_values_and_not_their_order() -> None:
    assert digest({"a": 1, "b": {"c": 2, "d": [3]}}) == digest({"b": {"d": [3], "c": 2}, "a": 1})
    others: list[dict[str, object]] = [
        {"a": 1},
        {"a": 2},
        {"a": "1"},
        {"b": 1},
        {"a": [1]},
        {"a": None},
        {"a": {"a": 1}},
    ]
    assert len({digest(of) for of in others}) == len(others)


def test_a_part_is_made_once_for_its_inputs(parts: Parts) -> None:
    calls: list[int] = []
    for _ in range(2):
        for seed in (1, 2):
            found = parts.kept("numbers", {"seed": seed}, making(seed, calls), Ragged)
            assert found.values.tolist() == [seed]
    assert calls == [1, 2]
    assert len(kept(parts)) == 2


def test_parts_of_two_names_are_two_however_they_are_made(parts: Parts) -> None:
    calls: list[int] = []
    parts.kept("one", {}, making(1, calls), Ragged)
    assert parts.kept("other", {}, making(2, calls), Ragged).values.tolist() == [2]
    assert calls == [1, 2]


def test_another_look_at_the_same_folder_finds_what_was_made(parts: Parts) -> None:
    parts.kept("numbers", {"seed": 1}, making(1, []), Ragged)
    again = Parts(parts.path).kept("numbers", {"seed": 1}, lambda: pytest.fail("made"), Ragged)
    assert again.values.tolist() == [1]
    assert again.values.dtype == np.int32


def test_what_cannot_be_made_is_made_when_it_can(parts: Parts) -> None:
    def fail() -> Ragged:
        raise RuntimeError("stopped")

    with pytest.raises(RuntimeError, match="stopped"):
        parts.kept("numbers", {}, fail, Ragged)
    assert kept(parts) == []
    assert parts.kept("numbers", {}, making(1, []), Ragged).values.tolist() == [1]


def test_an_interrupted_folder_is_gone_on_with_and_filled_once(parts: Parts) -> None:
    def begin(folder: Path) -> None:
        (folder / "first").write_text("1")
        raise RuntimeError("stopped")

    def go_on(folder: Path) -> None:
        assert (folder / "first").read_text() == "1"
        (folder / "second").write_text("2")

    with pytest.raises(RuntimeError, match="stopped"):
        parts.folder("model", {"seed": 1}, begin)
    assert kept(parts) == []
    filled = parts.folder("model", {"seed": 1}, go_on)
    assert sorted(path.name for path in filled.iterdir()) == ["first", "second"]
    assert parts.folder("model", {"seed": 1}, lambda _: pytest.fail("filled again")) == filled
    assert kept(parts) == [filled]
    assert not (parts.path / f".{filled.name}").exists()


def test_a_folder_of_other_inputs_is_another(parts: Parts) -> None:
    def fill(folder: Path) -> None:
        assert list(folder.iterdir()) == []
        (folder / "file").write_text("")

    one, other = (parts.folder("model", {"seed": seed}, fill) for seed in (1, 2))
    assert one != other
    assert one.parent == other.parent == parts.path


def test_forgotten_parts_are_gone_and_forgetting_none_is_no_error(parts: Parts) -> None:
    parts.kept("numbers", {}, making(1, []), Ragged)
    parts.folder("model", {}, lambda folder: (folder / "file").touch())
    parts.forget()
    assert not parts.path.exists()
    parts.forget()


def test_of_two_that_want_one_part_only_one_makes_it(parts: Parts) -> None:
    calls: list[int] = []

    def make(_: int) -> Ragged:
        def slowly() -> Ragged:
            calls.append(1)
            time.sleep(0.05)  # long enough that the others come to ask
            return Ragged.of([[7]])

        return parts.kept("numbers", {}, slowly, Ragged)

    def fill(_: int) -> Path:
        return parts.folder("model", {}, lambda folder: (folder / "file").touch(exist_ok=False))

    with ThreadPoolExecutor(4) as pool:
        assert [found.values.tolist() for found in pool.map(make, range(4))] == [[7]] * 4
        assert len(set(pool.map(fill, range(4)))) == 1
    assert calls == [1]
