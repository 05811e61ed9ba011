"""A bundle is what was learned: checked against gensim and torch, told in its manifest."""

from importlib import metadata
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper

from export.bundle import Bundle, read_bundle
from export.errors import ScoreParityError, TopicParityError
from export.manifest import CPU_FP32
from export.onnx_graph import OnnxGraph
from tests.conftest import SMALL
from tests.support.learning import changed, write_splits
from trainer import release as releases
from trainer.checkpoints import Checkpoints
from trainer.corpus import split
from trainer.errors import CorpusError
from trainer.evaluate import POPULARITY, evaluate, recommend
from trainer.pipeline import fit
from trainer.release import Reference, release
from trainer.runs import Run
from worker.predictor import Predictor


def posts_of(corpus: Path) -> list[str]:
    return [post.text for name in ("train", "dev", "test") for post in split(corpus, name)]


def serve(monkeypatch: pytest.MonkeyPatch, graph: bytes) -> None:
    """Let an export give this graph, whatever the run is like."""
    monkeypatch.setattr(releases, "export_onnx", lambda _: OnnxGraph(graph, {}))


def altered(graph: bytes, shape: tuple[int, ...], at: tuple[int, ...], by: float) -> bytes:
    """Change one number of the weights that have this shape."""
    model = onnx.load_from_string(graph)
    [weights] = [tensor for tensor in model.graph.initializer if tuple(tensor.dims) == shape]
    values = numpy_helper.to_array(weights).copy()
    values[at] += by
    weights.CopyFrom(numpy_helper.from_array(values, weights.name))
    return bytes(model.SerializeToString())


def test_golden_examples_hold_no_post(bundle: Bundle, corpus: Path, run: Run) -> None:
    posts = posts_of(corpus)
    read = {tuple(one.ids) for one in run.text.reader.words.encode_batch_fast(posts)}
    examples = bundle.golden()
    for example in examples:
        assert example.text not in posts
        if len(example.ids) > 2:
            assert tuple(example.ids) not in read
            assert not any(example.text in post for post in posts)
    assert len(examples) > 10
    assert any(not example.ids for example in examples)  # texts without words are among them
    assert max(len(example.ids) for example in examples) == SMALL.max_words


def test_a_run_is_exported_again_with_the_same_digest(
    bundle: Bundle, run: Run, tmp_path: Path
) -> None:
    made = release(run, tmp_path)
    assert made.path.name == bundle.digest
    assert made.posts == np.count_nonzero(run.dev.ids.lengths)


