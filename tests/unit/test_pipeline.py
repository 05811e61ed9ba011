"""`trainer fit` learns, goes on where it was stopped, and gives equal models for equal seeds."""

import os
import shutil
from contextlib import suppress
from itertools import count
from pathlib import Path

import pytest

from tests.support.learning import TINY, changed, lines, planted_corpus, write_file, write_splits
from tests.support.stopping import StoppedError, epochs, epochs_of, kept_epoch, stop_at
from trainer import material, network_method, text
from trainer.checkpoints import Checkpoints
from trainer.errors import CorpusError, RunError, TrainerError
from trainer.evaluate import POPULARITY, evaluate
from trainer.parts import Parts
from trainer.pipeline import fit
from trainer.release import release
from trainer.runs import Run
from trainer.text import Text
from worker.predictor import Predictor

LEARNED = (
    *("tokenizer.json", "context.json", "hashtags.tsv", "data.json", "dev.npz"),
    *("sizes.json", "topics.npz", "network.pt", "metrics.json"),
)
MADE_ONCE = (
    "learn_text",
    "encode_posts",
    "word_ids",
    "learn_vectors",
    "learn_topics",
    "infer_topics",
)
OTHERS = ("epochs.json", "finished", "parts.json", "settings.json", "sources.json")


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return planted_corpus(tmp_path_factory.mktemp("small"))


