"""What every method learns from is learned once for what it is made of."""

import shutil
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from export.text import UNKNOWN_ID
from tests.support.learning import (
    changed,
    lines,
    planted_corpus,
    planted_posts,
    pointing_corpus,
    write_file,
    write_splits,
)
from trainer.corpus import split
from trainer.errors import CorpusError
from trainer.material import Material
from trainer.parts import Parts
from trainer.settings import FitSettings

ALL = {"text", "train", "dev", "sentences", "vectors", "topics", "theta"}
READ = {"text", "train", "dev"}
TOPICS = {"topics", "theta"}
# A setting, another value, and what is learned again because of it.
CHANGES: list[tuple[str, Any, set[str]]] = [
    ("protocol", "words-kept", ALL),
    ("min_count", 3, READ),
    ("min_word_count", 2, ALL),
    ("max_words", 4, ALL),
    ("dimensions", 5, {"vectors"}),
    ("vector_epochs", 2, {"vectors"}),
    ("topics", 2, TOPICS),
    ("topic_passes", 2, TOPICS),
    ("max_post_share", 0.5, TOPICS),
    ("seed", 2, {"vectors", *TOPICS}),
    ("method", "lstm", set()),
    ("hidden", 9, set()),
    ("batch", 9, set()),
    ("rate", 0.5, set()),
    ("rate_left", 0.5, set()),
    ("smoothing", 0.5, set()),
    ("discount", 0.5, set()),
    ("without", "mean", set()),
    ("epochs", 9, set()),
    ("patience", 9, set()),
    ("select", "loss", set()),
    ("precision", "bf16", set()),
    ("device", "cuda", set()),
]
SETTINGS = changed()


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return planted_corpus(tmp_path_factory.mktemp("small"))


@pytest.fixture(scope="module")
def shared(small: Path, tmp_path_factory: pytest.TempPathFactory) -> Parts:
    """All parts of the tiny settings, made; tests may add to them."""
    parts = Parts(tmp_path_factory.mktemp("parts"))
    learn_all(Material(small, SETTINGS, parts))
    return parts


def learn_all(material: Material) -> Material:
    for name in ALL:
        getattr(material, name)
    return material


def learned_anew(parts: Parts, material: Material) -> set[str]:
    """Learn all of a material, and return the names of the parts that were not there."""
    before = set(parts.path.glob("[!.]*"))
    learn_all(material)
    return {path.name.rpartition("-")[0] for path in set(parts.path.glob("[!.]*")) - before}


def words(material: Material) -> dict[str, int]:
    return dict(material.text.reader.words.get_vocab())


def test_every_setting_is_among_the_changes() -> None:
    fields = {field.name for field in msgspec.structs.fields(FitSettings)}
    assert {name for name, _, _ in CHANGES} == fields - {"further", "warm_start"}