def test_the_graph_is_within_tolerance_of_gensim_and_torch(
    bundle: Bundle, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve(monkeypatch, bundle.graph(CPU_FP32))
    difference = release(run, tmp_path, [CPU_FP32]).differences[CPU_FP32]
    tolerance = bundle.manifest.variants[CPU_FP32].tolerance
    assert 0 < difference.theta <= tolerance.theta <= 1e-5
    assert 0 < difference.scores <= tolerance.scores <= 1e-4


def test_the_reference_ranks_as_the_module_that_is_exported(run: Run) -> None:
    reference = Reference.of(run)
    posts = run.dev.take(np.arange(20))
    graph = reference.graph()
    for ids, answer in zip(posts.ids, reference.answers(posts), strict=True):
        theta, hashtags, scores, _ = graph(torch.tensor(ids.astype(np.int64))[None])
        assert theta[0].numpy() == pytest.approx(answer.theta, abs=1e-5)
        assert hashtags[0].tolist()[0] == answer.hashtags.tolist()[0]
        assert scores[0].detach().numpy() == pytest.approx(answer.scores, abs=1e-4)


def test_altered_scores_are_not_released(
    bundle: Bundle, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shape = (bundle.manifest.model.hashtags,)
    for by in (0.5, float("nan")):
        serve(monkeypatch, altered(bundle.graph(CPU_FP32), shape, (0,), by))
        with pytest.raises(ScoreParityError):
            release(run, tmp_path / "bundles", [CPU_FP32])
    assert not (tmp_path / "bundles").exists()


def test_altered_topics_are_not_released(
    bundle: Bundle, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    card, word = bundle.manifest.model, int(run.dev.ids[0][0])
    shape = (card.vocabulary, card.topics)
    serve(monkeypatch, altered(bundle.graph(CPU_FP32), shape, (word, 0), 9.0))
    with pytest.raises(TopicParityError):
        release(run, tmp_path / "bundles", [CPU_FP32])
    assert not (tmp_path / "bundles").exists()


def test_the_card_tells_what_the_model_is(bundle: Bundle, run: Run, corpus: Path) -> None:
    card, data = bundle.manifest.model, bundle.manifest.data
    assert (card.method, card.protocol, card.max_words) == ("tab-lstm", "stripped", 40)
    assert (card.topics, card.dimensions, card.hidden) == (10, 32, 48)
    assert card.vocabulary == run.text.reader.words.get_vocab_size()
    assert card.hashtags == len(bundle.hashtags()) == len(run.text.hashtags)
    assert card.ranked == min(50, card.hashtags)
    times = [post.created_at for post in split(corpus, "train")]
    assert (data.first, data.last) == (times[0], times[-1])
    assert (data.train_posts, data.dev_posts) == (1_920, 240)
    assert bundle.manifest.metrics == run.metrics()
    assert {row.split for row in run.metrics()} == {"dev"}
    best = max(row.dev_f1_at_1 for row in Checkpoints(run.path).epochs())
    assert best == pytest.approx(run.metrics()[0].f1, abs=0.005)


def test_the_manifest_tells_what_made_it(bundle: Bundle) -> None:
    for name in ("gensim", "numpy", "onnx", "tokenizers", "torch"):
        assert bundle.manifest.libraries[name] == metadata.version(name)
    assert [card.name for card in bundle.manifest.inputs] == ["ids"]
    assert bundle.manifest.revision


def test_topics_are_told_by_their_words(bundle: Bundle) -> None:
    vocabulary = bundle.tokenizer().get_vocab()
    assert len(bundle.topics()) == SMALL.topics
    for words in bundle.topics():
        assert len(words) == 10
        assert all(vocabulary[word] > 1 for word in words)


def test_what_is_served_scores_on_dev_as_training_reported(
    predictor: Predictor, corpus: Path
) -> None:
    quality = evaluate(predictor, corpus, "dev", ("stripped",))["tab-lstm", "stripped"]
    for row, reported in zip(
        quality.rows("dev", "stripped"), predictor.bundle.manifest.metrics, strict=True
    ):
        assert row.f1 == pytest.approx(reported.f1, abs=0.05)
        assert row.hit == pytest.approx(reported.hit, abs=0.05)


def test_posts_without_words_are_answered_with_nothing_and_count(predictor: Predictor) -> None:
    texts = ["", predictor.bundle.golden()[0].text, "#only #hashtags"]
    ranked = recommend(predictor, predictor.encode(texts))
    assert [len(best) for best in ranked] == [0, 5, 0]


def test_a_split_without_hashtags_cannot_be_scored(predictor: Predictor, tmp_path: Path) -> None:
    corpus = write_splits(tmp_path, test=[{"text": "nothing here"}], train=[])
    with pytest.raises(CorpusError, match=r"test\.jsonl has no post with a hashtag"):
        evaluate(predictor, corpus, "test", ("stripped",))


def test_the_answer_in_the_text_raises_the_score_where_words_are_kept(tmp_path: Path) -> None:
    """Nothing but the hashtag's own word tells anything of it."""
    random = np.random.default_rng(0)
    filler, tags = [f"word{n}" for n in range(8)], [f"tag{c}" for c in "abcdefgh"]

    def posts(count: int) -> list[dict[str, str]]:
        rows = [[*random.choice(filler, 4), f"#{random.choice(tags)}"] for _ in range(count)]
        return [{"text": " ".join(row)} for row in rows]

    corpus = write_splits(tmp_path / "corpus", train=posts(300), dev=posts(50), test=posts(100))
    settings = changed(protocol="words-kept", epochs=12, hidden=16, dimensions=16)
    bundle = read_bundle(release(fit(corpus, tmp_path / "run", settings), tmp_path).path)
    assert bundle.manifest.model.protocol == "words-kept"
    found = evaluate(Predictor(bundle), corpus, "test", ("stripped", "words-kept"))
    assert found["tab-lstm", "words-kept"].f1[0] > 0.9
    assert found["tab-lstm", "stripped"].f1[0] < 0.3  # one of eight, by chance
    assert found[POPULARITY, "-"].f1[0] < 0.3
    assert list(found) == [("tab-lstm", "stripped"), ("tab-lstm", "words-kept"), (POPULARITY, "-")]
