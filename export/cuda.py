"""The serving graph for a GPU: without control flow, in float32 or in half of it.

A CUDA graph holds no loop, so the E-step is written out; shapes are fixed when a session is opened
(`worker.runners`).
"""

import copy
from collections.abc import Sequence

import torch
from torch import Tensor

from export.graph import HashtagHead, PostReader, ServingGraph, TopicInference

STEPS = 25  # at least; as many more as a post that was seen takes


class UnrolledInference(TopicInference):
    """The E-step in a fixed number of steps; posts that have stopped stay as they are."""

    def __init__(self, topics: TopicInference, steps: int) -> None:
        super().__init__(topics.exp_elog_beta.weight.detach().numpy(), topics.alpha.numpy())
        self.steps = steps

    def settled(self, beta: Tensor, gamma: Tensor) -> Tensor:
        """Return γ [B, K] after all steps."""
        running = torch.ones_like(gamma[:, :1], dtype=torch.bool)
        for _ in range(self.steps):
            running, gamma = self.updated(beta, running, gamma)
        return gamma


class HalfReader(PostReader):
    """A network in float16, with inputs and features in float32."""

    def __init__(self, network: PostReader) -> None:
        super().__init__()
        self.network = copy.deepcopy(network).half()
        self.further = network.further

    def features(self, ids: Tensor, theta: Tensor, *further: Tensor) -> tuple[Tensor, Tensor]:
        """Return features [B, F] and attention [B, L]."""
        features, attention = self.network.features(ids, theta.half(), *further)
        return features.float(), attention.float()


class HalfHead(HashtagHead):
    """The last product in float16; probabilities and ranking in float32."""

    def __init__(self, head: HashtagHead) -> None:
        super().__init__(copy.deepcopy(head.output).half(), head.ranked)

    def logits(self, features: Tensor) -> Tensor:
        """Return one number a hashtag [B, M]."""
        logits: Tensor = self.output(features.half())
        return logits.float()


def unrolled(graph: ServingGraph, posts: Sequence[tuple[Tensor, ...]]) -> ServingGraph:
    """Return the graph without a loop, in as many steps as the slowest of these posts takes."""
    topics = UnrolledInference(graph.topics, _steps(graph.topics, posts))
    return ServingGraph(topics, graph.network, graph.head).eval()


def halved(graph: ServingGraph, posts: Sequence[tuple[Tensor, ...]]) -> ServingGraph:
    """Return the graph without a loop and, but for topics and ranking, in float16."""
    topics = UnrolledInference(graph.topics, _steps(graph.topics, posts))
    return ServingGraph(topics, HalfReader(graph.network), HalfHead(graph.head)).eval()


def _steps(topics: TopicInference, posts: Sequence[tuple[Tensor, ...]]) -> int:
    """Return how many steps these posts take, `STEPS` at least."""
    most = STEPS
    with torch.inference_mode():
        for ids, *_ in posts:
            beta = topics.exp_elog_beta(ids)
            steps, _ = topics.looped(beta, torch.ones_like(beta[:, 0, :]))
            most = max(most, int(steps))
    return most
