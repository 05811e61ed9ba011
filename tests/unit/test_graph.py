from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pytest
import torch
from scipy import special

from export.bundle import Bundle
from export.graph import ServingGraph, TopicInference, digamma
from export.manifest import OUTPUTS, Tolerance
from export.onnx_graph import export_onnx
from export.parity import Answer, compare
from export.text import PADDING_ID, UNKNOWN_ID
from trainer.ragged import Ragged
from trainer.release import Reference
from trainer.runs import Run
from trainer.topics import TopicModel, gensim_inference
from worker.ort import ort
from worker.sessions import open_session

Outputs = dict[str, npt.NDArray[np.float32]]
Ids = npt.NDArray[np.int64]
NEAR = Tolerance(theta=2e-6, scores=1e-6)


@pytest.fixture(scope="module")
def eager(run: Run) -> ServingGraph:
    return Reference.of(run).graph()


@pytest.fixture(scope="module")
def session(bundle: Bundle) -> ort.InferenceSession:
    return open_session(bundle.graph("cpu-fp32"), bundle.weights("cpu-fp32"))


def served(session: ort.InferenceSession, ids: Ids) -> Outputs:
    return dict(zip(OUTPUTS, session.run(list(OUTPUTS), {"ids": ids}), strict=True))


def random_ids(words: int, shape: tuple[int, int], seed: int = 0) -> Ids:
    return np.random.default_rng(seed).integers(UNKNOWN_ID, words, shape)


def padded(posts: Sequence[Ids], width: int) -> Ids:
    out = np.full((len(posts), width), PADDING_ID, dtype=np.int64)
    for row, post in enumerate(posts):
        out[row, : len(post)] = post
    return out


def answers(outputs: Outputs) -> list[Answer]:
    rows = zip(outputs["theta"], outputs["hashtags"], outputs["scores"], strict=True)
    return [Answer(theta, hashtags.astype(np.int64), scores) for theta, hashtags, scores in rows]


def words_of(bundle: Bundle) -> int:
    return bundle.manifest.model.vocabulary


class TestDigamma:
    def test_is_that_of_scipy(self) -> None:
        x = np.geomspace(1e-3, 1e4, 20_000).astype(np.float32)
        expected = special.digamma(x.astype(np.float64))
        error = np.abs(digamma(torch.from_numpy(x)).numpy() - expected)
        assert np.all(error <= 2e-6 * np.maximum(1.0, np.abs(expected)))


class TestOnnx:
    @pytest.mark.parametrize("shape", [(1, 1), (1, 40), (2, 3), (7, 1), (32, 12), (129, 5)])
    def test_is_the_eager_module(
        self,
        bundle: Bundle,
        eager: ServingGraph,
        session: ort.InferenceSession,
        shape: tuple[int, int],
    ) -> None:
        ids = random_ids(words_of(bundle), shape)
        with torch.inference_mode():
            expected = dict(zip(OUTPUTS, eager(torch.from_numpy(ids)), strict=True))
        actual = served(session, ids)
        np.testing.assert_allclose(actual["attention"], expected["attention"].numpy(), atol=2e-6)
        compare(answers({n: t.numpy() for n, t in expected.items()}), answers(actual), NEAR)

    def test_topics_attention_and_scores_are_shares(
        self, bundle: Bundle, session: ort.InferenceSession
    ) -> None:
        actual = served(session, random_ids(words_of(bundle), (20, 9)))
        np.testing.assert_allclose(actual["theta"].sum(axis=1), 1, atol=1e-5)
        np.testing.assert_allclose(actual["attention"].sum(axis=1), 1, atol=1e-5)
        assert np.all(np.diff(actual["scores"], axis=1) <= 0)
        assert np.all(actual["scores"].sum(axis=1) <= 1 + 1e-5)

    def test_padding_a_post_changes_nothing(
        self, bundle: Bundle, session: ort.InferenceSession
    ) -> None:
        ids = random_ids(words_of(bundle), (6, 7))
        bare, wide = served(session, ids), served(session, padded(list(ids), 19))
        compare(answers(bare), answers(wide), NEAR)
        np.testing.assert_allclose(wide["attention"][:, :7], bare["attention"], atol=1e-6)
        assert not wide["attention"][:, 7:].any()

    def test_the_neighbours_in_a_batch_change_nothing(
        self, bundle: Bundle, session: ort.InferenceSession
    ) -> None:
        ids = random_ids(words_of(bundle), (48, 11))
        order = np.random.default_rng(1).permutation(len(ids))
        together, shuffled = served(session, ids), served(session, ids[order])
        np.testing.assert_allclose(shuffled["attention"], together["attention"][order], atol=1e-6)
        expected = answers(together)
        compare([expected[row] for row in order], answers(shuffled), NEAR)
        alone = [answers(served(session, ids[row : row + 1]))[0] for row in range(len(ids))]
        compare(expected, alone, NEAR)

    def test_that_torch_makes_no_program_of_is_an_error(
        self, eager: ServingGraph, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(torch.onnx, "export", lambda *_args, **_options: None)
        with pytest.raises(RuntimeError, match="no program"):
            export_onnx(eager)


@pytest.fixture(scope="module")
def model() -> TopicModel:
    """A sharp topic model that does not know the two special words, nor every ninth."""
    random = np.random.default_rng(3)
    beta = random.dirichlet(np.full(8, 0.1), size=200).astype(np.float32) + np.float32(1e-6)
    beta[[0, 1]] = 0
    beta[9::9] = 0
    return TopicModel(beta, np.full(8, 1 / 8, dtype=np.float32))


class TestTopicInference:
    @pytest.mark.parametrize("length", [1, 2, 5, 17, 40])
    def test_is_gensims(self, model: TopicModel, length: int) -> None:
        posts = random_ids(200, (64, length), seed=length)
        self._compare(model, list(posts))

    def test_is_gensims_for_posts_of_different_lengths(self, model: TopicModel) -> None:
        lengths = np.random.default_rng(4).integers(1, 40, 64)
        self._compare(model, [random_ids(200, (1, n), seed=int(n))[0] for n in lengths])

    def test_of_no_known_word_is_the_prior(self, model: TopicModel) -> None:
        for post in ([UNKNOWN_ID], [9, 18, UNKNOWN_ID]):
            self._compare(model, [np.array(post)])
            theta = self._theta(model, np.array([post]))
            np.testing.assert_allclose(theta, 1 / 8, atol=1e-6)

    def test_of_an_empty_post_is_the_prior(self, model: TopicModel) -> None:
        theta = self._theta(model, np.full((1, 4), PADDING_ID))
        np.testing.assert_allclose(theta, gensim_inference(model, Ragged.of([[]])), atol=1e-6)

    def _theta(self, model: TopicModel, ids: Ids) -> npt.NDArray[np.float32]:
        inference = TopicInference(model.exp_elog_beta, model.alpha).eval()
        with torch.inference_mode():
            theta: npt.NDArray[np.float32] = inference(torch.from_numpy(ids)).numpy()
        return theta

    def _compare(self, model: TopicModel, posts: list[Ids]) -> None:
        expected = gensim_inference(model, Ragged.of(posts))
        actual = self._theta(model, padded(posts, max(map(len, posts))))
        np.testing.assert_allclose(actual, expected, atol=2e-5)
