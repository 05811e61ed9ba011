"""A challenger that deserves it becomes champion; any other is refused, and the champion stays."""

import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from click.testing import Result
from filelock import FileLock

from export.bundle import copy_bundle, read_bundle, with_memory
from export.errors import ScoreParityError
from export.registry import CHALLENGER, CHAMPION
from export.signatures import verify
from tests.support.cli import assert_one_line, squeezed
from tests.support.collecting import collect
from tests.support.keys import Keys
from tests.support.learning import SUBJECTS
from tests.support.retraining import NEW, OLD, registry_of, retrain
from trainer import judging, release
from trainer.corpus import split
from trainer.job import Job
from trainer.memory_fit import MemoryChoice
from trainer.release import Release
from worker.predictor import ModelInput, Prediction, Predictor

Exported = Callable[[Callable[[Path], None]], None]


@pytest.fixture(scope="module")
def learned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with collected posts, and a registry whose champion was learned from them."""
    folder = tmp_path_factory.mktemp("first")
    collect(folder / "posts", OLD)
    result = retrain(folder)
    assert result.exit_code == 0, result.output
    return folder


@pytest.fixture
def folder(learned: Path, tmp_path: Path) -> Path:
    """The same, and newer posts."""
    shutil.copytree(learned, tmp_path / "all")
    collect(tmp_path / "all" / "posts", NEW, "newer")
    return tmp_path / "all"


def report_of(result: Result) -> dict[str, Any]:
    return msgspec.json.decode(result.stdout, type=dict[str, Any])


def refusals(report: dict[str, Any]) -> list[str]:
    return [one["rule"] for one in report["findings"] if not one["passed"]]


def assert_refused(folder: Path, result: Result, rule: str, *words: str) -> None:
    """It ended as refused by one rule, says why, and the champion is the one it was."""
    assert result.exit_code == 8, result.output
    report = report_of(result)
    assert report["outcome"] == "refused"
    assert rule in refusals(report)
    told = {one["rule"]: one["told"] for one in report["findings"]}[rule]
    for word in words:
        assert word in told
    registry = registry_of(folder)
    assert registry.aliases()[CHAMPION] == report["champion"]
    assert [event.alias for event in registry.history()].count(CHAMPION) == 1
    read_bundle(registry.resolve(CHAMPION))


def test_the_first_one_needs_no_champion(learned: Path) -> None:
    registry = registry_of(learned)
    first, second = registry.history()
    assert (first.alias, second.alias) == (CHALLENGER, CHAMPION)
    assert first.digest == second.digest
    assert second.previous is None
    assert second.reason.startswith("floor: F1@1 ")
    assert not (learned / "work" / "job").exists()
    assert list(registry.bundles.iterdir()) == [registry.resolve(CHAMPION)]


def test_a_better_one_takes_over_and_people_see_why(folder: Path) -> None:
    before = registry_of(folder).aliases()[CHAMPION]
    result = retrain(folder)
    assert result.exit_code == 0, result.output
    after = registry_of(folder).aliases()[CHAMPION]
    assert after != before
    told = squeezed(result.stdout)
    assert f"{after[:12]} promoted" in told
    assert f"champion before: {before[:12]}" in told
    for rule in ("floor", "champion", "coverage", "size", "latency"):
        assert f"│ {rule}" in told
    event = registry_of(folder).history()[-1]
    assert (event.alias, event.previous, event.digest) == (CHAMPION, before, after)
    assert "champion: F1@1" in event.reason


def test_it_is_judged_on_what_neither_has_seen(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: dict[str, Any] = {}

    def kept(self: Job) -> None:
        if self.corpus.exists():
            seen.update({name: list(split(self.corpus, name)) for name in ("train", "dev", "test")})

    monkeypatch.setattr(Job, "end", kept)
    registry = registry_of(folder)
    until = read_bundle(registry.resolve(CHAMPION)).manifest.data.dev_last
    shutil.rmtree(folder / "posts")
    collect(folder / "posts", OLD[:585])  # the champion's dev ends amid the newest tenth of these
    result = retrain(folder, "--json", **{"held-out": 1})
    report = report_of(result)
    later = [post for post in seen["test"] if post.created_at > until]
    assert 0 < len(later) < len(seen["test"])
    assert report["evidence"]["posts"] == len(later)


def test_without_posts_that_the_champion_has_not_seen_it_is_refused_at_once(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trainer.pipeline.fit", pytest.fail)
    shutil.rmtree(folder / "posts")
    collect(folder / "posts", OLD[:400])
    result = retrain(folder, "--json")
    assert_refused(folder, result, "held-out", "0 posts with a hashtag, at least 30",
                   "collect more, or a longer window")  # fmt: skip


def test_the_same_posts_are_not_learned_again(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert retrain(folder).exit_code == 0
    history = registry_of(folder).history()
    monkeypatch.setattr("trainer.pipeline.fit", pytest.fail)
    again = report_of(retrain(folder, "--json"))
    assert again["outcome"] == "is champion already"
    assert registry_of(folder).history() == history


def test_a_dry_run_leaves_the_registry_and_its_challenger_is_found_again(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = {path: path.stat().st_mtime for path in (folder / "registry").rglob("*")}
    result = retrain(folder, "--dry-run", "--json")
    assert result.exit_code == 0, result.output
    dry = report_of(result)
    assert dry["outcome"] == "would be promoted"
    assert {path: path.stat().st_mtime for path in (folder / "registry").rglob("*")} == before
    monkeypatch.setattr("trainer.pipeline.fit", pytest.fail)
    real = report_of(retrain(folder, "--json"))
    assert (real["outcome"], real["challenger"]) == ("promoted", dry["challenger"])


def test_one_that_learned_shuffled_answers_is_refused(folder: Path) -> None:
    shutil.rmtree(folder / "posts")
    posts = [*OLD, *NEW]
    for number, post in enumerate(posts[: len(posts) * 9 // 10]):
        words = [word for word in post["text"].split() if not word.startswith("#")]
        post["text"] = f"{' '.join(words)} #{list(SUBJECTS)[number * 7 % 3]}"
    collect(folder / "posts", posts)
    result = retrain(folder, "--json")
    assert_refused(folder, result, "champion", "F1@1", "the champion's", "points, at most 1 below")
    registry = registry_of(folder)
    assert registry.aliases()[CHALLENGER] == report_of(result)["challenger"]  # to be looked at


def test_one_that_lost_half_of_its_hashtags_is_refused(folder: Path) -> None:
    shutil.rmtree(folder / "posts")
    posts = [*OLD, *NEW]
    kept = [post for post in posts[:-100] if "#wood" not in post["text"]]
    collect(folder / "posts", [*kept, *posts[-100:]])
    result = retrain(folder, "--json", **{"min-count": 40})
    assert_refused(folder, result, "coverage", "can be suggested", "by the champion: at least")


def test_a_slow_one_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    champion = registry_of(folder).aliases()[CHAMPION]
    predict, passed = Predictor.predict, [0.0]

    def slow(self: Predictor, inputs: list[ModelInput]) -> list[Prediction]:
        passed[0] += 1.0 if self.bundle.digest == champion else 51.0
        return predict(self, inputs)

    monkeypatch.setattr(Predictor, "predict", slow)
    monkeypatch.setattr(judging, "time", SimpleNamespace(perf_counter=lambda: passed[0]))
    result = retrain(folder, "--json")
    assert_refused(folder, result, "latency", "51.00 times the champion's, at most 50")


def test_one_that_is_too_large_is_refused(folder: Path) -> None:
    result = retrain(folder, "--json", **{"max-megabytes": 0.01})
    assert_refused(folder, result, "size", "MB, at most 0.01 MB")


@pytest.fixture
def exported(monkeypatch: pytest.MonkeyPatch) -> Exported:
    """Let something happen to the bundle right after its export."""
    real = release.release

    def after(harm: Callable[[Path], None]) -> None:
        def harmed(*asked: Any) -> Release:  # noqa: ANN401
            made = real(*asked)
            harm(Path(str(made.path)))
            return made

        monkeypatch.setattr(release, "release", harmed)

    return after


def test_a_truncated_bundle_is_refused(folder: Path, exported: Exported) -> None:
    def truncate(path: Path) -> None:
        graph = path / "cpu-fp32.onnx"
        graph.write_bytes(graph.read_bytes()[:-100])

    exported(truncate)
    result = retrain(folder, "--json")
    assert_refused(folder, result, "sound", "cpu-fp32.onnx differs from what was published")
    assert registry_of(folder).digests() == [registry_of(folder).aliases()[CHAMPION]]


def test_one_that_differs_from_its_reference_is_refused(folder: Path, exported: Exported) -> None:
    def differ(_: Path) -> None:
        raise ScoreParityError("post 3: scores differ by 0.5 > 0.0001")

    exported(differ)
    assert_refused(folder, retrain(folder, "--json"), "parity", "scores differ by 0.5")


def test_a_champion_that_changed_meanwhile_stays(folder: Path, exported: Exported) -> None:
    registry = registry_of(folder)
    first = registry.aliases()[CHAMPION]

    def meanwhile(path: Path) -> None:
        copy_bundle(path, registry.bundles)
        registry.assign(CHAMPION, path.name, "by hand")
        registry.roll_back(CHAMPION, "by hand")
        registry.assign(CHAMPION, path.name, "by hand")

    exported(meanwhile)
    assert_one_line(retrain(folder), "champion of", "meanwhile")
    assert registry.line(CHAMPION)[0] == first


def test_a_second_one_leaves_at_once(folder: Path) -> None:
    (folder / "work").mkdir(exist_ok=True)
    with FileLock(folder / "work" / ".lock"):
        result = retrain(folder)
    assert result.exit_code == 9
    assert "another retraining is at work in" in result.stderr
    assert retrain(folder).exit_code == 0


def test_what_cannot_be_learned_fails_and_is_begun_anew(folder: Path) -> None:
    result = retrain(folder, **{"min-count": 10_000})
    assert_one_line(result, "no hashtag occurs in 10000 training posts")
    assert not (folder / "work" / "job").exists()


def test_a_method_that_is_no_network_is_a_usage_error(folder: Path) -> None:
    result = retrain(folder, method="svm")
    assert result.exit_code == 2
    assert "svm is no network" in result.stderr


def test_it_is_signed_before_anybody_serves_it(folder: Path) -> None:
    keys = Keys(folder / "keys")
    result = retrain(folder, f"--sign-key={keys.private}")
    assert result.exit_code == 0, result.output
    served = registry_of(folder).resolve(CHAMPION)
    verify(served, served.name, keys.public)


def test_the_memory_votes_as_it_did_beside_the_champion(folder: Path) -> None:
    registry = registry_of(folder)
    fitted = MemoryChoice(weight=0.4, dev_f1_at_1=12.5).card
    before = with_memory(registry.resolve(CHAMPION), fitted)
    registry.assign(CHAMPION, before.name, "fitted")
    result = retrain(folder)
    assert result.exit_code == 0, result.output
    after = read_bundle(registry.resolve(CHAMPION))
    assert after.digest != before.name
    assert after.manifest.memory == fitted
