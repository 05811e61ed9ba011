"""The networks of the paper (sections 3.1, 3.3 and 4.2.1): one LSTM, and what pools its states."""

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from export.text import PADDING_ID
from trainer.settings import Method

HIDDEN = 500  # paper, section 4.2.2


class LastState(nn.Module):
    """LSTM: the last hidden state represents the post. All attention is on the last word."""

    def forward(self, states: Tensor, words: Tensor, theta: Tensor) -> tuple[Tensor, Tensor]:
        """Return the post's vector [B, d] and the attention [B, L]."""
        del theta
        positions = torch.arange(words.shape[1], device=words.device)
        last = words.sum(dim=1, keepdim=True) - 1
        attention = (positions == last).to(states.dtype)
        return torch.bmm(attention.unsqueeze(1), states).squeeze(1), attention


class TopicalAttention(nn.Module):
    """TAB-LSTM: the states weighted by how well each matches the post's topics.

    g_j = v_a · tanh(W_a θ + U_a h_j), a = softmax(g), vec = Σ a_j h_j (equations 2 and 3).
    """

    def __init__(self, topics: int, hidden: int) -> None:
        super().__init__()
        self.w = nn.Linear(topics, hidden, bias=False)
        self.u = nn.Linear(hidden, hidden, bias=False)
        self.v = nn.Linear(hidden, 1, bias=False)  # as a Linear it can be quantised, a vector not

    def forward(self, states: Tensor, words: Tensor, theta: Tensor) -> tuple[Tensor, Tensor]:
        """Return the post's vector [B, d] and the attention [B, L]."""
        match = self.v(torch.tanh(self.w(theta).unsqueeze(1) + self.u(states))).squeeze(2)
        # The least finite number, not -inf: a row without a word stays finite.
        match = match.masked_fill(~words, torch.finfo(match.dtype).min)
        attention = torch.softmax(match, dim=1)
        return torch.bmm(attention.unsqueeze(1), states).squeeze(1), attention


class HashtagNetwork(nn.Module):
    """Embedding → LSTM (equation 1) → pooling → one logit a hashtag.

    Arguments: `vectors` [V, dim], the pre-trained word vectors, whose padding row is zero;
    `hashtags`, the number M of classes; `topics`, the length K of θ.
    """

    def __init__(
        self,
        method: Method,
        vectors: npt.NDArray[np.float32],
        hashtags: int,
        topics: int,
        hidden: int = HIDDEN,
    ) -> None:
        super().__init__()
        words, dimensions = vectors.shape
        self.embedding = nn.Embedding(
            words, dimensions, padding_idx=PADDING_ID, _weight=torch.from_numpy(vectors)
        )
        self.lstm = nn.LSTM(dimensions, hidden, batch_first=True)
        self.pool = LastState() if method == "lstm" else TopicalAttention(topics, hidden)
        self.output = nn.Linear(hidden, hashtags)

    def forward(self, ids: Tensor, theta: Tensor) -> tuple[Tensor, Tensor]:
        """Return logits [B, M] and attention [B, L] for ids [B, L] and θ [B, K].

        Padding stands on the right, so it changes no state of a word before it.
        """
        states, _ = self.lstm(self.embedding(ids))
        post, attention = self.pool(states, ids != PADDING_ID, theta)
        return self.output(post), attention
