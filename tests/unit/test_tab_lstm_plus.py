"""TAB-LSTM+ computes what its pieces say, can do without each, and drops only while it learns."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch

from export.text import PADDING_ID, UNKNOWN_ID
from tests.support.equations import Floats, hidden_states, parameters, weighted, weights_of
from tests.support.learning import changed
from trainer.errors import TrainerError
from trainer.fitting import start
from trainer.methods.tab_lstm_plus import (
    BOTTLENECK,
    DROPPED_WORDS,
    INGREDIENTS,
    PIECES,
    PlusNetwork,
    TabLstmPlus,
    without,
)
from trainer.network_method import Sizes, Vectors
from trainer.pipeline import fit
from trainer.settings import FitSettings

SIZES = Sizes(words=20, dimensions=6, hashtags=9, topics=4, context=12)
HIDDEN = 5
PLUS = changed(method="tab-lstm+", hidden=HIDDEN)
IDS = [[3, 4, 5, 0, 0], [6, 7, 8, 9, 10], [11, 0, 0, 0, 0], [2, 1, 0, 0, 0]]
CONTEXT = [[2, 3, 2], [4, 0, 0], [0, 0, 0], [1, 5, 0]]
THETA = np.random.default_rng(8).dirichlet(np.ones(SIZES.topics), size=4).astype(np.float32)


def plus(left_out: str = "") -> FitSettings:
    return changed(method="tab-lstm+", hidden=HIDDEN, without=left_out)


def network(left_out: str = "") -> PlusNetwork:
    torch.manual_seed(3)
    vectors = np.random.default_rng(3).normal(size=(SIZES.words, SIZES.dimensions))
    vectors[PADDING_ID] = 0.0
    names = np.random.default_rng(4).normal(size=(SIZES.hashtags, SIZES.dimensions))
    begin = Vectors(vectors.astype(np.float32), names.astype(np.float32))
    net = TabLstmPlus.build(plus(left_out), SIZES, begin).eval()
    with torch.no_grad():
        for name, parameter in net.named_parameters():
            # As a network that has learned: far from the middle of every sigmoid, all pieces alike.
            parameter.mul_(20 if name == "context.weight" else 2)
    return net


def run(
    net: PlusNetwork,
    ids: npt.ArrayLike = IDS,
    context: npt.ArrayLike = CONTEXT,
    theta: npt.ArrayLike = THETA,
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    further = [torch.tensor(context)] * len(net.further)
    with torch.inference_mode():
        logits, attention = net(
            torch.tensor(ids), torch.from_numpy(np.asarray(theta, np.float32)), *further
        )
    return logits.numpy(), attention.numpy()


def mean(vectors: Floats, dimensions: int) -> Floats:
    """Return the mean of rows, zero of none."""
    return np.asarray(vectors.mean(axis=0)) if len(vectors) else np.zeros(dimensions)


def pieces(
    p: dict[str, Floats], ids: list[int], context: list[int], theta: Floats
) -> Iterator[tuple[str, Floats]]:
    """Yield each piece of a post by hand, in the order in which they are put side by side."""
    states = hidden_states(p, ids)
    yield "lstm", weighted(weights_of(p, theta, states), states)
    yield "maximum", states.max(axis=0)
    yield "mean", mean(p["embedding.weight"][ids], SIZES.dimensions)
    known = [number for number in context if number > UNKNOWN_ID]
    yield "context", p["context.weight"][known].sum(axis=0)


def logits_of(p: dict[str, Floats], joined: Floats) -> Floats:
    """Return the logits of pieces side by side, by hand."""
    post = np.tanh(p["bottleneck.weight"] @ joined + p["bottleneck.bias"])
    query = p["match.query.weight"] @ joined + p["match.query.bias"]
    return p["output.weight"] @ post + p["output.bias"] + p["match.names.weight"] @ query


@pytest.mark.parametrize("left_out", ["", "mean", "lstm,maximum"])
def test_at_first_a_name_asks_for_the_mean_of_the_words(left_out: str) -> None:
    vectors = Vectors.zeros(SIZES)
    vectors.names[3] = np.eye(SIZES.dimensions)[2]
    net = TabLstmPlus.build(plus(left_out), SIZES, vectors)
    assert net.match.names.weight.detach().numpy().tolist() == vectors.names.tolist()
    weight = net.match.query.weight.detach().numpy()
    at = 0 if "lstm" in left_out else 2 * HIDDEN
    block = weight[:, at : at + SIZES.dimensions]
    far = np.abs(block - np.eye(SIZES.dimensions)).max()
    assert (far < 0.3) == (left_out != "mean")


def words_of(row: list[int]) -> list[int]:
    return [number for number in row if number != PADDING_ID]


def test_it_is_its_pieces_side_by_side_a_bottleneck_and_what_names_add() -> None:
    net = network()
    p = parameters(net)
    logits, attention = run(net)
    for row, theta in enumerate(THETA.astype(np.float64)):
        ids, context = words_of(IDS[row]), words_of(CONTEXT[row])
        joined = np.concatenate([piece for _, piece in pieces(p, ids, context, theta)])
        assert logits[row] == pytest.approx(logits_of(p, joined), abs=1e-5)
        weights = weights_of(p, theta, hidden_states(p, ids))
        assert attention[row, : len(ids)] == pytest.approx(weights, abs=1e-6)


@pytest.mark.parametrize(
    ("left_out", "gone", "narrower"),
    [
        ("", (), 0),
        ("lstm", ("lstm.", "pool."), 2 * HIDDEN),
        ("maximum", (), HIDDEN),
        ("mean", (), SIZES.dimensions),
        ("context", ("context.",), SIZES.dimensions),
        ("names", ("match.",), 0),
        ("lstm,maximum", ("lstm.", "pool."), 2 * HIDDEN),
        (" mean , context,", ("context.",), 2 * SIZES.dimensions),
        ("dropout", (), 0),
        ("smoothing", (), 0),
        ("decay", (), 0),
        ("discount", (), 0),
    ],
)
def test_what_is_left_out_has_no_parameters(
    left_out: str, gone: tuple[str, ...], narrower: int
) -> None:
    whole, less = network(), network(left_out)
    names = {name for name in whole.state_dict() if not name.startswith(gone or ("-",))}
    assert less.state_dict().keys() == names
    width = 2 * HIDDEN + 2 * SIZES.dimensions
    assert less.bottleneck.weight.shape == (BOTTLENECK, width - narrower)
    assert less.further == (() if "context" in left_out else ("context",))
    logits, attention = run(less)
    assert np.isfinite(logits).all()
    assert attention.sum(axis=1) == pytest.approx(np.ones(4), abs=1e-6)


@pytest.mark.parametrize("left_out", ["lstm", "maximum", "mean", "context"])
def test_the_pieces_that_stay_are_as_they_were(left_out: str) -> None:
    net = network(left_out)
    p = {**parameters(network()), **parameters(net)}
    gone = {left_out, "maximum"} if left_out == "lstm" else {left_out}
    logits, _ = run(net)
    for row, theta in enumerate(THETA.astype(np.float64)):
        found = pieces(p, words_of(IDS[row]), words_of(CONTEXT[row]), theta)
        joined = np.concatenate([piece for name, piece in found if name not in gone])
        assert logits[row] == pytest.approx(logits_of(p, joined), abs=1e-5)


def test_every_piece_can_be_left_out_and_each_reads_something() -> None:
    assert set(PIECES) <= set(INGREDIENTS)
    assert without(plus(",".join(sorted(set(INGREDIENTS) - {"mean"})))) == {*INGREDIENTS} - {"mean"}
    assert without(plus()) == without(plus(" , ")) == frozenset()


@pytest.mark.parametrize("left_out", ["attention", "mean,means", "Mean", "mean;lstm"])
def test_an_ingredient_that_is_none_is_told_with_those_there_are(left_out: str) -> None:
    with pytest.raises(TrainerError, match=rf"--without .*: the ingredients are {INGREDIENTS[0]}"):
        without(plus(left_out))
    with pytest.raises(TrainerError, match="the ingredients are"):
        TabLstmPlus.build(plus(left_out), SIZES, Vectors.zeros(SIZES))


def test_something_must_be_left_to_read() -> None:
    for left_out in ("context,mean,lstm", "context,mean,lstm,maximum,dropout"):
        with pytest.raises(TrainerError, match="leaves nothing to read"):
            without(plus(left_out))


def test_what_cannot_be_left_out_is_told_before_anything_is_learned(
    pointing: Path, tmp_path: Path
) -> None:
    with pytest.raises(TrainerError, match="the ingredients are"):
        fit(pointing, tmp_path / "run", plus("nonsense"))
    assert not (tmp_path / "run").exists()


def test_a_post_of_one_word_is_read() -> None:
    logits, attention = run(network(), [[7]], [[2]], THETA[:1])
    beside, _ = run(network(), [[7, 0, 0], [3, 4, 5]], [[2], [3]], THETA[:2])
    assert logits[0] == pytest.approx(beside[0], abs=1e-5)
    assert attention.tolist() == [[1.0]]
    assert np.isfinite(logits).all()


def test_padding_on_the_right_changes_nothing() -> None:
    net = network()
    logits, attention = run(net, [[3, 4, 5]], [[2, 3]], THETA[:1])
    wide, wide_attention = run(net, [[3, 4, 5] + [0] * 9], [[2, 3] + [0] * 4], THETA[:1])
    assert wide == pytest.approx(logits, abs=1e-5)
    assert wide_attention[:, :3] == pytest.approx(attention, abs=1e-6)
    assert not wide_attention[:, 3:].any()


@pytest.mark.parametrize("left_out", ["", "lstm", "context", "mean"])
def test_the_other_posts_of_a_batch_change_nothing(left_out: str) -> None:
    net = network(left_out)
    together, attention = run(net)
    for row in range(4):
        ids, context = [words_of(IDS[row])], [words_of(CONTEXT[row]) or [0]]
        alone, alone_attention = run(net, ids, context, THETA[row : row + 1])
        assert together[row] == pytest.approx(alone[0], abs=1e-5)
        assert attention[row, : len(ids[0])] == pytest.approx(alone_attention[0], abs=1e-6)


def test_a_row_without_words_stays_finite() -> None:
    logits, attention = run(network(), [[0, 0], [3, 0]], [[0], [2]], THETA[:2])
    assert np.isfinite(logits).all()
    assert np.isfinite(attention).all()


def outputs(net: PlusNetwork, seed: int) -> torch.Tensor:
    torch.manual_seed(seed)
    with torch.no_grad():
        logits: torch.Tensor = net(
            torch.tensor(IDS), torch.from_numpy(THETA), torch.tensor(CONTEXT)
        )[0]
    return logits


def test_parts_are_dropped_only_while_it_learns() -> None:
    net = network()
    calm = outputs(net.eval(), 1)
    assert torch.equal(calm, outputs(net, 2))
    net.train()
    assert not torch.equal(outputs(net, 1), outputs(net, 2))
    assert torch.equal(outputs(net, 1), outputs(net, 1))
    assert torch.equal(outputs(net.eval(), 3), calm)
    steady = network("dropout")
    assert torch.equal(outputs(steady.train(), 1), outputs(steady.eval(), 2))


def test_a_tenth_of_the_words_is_hidden_and_never_padding() -> None:
    net = network().train()
    ids = torch.tensor([[3, 4, 5, 6, 0, 0]] * 5_000)
    torch.manual_seed(5)
    hidden = net._drop_ids(ids, ids != PADDING_ID, UNKNOWN_ID)
    changed_words = hidden != ids
    assert not changed_words[:, 4:].any()
    assert set(hidden[changed_words].tolist()) == {UNKNOWN_ID}
    share = changed_words[:, :4].float().mean().item()
    assert share == pytest.approx(DROPPED_WORDS, abs=0.01)
    assert torch.equal(net.eval()._drop_ids(ids, ids != PADDING_ID, UNKNOWN_ID), ids)


def test_vectors_of_words_and_context_are_moved_by_their_own_rows_alone() -> None:
    training = start(network(), PLUS)
    sparse = {id(p) for p in training.optimisers[1].param_groups[0]["params"]}
    named = dict(training.network.named_parameters())
    assert {name for name, p in named.items() if id(p) in sparse} == {
        "embedding.weight",
        "context.weight",
    }


@pytest.mark.parametrize("left_out", ["", "names", "lstm", "context"])
def test_the_logits_are_the_head_of_the_features(left_out: str) -> None:
    net = network(left_out)
    further = [torch.tensor(CONTEXT)] * len(net.further)
    with torch.inference_mode():
        logits, attention = net(torch.tensor(IDS), torch.from_numpy(THETA), *further)
        features, same = net.features(torch.tensor(IDS), torch.from_numpy(THETA), *further)
        assert net.head()(features).numpy() == pytest.approx(logits.numpy(), abs=1e-5)
    assert torch.equal(same, attention)
