"""The command `trainer` teaches, does what it says, and fails in one line."""

import json
import runpy
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest

from export.registry import Registry
from tests.support.cli import assert_one_line, squeezed, trainer
from tests.support.learning import TINY, changed, planted_corpus, write_splits
from trainer.catalogue import METHODS
from trainer.checkpoints import Checkpoints
from trainer.errors import TrainerError
from trainer.methods.lstm_family import LstmFamily
from trainer.runs import Run
from trainer.settings import FitSettings

GIVEN = {name: value for name, value in msgspec.to_builtins(TINY).items() if value is not None}
OWN_FLAGS = [
    f"--{name.replace('_', '-')}={value}" for name, value in GIVEN.items() if name != "method"
]
FLAGS = [f"--{name.replace('_', '-')}={value}" for name, value in GIVEN.items()]


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return planted_corpus(tmp_path_factory.mktemp("small"))


def test_help_shows_the_way_from_a_corpus_to_a_score() -> None:
    for flag in ("-h", "--help"):
        shown = trainer(flag).output
        for command in ("trainer fit", "trainer export", "trainer evaluate"):
            assert command in shown
        assert ".jsonl.zst" in shown
        assert '{"id": "1", "text": "off to the sea #travel"' in shown


def test_help_of_fit_explains_every_setting_with_its_default() -> None:
    shown = squeezed(trainer("fit", "--help").output)
    assert "--resume goes on from there" in shown
    for field in msgspec.structs.fields(FitSettings):
        assert f"--{field.name.replace('_', '-')} " in shown
        assert f"TAGSTREAM_{field.name.upper()}" in shown
        if field.default not in (None, ""):
            assert f"default: {field.default}" in shown


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("export", ("--alias", "champion", "default: exported by hand")),
        ("evaluate", ("default: test", "default: stripped", "stripped, words-kept", "--json")),
        ("synthesize", ("default: 24000", "default: 120", "default: 2016", "F1@1")),
    ],
)
def test_help_of_each_command_teaches(command: str, words: Sequence[str]) -> None:
    result = trainer(command, "--help")
    assert result.exit_code == 0
    for word in words:
        assert word in squeezed(result.output)


def test_version_is_shown() -> None:
    assert "version" in trainer("--version").output


def test_it_is_also_a_module(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["trainer", "--help"])
    with pytest.raises(SystemExit, match="0"):
        runpy.run_module("trainer", run_name="__main__")


def test_fit_learns_and_tells_how_well(small: Path, tmp_path: Path) -> None:
    result = trainer("fit", small, tmp_path / "run", *FLAGS)
    assert result.exit_code == 0, result.output
    run = Run.open(tmp_path / "run")
    assert run.settings == TINY
    best = max(row.dev_f1_at_1 for row in Checkpoints(run.path).epochs())
    assert result.stdout.endswith(f"run: tab-lstm, dev F1@1 {best:.2f} %\n")
    assert "epoch 1: loss" in result.stderr
    assert_one_line(trainer("fit", small, tmp_path / "run", *FLAGS), "--resume")
    assert trainer("fit", small, tmp_path / "run", "--resume", *FLAGS).exit_code == 0


def test_fit_takes_its_settings_from_a_file_and_the_environment(
    small: Path, tmp_path: Path
) -> None:
    file = tmp_path / "settings.toml"
    values = {**GIVEN, "epochs": 1}
    file.write_text("".join(f"{name} = {json.dumps(value)}\n" for name, value in values.items()))
    result = trainer(
        "fit", small, tmp_path / "run", "--config", file, environment={"TAGSTREAM_HIDDEN": "9"}
    )
    assert result.exit_code == 0, result.output
    settings = Run.open(tmp_path / "run").settings
    assert settings == changed(epochs=1, hidden=9)


@pytest.mark.parametrize("flag", ["--method=lstm+", "--epochs=0", "--rate=-1", "--precision=fp8"])
def test_a_setting_out_of_bounds_is_a_usage_error(small: Path, tmp_path: Path, flag: str) -> None:
    result = trainer("fit", small, tmp_path / "run", flag)
    assert result.exit_code == 2
    assert flag.partition("=")[0] in result.stderr
    assert not (tmp_path / "run").exists()


def test_fit_tells_what_is_wrong_with_a_corpus(tmp_path: Path) -> None:
    assert_one_line(trainer("fit", tmp_path, tmp_path / "run", *FLAGS), "has no train", ".jsonl.gz")
    rare = write_splits(tmp_path / "rare", train=[{"text": "a word #once"}], dev=[])
    result = trainer("fit", rare, tmp_path / "other", *FLAGS)
    assert_one_line(result, "no hashtag occurs in 2 training posts", "--min-count")


