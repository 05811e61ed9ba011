"""The networks compute what the paper's equations say."""

import numpy as np
import numpy.typing as npt
import pytest
import torch

from tests.support.equations import hidden_states, parameters, softmax, weighted, weights_of
from trainer.networks import HashtagNetwork
from trainer.settings import Method

WORDS, DIMENSIONS, HIDDEN, TOPICS, HASHTAGS = 20, 6, 5, 4, 9
METHODS: list[Method] = ["tab-lstm", "vab-lstm", "avg-lstm", "lstm"]


def network(method: Method) -> HashtagNetwork:
    torch.manual_seed(3)
    vectors = np.random.default_rng(3).normal(size=(WORDS, DIMENSIONS)).astype(np.float32)
    vectors[0] = 0.0
    net = HashtagNetwork(method, vectors, HASHTAGS, TOPICS, HIDDEN).eval()
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.mul_(3)  # far from the middle of every sigmoid, as a network that has learned
    return net


def run(
    net: HashtagNetwork, ids: npt.ArrayLike, theta: npt.ArrayLike
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    with torch.inference_mode():
        logits, attention = net(torch.tensor(ids), torch.from_numpy(np.asarray(theta, np.float32)))
    return logits.numpy(), attention.numpy()


def test_tab_lstm_is_equations_1_to_4() -> None:
    net, random = network("tab-lstm"), np.random.default_rng(1)
    p = parameters(net)
    for length in (1, 2, 7, 12):
        ids = random.integers(1, WORDS, size=length).tolist()
        theta = random.dirichlet(np.ones(TOPICS))
        states = hidden_states(p, ids)
        weights = weights_of(p, theta, states)  # equation 3
        vec = weighted(weights, states)  # equation 2
        scores = softmax(p["output.weight"] @ vec + p["output.bias"])  # equation 4
        logits, found = run(net, [ids], [theta])
        assert found[0] == pytest.approx(weights, abs=1e-6)
        assert softmax(logits[0].astype(np.float64)) == pytest.approx(scores, abs=1e-6)


def test_lstm_reads_the_state_of_the_last_word() -> None:
    net = network("lstm")
    p = parameters(net)
    ids = [[3, 4, 5, 0, 0], [6, 7, 8, 9, 10], [11, 0, 0, 0, 0]]
    logits, attention = run(net, ids, np.full((3, TOPICS), 1 / TOPICS))
    for row, words in enumerate(ids):
        length = np.count_nonzero(words)
        last = hidden_states(p, words[:length])[-1]
        assert logits[row] == pytest.approx(p["output.weight"] @ last + p["output.bias"], abs=1e-6)
        assert attention[row].tolist() == [float(at == length - 1) for at in range(5)]


def test_avg_lstm_is_the_mean_of_the_states_of_the_words() -> None:
    net = network("avg-lstm")
    p = parameters(net)
    ids = [[3, 4, 5, 0, 0], [6, 7, 8, 9, 10], [11, 0, 0, 0, 0]]
    logits, attention = run(net, ids, np.full((3, TOPICS), 1 / TOPICS))
    for row, words in enumerate(ids):
        length = np.count_nonzero(words)
        mean = hidden_states(p, words[:length]).sum(axis=0) / length
        assert logits[row] == pytest.approx(p["output.weight"] @ mean + p["output.bias"], abs=1e-6)
        assert attention[row] == pytest.approx([1 / length] * length + [0] * (5 - length))


def test_vab_lstm_is_equations_2_and_3_with_the_last_state_for_the_topics() -> None:
    net = network("vab-lstm")
    p = parameters(net)
    assert p["pool.w.weight"].shape == (HIDDEN, HIDDEN)
    ids = [[3, 4, 5, 0, 0, 0, 0], [6, 7, 8, 9, 10, 12, 13], [11, 0, 0, 0, 0, 0, 0]]
    logits, found = run(net, ids, np.full((3, TOPICS), 1 / TOPICS))
    for row, words in enumerate(ids):
        length = np.count_nonzero(words)
        states = hidden_states(p, words[:length])
        weights = weights_of(p, states[-1], states)  # h_N of the words, not of padding
        vec = weighted(weights, states)
        assert found[row, :length] == pytest.approx(weights, abs=1e-6)
        assert logits[row] == pytest.approx(p["output.weight"] @ vec + p["output.bias"], abs=1e-6)


def test_only_tab_lstm_reads_the_topics() -> None:
    ids, thetas = [[3, 4, 5]] * 2, np.eye(TOPICS)[:2]
    for method in METHODS[1:]:
        logits, _ = run(network(method), ids, thetas)
        assert logits[0] == pytest.approx(logits[1], abs=1e-6)
    _, attention = run(network("tab-lstm"), ids, thetas)
    assert np.abs(attention[0] - attention[1]).max() > 1e-3


def test_attention_sums_to_one_over_the_words_and_is_zero_on_padding() -> None:
    random = np.random.default_rng(2)
    ids = random.integers(1, WORDS, size=(30, 12))
    for row in range(30):
        ids[row, 1 + row % 12 :] = 0
    theta = random.dirichlet(np.ones(TOPICS), size=30)
    for method in METHODS:
        _, attention = run(network(method), ids, theta)
        assert (attention[ids == 0] == 0.0).all()
        assert (attention >= 0).all()
        assert attention.sum(axis=1) == pytest.approx(np.ones(30), abs=1e-6)


@pytest.mark.parametrize("method", METHODS)
def test_padding_on_the_right_changes_nothing(method: Method) -> None:
    net, theta = network(method), [[0.7, 0.1, 0.1, 0.1]]
    logits, attention = run(net, [[3, 4, 5]], theta)
    padded_logits, padded_attention = run(net, [[3, 4, 5] + [0] * 9], theta)
    assert padded_logits == pytest.approx(logits, abs=1e-6)
    assert padded_attention[:, :3] == pytest.approx(attention, abs=1e-6)


@pytest.mark.parametrize("method", METHODS)
def test_the_other_posts_of_a_batch_change_nothing(method: Method) -> None:
    net, random = network(method), np.random.default_rng(4)
    ids = random.integers(1, WORDS, size=(8, 10))
    theta = random.dirichlet(np.ones(TOPICS), size=8)
    together, _ = run(net, ids, theta)
    alone = np.concatenate([run(net, ids[i : i + 1], theta[i : i + 1])[0] for i in range(8)])
    assert together == pytest.approx(alone, abs=1e-6)


@pytest.mark.parametrize("method", METHODS)
def test_a_row_without_words_stays_finite(method: Method) -> None:
    logits, attention = run(network(method), [[0, 0], [3, 0]], np.full((2, TOPICS), 1 / TOPICS))
    assert np.isfinite(logits).all()
    assert np.isfinite(attention).all()


def test_the_padding_vector_does_not_learn() -> None:
    net = network("tab-lstm").train()
    logits, _ = net(torch.tensor([[3, 0]]), torch.full((1, TOPICS), 1 / TOPICS))
    logits.sum().backward()
    assert net.embedding.weight.grad is not None
    gradient = net.embedding.weight.grad.to_dense()
    assert gradient[3].abs().sum() > 0
    assert gradient[0].abs().sum() == 0


@pytest.mark.parametrize("method", METHODS)
def test_the_logits_are_the_head_of_the_features(method: Method) -> None:
    net = network(method)
    ids, theta = torch.tensor([[3, 4, 5, 0], [6, 7, 8, 9]]), torch.full((2, TOPICS), 1 / TOPICS)
    with torch.inference_mode():
        logits, attention = net(ids, theta)
        features, same = net.features(ids, theta)
        assert torch.equal(net.head()(features), logits)
    assert torch.equal(same, attention)
