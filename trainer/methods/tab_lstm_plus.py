"""TAB-LSTM that reads more of a post and is kept from overfitting: our best single model.

It differs from the paper's by ingredients, each of which can be left out (`--without`), so that
an ablation shows what it is worth.
"""

from pathlib import Path
from typing import Self

import msgspec
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from export.manifest import CONTEXT
from export.text import PADDING_ID, UNKNOWN_ID
from trainer.errors import TrainerError
from trainer.material import Material
from trainer.network_method import NetworkMethod, Sizes, Vectors
from trainer.networks import Network, TopicalAttention, WordLSTM, word_embedding
from trainer.settings import FitSettings

PIECES = ("context", "mean", "maximum", "lstm", "names", "dropout")
LEARNING = {  # as if never set
    "smoothing": {"smoothing": 0.0},
    "decay": {"rate_left": 1.0},
    "discount": {"discount": 0.0},
}
INGREDIENTS = (*PIECES, *LEARNING)
READING = frozenset({"context", "mean", "lstm"})
BOTTLENECK = 400
DROPPED_INPUT, DROPPED_WORDS, DROPPED_OUTPUT = 0.2, 0.1, 0.4


class NameMatch(nn.Module):
    """How near a post is to each hashtag's name: a query of what was read, times the names.

    Arguments: `width`, of what was read; `names` [M, d]; `mean_at`, where the mean of the word
    vectors stands in it, which is what the query begins as.
    """

    def __init__(self, width: int, names: npt.NDArray[np.float32], mean_at: int | None) -> None:
        super().__init__()
        hashtags, dimensions = names.shape
        self.query = nn.Linear(width, dimensions)
        self.names = nn.Linear(dimensions, hashtags, bias=False)
        with torch.no_grad():
            self.names.weight.copy_(torch.from_numpy(names))
            if mean_at is not None:
                self.query.weight[:, mean_at : mean_at + dimensions] += torch.eye(dimensions)