def test_methods_are_listed_with_what_each_is() -> None:
    result = trainer("methods")
    assert result.exit_code == 0
    shown = squeezed(result.output)
    for name, card in METHODS.items():
        assert f" {name} " in shown
        assert card.summary.split()[0] in shown
    assert "yardstick" in shown


@pytest.mark.parametrize("method", ["popularity", "neighbours"])
def test_fit_learns_methods_that_are_no_networks_and_export_refuses_them(
    small: Path, tmp_path: Path, method: str
) -> None:
    result = trainer("fit", small, tmp_path / "run", "--method", method, *OWN_FLAGS)
    assert result.exit_code == 0, result.output
    run = Run.open(tmp_path / "run")
    assert run.settings == changed(method=method)
    f1 = next(row.f1 for row in run.metrics() if row.k == 1)
    assert result.stdout.endswith(f"run: {method}, dev F1@1 {f1:.2f} %\n")
    assert (f1 > 90) == (method == "neighbours")
    exported = trainer("export", run.path, tmp_path / "registry")
    assert_one_line(exported, f"{method} is no network", "only networks become bundles")
    assert Registry(tmp_path / "registry").aliases() == {}


def test_fit_takes_a_method_s_own_defaults_where_nobody_chose(
    small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[FitSettings] = []

    def watched(corpus: Path, run: Path, settings: FitSettings, **_: object) -> None:
        del corpus, run
        seen.append(settings)
        raise TrainerError("enough")

    monkeypatch.setattr("trainer.pipeline.fit", watched)
    (tmp_path / "settings.toml").write_text("batch = 7\n")
    chosen = ("--hidden=500", "--config", tmp_path / "settings.toml")
    environment = {"TAGSTREAM_SMOOTHING": "0.3"}
    for flags in (("--method=tab-lstm+", *chosen), ("--method=tab-lstm+",), ("--method=lstm",)):
        given = environment if "--hidden=500" in flags else {}
        assert_one_line(trainer("fit", small, tmp_path / "run", *flags, environment=given))
    some, none, paper = seen
    assert (some.hidden, some.batch, some.smoothing) == (500, 7, 0.3)
    assert (some.rate, some.rate_left) == (none.rate, none.rate_left)
    for name, value in METHODS["tab-lstm+"].defaults.items():
        assert getattr(none, name) == value
    assert paper == FitSettings(method="lstm")


def test_fit_tells_an_ingredient_that_is_none(small: Path, tmp_path: Path) -> None:
    result = trainer("fit", small, tmp_path / "run", "--method=tab-lstm+", "--without=nonsense")
    assert_one_line(result, "--without nonsense: the ingredients are context, mean")
    assert not (tmp_path / "run").exists()


def test_two_runs_share_their_parts(small: Path, tmp_path: Path) -> None:
    parts = tmp_path / "parts"

    def learn(name: str, *flags: object) -> Path:
        result = trainer("fit", small, tmp_path / name, *FLAGS, *flags)
        assert result.exit_code == 0, result.output
        return tmp_path / name

    first = learn("first", "--parts", parts)

    def kept() -> dict[Path, int]:
        return {path: path.stat().st_mtime_ns for path in parts.glob("[!.]*")}

    made = kept()
    assert {path.name.rpartition("-")[0] for path in made} >= {"text", "vectors", "topics", "theta"}
    second = learn("second", "--parts", parts, "--method=lstm")
    assert {path.name.rpartition("-")[0] for path in kept().keys() - made.keys()} == {"lstm"}
    assert made.items() <= kept().items()
    with pytest.MonkeyPatch.context() as learned:  # by a run or a comparison: what is, is
        learned.setattr(LstmFamily, "fit", lambda *_: pytest.fail("learned again"))
        third = learn("third", "--parts", parts, "--method=lstm")
    assert (third / "network.pt").read_bytes() == (second / "network.pt").read_bytes()
    seeded = learn("seeded", "--parts", parts, "--method=lstm", "--seed=2")
    assert (seeded / "topics.npz").read_bytes() == (second / "topics.npz").read_bytes()
    assert (seeded / "network.pt").read_bytes() != (second / "network.pt").read_bytes()
    assert Run.open(first).metrics() != Run.open(second).metrics()
    alone = learn("alone", "--method=lstm")
    for name in ("network.pt", "topics.npz", "tokenizer.json"):
        assert (second / name).read_bytes() == (alone / name).read_bytes()
    for run in (first, second, alone):
        assert not (run / "parts").exists()
