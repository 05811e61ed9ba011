"""The networks of the paper (sections 3.1, 3.3 and 4.2.1): one LSTM, and what pools its states."""

from abc import ABC, abstractmethod

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from export.graph import PostReader
from export.text import PADDING_ID

HIDDEN = 500  # paper, section 4.2.2


class Pooling(nn.Module, ABC):
    """States [B, L, d] of the words of posts → one vector a post, and the weight of each word."""

    def forward(self, states: Tensor, words: Tensor, theta: Tensor) -> tuple[Tensor, Tensor]:
        """Return the posts' vectors [B, d] and the attention [B, L]; `words` [B, L] is a mask."""
        attention = self.attention(states, words, theta)
        return torch.bmm(attention.unsqueeze(1), states).squeeze(1), attention

    @abstractmethod
    def attention(self, states: Tensor, words: Tensor, theta: Tensor) -> Tensor:
        """Return the weight of each word [B, L]: zero on padding, one in all."""


class LastState(Pooling):
    """LSTM: the last hidden state represents the post. All attention is on the last word."""

    def attention(self, states: Tensor, words: Tensor, theta: Tensor) -> Tensor:
        """Return one for the last word and zero for all others."""
        del theta
        positions = torch.arange(words.shape[1], device=words.device)
        last = words.sum(dim=1, keepdim=True) - 1
        return (positions == last).to(states.dtype)


class MeanState(Pooling):
    """AVG-LSTM: the mean of the states. All words have the same attention."""

    def attention(self, states: Tensor, words: Tensor, theta: Tensor) -> Tensor:
        """Return one share for each word."""
        del theta
        share = words.to(states.dtype)
        return share / share.sum(dim=1, keepdim=True).clamp(min=1.0)


class Attention(Pooling):
    """States weighted by how well each matches a query q of the whole post.

    g_j = v_a · tanh(W_a q + U_a h_j), a = softmax(g), vec = Σ a_j h_j (equations 2 and 3).
    """

    def __init__(self, query: int, hidden: int) -> None:
        super().__init__()
        self.w = nn.Linear(query, hidden, bias=False)
        self.u = nn.Linear(hidden, hidden, bias=False)
        self.v = nn.Linear(hidden, 1, bias=False)  # as a Linear it can be quantised, a vector not

    def weights(self, query: Tensor, states: Tensor, words: Tensor) -> Tensor:
        """Return a [B, L] for queries [B, Q]."""
        match = self.v(torch.tanh(self.w(query).unsqueeze(1) + self.u(states))).squeeze(2)
        # The least finite number, not -inf: a row without a word stays finite.
        match = match.masked_fill(~words, torch.finfo(match.dtype).min)
        return torch.softmax(match, dim=1)


class TopicalAttention(Attention):
    """TAB-LSTM: the query is the post's topics θ [B, K]."""

    def attention(self, states: Tensor, words: Tensor, theta: Tensor) -> Tensor:
        """Return how well each state matches the topics."""
        return self.weights(theta, states, words)


class LastStateAttention(Attention):
    """VAB-LSTM: the query is the last hidden state h_N (section 4.2.1)."""

    def __init__(self, hidden: int) -> None:
        super().__init__(hidden, hidden)
        self.last = LastState()

    def attention(self, states: Tensor, words: Tensor, theta: Tensor) -> Tensor:
        """Return how well each state matches the last one."""
        last, _ = self.last(states, words, theta)
        return self.weights(last, states, words)


def pooling(method: str, topics: int, hidden: int) -> Pooling:
    """Return what tells the four methods of the paper apart."""
    if method == "lstm":
        return LastState()
    if method == "avg-lstm":
        return MeanState()
    if method == "vab-lstm":
        return LastStateAttention(hidden)
    return TopicalAttention(topics, hidden)


def word_embedding(vectors: npt.NDArray[np.float32]) -> nn.Embedding:
    """Return pre-trained vectors [V, dim] that go on learning; padding's row stays zero.

    Its gradient is sparse: only rows of words that a batch has are touched.
    """
    words, dimensions = vectors.shape
    weight = torch.from_numpy(vectors.copy())
    return nn.Embedding(words, dimensions, padding_idx=PADDING_ID, _weight=weight, sparse=True)


class WordLSTM(nn.LSTM):
    """An LSTM over word vectors, whose states depend on nothing else: one may serve it by words."""

    def __init__(self, dimensions: int, hidden: int) -> None:
        super().__init__(dimensions, hidden, batch_first=True)

    def forward(self, ids: Tensor, vectors: Tensor) -> Tensor:  # type: ignore[override]
        """Return the states [B, L, H] of words `ids` [B, L] with their vectors [B, L, d]."""
        del ids
        states: Tensor
        states, _ = super().forward(vectors)
        return states


class Network(PostReader):
    """Word ids [B, L], θ [B, K] and further inputs → logits [B, M] and attention [B, L].

    The logits are a linear layer, the head, of the post's features.
    """

    @abstractmethod
    def head(self) -> nn.Linear:
        """Return the layer from features to logits, weights [M, F]."""


class HashtagNetwork(Network):
    """Embedding → LSTM (equation 1) → pooling → one logit a hashtag.

    Arguments: `vectors` [V, dim], the pre-trained word vectors, whose padding row is zero;
    `hashtags`, the number M of classes; `topics`, the length K of θ.
    """

    def __init__(
        self,
        method: str,
        vectors: npt.NDArray[np.float32],
        hashtags: int,
        topics: int,
        hidden: int = HIDDEN,
    ) -> None:
        super().__init__()
        self.embedding = word_embedding(vectors)
        self.lstm = WordLSTM(vectors.shape[1], hidden)
        self.pool = pooling(method, topics, hidden)
        self.output = nn.Linear(hidden, hashtags)

    def forward(self, ids: Tensor, theta: Tensor) -> tuple[Tensor, Tensor]:
        """Return logits [B, M] and attention [B, L] for ids [B, L] and θ [B, K].

        Padding stands on the right, so it changes no state of a word before it.
        """
        post, attention = self.features(ids, theta)
        return self.output(post), attention

    def features(self, ids: Tensor, theta: Tensor, *further: Tensor) -> tuple[Tensor, Tensor]:
        """Return the posts' vectors [B, H] and the attention [B, L]."""
        del further
        states = self.lstm(ids, self.embedding(ids))
        pooled: tuple[Tensor, Tensor] = self.pool(states, ids != PADDING_ID, theta)
        return pooled

    def head(self) -> nn.Linear:
        """Return the output layer."""
        return self.output