@pytest.fixture(scope="module")
def whole(small: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run that nothing interrupted."""
    return fit(small, tmp_path_factory.mktemp("whole") / "run", TINY)


def assert_equal_runs(one: Run, other: Run) -> None:
    for run in (one, other):  # nothing half written, no checkpoint, no parts
        assert {path.name for path in run.path.iterdir()} == {*LEARNED, *OTHERS}
    for name in LEARNED:
        assert (one.path / name).read_bytes() == (other.path / name).read_bytes(), name
    assert [row.loss for row in epochs(one)] == [row.loss for row in epochs(other)]


def test_a_run_holds_all_that_an_export_needs(whole: Run) -> None:
    assert whole.finished
    assert whole.settings == TINY
    assert {hashtag.canonical for hashtag in whole.text.hashtags} == {"sea", "city", "wood"}
    assert len(whole.dev) == 40
    assert [row.epoch for row in epochs(whole)] == [1, 2, 3]
    assert_equal_runs(whole, whole)


def test_what_the_posts_were_is_noted(tmp_path: Path) -> None:
    train = [
        {"text": "at sea #sea", "created_at": "2026-03-01T00:00:00Z"},
        {"text": "at sea #sea", "created_at": "2026-01-01T00:00:00Z"},
        {"text": "no hashtag, yet words to learn", "created_at": "2026-02-01T00:00:00Z"},
        {"text": "at sea #sea"},
    ]
    cards = []
    for name, posts in (("one", train), ("two", [*train[:3], {"text": "at sea #sun"}])):
        corpus = write_splits(tmp_path / name, train=posts, dev=train[:1])
        run = fit(corpus, tmp_path / f"run-{name}", changed(epochs=1))
        cards.append(run.text.data)
    assert (cards[0].train_posts, cards[0].dev_posts) == (4, 1)
    assert (cards[0].first, cards[0].last) == ("2026-01-01T00:00:00Z", "2026-03-01T00:00:00Z")
    assert cards[0].fingerprint != cards[1].fingerprint


@pytest.mark.once
def test_equal_seeds_and_settings_give_equal_bundles(
    small: Path, whole: Run, tmp_path: Path
) -> None:
    again = fit(small, tmp_path / "again", TINY)
    assert_equal_runs(whole, again)
    bundles = [release(run, tmp_path / "bundles").path for run in (whole, again)]
    assert bundles[0].name == bundles[1].name
    assert [path.name for path in (tmp_path / "bundles").iterdir()] == [bundles[0].name]


def test_another_seed_gives_another_model(small: Path, whole: Run, tmp_path: Path) -> None:
    other = fit(small, tmp_path / "run", changed(seed=2))
    for name in ("topics.npz", "network.pt"):
        assert (other.path / name).read_bytes() != (whole.path / name).read_bytes()


@pytest.mark.parametrize(
    ("target", "name", "call"),
    [
        (text, "_frequent", 2),  # the words are counted, nothing is kept
        (Text, "save", 1),
        (text, "write_durably", 1),  # the tokenizers are kept, nothing else of the text
        (material, "encode_posts", 2),
        (Text, "save", 2),
        (text, "write_durably", 4),
        (material, "learn_vectors", 1),
        (material, "learn_topics", 1),
        (material, "infer_topics", 2),
        (network_method, "train", 1),
        (Checkpoints, "save_epochs", 1),  # the first epoch's network is kept, nothing else of it
        (Checkpoints, "save_state", 2),  # it is in the history, its checkpoint is not there
        (Checkpoints, "save_epochs", 2),
        (Checkpoints, "finish", 1),
        (Run, "save_metrics", 1),
        (Run, "finish", 1),
    ],
)
def test_an_interrupted_fit_goes_on_and_ends_the_same(
    small: Path, whole: Run, tmp_path: Path, target: object, name: str, call: int
) -> None:
    with pytest.MonkeyPatch.context() as monkeypatch:
        stop_at(monkeypatch, target, name, call)
        with pytest.raises(StoppedError):
            fit(small, tmp_path / "run", TINY)
    stopped = Run(tmp_path / "run")
    assert not stopped.finished
    with pytest.raises(RunError, match="is no finished run; `trainer fit CORPUS"):
        Run.open(stopped.path)
    assert_equal_runs(fit(small, stopped.path, TINY, resume=True), whole)


def test_a_file_is_whole_or_not_there_whichever_write_fails(
    small: Path, whole: Run, tmp_path: Path
) -> None:
    for failing in count(1):
        run = Run(tmp_path / f"run-{failing}")
        with pytest.MonkeyPatch.context() as monkeypatch:
            stop_at(monkeypatch, os, "fsync", failing)
            with suppress(StoppedError):
                fit(small, run.path, TINY)
        if run.finished:
            break
        for name in set(LEARNED) - {"network.pt"}:  # the best epoch so far
            if (file := run.path / name).exists():
                assert file.read_bytes() == (whole.path / name).read_bytes(), name
        assert_equal_runs(fit(small, run.path, TINY, resume=True), whole)
    assert failing > len(OTHERS) + 4  # each of these, and the text twice


def test_what_is_done_is_not_done_again(
    small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stop_at(monkeypatch, network_method, "train", 1)
    with pytest.raises(StoppedError):
        fit(small, tmp_path / "run", TINY)
    for name in MADE_ONCE:
        stop_at(monkeypatch, material, name, 1)
    assert fit(small, tmp_path / "run", TINY, resume=True).finished


@pytest.mark.parametrize(
    ("target", "name", "call"),
    [
        (Checkpoints, "save_state", 6),  # the last epoch is in the history, its checkpoint is not
        (Checkpoints, "finish", 1),
        (Run, "save_metrics", 1),
        (Run, "finish", 1),
    ],
)
def test_a_network_that_has_learned_does_not_learn_again(
    small: Path, whole: Run, tmp_path: Path, target: object, name: str, call: int
) -> None:
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(network_method, "train", epochs_of(0.3, 0.4, 0.5))
        stop_at(monkeypatch, target, name, call)
        with pytest.raises(StoppedError):
            fit(small, tmp_path / "run", TINY)
    with pytest.MonkeyPatch.context() as monkeypatch:
        stop_at(monkeypatch, network_method, "train", 1)
        run = fit(small, tmp_path / "run", TINY, resume=True)
    assert kept_epoch(run) == 3
    assert {path.name for path in run.path.iterdir()} == {p.name for p in whole.path.iterdir()}


def test_parts_of_a_finished_run_are_removed_however_late_it_was_stopped(
    small: Path, whole: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as interrupted:
        stop_at(interrupted, Parts, "forget", 1)
        with pytest.raises(StoppedError):
            fit(small, tmp_path / "run", TINY)
    assert (tmp_path / "run" / "parts").is_dir()
    assert_equal_runs(fit(small, tmp_path / "run", TINY, resume=True), whole)


def test_a_resumed_run_keeps_its_arithmetic(
    small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = changed(precision="auto", epochs=2)
    monkeypatch.setattr("trainer.fitting._faster_precision", lambda *_: "fp32")
    with monkeypatch.context() as interrupted:
        stop_at(interrupted, Checkpoints, "save_epochs", 2)
        with pytest.raises(StoppedError):
            fit(small, tmp_path / "run", settings)
    monkeypatch.setattr("trainer.fitting._faster_precision", lambda *_: "bf16")
    run = fit(small, tmp_path / "run", settings, resume=True)
    assert [row.precision for row in epochs(run)] == ["fp32", "fp32"]


def test_a_run_is_not_overwritten(small: Path, whole: Run) -> None:
    with pytest.raises(RunError, match="holds a run; give --resume, or another directory"):
        fit(small, whole.path, TINY)


def test_a_run_does_not_go_on_with_other_parts(small: Path, whole: Run, tmp_path: Path) -> None:
    with pytest.raises(RunError, match="was begun without --parts; go on as it was begun"):
        fit(small, whole.path, TINY, resume=True, parts=tmp_path / "parts")
    run = fit(small, tmp_path / "run", TINY, parts=tmp_path / "parts")
    with pytest.raises(RunError, match=r"was begun with --parts .*/parts; go on as it was begun"):
        fit(small, run.path, TINY, resume=True)


def test_a_run_does_not_go_on_with_other_settings(small: Path, whole: Run) -> None:
    with pytest.raises(RunError, match="was begun with other settings: see "):
        fit(small, whole.path, changed(hidden=9), resume=True)
    assert whole.settings == TINY


def test_a_finished_run_is_not_learned_again(
    small: Path, whole: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in MADE_ONCE:
        stop_at(monkeypatch, material, name, 1)
    stop_at(monkeypatch, network_method, "train", 1)
    assert fit(small, whole.path, TINY, resume=True) == whole


@pytest.mark.parametrize("split", ["train", "dev"])
def test_posts_that_teach_nothing_are_told(tmp_path: Path, split: str) -> None:
    corpus = planted_corpus(tmp_path / "corpus")
    posts = [{"text": "#sea #city #wood"}, {"text": "words without a hashtag"}] * 3
    (corpus / f"{split}.jsonl").write_bytes(lines(posts))
    with pytest.raises(CorpusError, match=rf"{split}.jsonl has no post with a hashtag and a word"):
        fit(corpus, tmp_path / "run", TINY)


def test_a_corpus_without_words_is_told(tmp_path: Path) -> None:
    corpus = write_splits(tmp_path / "corpus", train=[{"text": "#sea #city"}] * 3, dev=[])
    with pytest.raises(CorpusError, match="has no word 1 times"):
        fit(corpus, tmp_path / "run", TINY)


def test_bad_lines_are_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    corpus = planted_corpus(tmp_path / "corpus")
    content = (corpus / "train.jsonl").read_bytes()
    write_file(corpus / "train.jsonl", b"bad\n" + content)
    assert fit(corpus, tmp_path / "run", changed(epochs=1)).text.data.train_posts == 120
    shown = " ".join(capsys.readouterr().err.split())
    assert "1 bad lines (line 1: JSON is malformed" in shown


@pytest.mark.parametrize("method", ["lstm", "avg-lstm", "vab-lstm", "tab-lstm"])
def test_each_method_learns_what_was_planted(small: Path, tmp_path: Path, method: str) -> None:
    run = fit(small, tmp_path / "run", changed(method=method, epochs=8))
    assert run.metrics()[0].f1 > 90


def test_it_beats_popularity_by_far(predictor: Predictor, corpus: Path) -> None:
    found = evaluate(predictor, corpus, "test", ("stripped",))
    assert set(found) == {("tab-lstm", "stripped"), (POPULARITY, "-")}
    assert found["tab-lstm", "stripped"].f1[0] > found[POPULARITY, "-"].f1[0] + 0.3


def test_other_posts_are_not_resumed_on(small: Path, tmp_path: Path) -> None:
    corpus = tmp_path / "corpus"
    shutil.copytree(small, corpus)
    fit(corpus, tmp_path / "run", TINY)
    (train,) = corpus.glob("train.*")
    (dev,) = corpus.glob("dev.*")
    shutil.copy(dev, train)
    with pytest.raises(RunError, match="other posts"):
        fit(corpus, tmp_path / "run", TINY, resume=True)


def test_a_device_that_is_not_there_is_told_before_anything_is_learned(
    small: Path, tmp_path: Path
) -> None:
    with pytest.raises(TrainerError, match="--device nowhere cannot be used"):
        fit(small, tmp_path / "run", changed(device="nowhere"))
    assert not (tmp_path / "run").exists()
