"""No hashtag reaches a model, be it through a post's ids or through the vocabulary."""

import re
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from export.text import Protocol
from tests.support.learning import changed, planted_posts, pointing_posts, write_splits
from trainer.corpus import split
from trainer.labels import Labels
from trainer.material import Material
from trainer.parts import Parts
from trainer.reading import EncodedPosts, encode_posts
from trainer.runs import Run
from trainer.text import Text

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


def learned_text(corpus: Path, path: Path, protocol: Protocol) -> Text:
    return Material(corpus, changed(protocol=protocol, min_word_count=2), Parts(path)).text


def encoded(corpus: Path, text: Text) -> EncodedPosts:
    return encode_posts(split(corpus, "train"), text.reader, Labels(text.hashtags))


def test_the_other_hashtags_are_really_others(corpus: Path, others: Path) -> None:
    posts = zip(split(corpus, "train"), split(others, "train"), strict=True)
    assert not any(set(one.hashtags) & set(other.hashtags) for one, other in posts)


def test_other_hashtags_change_no_byte_of_the_ids(corpus: Path, others: Path, run: Run) -> None:
    one, other = encoded(corpus, run.text), encoded(others, run.text)
    assert len(one.ids) == len(other.ids) == 1_920
    assert one.ids.values.tobytes() == other.ids.values.tobytes()
    assert one.ids.offsets.tobytes() == other.ids.offsets.tobytes()
    assert one.labels.values.tobytes() != other.labels.values.tobytes()


def test_other_hashtags_change_no_byte_of_the_vocabulary(
    corpus: Path, others: Path, tmp_path: Path
) -> None:
    one = learned_text(corpus, tmp_path / "one", "stripped")
    other = learned_text(others, tmp_path / "other", "stripped")
    assert one.reader.words.to_str() == other.reader.words.to_str()
    assert one.reader.context.to_str() == other.reader.context.to_str()
    assert one.hashtags != other.hashtags


def test_where_words_are_kept_both_change(corpus: Path, others: Path, tmp_path: Path) -> None:
    one = learned_text(corpus, tmp_path / "one", "words-kept")
    other = learned_text(others, tmp_path / "other", "words-kept")
    assert one.reader.words.get_vocab() != other.reader.words.get_vocab()
    assert "zyx" in other.reader.words.get_vocab()
    ids = [encoded(folder, one).ids.values.tobytes() for folder in (corpus, others)]
    assert ids[0] != ids[1]


def test_the_gold_of_a_field_reaches_no_model(run: Run, tmp_path: Path) -> None:
    posts = planted_posts(30, seed=1)
    fields = [{**post, "hashtags": ["secret"], "tags": ["hidden"]} for post in posts]
    plain = encoded(write_splits(tmp_path / "plain", train=posts), run.text)
    told = encoded(write_splits(tmp_path / "told", train=fields), run.text)
    assert plain.ids.values.tobytes() == told.ids.values.tobytes()


def test_all_answers_are_counted_and_only_known_ones_are_labels(run: Run, tmp_path: Path) -> None:
    known = run.text.hashtags[0].canonical
    posts = [
        {"text": f"one #{known} #neverSeen"},
        {"text": "two"},  # no answer, so not among them
        {"text": "three #neverSeen"},
        {"text": f"#{known}"},
    ]
    found = encoded(write_splits(tmp_path, train=posts), run.text)
    assert found.gold.tolist() == [2, 1, 1]
    assert [row.tolist() for row in found.labels] == [[0], [], [0]]
    learnable = found.take(found.learnable())
    assert (len(learnable), learnable.gold.tolist()) == (1, [2])


def test_posts_are_encoded_alike_however_many_there_are(run: Run, tmp_path: Path) -> None:
    posts = pointing_posts(5_000, seed=1)  # more than are encoded at once
    found = encoded(write_splits(tmp_path, train=posts), run.text)
    sizes = {len(rows) for rows in (found.ids, found.inputs.context, found.labels, found.gold)}
    assert sizes == {len(found)} == {5_000}
    texts = [msgspec.convert(post, dict[str, str])["text"] for post in posts]
    for row in (0, 4_095, 4_096, 4_999):
        assert found.ids[row].tolist() == run.text.reader.words.encode(texts[row]).ids
        assert found.inputs.context[row].tolist() == run.text.reader.context.encode(texts[row]).ids
