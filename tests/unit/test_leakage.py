"""No hashtag reaches a model, be it through a post's ids or through the vocabulary."""

import re
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from export.text import Protocol
from tests.support.learning import changed, planted_posts, write_splits
from trainer.corpus import split
from trainer.encoding import EncodedPosts, encode_posts
from trainer.labels import Labels
from trainer.pipeline import learn_text
from trainer.runs import Run

HASHTAG = re.compile(r"(?<![\w&])#\w+")
OTHERS = ("Zyx", "WVU", "tsr", "Qpo_1", "ÖÄÜ", "日本語")


def with_other_hashtags(folder: Path, corpus: Path) -> Path:
    """Write the same posts with other hashtags in the same places."""
    random = np.random.default_rng(1)
    splits: dict[str, list[dict[str, Any]]] = {}
    for name in ("train", "dev"):
        splits[name] = []
        for post in split(corpus, name):
            text = HASHTAG.sub(lambda _: f"#{random.choice(OTHERS)}", post.text)
            splits[name].append({"id": post.id, "text": text})
    return write_splits(folder, **splits)


@pytest.fixture(scope="module")
def others(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return with_other_hashtags(tmp_path_factory.mktemp("others"), corpus)


def learned_text(corpus: Path, path: Path, protocol: Protocol) -> Run:
    run, settings = Run(path), changed(protocol=protocol, min_word_count=2)
    run.begin(settings, {}, resume=False)
    learn_text(corpus, run, settings)
    return run


def encoded(corpus: Path, run: Run) -> EncodedPosts:
    return encode_posts(split(corpus, "train"), run.tokenizer(), Labels(run.hashtags()))


def test_the_other_hashtags_are_really_others(corpus: Path, others: Path) -> None:
    posts = zip(split(corpus, "train"), split(others, "train"), strict=True)
    assert not any(set(one.hashtags) & set(other.hashtags) for one, other in posts)


def test_other_hashtags_change_no_byte_of_the_ids(corpus: Path, others: Path, run: Run) -> None:
    one, other = encoded(corpus, run), encoded(others, run)
    assert len(one.ids) == len(other.ids) == 1_920
    assert one.ids.values.tobytes() == other.ids.values.tobytes()
    assert one.ids.offsets.tobytes() == other.ids.offsets.tobytes()
    assert one.labels.values.tobytes() != other.labels.values.tobytes()


def test_other_hashtags_change_no_byte_of_the_vocabulary(
    corpus: Path, others: Path, tmp_path: Path
) -> None:
    one = learned_text(corpus, tmp_path / "one", "stripped")
    other = learned_text(others, tmp_path / "other", "stripped")
    vocabularies = [(run.path / "tokenizer.json").read_bytes() for run in (one, other)]
    assert vocabularies[0] == vocabularies[1]
    assert one.hashtags() != other.hashtags()


def test_where_words_are_kept_both_change(corpus: Path, others: Path, tmp_path: Path) -> None:
    one = learned_text(corpus, tmp_path / "one", "words-kept")
    other = learned_text(others, tmp_path / "other", "words-kept")
    assert one.tokenizer().get_vocab() != other.tokenizer().get_vocab()
    assert "zyx" in other.tokenizer().get_vocab()
    ids = [encoded(folder, one).ids.values.tobytes() for folder in (corpus, others)]
    assert ids[0] != ids[1]


def test_the_gold_of_a_field_reaches_no_model(run: Run, tmp_path: Path) -> None:
    posts = planted_posts(30, seed=1)
    fields = [{**post, "hashtags": ["secret"], "tags": ["hidden"]} for post in posts]
    plain = encoded(write_splits(tmp_path / "plain", train=posts), run)
    told = encoded(write_splits(tmp_path / "told", train=fields), run)
    assert plain.ids.values.tobytes() == told.ids.values.tobytes()


def test_all_answers_are_counted_and_only_known_ones_are_labels(run: Run, tmp_path: Path) -> None:
    known = run.hashtags()[0].canonical
    posts = [
        {"text": f"one #{known} #neverSeen"},
        {"text": "two"},  # no answer, so not among them
        {"text": "three #neverSeen"},
        {"text": f"#{known}"},
    ]
    found = encoded(write_splits(tmp_path, train=posts), run)
    assert found.gold.tolist() == [2, 1, 1]
    assert [row.tolist() for row in found.labels] == [[0], [], [0]]
    learnable = found.learnable()
    assert (len(learnable.ids), learnable.gold.tolist()) == (1, [2])


def test_posts_are_encoded_alike_however_many_there_are(run: Run, tmp_path: Path) -> None:
    posts = planted_posts(5_000, seed=1)  # more than are encoded at once
    found = encoded(write_splits(tmp_path, train=posts), run)
    assert len(found.ids) == len(found.labels) == len(found.gold) == 5_000
    texts = [msgspec.convert(post, dict[str, str])["text"] for post in posts]
    for row in (0, 4_095, 4_096, 4_999):
        assert found.ids[row].tolist() == run.tokenizer().encode(texts[row]).ids
