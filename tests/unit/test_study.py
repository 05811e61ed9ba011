"""`trainer compare`, `sweep` and `ablate`: every cell learned once, every figure from rankings."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from click.testing import CliRunner, Result

from tests.support.learning import planted_corpus
from trainer import fitted as fitting
from trainer.cli import main
from trainer.methods.lstm_family import LstmFamily
from trainer.results import QualityRow, merge_rows, read_rows
from trainer.scoring import padded_ranks

SETTINGS: dict[str, object] = {
    "dimensions": 8,
    "hidden": 8,
    "topics": 3,
    "vector-epochs": 1,
    "topic-passes": 1,
    "epochs": 2,
    "min-count": 2,
    "min-word-count": 1,
    "max-post-share": 1,
    "batch": 20,
    "rate": 0.01,
    "precision": "fp32",
}


def flags(**changes: object) -> list[str]:
    """Return the settings as flags; None leaves one out."""
    given = {**SETTINGS, **changes}
    pairs = [(f"--{name}", str(value)) for name, value in given.items() if value is not None]
    return [part for pair in pairs for part in pair]


KEYS = {
    *("corpus", "protocol", "method", "k", "precision", "recall", "f1", "hit", "seed"),
    *("train_posts", "test_posts", "commit", "command", "machine", "time"),
}


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    corpus = planted_corpus(tmp_path_factory.mktemp("study") / "small")
    (corpus / "test_near_dup_of_train_ids.txt").write_text("3-0\n3-1\n3-2\n")
    return corpus


def trainer(*arguments: object) -> Result:
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert result.exit_code == 0, result.output
    return result


@pytest.fixture(scope="module")
def folders(small: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Results and parts of a comparison under both protocols."""
    results, parts = tmp_path_factory.mktemp("results"), tmp_path_factory.mktemp("parts")
    compare(small, results, parts)
    return results, parts


def compare(small: Path, results: Path, parts: Path, *more: str) -> Result:
    methods = "popularity,lstm,vab-lstm,tab-lstm"
    given = ("--methods", methods, "--seeds", "2", "--protocol", "stripped,words-kept")
    return trainer("compare", small, results, "--parts", parts, *given, *flags(), *more)


