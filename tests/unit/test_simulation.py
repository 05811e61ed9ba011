"""`trainer simulate` on a stream that changes: learned again, a model knows what is new."""

from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import msgspec
import pytest
from click.testing import Result

from tests.support.cli import assert_one_line, trainer
from tests.support.drifting import drifting_corpus
from tests.support.learning import changed
from trainer.checkpoints import Checkpoints
from trainer.replay_ways import PARTS
from trainer.results import read_rows
from trainer.simulation_rows import SimulatedRow

SETTINGS = changed(epochs=8, patience=8, rate=0.02)
FLAGS = [
    str(part)
    for name, value in msgspec.structs.asdict(SETTINGS).items()
    if value not in {None, ""} and name != "protocol"
    for part in (f"--{name.replace('_', '-')}", value)
]


@pytest.fixture(scope="module")
def stream(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two ages, of which the second begins in the middle."""
    return drifting_corpus(tmp_path_factory.mktemp("drifting") / "planted", 1_000, 2)


def simulate(stream: Path, folder: Path, *more: object) -> Result:
    kept = ("--parts", folder / "parts", "--first", 0.4, "--window", 0.2, "--every", "0.3,6h")
    return trainer("simulate", stream, folder, *kept, *FLAGS, *more)


@pytest.fixture(scope="module")
def simulated(stream: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("results")
    result = simulate(stream, folder)
    assert result.exit_code == 0, result.output
    assert "above never" in result.stdout
    return folder


def rows(folder: Path, **cell: object) -> list[Any]:
    found = read_rows(folder / "simulated-planted.json", SimulatedRow)
    return [row for row in found if all(getattr(row, k) == v for k, v in cell.items())]


def test_a_model_learned_again_knows_what_the_first_one_cannot(simulated: Path) -> None:
    last = {(row.every, row.method): row for row in rows(simulated, subset=f"part 20 of {PARTS}")}
    assert last["never", "static"].f1_1 < 60
    assert last["0.3", "static"].f1_1 > 90
    assert last["never", "fused"].f1_1 > 50  # the memory knows them, too
    whole = {(row.every, row.method): row for row in rows(simulated, subset="all")}
    assert whole["0.3", "static"].above_never.low > 0
    assert {row.posts for row in whole.values()} == {600}
    assert set(whole) == {
        ("never", "memory"), *((every, method) for every in ("never", "0.3", "6h")
                               for method in ("static", "fused")),
    }  # fmt: skip


def test_before_it_is_learned_again_it_is_the_same_model(simulated: Path) -> None:
    first = rows(simulated, subset=f"part 01 of {PARTS}", method="static")
    assert len({row.f1_1 for row in first}) == 1
    assert first[0].f1_1 > 90


def test_the_picture_has_a_line_a_way_and_a_mark_a_model(simulated: Path) -> None:
    picture = ET.fromstring((simulated / "simulated-planted.svg").read_text())  # noqa: S314 - our own
    lines = [line.get("points", "") for line in picture.iter() if line.tag.endswith("polyline")]
    assert [len(points.split()) for points in lines] == [PARTS] * 6
    marks = [one for one in picture.iter() if one.get("stroke") == "#eee"]
    assert len(marks) == 2  # both are learned again once, not at the same moment


def test_what_was_learned_is_not_learned_again(
    stream: Path, simulated: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unexpected(*_: object) -> None:
        raise AssertionError("it learns")

    monkeypatch.setattr(Checkpoints, "save_state", unexpected)
    before = rows(simulated, subset="all")
    assert simulate(stream, simulated).exit_code == 0
    again = rows(simulated, subset="all")
    assert [(row.key, row.f1_1) for row in again] == [(row.key, row.f1_1) for row in before]


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (("--every", "1.5"), "1.5 is no share of the posts"),
        (("--every", "often"), "'often' is no span of time"),
        (("--window", "0.1,0.2"), "--window is one span"),
        (("--method", "svm"), "svm is no network"),
    ],
)
def test_what_cannot_be_asked_is_told(stream: Path, tmp_path: Path, more: Any, told: str) -> None:  # noqa: ANN401
    result = simulate(stream, tmp_path, *more)
    assert result.exit_code == 2
    assert told in result.output


def test_too_few_posts_are_told(stream: Path, tmp_path: Path) -> None:
    assert_one_line(simulate(stream, tmp_path, "--first", 0.001), "are too few")
