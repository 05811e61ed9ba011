import random
from collections.abc import Sequence

import numpy as np
import pytest

from export.bundle import Bundle
from export.errors import BundleIncompatibleError
from export.manifest import Tolerance
from export.parity import compare
from worker.predictor import BATCH, ModelInput, Predictor
from worker.sessions import Resources

NEAR = Tolerance(theta=2e-6, scores=2e-6)


@pytest.fixture
def texts(bundle: Bundle) -> list[str]:
    """More posts than one call of the graph takes, of 1 to 40 words, all different."""
    known = [word for topic in bundle.topics() for word in topic]
    draw = random.Random(5)
    return [" ".join(draw.choices(known, k=1 + n % 40)) for n in range(BATCH * 2 + 17)]


def same(predictor: Predictor, one: Sequence[ModelInput], other: Sequence[ModelInput]) -> None:
    compare(predictor.answers(one), predictor.answers(other), NEAR)


def test_answers_come_in_the_order_of_the_posts(predictor: Predictor, texts: list[str]) -> None:
    inputs = predictor.encode(texts)
    answers = predictor.predict(inputs)
    assert [len(answer.attention) for answer in answers] == [len(item.ids) for item in inputs]
    same(predictor, inputs[::31], [predictor.encode([text])[0] for text in texts[::31]])


def test_their_order_changes_no_answer(predictor: Predictor, texts: list[str]) -> None:
    inputs = predictor.encode(texts)
    order = list(range(len(inputs)))
    random.Random(6).shuffle(order)
    shuffled = predictor.answers([inputs[i] for i in order])
    expected = predictor.answers(inputs)
    compare([expected[i] for i in order], shuffled, NEAR)


def test_one_post_alone_is_answered_as_among_many(predictor: Predictor, texts: list[str]) -> None:
    inputs = predictor.encode(texts)
    alone = [predictor.answers([item])[0] for item in inputs[:20]]
    compare(predictor.answers(inputs)[:20], alone, NEAR)


def test_no_posts_have_no_answers(predictor: Predictor) -> None:
    assert predictor.predict([]) == []
    assert predictor.encode([]) == []


def test_a_ranking_falls_and_its_rows_are_hashtags(predictor: Predictor, texts: list[str]) -> None:
    for answer in predictor.predict(predictor.encode(texts[:40])):
        assert np.all(np.diff(answer.scores) <= 0)
        assert len(set(answer.hashtags.tolist())) == predictor.bundle.manifest.model.ranked
        assert max(answer.hashtags) < len(predictor.hashtags)
        assert answer.attention.sum() == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("text", ["", "  ", "#OnlyAHashtag", "@me https://a.b #x", "?!"])
def test_a_post_without_words_is_empty(predictor: Predictor, text: str) -> None:
    (read,) = predictor.encode([text])
    assert read.empty


def test_a_digest_names_what_the_graph_reads(predictor: Predictor, bundle: Bundle) -> None:
    one, two = bundle.topics()[0][:2]
    same_ids = predictor.encode([f"{one} {two}", f"{one.upper()}  {two} #tag", f"{one}, {two}!"])
    assert len({item.digest for item in same_ids}) == 1
    other_ids = predictor.encode([f"{one} {two}", f"{two} {one}", one, f"{one} {two} {two}", ""])
    assert len({item.digest for item in other_ids}) == 5


def test_words_are_those_that_attention_weighs(predictor: Predictor, bundle: Bundle) -> None:
    one, two = bundle.topics()[0][:2]
    text = f"{one} nonsenseword #tag {two}"
    assert predictor.words(text) == [one, "[UNK]", two]
    assert len(predictor.predict(predictor.encode([text]))[0].attention) == 3


def test_auto_takes_the_variant_of_the_cpu(predictor: Predictor) -> None:
    assert predictor.variant == "cpu-fp32"


def test_a_variant_that_the_bundle_lacks_is_refused(bundle: Bundle) -> None:
    with pytest.raises(BundleIncompatibleError, match="no variant 'cuda-fp16'"):
        Predictor(bundle, "cuda-fp16")


def test_more_threads_change_no_answer(bundle: Bundle, texts: list[str]) -> None:
    one, two = (Predictor(bundle, resources=Resources(threads)) for threads in (1, 2))
    inputs = one.encode(texts[:30])
    compare(one.answers(inputs), two.answers(inputs), NEAR)
