"""`trainer fit-memory` and `trainer replay` at the command line, on a stream with a new hashtag."""

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import msgspec
import pytest

from export.bundle import read_bundle
from export.registry import CHAMPION, Registry
from export.signatures import verify
from tests.support.cli import assert_one_line, trainer
from tests.support.keys import Keys
from tests.support.learning import planted_posts, write_splits
from trainer.errors import RunError
from trainer.memory_fit import GRID, WEIGHTS, MemoryChoice, first_of_each
from trainer.replay import fused
from trainer.replay_rows import ReplayRow
from trainer.replay_ways import PARTS
from trainer.results import read_rows
from worker.memory import Votes
from worker.memory_state import Rules

START = datetime(2020, 1, 1, tzinfo=UTC)
NEW = "thunder hail lightning gusts rain #storm"


def timed(posts: list[dict[str, Any]], minute: int, source: str) -> list[dict[str, Any]]:
    return [
        {**post, "created_at": (START + timedelta(minutes=minute + at)).isoformat(),
         "author": f"writer {at % 7}", "src": source}
        for at, post in enumerate(posts)
    ]  # fmt: skip


@pytest.fixture(scope="module")
def stream(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A corpus in which every second test post has a hashtag that train and dev never had."""
    test = planted_posts(60, seed=13)
    test[::2] = [{"id": f"new-{number}", "text": NEW} for number in range(30)]
    folder = write_splits(
        tmp_path_factory.mktemp("stream") / "planted",
        train=timed(planted_posts(100, seed=11), 0, "one"),
        dev=timed(planted_posts(40, seed=12), 200, "two"),
        test=timed(test, 300, "one"),
    )
    (folder / "test_near_dup_of_train_ids.txt").write_text(f"{test[1]['id']}\n")
    return folder


@pytest.fixture(scope="module")
def replayed(stream: Path, registry: Registry, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The results of a replay with what was fitted before it."""
    folder = tmp_path_factory.mktemp("results")
    shelf = Path(shutil.copytree(str(registry.root), folder / "registry"))
    keys = Keys(folder / "keys")
    into = ("--registry", shelf, "--assign", "challenger", "--sign-key", keys.private)
    fitted = trainer("fit-memory", stream, folder / "memory.json", *into)
    assert fitted.exit_code == 0, fitted.output
    asked = ("--registry", registry.root, "--memory", folder / "memory.json", "--without", "two")
    result = trainer("replay", stream, folder, *asked)
    assert result.exit_code == 0, result.output
    assert "Hit@5" in result.stdout
    return folder


def rows(folder: Path, **cell: object) -> list[Any]:
    found = read_rows(folder / "planted.json", ReplayRow)
    return [row for row in found if all(getattr(row, k) == v for k, v in cell.items())]


def test_what_is_fitted_is_among_what_was_tried(replayed: Path) -> None:
    choice = MemoryChoice.load(replayed / "memory.json")
    assert choice.weight in WEIGHTS
    assert all(getattr(choice.rules, name) in values for name, values in GRID.items())
    assert choice.dev_f1_at_1 > 90


def test_what_is_fitted_is_in_a_bundle_beside_the_old_one(replayed: Path) -> None:
    shelf = Registry(replayed / "registry")
    old, new = (read_bundle(shelf.resolve(alias)) for alias in (CHAMPION, "challenger"))
    assert new.manifest.memory == MemoryChoice.load(replayed / "memory.json").card
    assert (old.manifest.memory, old.files) == (None, new.files)
    assert shelf.history()[-1].reason == "memory fitted"
    verify(shelf.resolve("challenger"), new.digest, replayed / "keys" / "trusted.pem")


def test_an_alias_is_for_a_bundle_of_a_registry(
    stream: Path, bundle_path: Path, tmp_path: Path
) -> None:
    asked = ("--bundle", bundle_path, "--assign", "champion")
    result = trainer("fit-memory", stream, tmp_path / "memory.json", *asked)
    assert result.exit_code == 2
    assert "--assign is for a bundle of a registry" in result.output


def test_the_memory_knows_a_hashtag_that_no_model_can(replayed: Path) -> None:
    main: dict[str, object] = {
        "protocol": "time order",
        "guards": True,
        "delay": "none",
        "without": "",
    }
    main["signals"] = "text,context,author"
    unseen, young = (
        {row.method: row for row in rows(replayed, **main, subset=f"hashtag {age}")}
        for age in ("unseen", "under an hour")
    )
    assert [unseen[method].f1_1 for method in ("static", "memory", "fused")] == [0, 0, 0]
    assert young["static"].f1_1 == 0
    assert young["memory"].f1_1 > 90 < young["fused"].f1_1


def test_every_way_has_every_method_with_an_interval(replayed: Path) -> None:
    whole = rows(replayed, subset="all")
    assert len(whole) == len({row.key for row in whole}) == 3 * (6 + 9 + 7)
    assert {row.method for row in whole} == {"static", "memory", "fused"}
    assert all(row.low <= row.f1_1 <= row.high and row.posts == 60 for row in whole)
    [near] = rows(
        replayed, subset="without near repeats", protocol="side by side", without="two",
        signals="text", method="fused",
    )  # fmt: skip
    assert near.posts == 59


def test_the_rows_name_what_made_them(replayed: Path) -> None:
    written = msgspec.json.decode((replayed / "planted.json").read_bytes())
    assert {"corpus", "protocol", "signals", "method", "f1_1", "f1_5", "hit_5"} <= written[0].keys()
    assert written[0]["model"] == "tab-lstm"


def test_the_picture_has_a_line_for_the_model_and_one_for_both(replayed: Path) -> None:
    picture = ET.fromstring((replayed / "planted.svg").read_text())  # noqa: S314 - our own
    lines = [line.get("points", "") for line in picture.iter() if line.tag.endswith("polyline")]
    assert [len(points.split()) for points in lines] == [PARTS, PARTS]


def test_a_corpus_without_times_is_refused(registry: Registry, tmp_path: Path) -> None:
    untimed = write_splits(
        tmp_path / "untimed",
        **{name: planted_posts(2, seed=1) for name in ("train", "dev", "test")},
    )
    result = trainer("replay", untimed, tmp_path, "--registry", registry.root)
    assert_one_line(result, "has no `created_at`")


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"rules": {"rings": 3}}', '{"rules": 5}'])
def test_a_file_that_is_no_choice_is_refused(tmp_path: Path, content: str) -> None:
    file = tmp_path / "memory.json"
    file.write_text(content)
    with pytest.raises(RunError, match="was not written by `trainer fit-memory`"):
        MemoryChoice.load(file)


def test_a_choice_is_read_as_it_was_written(tmp_path: Path) -> None:
    choice = MemoryChoice(Rules(ring=7, decay=0.5), most=3, weight=0.1, dev_f1_at_1=12.5)
    choice.save(tmp_path / "new" / "memory.json")
    assert MemoryChoice.load(tmp_path / "new" / "memory.json") == choice


def test_each_weight_is_tried_as_it_will_be_used() -> None:
    votes = Votes({"a": 0.5, "b": 0.3, "c": 0.2}, {})
    model = {"b": 0.4, "d": 0.9}
    due = [fused(votes, model, weight)[:1] for weight in WEIGHTS]
    assert first_of_each(votes, model) == due
    assert len({name for [name] in due}) == 2
    assert first_of_each(Votes({}, {}), {}) == [[] for _ in WEIGHTS]
