"""Training minimises equation 5, goes the same way each time, and can be interrupted."""

import io
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch

from tests.support.learning import TINY, WORDS, changed, random_examples
from tests.support.training import DEV, EXAMPLES, HASHTAGS, new_network, trained
from trainer import arithmetic, fitting
from trainer.batches import Rows, batches
from trainer.errors import DivergedError
from trainer.fitting import (
    Examples,
    Training,
    evaluate,
    negative_log_likelihood,
    start,
    train,
)
from trainer.metrics import KS, measure
from trainer.networks import HashtagNetwork
from trainer.ragged import Ragged
from trainer.settings import FitSettings


def equal_weights(one: Training, other: Training) -> bool:
    pairs = zip(one.network.parameters(), other.network.parameters(), strict=True)
    return all(torch.equal(a, b) for a, b in pairs)


def test_batches_hold_each_post_once_and_like_lengths() -> None:
    lengths = np.random.default_rng(0).integers(1, 41, size=2_345)
    chunks = list(batches(lengths, 20, np.random.default_rng(1)))
    assert sorted(np.concatenate(chunks).tolist()) == list(range(2_345))
    assert {len(chunk) for chunk in chunks} <= {20, 5}
    spreads = [int(np.ptp(lengths[chunk])) for chunk in chunks]
    assert np.mean(spreads) < 2  # at random it would be 37
    means = np.array([lengths[chunk].mean() for chunk in chunks])
    assert abs(np.corrcoef(means, np.arange(len(means)))[0, 1]) < 0.3  # not from short to long


def test_batches_depend_on_the_seed_and_the_epoch_alone() -> None:
    lengths = np.random.default_rng(0).integers(1, 41, size=300)

    def order(*seed: int) -> list[int]:
        chunks = batches(lengths, 20, np.random.default_rng(list(seed)))
        return [row for chunk in chunks for row in chunk.tolist()]

    assert order(1, 0) == order(1, 0)
    assert len({tuple(order(*seed)) for seed in ((1, 0), (1, 1), (2, 0))}) == 3