def rows(file: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(file.read_text())
    return found


def select(found: Sequence[dict[str, Any]], **fields: object) -> list[dict[str, Any]]:
    return [row for row in found if all(row[name] == value for name, value in fields.items())]


def test_every_cell_has_its_rows(folders: tuple[Path, Path]) -> None:
    found = rows(folders[0] / "table2-small.json")
    assert len(found) == 2 * 5 * (1 + 3 * 2)  # protocols, k, popularity once and networks twice
    assert all(row.keys() >= KEYS for row in found)
    assert {row["train_posts"] for row in found} == {120}
    assert len({(r["protocol"], r["method"], r["seed"], r["k"]) for r in found}) == len(found)


def test_figures_are_those_of_the_rankings(folders: tuple[Path, Path], small: Path) -> None:
    """Popularity by hand: the most frequent of three subjects, one hashtag a post."""
    posts = [json.loads(line) for line in (small / "test.jsonl").read_text().splitlines()]
    train = (small / "train.jsonl").read_text()
    best = max(("sea", "city", "wood"), key=lambda subject: train.count(f"#{subject}"))
    share = round(100 * np.mean([f"#{best}" in post["text"] for post in posts]), 2)
    one = {"protocol": "stripped", "method": "popularity", "k": 1}
    row = select(rows(folders[0] / "table2-small.json"), **one)[0]
    assert [row[name] for name in ("precision", "recall", "f1", "hit")] == [share] * 4
    at_3 = select(rows(folders[0] / "table2-small.json"), **{**one, "k": 3})[0]
    assert (at_3["hit"], at_3["precision"]) == (100.0, 33.33)


def test_near_duplicates_are_left_out_where_the_corpus_names_them(
    folders: tuple[Path, Path],
) -> None:
    name = "table2-without-near-duplicates-small.json"
    assert {row["test_posts"] for row in rows(folders[0] / name)} == {37}
    assert {row["test_posts"] for row in rows(folders[0] / "table2-small.json")} == {40}


def test_evidence_stands_beside_the_tables(folders: tuple[Path, Path]) -> None:
    evidence = folders[0] / "evidence"
    sure = select(rows(evidence / "significance-small.json"), protocol="stripped")
    assert {row["method"] for row in sure} == {"popularity", "lstm", "vab-lstm", "tab-lstm"}
    itself = select(sure, method="tab-lstm")[0]
    assert (itself["difference"]["p_bootstrap"], itself["seeds"]) == (1.0, [1, 2])
    curves = rows(evidence / "curves-small.json")
    assert all(1 <= len(row["epochs"]) <= 2 for row in curves)
    assert {row["method"] for row in curves} == {"lstm", "vab-lstm", "tab-lstm"}
    costs = rows(evidence / "costs-small.json")
    assert all(row["posts_per_second"] > 0 and row["size_bytes"] >= 0 for row in costs)
    card = select(rows(evidence / "corpus-small.json"), protocol="stripped")[0]
    assert (card["tweets"], card["hashtags"], card["hashtags_per_tweet"]) == ([120, 40, 40], 3, 1.0)
    assert (card["unseen"], card["reachable"], card["frequent"]) == (0.0, 100.0, 3)
    topics = rows(evidence / "topics-small.json")
    assert all(len(row["topics"]) == 3 for row in topics)


def test_heat_maps_weigh_the_words_of_the_paper_s_texts(folders: tuple[Path, Path]) -> None:
    found = rows(folders[0] / "evidence" / "attention-small.json")
    assert len(found) == 2 * 2 * 2  # protocols, networks with attention, texts
    for row in found:
        assert len(row["words"]) == len(row["weights"])
        assert sum(row["weights"]) == pytest.approx(1.0, abs=0.01)
        assert len(row["suggestions"]) == 3
    kept = {word for row in select(found, protocol="words-kept") for word in row["words"]}
    assert len(kept) >= 1


def test_answers_in_the_text_are_followed_by_their_place(folders: tuple[Path, Path]) -> None:
    found = rows(folders[0] / "evidence" / "distance-small.json")
    assert {row["protocol"] for row in found} == {"words-kept"}
    for row in found:
        assert sum(row["posts"]) == 40  # the subject's name stands in every post
        assert all(0 <= share <= 1 for share in [*row["attention"], *row["even"]])
        assert row["even"][0] == pytest.approx(1 / 6, abs=1e-3)  # posts have six words
    last = select(found, method="lstm")[0]
    assert (last["attention"][0], last["attention"][1]) == (1.0, 0.0)  # all on the last word


def test_what_was_learned_is_not_learned_again(
    folders: tuple[Path, Path], small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def learned_again(*_: object) -> None:
        raise AssertionError("a cell was learned twice")

    monkeypatch.setattr(LstmFamily, "fit", learned_again)
    compare(small, tmp_path, folders[1])
    names = ("precision", "recall", "f1", "hit", "seed", "time")
    for again, before in zip(
        rows(tmp_path / "table2-small.json"), rows(folders[0] / "table2-small.json"), strict=True
    ):
        assert [again[name] for name in names] == [before[name] for name in names]


def test_an_estimate_learns_nothing_and_knows_what_is_kept(
    folders: tuple[Path, Path], small: Path, tmp_path: Path
) -> None:
    output = compare(small, tmp_path / "results", folders[1], "--estimate").output
    assert "done" in output
    assert "0.00 hours" in output
    assert not (tmp_path / "results").exists()
    fresh = tmp_path / "parts"
    output = compare(small, tmp_path / "results", fresh, "--estimate").output
    assert "done" not in output
    assert not list(fresh.glob("tab-lstm-*"))


def test_a_sweep_varies_one_size(folders: tuple[Path, Path], small: Path) -> None:
    results, parts = folders
    sizes = flags(dimensions=None, topics=None)
    given = ("--topics", "2,3", "--dims", "4", "--protocol", "stripped")
    trainer("sweep", small, results, "--parts", parts, *given, *sizes)
    topics = rows(results / "table3-small.json")
    assert {(row["topics"], row["dimensions"]) for row in topics} == {(2, 300), (3, 300)}
    assert {row["method"] for row in topics} == {"tab-lstm"}
    vectors = rows(results / "table4-small.json")
    assert {(row["topics"], row["dimensions"]) for row in vectors} == {(100, 4)}


@pytest.mark.parametrize("varied", [(), ("--topics", "a"), ("--dims", "0")])
def test_a_sweep_over_nothing_is_a_usage_error(
    small: Path, tmp_path: Path, varied: tuple[str, ...]
) -> None:
    result = CliRunner().invoke(main, ["sweep", str(small), str(tmp_path), *varied])
    assert result.exit_code == 2


def test_an_ablation_leaves_out_one_ingredient_after_the_other(
    folders: tuple[Path, Path], small: Path
) -> None:
    results, parts = folders
    trainer("ablate", small, results, "--parts", parts, *flags(epochs=1))
    found = select(rows(results / "ablation-small.json"), k=1)
    assert len(found) == 10
    assert {row["without"] for row in found} == {
        "",
        "context",
        "mean",
        "maximum",
        "lstm",
        "names",
        "dropout",
        "smoothing",
        "decay",
        "discount",
    }


def test_an_unknown_method_is_told(small: Path, tmp_path: Path) -> None:
    arguments = ["compare", str(small), str(tmp_path), "--methods", "magic"]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 1
    assert "trainer methods" in result.output


def test_methods_are_listed() -> None:
    output = trainer("methods").output
    for name in ("lda", "svm", "ttm", "tab-lstm+", "blend", "fasttext"):
        assert name in output


def test_rows_of_a_cell_are_replaced_and_others_stay(tmp_path: Path) -> None:
    row = QualityRow(
        corpus="c", protocol="stripped", method="lda", k=1, precision=1.0, recall=1.0, f1=1.0,
        hit=1.0, seed=1, train_posts=1, test_posts=1, topics=1, dimensions=1, without="",
        commit="", command="", machine="", time="",
    )  # fmt: skip
    file = tmp_path / "table.json"
    merge_rows(file, [row, msgspec.structs.replace(row, seed=2)], QualityRow)
    merge_rows(file, [msgspec.structs.replace(row, f1=2.0)], QualityRow)
    assert [(r.seed, r.f1) for r in read_rows(file, QualityRow)] == [(1, 2.0), (2, 1.0)]
    merge_rows(file, [], QualityRow)
    assert len(read_rows(file, QualityRow)) == 2


def test_few_hashtags_leave_ranks_empty() -> None:
    assert padded_ranks(np.array([[1, 0]])).tolist() == [[1, 0, -1, -1, -1]]


def test_a_cell_tells_how_it_was_learned(folders: tuple[Path, Path]) -> None:
    folder = next(folders[1].glob("vab-lstm-*"))
    settings = fitting.kept_settings(folder)
    assert (settings.method, settings.hidden) == ("vab-lstm", 8)