class PlusNetwork(Network):
    """Attention and maximum over LSTM states, mean of the words, context → logits.

    Of the context the known ones are summed, not averaged: beside a telling mention stand the
    words of its host, which tell nothing and would thin it out.

    The pieces are put side by side, pass through a bottleneck with tanh, and give one logit a
    hashtag. To it comes how near they are to the words of the hashtag's name, which tells of rare
    hashtags what few posts cannot.
    """

    def __init__(self, settings: FitSettings, sizes: Sizes, vectors: Vectors) -> None:
        super().__init__()
        left_out = without(settings)
        self._has = {name: name not in left_out for name in PIECES}
        dimensions, hidden = sizes.dimensions, settings.hidden
        self.embedding = word_embedding(vectors.words)
        width, mean_at = 0, None
        if self._has["lstm"]:
            self.lstm = WordLSTM(dimensions, hidden)
            self.pool = TopicalAttention(sizes.topics, hidden)
            width += hidden * (1 + self._has["maximum"])
        if self._has["mean"]:
            mean_at = width
            width += dimensions
        if self._has["context"]:
            self.further = (CONTEXT,)
            self.context = _embedding(sizes.context, dimensions)
            width += dimensions
        self.bottleneck = nn.Linear(width, BOTTLENECK)
        self.output = nn.Linear(BOTTLENECK, sizes.hashtags)
        if self._has["names"]:
            self.match = NameMatch(width, vectors.names, mean_at)

    def forward(self, ids: Tensor, theta: Tensor, *further: Tensor) -> tuple[Tensor, Tensor]:
        """Return logits [B, M] and attention [B, L] for ids [B, L], θ [B, K], context [B, C]."""
        (post, *query), attention = self._features(ids, theta, further)
        logits = self.output(post)
        for near in query:
            logits = logits + self.match.names(near)
        return logits, attention

    def features(self, ids: Tensor, theta: Tensor, *further: Tensor) -> tuple[Tensor, Tensor]:
        """Return the bottleneck beside what asks for names [B, F], and the attention [B, L]."""
        features, attention = self._features(ids, theta, further)
        return torch.cat(features, dim=1), attention

    def head(self) -> nn.Linear:
        """Return the output layer and the names as one layer, which is one product to serve."""
        if not self._has["names"]:
            return self.output
        weights = torch.cat((self.output.weight, self.match.names.weight), dim=1).detach()
        joined = nn.Linear(weights.shape[1], weights.shape[0])
        joined.weight, joined.bias = nn.Parameter(weights), self.output.bias
        return joined

    def _features(
        self, ids: Tensor, theta: Tensor, further: tuple[Tensor, ...]
    ) -> tuple[list[Tensor], Tensor]:
        words = ids != PADDING_ID
        ids = self._drop_ids(ids, words, UNKNOWN_ID)
        read = self._drop(self.embedding(ids), DROPPED_INPUT)
        attention = words.to(read.dtype) / words.sum(dim=1, keepdim=True).clamp(min=1)
        pieces = []
        if self._has["lstm"]:
            states = self.lstm(ids, read)
            post, attention = self.pool(states, words, theta)
            pieces.append(post)
            if self._has["maximum"]:
                # States lie in (-1, 1), so padding never is the largest; no word gives zeros.
                highest = states.masked_fill(~words.unsqueeze(2), -1.0).amax(dim=1)
                pieces.append(highest * words.any(dim=1, keepdim=True))
        if self._has["mean"]:
            pieces.append(_mean(read, words))
        for context in further:
            known = context > UNKNOWN_ID
            kept = self._drop_ids(context, known, PADDING_ID)
            pieces.append(_sum(self.context(kept), known & (kept != PADDING_ID)))
        joined = self._drop(torch.cat(pieces, dim=1), DROPPED_INPUT)
        features = [self._drop(torch.tanh(self.bottleneck(joined)), DROPPED_OUTPUT)]
        if self._has["names"]:
            features.append(self._drop(self.match.query(joined), DROPPED_INPUT))
        return features, attention

    def _drop(self, values: Tensor, share: float) -> Tensor:
        return functional.dropout(values, share, self.training and self._has["dropout"])

    def _drop_ids(self, ids: Tensor, some: Tensor, instead: int) -> Tensor:
        """Hide a tenth of the words while learning, so that the model leans on no single one."""
        if not (self.training and self._has["dropout"]):
            return ids
        return ids.masked_fill(
            some & (torch.rand(ids.shape, device=ids.device) < DROPPED_WORDS), instead
        )


def _sum(values: Tensor, some: Tensor) -> Tensor:
    """Return the sum [B, d] of those values [B, L, d] that count."""
    return (values * some.unsqueeze(2).to(values.dtype)).sum(dim=1)


def _mean(values: Tensor, some: Tensor) -> Tensor:
    """Return their mean [B, d]; zero where none counts."""
    return _sum(values, some) / some.sum(dim=1, keepdim=True).clamp(min=1)


def _embedding(rows: int, dimensions: int) -> nn.Embedding:
    """Return vectors that begin at random, small beside those of words."""
    embedding = nn.Embedding(rows, dimensions, sparse=True)
    nn.init.normal_(embedding.weight, std=0.05)
    return embedding


def without(settings: FitSettings) -> frozenset[str]:
    """Return the ingredients that are left out.

    Raises `TrainerError` on one that is none, and where nothing is left that reads a post.
    """
    names = frozenset(name.strip() for name in settings.without.split(",") if name.strip())
    if unknown := names - set(INGREDIENTS):
        raise TrainerError(
            f"--without {', '.join(sorted(unknown))}: the ingredients are {', '.join(INGREDIENTS)}"
        )
    if names >= READING:
        raise TrainerError(f"--without {settings.without} leaves nothing to read")
    return names


class TabLstmPlus(NetworkMethod):
    """TAB-LSTM with more to read and less to learn by heart."""

    @staticmethod
    def build(settings: FitSettings, sizes: Sizes, vectors: Vectors) -> PlusNetwork:
        """Return the network before it has learned."""
        return PlusNetwork(settings, sizes, vectors)

    @classmethod
    def fit(cls, material: Material, settings: FitSettings, folder: Path) -> Self:
        """Learn with what is not left out."""
        for name in without(settings) & LEARNING.keys():
            settings = msgspec.structs.replace(settings, **LEARNING[name])
        return super().fit(material, settings, folder)
