"""A small network and its training, as tests of both need them."""

import numpy as np
import torch

from tests.support.learning import TINY, WORDS, random_examples
from trainer.fitting import (
    Epoch,
    Examples,
    Training,
    start,
    train,
)
from trainer.networks import HashtagNetwork
from trainer.settings import FitSettings

HASHTAGS = 7
EXAMPLES, DEV = random_examples(150), random_examples(60, seed=1)


def new_network(settings: FitSettings = TINY, hashtags: int = HASHTAGS) -> HashtagNetwork:
    vectors = np.random.default_rng(0).normal(size=(WORDS, settings.dimensions)).astype(np.float32)
    torch.manual_seed(settings.seed)
    return HashtagNetwork(settings.method, vectors, hashtags, settings.topics, settings.hidden)


def trained(
    settings: FitSettings = TINY, examples: Examples = EXAMPLES
) -> tuple[Training, list[Epoch]]:
    training = start(new_network(settings), settings)
    return training, list(train(training, examples, DEV, settings))
