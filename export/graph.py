"""The served graph as one `nn.Module`: LDA's E-step, the network, softmax and top-k.

In float32 the same module runs in eager mode and as ONNX. It takes arrays and modules, never the
libraries that learned them.
"""

from abc import ABC, abstractmethod

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from export.manifest import IDS

MAX_RANKED = 50

# gensim's `LdaModel.inference`: its defaults, and its guard against a division by zero.
_ITERATIONS = 50
_THRESHOLD = 1e-3
_EPSILON = float(np.finfo(np.float32).eps)


class PostReader(nn.Module, ABC):
    """A network up to its last layer: what the head reads of each post of a batch.

    `embedding` [V, d] are the vectors of words; `further` names the inputs that are read beside the
    word ids, in their order.
    """

    embedding: nn.Embedding
    further: tuple[str, ...] = ()

    @abstractmethod
    def features(self, ids: Tensor, theta: Tensor, *further: Tensor) -> tuple[Tensor, Tensor]:
        """Return features [B, F] and attention [B, L] for ids [B, L] and topics [B, K]."""


def digamma(x: Tensor) -> Tensor:
    """Compute ψ(x) for x > 0 from operators that ONNX has.

    ψ(x) = ψ(x + 4) - Σ 1/(x + i), i < 4, with the sum as one fraction; then the asymptotic
    series (Abramowitz and Stegun, 6.3.18), whose error at x + 4 is below float32's.
    """
    u = x * (x + 3.0)
    shift = (2.0 * x + 3.0) * (2.0 * u + 2.0) / (u * (u + 2.0))
    y = 1.0 / (x + 4.0)
    y2 = y * y
    series = y2 * (1.0 / 12 - y2 * (1.0 / 120 - y2 * (1.0 / 252)))
    return torch.log(x + 4.0) - 0.5 * y - series - shift


class TopicInference(nn.Module):
    """The variational E-step of LDA (Blei et al. 2003), step by step as gensim computes it.

    gensim starts γ at random; here it starts at ones, so that a post always has the same topics.
    A document stops when its mean change falls below gensim's threshold and is frozen from then
    on, as gensim stops each document by itself: without that the two never agree.

    Arguments: `exp_elog_beta`, exp(E[log β]) [V, K], with rows of zeros for words that the topic
    model does not know, padding included; `alpha` [K], the Dirichlet prior.
    """

    alpha: Tensor

    def __init__(
        self, exp_elog_beta: npt.NDArray[np.float32], alpha: npt.NDArray[np.float32]
    ) -> None:
        super().__init__()
        words, topics = exp_elog_beta.shape
        # An embedding, since indexing a tensor becomes the slower GatherND.
        self.exp_elog_beta = nn.Embedding(words, topics)
        self.exp_elog_beta.weight = nn.Parameter(
            torch.from_numpy(exp_elog_beta), requires_grad=False
        )
        self.register_buffer("alpha", torch.from_numpy(alpha))

    def forward(self, ids: Tensor) -> Tensor:
        """Return θ [B, K], the expected topic distribution of posts `ids` [B, L]."""
        beta = self.exp_elog_beta(ids)
        gamma = self.settled(beta, torch.ones_like(beta[:, 0, :]))
        return gamma / gamma.sum(dim=1, keepdim=True)

    def settled(self, beta: Tensor, gamma: Tensor) -> Tensor:
        """Return γ [B, K] when all posts have stopped, from where it starts."""
        return self.looped(beta, gamma)[1]

    def looped(self, beta: Tensor, gamma: Tensor) -> tuple[Tensor, Tensor]:
        """Return how many steps it takes until all posts have stopped, and γ [B, K] then."""

        def unfinished(step: Tensor, running: Tensor, gamma: Tensor) -> Tensor:
            del gamma
            return (step < _ITERATIONS) & running.any()

        def iterate(step: Tensor, running: Tensor, gamma: Tensor) -> tuple[Tensor, Tensor, Tensor]:
            return step + 1, *self.updated(beta, running, gamma)

        running = torch.ones_like(gamma[:, :1], dtype=torch.bool)
        state = (torch.zeros((), dtype=torch.int64), running, gamma)
        if torch.compiler.is_compiling():  # one Loop in ONNX
            state = torch.while_loop(unfinished, iterate, state)  # type: ignore[no-untyped-call]
        else:  # in eager mode `while_loop` would compile at every new shape
            while unfinished(*state):
                state = iterate(*state)
        return state[0], state[2]

    def updated(self, beta: Tensor, running: Tensor, gamma: Tensor) -> tuple[Tensor, Tensor]:
        """Return which posts still run [B, 1], and γ after one more step of those that did."""
        total = gamma.sum(dim=1, keepdim=True)
        psi = digamma(torch.cat((gamma, total), dim=1))
        exp_elog_theta = torch.exp(psi[:, :-1] - psi[:, -1:])
        phi_norm = torch.bmm(beta, exp_elog_theta.unsqueeze(2)) + _EPSILON
        found = torch.bmm((1.0 / phi_norm).transpose(1, 2), beta).squeeze(1)
        new = torch.where(running, self.alpha + exp_elog_theta * found, gamma)
        change = (new - gamma).abs().mean(dim=1, keepdim=True)
        return running & (change >= _THRESHOLD), new


class HashtagHead(nn.Module):
    """Features → the best `ranked` hashtags and their probabilities (equation 4 of the paper).

    `output` is the layer that gives one logit a hashtag, weights [M, F].
    """

    def __init__(self, output: nn.Linear, ranked: int) -> None:
        super().__init__()
        self.output = output
        self.ranked = ranked

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Return hashtags [B, k], row numbers, and their scores [B, k], best first."""
        probabilities = torch.softmax(self.logits(features), dim=1)
        scores, hashtags = torch.topk(probabilities, self.ranked, dim=1)
        return hashtags, scores

    def logits(self, features: Tensor) -> Tensor:
        """Return one number a hashtag [B, M]."""
        logits: Tensor = self.output(features)
        return logits


class ServingGraph(nn.Module):
    """ids → topics, ranking, scores and attention: all that a worker asks for."""

    def __init__(self, topics: TopicInference, network: PostReader, head: HashtagHead) -> None:
        super().__init__()
        self.topics = topics
        self.network = network
        self.head = head

    @property
    def inputs(self) -> tuple[str, ...]:
        """The names of the inputs, in the order of `forward`."""
        return (IDS, *self.network.further)

    def forward(self, ids: Tensor, *further: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return θ [B, K], hashtags [B, k] (row numbers), scores [B, k], attention [B, L]."""
        theta = self.topics(ids)
        features, attention = self.network.features(ids, theta, *further)
        hashtags, scores = self.head(features)
        return theta, hashtags, scores, attention