def test_all_is_learned_at_first_and_nothing_again(
    small: Path, shared: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert {path.name.rpartition("-")[0] for path in shared.path.iterdir()} >= ALL
    learners = ("learn_text", "encode_posts", "word_ids", "learn_vectors", "learn_topics")
    for name in (*learners, "infer_topics"):
        monkeypatch.delattr(f"trainer.material.{name}")
    assert learned_anew(shared, Material(small, SETTINGS, shared)) == set()


@pytest.mark.parametrize(("name", "value", "again"), CHANGES, ids=[name for name, _, _ in CHANGES])
def test_another_setting_teaches_anew_what_depends_on_it_and_nothing_else(
    small: Path, shared: Parts, name: str, value: object, again: set[str]
) -> None:
    one, other = (Material(small, some, shared) for some in (SETTINGS, changed(**{name: value})))
    assert getattr(SETTINGS, name) != value
    assert learned_anew(shared, other) == again
    assert (one.of != other.of) == bool(again)  # what is learned from them is named by them


@pytest.mark.parametrize(
    ("name", "again"), [("train", ALL), ("dev", {*READ, "theta"}), ("test", set())]
)
def test_one_byte_of_a_file_teaches_anew_what_was_learned_from_it(
    small: Path, shared: Parts, tmp_path: Path, name: str, again: set[str]
) -> None:
    corpus = Path(shutil.copytree(small, tmp_path / "corpus"))
    file = corpus / f"{name}.jsonl"
    data = file.read_bytes()
    file.write_bytes(data.replace(b'{"id":"', b'{"id":"x', 1))
    assert len(file.read_bytes()) == len(data) + 1
    assert learned_anew(shared, Material(corpus, SETTINGS, shared)) == again


def test_where_the_corpus_lies_changes_nothing(small: Path, shared: Parts, tmp_path: Path) -> None:
    corpus = Path(shutil.copytree(small, tmp_path / "elsewhere"))
    assert learned_anew(shared, Material(corpus, SETTINGS, shared)) == set()


def test_other_splits_are_encoded_once_each(small: Path, shared: Parts) -> None:
    before = set(shared.path.iterdir())
    for _ in range(2):
        assert len(Material(small, SETTINGS, shared).encoded("test")) == 40
    assert len(set(shared.path.iterdir()) - before) == 1


def test_what_is_kept_is_what_was_learned(small: Path, shared: Parts, tmp_path: Path) -> None:
    again = Material(small, SETTINGS, shared)
    anew = Material(small, SETTINGS, Parts(tmp_path))
    assert again.vectors.matrix.tobytes() == anew.vectors.matrix.tobytes()
    assert again.topics.exp_elog_beta.tobytes() == anew.topics.exp_elog_beta.tobytes()
    assert again.theta.train.tobytes() == anew.theta.train.tobytes()
    assert again.train.labels.values.tobytes() == anew.train.labels.values.tobytes()
    assert again.text.hashtags == anew.text.hashtags
    assert again.text.data == anew.text.data
    assert words(again) == words(anew)


def test_every_row_is_a_post_s(small: Path, shared: Parts) -> None:
    material = Material(small, SETTINGS, shared)
    assert len(material.train) == len(material.theta.train) == 120
    assert len(material.dev) == len(material.theta.dev) == 40
    assert material.vectors.matrix.shape == (material.words, SETTINGS.dimensions)
    assert material.topics.exp_elog_beta.shape == (material.words, SETTINGS.topics)
    assert material.theta.dev.sum(axis=1) == pytest.approx(np.ones(40), abs=1e-5)


def test_mentions_and_words_of_links_need_two_training_posts(tmp_path: Path) -> None:
    train = [
        {"text": "a @twice http://often.org/1 #sea"},
        {"text": "a @Twice @once https://www.often.org/2 #sea"},
    ]
    dev = [{"text": "a @once @twice #sea"}] * 3
    corpus = write_splits(tmp_path / "corpus", train=train, dev=dev)
    material = Material(corpus, SETTINGS, Parts(tmp_path / "parts"))
    vocabulary = material.text.reader.context.get_vocab()
    assert vocabulary.keys() == {"[PAD]", "[UNK]", "@twice", "often", "org"}
    ids = [UNKNOWN_ID, vocabulary["@twice"]]
    assert [row.tolist() for row in material.dev.inputs.context] == [ids] * 3


def test_a_corpus_may_call_dev_valid(tmp_path: Path) -> None:
    corpus = pointing_corpus(tmp_path / "corpus")
    one = Material(corpus, SETTINGS, Parts(tmp_path / "parts"))
    due = (one.sources, [row.tolist() for row in one.dev.ids])
    (corpus / "dev.jsonl").rename(corpus / "valid.jsonl")
    other = Material(corpus, SETTINGS, Parts(tmp_path / "parts"))
    assert (other.sources, [row.tolist() for row in other.dev.ids]) == due


class TestFurtherText:
    """More posts for word2vec and LDA, whose hashtags are no labels."""

    POSTS = (
        *({"text": f"wave sand zeppelin number{n} #airship @pilot"} for n in range(30)),
        *({"text": "zeppelin above the sea #airship @pilot"} for _ in range(30)),
    )

    @pytest.fixture
    def file(self, tmp_path: Path) -> Path:
        return write_file(tmp_path / "further.jsonl.zst", lines(self.POSTS))

    @pytest.fixture
    def material(self, small: Path, shared: Parts, file: Path) -> Material:
        return Material(small, changed(further=str(file)), shared)

    def test_joins_the_vocabulary_and_its_hashtags_do_not(self, material: Material) -> None:
        assert {"zeppelin", "above", "number0"} <= words(material).keys()
        assert not {"airship", "pilot"} & words(material).keys()

    def test_is_read_behind_the_training_posts(self, material: Material, small: Path) -> None:
        train = len(list(split(small, "train")))
        assert len(material.sentences) == train + len(self.POSTS)
        ids = words(material)
        due = [ids[word] for word in ("wave", "sand", "zeppelin", "number0")]
        assert material.sentences[train].tolist() == due

    def test_teaches_word_vectors_and_topics(
        self, material: Material, small: Path, shared: Parts
    ) -> None:
        row = words(material)["zeppelin"]
        without = Material(small, SETTINGS, shared)
        assert "zeppelin" not in words(without)
        assert np.abs(material.vectors.matrix[row]).max() > 0.5 / SETTINGS.dimensions
        assert material.topics.exp_elog_beta[row].sum() > 0
        assert len(material.vectors.matrix) == len(material.topics.exp_elog_beta) > without.words

    def test_is_no_post_to_learn_hashtags_from(
        self, material: Material, small: Path, shared: Parts
    ) -> None:
        without = Material(small, SETTINGS, shared)
        assert material.text.hashtags == without.text.hashtags
        assert len(material.train) == len(without.train)
        card = msgspec.structs.replace(without.text.data, further=material.sources["further"])
        assert material.text.data == card != without.text.data
        assert "@pilot" not in material.text.reader.context.get_vocab()

    def test_is_known_by_its_bytes_wherever_it_lies(
        self, small: Path, shared: Parts, file: Path, tmp_path: Path
    ) -> None:
        learn_all(Material(small, changed(further=str(file)), shared))
        moved = file.rename(tmp_path / "moved.jsonl.zst")
        again = Material(small, changed(further=str(moved)), shared)
        assert learned_anew(shared, again) == set()
        more = write_file(tmp_path / "more.jsonl", lines(self.POSTS[1:]))
        assert learned_anew(shared, Material(small, changed(further=str(more)), shared)) == ALL

    def test_that_is_not_there_is_an_error(self, small: Path, tmp_path: Path) -> None:
        settings = changed(further=str(tmp_path / "none.jsonl"))
        with pytest.raises(OSError, match=r"none\.jsonl"):
            _ = Material(small, settings, Parts(tmp_path / "parts")).sources

    def test_that_is_no_posts_is_an_error(self, small: Path, tmp_path: Path) -> None:
        file = write_file(tmp_path / "further.jsonl", b"no post\n" * 20)
        material = Material(small, changed(further=str(file)), Parts(tmp_path / "parts"))
        with pytest.raises(CorpusError, match="bad lines"):
            _ = material.text


def test_a_text_that_was_stopped_is_learned_whole(
    small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = Parts(tmp_path / "parts")
    due = Material(small, SETTINGS, Parts(tmp_path / "whole")).text

    def stop(*_: object) -> None:
        raise RuntimeError("stopped")

    with monkeypatch.context() as stopped:
        stopped.setattr("trainer.text.encode_hashtags", stop)
        with pytest.raises(RuntimeError, match="stopped"):
            _ = Material(small, SETTINGS, parts).text
    found = Material(small, SETTINGS, parts).text
    assert found.hashtags == due.hashtags
    assert found.data == due.data
    assert found.reader.words.to_str() == due.reader.words.to_str()


def test_labels_are_the_rows_of_the_hashtags(tmp_path: Path) -> None:
    posts = planted_posts(60, seed=4)
    corpus = write_splits(tmp_path / "corpus", train=posts, dev=posts[:10])
    material = Material(corpus, SETTINGS, Parts(tmp_path / "parts"))
    names = [hashtag.canonical for hashtag in material.text.hashtags]
    read = [[names[row] for row in labels] for labels in material.train.labels]
    assert read == [post.hashtags for post in split(corpus, "train")]
