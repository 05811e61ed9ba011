"""The loss is equation 5; smoothing and discount change it for learning alone."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from tests.support.learning import changed
from tests.support.training import EXAMPLES, trained
from trainer.fitting import (
    negative_log_likelihood,
)
from trainer.ragged import Ragged


def test_the_loss_is_equation_5_a_post() -> None:
    logits = torch.tensor([[1.0, 2.0, 3.0], [0.5, 0.0, -1.0], [0.0, 0.0, 0.0]])
    labels = Ragged.of([[0, 2], [1], [2]])
    p = np.exp(logits.numpy()) / np.exp(logits.numpy()).sum(axis=1, keepdims=True)
    due = -(np.log(p[0, 0]) + np.log(p[0, 2]) + np.log(p[1, 1]) + np.log(p[2, 2])) / 3
    assert negative_log_likelihood(logits, labels).item() == pytest.approx(due, abs=1e-6)


def test_an_untrained_uniform_network_loses_log_m_a_label() -> None:
    labels = Ragged.of([[0], [1], [2]])
    loss = negative_log_likelihood(torch.zeros(3, 50, dtype=torch.bfloat16), labels)
    assert loss.dtype == torch.float32
    assert loss.item() == pytest.approx(np.log(50))


def test_an_epoch_s_loss_is_the_mean_over_its_posts() -> None:
    settings = changed(rate=0.0, epochs=1)  # nothing is learned, so the loss stands still
    training, [epoch] = trained(settings)
    ids = torch.from_numpy(EXAMPLES.ids.padded())
    with torch.inference_mode():
        logits, _ = training.network(ids, torch.from_numpy(EXAMPLES.theta))
    due = negative_log_likelihood(logits, EXAMPLES.labels).item()
    assert epoch.loss == pytest.approx(due, rel=1e-5)


def test_smoothing_moves_its_share_of_the_loss_to_the_mean_over_all_hashtags() -> None:
    logits = torch.tensor([[1.0, 2.0, 3.0, -1.0], [0.5, 0.0, -1.0, 2.0]])
    labels = Ragged.of([[0, 2], [1]])
    log_p = logits.numpy() - np.log(np.exp(logits.numpy()).sum(axis=1, keepdims=True))
    equation_5 = -(log_p[0, 0] + log_p[0, 2] + log_p[1, 1]) / 2
    due = 0.9 * equation_5 - 0.1 * (log_p[0].sum() / 4 + log_p[1].sum() / 4) / 2
    assert negative_log_likelihood(logits, labels, 0.1).item() == pytest.approx(due, abs=1e-6)
    assert negative_log_likelihood(logits, labels, 0.0).item() == pytest.approx(equation_5)


def test_hashtags_count_what_their_post_is_worth() -> None:
    logits = torch.tensor([[1.0, 2.0, 3.0, -1.0], [0.5, 0.0, -1.0, 2.0]])
    labels = Ragged.of([[0, 2], [1]])
    log_p = logits.numpy() - np.log(np.exp(logits.numpy()).sum(axis=1, keepdims=True))
    due = -(0.5 * (log_p[0, 0] + log_p[0, 2]) + 0.25 * log_p[1, 1]) / 2
    worth = np.array([0.5, 0.25])
    assert negative_log_likelihood(logits, labels, worth=worth).item() == pytest.approx(due)


def test_a_discount_counts_all_hashtags_of_a_post_also_those_out_of_reach() -> None:
    gold = np.full(len(EXAMPLES), 16)
    crowded = replace(EXAMPLES, gold=gold)
    settings = changed(rate=0.0, epochs=1, discount=0.5)
    _, [whole] = trained(changed(rate=0.0, epochs=1), crowded)
    _, [quarter] = trained(settings, crowded)
    assert quarter.loss == pytest.approx(whole.loss / 4)


@pytest.mark.parametrize("setting", ["smoothing", "discount"])
def test_smoothing_and_discount_are_for_learning_alone(setting: str) -> None:
    _, [other] = trained(changed(rate=0.0, epochs=1, **{setting: 0.5}))
    _, [plain] = trained(changed(rate=0.0, epochs=1))
    assert other.dev_loss == plain.dev_loss
    assert other.loss != pytest.approx(plain.loss, rel=1e-3)
