"""The int8 graph: integers chosen well, the same arithmetic as by hand, and stable answers."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import pytest
import torch
from torch import Tensor, nn

from export import onnx_graph
from export.bundle import Bundle, read_bundle
from export.graph import HashtagHead
from export.int8 import (
    EXACT,
    LEVELS,
    Int8Head,
    Int8Linear,
    Int8LSTM,
    Int8Weights,
    Observed,
    rounded,
)
from export.manifest import CPU_FP32, CPU_INT8, CPU_VARIANTS
from export.onnx_graph import to_onnx
from tests.support.equations import sigmoid
from trainer.networks import WordLSTM
from trainer.release import release
from trainer.runs import Run
from worker.predictor import Predictor
from worker.sessions import open_session

Floats = npt.NDArray[np.float32]


def correlated(rows: int, width: int, seed: int = 0) -> Tensor:
    """Inputs that lie near a few directions, as the states of a network do."""
    random = torch.Generator().manual_seed(seed)
    few = torch.randn(rows, width // 4, generator=random)
    mixed = few @ torch.randn(width // 4, width, generator=random)
    mixed += 0.3 * torch.randn(rows, width, generator=random)
    return mixed / mixed.abs().max()


def observed(inputs: Tensor) -> Observed:
    seen = Observed.nothing(inputs.shape[-1])
    seen.add(inputs)
    return seen


def run(module: nn.Module, *inputs: Tensor) -> list[Floats]:
    """Run a module by ONNX Runtime."""
    named = {f"input_{at}": tensor for at, tensor in enumerate(inputs)}
    graph = to_onnx(module, named, tuple({0: torch.export.Dim.AUTO} for _ in inputs), [])
    session = open_session(graph.model, graph.weights)
    read = [item.name for item in session.get_inputs()]
    outputs: list[Floats] = session.run(None, {name: named[name].numpy() for name in read})
    return outputs


class TestRounding:
    weights = torch.randn(50, 24, generator=torch.Generator().manual_seed(1))
    scale = weights.abs().amax(dim=1).double() / LEVELS

    def test_without_correlation_each_weight_goes_to_the_nearest_integer(self) -> None:
        found = rounded(self.weights, self.scale, torch.eye(24, dtype=torch.float64))
        nearest = torch.round(self.weights / self.scale[:, None])
        assert torch.equal(found.double(), nearest.double())

    def test_with_correlation_the_product_is_nearer_than_with_the_nearest_integers(self) -> None:
        inputs = correlated(2_000, 24).double()
        due = inputs @ self.weights.double().T
        found = rounded(self.weights, self.scale, inputs.T @ inputs).double()
        nearest = torch.round(self.weights / self.scale[:, None]).double()
        errors = [
            (inputs @ (some * self.scale[:, None]).T - due).square().mean()
            for some in (found, nearest)
        ]
        assert errors[0] < 0.7 * errors[1]
        assert found.abs().max() <= LEVELS

    def test_a_row_of_zeros_stays_one(self) -> None:
        weights = Int8Weights(torch.zeros(3, 8), torch.eye(8, dtype=torch.float64))
        assert not weights.integers.any()
        assert torch.isfinite(weights.scale).all()


class TestLinear:
    def test_is_the_product_of_integers(self) -> None:
        linear, inputs = nn.Linear(24, 10), correlated(64, 24) * 5
        small = Int8Linear(linear, observed(inputs)).eval()
        [found] = run(small, inputs)
        q = torch.round(inputs * small.inverse * LEVELS).clamp(-128, 127).double()
        due = q @ small.weights.integers.double() / LEVELS * small.weights.scale + linear.bias
        assert found == pytest.approx(due.detach().numpy(), abs=1e-5)
        exact = linear(inputs).detach().numpy()
        assert np.abs(found - exact).max() < 0.03 * np.abs(exact).max()

    def test_inputs_beyond_what_was_seen_are_cut(self) -> None:
        linear, inputs = nn.Linear(8, 4), correlated(64, 8)
        small = Int8Linear(linear, observed(inputs)).eval()
        edge = observed(inputs).largest[None]
        near, far = run(small, edge)[0], run(small, 9 * edge)[0]
        assert far == pytest.approx(near, abs=1e-6)


class TestLstm:
    words, dimensions, hidden = 30, 6, 8

    def small(self) -> tuple[WordLSTM, Tensor, Int8LSTM]:
        torch.manual_seed(4)
        lstm, vectors = WordLSTM(self.dimensions, self.hidden), torch.randn(30, self.dimensions)
        with torch.no_grad():
            for parameter in lstm.parameters():
                parameter.mul_(2)
            states = lstm(torch.empty(0), vectors[torch.randint(1, 30, (200, 9))])
        return lstm, vectors, Int8LSTM(vectors, lstm, observed(states[:, :-1])).eval()

    def test_is_the_recurrence_by_hand(self) -> None:
        _, vectors, small = self.small()
        ids = torch.randint(1, self.words, (5, 7))
        [found] = run(small, ids, vectors[ids])
        w = small.recurrent
        weights = w.integers.double().numpy() * w.scale.numpy() / LEVELS
        for row, post in enumerate(ids.tolist()):
            h = c = np.zeros(self.hidden)
            for at, word in enumerate(post):
                gates = np.round(h * LEVELS) @ weights + small.words[word].double().numpy()
                i, f, g, o = np.split(gates, 4)
                c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
                h = sigmoid(o) * np.tanh(c)
                assert found[row, at] == pytest.approx(h, abs=2e-3)  # a rounding may fall apart

    def test_its_loop_has_the_weights_so_that_sums_are_exact_on_any_processor(self) -> None:
        _, vectors, small = self.small()
        ids = torch.ones(1, 2, dtype=torch.int64)
        axes = ({0: torch.export.Dim.AUTO},) * 2
        graph = to_onnx(small, {"ids": ids, "vectors": vectors[ids]}, axes, [])
        [scan] = (node for node in onnx.load_from_string(graph.model).graph.node
                  if node.op_type == "Scan")  # fmt: skip
        body = next(one.g for one in scan.attribute if one.name == "body")
        own = {constant.name for constant in body.initializer}
        [product] = (node for node in body.node if node.op_type == "MatMulIntegerToFloat")
        assert set(product.input[1:]) <= own

    def test_is_near_the_lstm(self) -> None:
        lstm, vectors, small = self.small()
        ids = torch.randint(1, self.words, (40, 12))
        [found] = run(small, ids, vectors[ids])
        with torch.inference_mode():
            exact = lstm(ids, vectors[ids]).numpy()
        assert np.abs(found - exact).max() < 0.03


class TestHead:
    @pytest.mark.parametrize("hashtags", [5, 200])
    def test_scores_the_best_exactly_and_the_rest_nearly(self, hashtags: int) -> None:
        torch.manual_seed(5)
        output, features = nn.Linear(24, hashtags), correlated(300, 24)
        with torch.no_grad():
            output.weight.mul_(20)
        head = HashtagHead(output, min(50, hashtags))
        ranked, scores = run(Int8Head(head, observed(features)).eval(), features)
        with torch.inference_mode():
            due_ranked, due_scores = (tensor.numpy() for tensor in head(features))
        assert np.mean(ranked[:, 0] == due_ranked[:, 0]) > 0.99
        ratio = scores[:, 0] / due_scores[:, 0]  # of one post only the sum is inexact
        assert np.abs(ratio - 1).max() < 0.02
        exact = torch.softmax(output(features), dim=1).detach().numpy()
        for row in range(len(features)):
            best = ranked[row, : min(EXACT, hashtags) // 2]
            ratios = scores[row, : len(best)] / exact[row, best]
            assert np.ptp(ratios) < 1e-4
        assert (np.diff(scores, axis=1) <= 0).all()
        assert (scores.sum(axis=1) <= 1 + 1e-5).all()
        assert all(len(set(row)) == len(row) for row in ranked.tolist())


@pytest.fixture(scope="module")
def small(bundle: Bundle) -> Predictor:
    return Predictor(bundle, CPU_INT8)


def test_the_variant_is_near_float32(predictor: Predictor, small: Predictor) -> None:
    words = sorted(predictor.bundle.tokenizer().get_vocab())
    texts = [" ".join(words[at : at + 1 + at % 9]) for at in range(len(words) - 9)]
    inputs = [item for item in small.encode(texts) if not item.empty]
    pairs = list(zip(predictor.predict(inputs), small.predict(inputs), strict=True))
    assert np.mean([one.hashtags[0] == other.hashtags[0] for one, other in pairs]) > 0.95
    assert max(np.abs(one.theta - other.theta).max() for one, other in pairs) < 1e-5
    assert 1e-6 < max(np.abs(one.scores - other.scores).max() for one, other in pairs) < 0.05


def test_variants_share_weights_that_are_the_same(
    run: Run, bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(onnx_graph, "LARGE", 2**12)
    apart = read_bundle(release(run, tmp_path).path)
    cards = apart.manifest.variants
    shared = set(cards[CPU_FP32].weights) & set(cards[CPU_INT8].weights)
    assert shared
    assert shared < set(cards[CPU_FP32].weights)
    texts = [hashtag.canonical for hashtag in bundle.hashtags()]
    for name in CPU_VARIANTS:
        one, other = Predictor(bundle, name), Predictor(apart, name)
        assert len(apart.graph(name)) < len(bundle.graph(name))
        inputs = one.encode(texts)
        for due, found in zip(one.predict(inputs), other.predict(inputs), strict=True):
            assert np.array_equal(due.scores, found.scores)