def test_each_epoch_and_each_seed_has_its_own_order(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[list[int]] = []

    def step(training: object, examples: object, rows: Rows, *_: object) -> float:
        del training, examples
        seen.append(rows.tolist())
        return 0.0

    monkeypatch.setattr(fitting, "_step", step)
    for seed in (1, 1, 2):
        trained(changed(seed=seed, epochs=2))
    size = len(seen) // 6
    one, two, *again = (seen[at : at + size] for at in range(0, len(seen), size))
    assert again[:2] == [one, two]
    assert one not in (two, *again[2:])
    assert two not in again[2:]


def test_few_posts_are_one_small_batch_and_none_is_no_batch() -> None:
    assert [len(chunk) for chunk in batches(np.ones(3), 20, np.random.default_rng(0))] == [3]  # type: ignore[arg-type]
    assert not list(batches(np.zeros(0, dtype=np.int64), 20, np.random.default_rng(0)))


def test_equal_seeds_give_equal_networks_and_others_do_not() -> None:
    one, history = trained()
    other, again = trained()
    assert equal_weights(one, other)
    assert [epoch.loss for epoch in history] == [epoch.loss for epoch in again]
    assert not equal_weights(one, trained(changed(seed=2))[0])


def test_training_learns_what_was_planted() -> None:
    _, history = trained(changed(epochs=25))
    assert [epoch.number for epoch in history] == list(range(1, 26))
    assert history[-1].loss < history[0].loss / 1.5  # two labels cannot cost less than 2 log 2
    assert history[-1].dev.f1[0] > history[0].dev.f1[0] + 0.2
    assert {epoch.precision for epoch in history} == {"fp32"}


@pytest.mark.parametrize("stopped_after", [1, 2])
@pytest.mark.parametrize("rate_left", [1.0, 0.1])
def test_a_resumed_training_equals_one_without_interruption(
    stopped_after: int, rate_left: float
) -> None:
    settings = changed(epochs=4, rate_left=rate_left)
    whole, history = trained(settings)
    first = start(new_network(settings), settings)
    for _ in zip(range(stopped_after), train(first, EXAMPLES, DEV, settings), strict=False):
        pass
    kept = io.BytesIO()
    torch.save(first.state(), kept)
    second = start(new_network(changed(seed=99)), settings)
    second.restore(torch.load(io.BytesIO(kept.getvalue()), weights_only=True))
    rest = list(train(second, EXAMPLES, DEV, settings))
    assert [epoch.number for epoch in rest] == list(range(stopped_after + 1, 5))
    assert [epoch.loss for epoch in rest] == [epoch.loss for epoch in history[stopped_after:]]
    assert equal_weights(whole, second)


def rates(monkeypatch: pytest.MonkeyPatch, settings: FitSettings, epoch: int = 0) -> list[float]:
    """Return the rate of each batch; all parameters of the network have the same."""
    seen: list[float] = []

    def step(training: Training, examples: object, rows: Rows, *_: object) -> float:
        del examples, rows
        groups = [group for one in training.optimisers for group in one.param_groups]
        assert sum(len(group["params"]) for group in groups) == len(
            list(training.network.parameters())
        )
        [rate] = {group["lr"] for group in groups}
        seen.append(rate)
        return 0.0

    monkeypatch.setattr(fitting, "_step", step)
    training = start(new_network(settings), settings)
    training.epoch = epoch
    list(train(training, EXAMPLES, DEV, settings))
    return seen


def test_the_rate_falls_in_a_line_to_the_share_that_is_left(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings = changed(rate=0.01, rate_left=0.25, epochs=2, batch=30)  # 150 posts: ten batches
    due = [0.01 * (1 - 0.75 * batch / 10) for batch in range(10)]
    assert rates(monkeypatch, settings) == pytest.approx(due)
    assert rates(monkeypatch, settings, epoch=1) == pytest.approx(due[5:])


def test_a_last_batch_that_is_small_counts_by_its_posts(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = changed(rate=0.01, rate_left=0.0, epochs=2, batch=149)
    first, second, *_ = rates(monkeypatch, settings)
    assert first == pytest.approx(0.01)
    assert second in (
        pytest.approx(0.01 * (1 - 149 / 300)),
        pytest.approx(0.01 * (1 - 1 / 300)),
    )


def test_a_rate_that_is_left_whole_never_falls(monkeypatch: pytest.MonkeyPatch) -> None:
    assert set(rates(monkeypatch, changed(rate=0.01))) == {0.01}


def vectors_after(training: Training, *batches_of_rows: Sequence[int]) -> list[torch.Tensor]:
    """Return the word vectors after each batch."""
    found = []
    for rows in batches_of_rows:
        fitting._step(training, EXAMPLES, np.array(rows), TINY, "fp32")
        found.append(training.network.get_parameter("embedding.weight").detach().clone())
    return found


def test_a_batch_moves_the_vectors_of_its_own_words_and_no_others() -> None:
    training = start(new_network(), TINY)
    before = training.network.get_parameter("embedding.weight").detach().clone()
    first, second = vectors_after(training, [0, 1], [2, 3])
    for vectors, earlier, rows in ((first, before, [0, 1]), (second, first, [2, 3])):
        words = set(EXAMPLES.ids.take(np.array(rows)).values.tolist())
        assert 0 < len(words) < WORDS - 1
        for word in range(WORDS):
            assert torch.equal(vectors[word], earlier[word]) == (word not in words), word


def test_words_that_no_post_has_keep_their_vectors() -> None:
    seen = EXAMPLES.ids.values < WORDS // 2
    fewer = Ragged.of([ids[ids < WORDS // 2] for ids in EXAMPLES.ids])
    assert seen.any()
    rows = np.flatnonzero(fewer.lengths)
    examples = Examples(
        fewer.take(rows), EXAMPLES.theta[rows], EXAMPLES.labels.take(rows), EXAMPLES.gold[rows]
    )
    training = start(new_network(), TINY)
    before = training.network.get_parameter("embedding.weight").detach().clone()
    list(train(training, examples, DEV, TINY))
    after = training.network.get_parameter("embedding.weight").detach()
    assert torch.equal(after[WORDS // 2 :], before[WORDS // 2 :])
    assert torch.equal(after[:2], before[:2])  # padding, and the unknown word, which none has
    assert (after[2 : WORDS // 2] != before[2 : WORDS // 2]).any(dim=1).all()


def test_progress_counts_each_post_of_each_epoch() -> None:
    counts: list[int] = []
    list(train(start(new_network(), TINY), EXAMPLES, DEV, TINY, counts.append))
    assert sum(counts) == TINY.epochs * len(EXAMPLES)


def test_the_caller_may_stop_after_any_epoch() -> None:
    training = start(new_network(), TINY)
    assert next(train(training, EXAMPLES, DEV, TINY)).number == 1
    assert training.epoch == 1


def test_topics_that_are_no_numbers_are_told() -> None:
    broken = replace(EXAMPLES, theta=np.full_like(EXAMPLES.theta, np.nan))
    with pytest.raises(DivergedError, match="the loss became nan in epoch 1; lower --rate"):
        list(train(start(new_network(), TINY), broken, DEV, TINY))


def test_a_rate_far_too_high_is_told() -> None:
    settings = changed(rate=1e38)
    with pytest.raises(DivergedError, match=r"the loss became (nan|inf) in epoch 1"):
        list(train(start(new_network(), settings), EXAMPLES, DEV, settings))


def ranked_one_by_one(network: HashtagNetwork, examples: Examples) -> list[list[int]]:
    ranked = []
    for row, ids in enumerate(examples.ids):
        with torch.inference_mode():
            logits, _ = network(
                torch.tensor(ids, dtype=torch.int64)[None],
                torch.from_numpy(examples.theta[row : row + 1]),
            )
        ranked.append(np.argsort(-logits[0].numpy(), kind="stable").tolist())
    return ranked


@pytest.mark.parametrize("hashtags", [HASHTAGS, 3])
def test_evaluate_gives_the_metrics_of_each_post_alone(hashtags: int) -> None:
    examples = random_examples(130, seed=2, hashtags=hashtags)  # more than one batch
    network = new_network(hashtags=hashtags)
    quality, loss = evaluate(network, examples, TINY)
    hits = np.zeros((len(examples), KS[-1]), dtype=np.bool_)
    for row, best in enumerate(ranked_one_by_one(network, examples)):
        found = [hashtag in examples.labels[row].tolist() for hashtag in best[: KS[-1]]]
        hits[row, : len(found)] = found
    due = measure(hits, examples.gold)
    for figures, expected in zip(vars(quality).values(), vars(due).values(), strict=True):
        assert figures == pytest.approx(expected)
    with torch.inference_mode():
        logits, _ = network(
            torch.from_numpy(examples.ids.padded()), torch.from_numpy(examples.theta)
        )
    assert loss == pytest.approx(negative_log_likelihood(logits, examples.labels).item(), rel=1e-5)


def test_training_leaves_no_setting_of_torch_behind() -> None:
    # It would change what the same process computes later: the next fit's topics, for one.
    torch.set_float32_matmul_precision("highest")
    training = train(start(new_network(), TINY), EXAMPLES, DEV, changed(precision="auto"))
    next(training)
    assert torch.get_float32_matmul_precision() == "highest"
    with pytest.raises(DivergedError):
        trained(changed(rate=1e38))
    assert torch.get_float32_matmul_precision() == "highest"


@pytest.mark.parametrize("onednn", [True, False])
def test_bfloat16_learns_about_the_same(monkeypatch: pytest.MonkeyPatch, *, onednn: bool) -> None:
    if not onednn:
        monkeypatch.setattr(arithmetic, "_onednn_has_bf16", lambda: False)
    _, exact = trained()
    _, rounded = trained(changed(precision="bf16"))
    assert [epoch.precision for epoch in rounded] == ["bf16"] * TINY.epochs
    losses = [epoch.loss for epoch in rounded]
    assert losses == pytest.approx([epoch.loss for epoch in exact], rel=0.02)
    assert losses != [epoch.loss for epoch in exact]


def test_the_trial_of_both_arithmetics_leaves_no_trace() -> None:
    network = new_network()
    before = [parameter.clone() for parameter in network.parameters()]
    assert fitting._faster_precision(network, EXAMPLES, TINY) in {"fp32", "bf16"}
    pairs = zip(before, network.parameters(), strict=True)
    assert all(torch.equal(old, new) and new.grad is None for old, new in pairs)


def test_bfloat16_is_not_tried_on_processors_that_are_too_old_for_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(arithmetic, "_onednn_has_bf16", lambda: False)
    assert fitting._faster_precision(new_network(), EXAMPLES, TINY) == "fp32"
    enabled = torch.backends.mkldnn.enabled
    with arithmetic.computing_in("bf16", "cpu"):
        assert not torch.backends.mkldnn.enabled
    assert torch.backends.mkldnn.enabled == enabled


def test_auto_trains_in_the_arithmetic_that_was_faster(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fitting, "_faster_precision", lambda *_: "bf16")
    _, history = trained(changed(precision="auto", epochs=1))
    assert [epoch.precision for epoch in history] == ["bf16"]
