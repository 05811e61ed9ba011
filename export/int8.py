"""The serving graph in int8, for the CPU: about a quarter of the arithmetic, and stable answers.

Every scale is fixed when the graph is made. So the answer to a post does not depend on the posts
beside it, as it does where a scale spans the batch ("dynamic" quantisation, and ONNX Runtime's
DynamicQuantizeLSTM). Weights are int8 with one scale an output, activations uint8 around 128.

Three things keep the quality. What a word adds to the gates of the LSTM is looked up in float16,
not computed from a rounded vector; at 8 H bytes a word the file may be larger than that of float32.
Weights are not rounded one by one, but so that their errors cancel on real posts. And the best
hashtags are scored once more with the float32 weights.
"""

import copy
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.onnx.ops import symbolic

from export.graph import HashtagHead, ServingGraph

LEVELS = 127  # on either side of zero
EXACT = 16  # the best hashtags, whose scores are computed again in float32
_DAMPING = 0.01  # of the mean second moment, as GPTQ has it
_BLOCK = 64  # columns rounded before what is left of a row is corrected
_ROWS_AT_ONCE = 4_096
_PER_WORD = 3  # axes of what a layer reads that is asked once a word

_DOMAIN = "com.microsoft"
# A state lies in (-1, 1), so its scale needs no look at any post.
LSTM = f"""
<domain: "tagstream", opset_import: ["": 20, "{_DOMAIN}": 1]>
Int8LSTM (words, weights, weight_scale, weight_zero, scale, zero, first) => (states)
{{
  last_h, last_c, states = Scan <num_scan_inputs = 1, body = step (
    float[b, h] h_before, float[b, h] c_before, float16[b, g] word
  ) => (float[b, h] h, float[b, h] c, float[b, h] state) {{
    rounded = QuantizeLinear(h_before, scale, zero)
    recurrent = {_DOMAIN}.MatMulIntegerToFloat(
      rounded, weights, scale, weight_scale, zero, weight_zero
    )
    added = Cast <to = 1> (word)
    gates = Add(recurrent, added)
    i, f, g, o = Split <axis = 1, num_outputs = 4> (gates)
    input_gate = Sigmoid(i)
    forget_gate = Sigmoid(f)
    output_gate = Sigmoid(o)
    candidate = Tanh(g)
    kept = Mul(forget_gate, c_before)
    new = Mul(input_gate, candidate)
    c = Add(kept, new)
    bounded = Tanh(c)
    h = Mul(output_gate, bounded)
    state = Identity(h)
  }}> (first, first, words)
}}
"""


@dataclass
class Observed:
    """What a layer read of some posts: the largest |x| [K], and the sum of xxᵀ [K, K]."""

    largest: Tensor
    moments: Tensor

    @classmethod
    def nothing(cls, width: int) -> "Observed":
        """Return what is known before the first post."""
        return cls(torch.zeros(width), torch.zeros(width, width, dtype=torch.float64))

    def add(self, inputs: Tensor) -> None:
        """Take in inputs [..., K]."""
        rows = inputs.detach().flatten(0, -2)
        if not len(rows):  # posts of one word: no state of theirs is read again
            return
        self.largest = torch.maximum(self.largest, rows.abs().amax(dim=0))
        self.moments += (rows.T @ rows).double()


def rounded(weights: Tensor, scale: Tensor, moments: Tensor) -> Tensor:
    """Return integers [N, K] for weights [N, K] and scales [N] by GPTQ (Frantar et al. 2023).

    Column by column, the error of rounding is taken off the columns to come, so that ‖(W - Ŵ)x‖ is
    small for inputs with second moments [K, K], instead of ‖W - Ŵ‖.
    """
    order = torch.argsort(moments.diagonal(), descending=True)
    left = weights.double()[:, order]
    moments = moments[order][:, order]
    moments = moments + _DAMPING * moments.diagonal().mean() * torch.eye(len(order))
    inverse = torch.cholesky_inverse(torch.linalg.cholesky(moments))
    factor = torch.linalg.cholesky(inverse, upper=True)
    integers = torch.empty_like(left)
    for start in range(0, len(order), _BLOCK):
        end = min(start + _BLOCK, len(order))
        errors = torch.empty(len(left), end - start, dtype=left.dtype)
        for column in range(start, end):
            nearest = torch.round(left[:, column] / scale).clamp(-LEVELS, LEVELS)
            integers[:, column] = nearest
            error = (left[:, column] - nearest * scale) / factor[column, column]
            left[:, column:end] -= torch.outer(error, factor[column, column:end])
            errors[:, column - start] = error
        left[:, end:] -= errors @ factor[start:end, end:]
    return integers[:, torch.argsort(order)].to(torch.int8)


class Int8Weights(nn.Module):
    """Weights [N, K] as integers [K, N] with one scale an output, for inputs within ±1.

    Arguments: `moments` [K, K], the second moments of the inputs.
    """

    integers: Tensor
    scale: Tensor
    zero: Tensor
    input_scale: Tensor
    input_zero: Tensor

    def __init__(self, weights: Tensor, moments: Tensor) -> None:
        super().__init__()
        scale = weights.detach().abs().amax(dim=1).clamp(min=torch.finfo(torch.float32).tiny)
        scale = scale / LEVELS
        integers = rounded(weights.detach(), scale.double(), moments)
        self.register_buffer("integers", integers.T.contiguous())
        self.register_buffer("scale", scale)
        self.register_buffer("zero", torch.zeros(len(scale), dtype=torch.int8))
        self.register_buffer("input_scale", torch.tensor(1 / LEVELS))
        self.register_buffer("input_zero", torch.tensor(128, dtype=torch.uint8))

    def forward(self, inputs: Tensor, bias: Tensor | None) -> Tensor:
        """Return the product [..., N] of inputs [..., K], which are cut at ±1, and the bias [N]."""
        integers = symbolic(
            "QuantizeLinear",
            (inputs, self.input_scale, self.input_zero),
            dtype=torch.uint8,
            shape=inputs.shape,
        )
        scales = (self.input_scale, self.scale, self.input_zero, self.zero)
        return symbolic(
            f"{_DOMAIN}::MatMulIntegerToFloat",
            (integers, self.integers, *scales, *(() if bias is None else (bias,))),
            dtype=torch.float32,
            shape=(*inputs.shape[:-1], len(self.scale)),
            version=1,
        )


class Int8Linear(nn.Module):
    """A linear layer in integers; each input has the range that was observed of it."""

    inverse: Tensor

    def __init__(self, linear: nn.Linear, observed: Observed) -> None:
        super().__init__()
        largest = observed.largest.clamp(min=torch.finfo(torch.float32).eps)
        moments = observed.moments / torch.outer(largest, largest)
        self.weights = Int8Weights(linear.weight * largest, moments)
        self.bias = linear.bias
        self.register_buffer("inverse", 1.0 / largest)

    def forward(self, inputs: Tensor) -> Tensor:
        """Return Wx + b [..., N] of inputs [..., K]."""
        product: Tensor = self.weights(inputs * self.inverse, self.bias)
        return product


class Int8LSTM(nn.Module):
    """An LSTM whose recurrent product is in integers, and whose words are looked up.

    `words` [V, 4H] is what the vector of each word adds to the gates, biases included: float16,
    since it is looked up and not multiplied. It stands for the vectors and the input weights.
    """

    functions = (LSTM,)
    words: Tensor

    def __init__(self, vectors: Tensor, lstm: nn.LSTM, states: Observed) -> None:
        super().__init__()
        inputs, recurrent, bias, second_bias = (w.detach() for w in lstm.all_weights[0])
        words = torch.empty(len(vectors), len(bias), dtype=torch.float16)
        for at in range(0, len(vectors), _ROWS_AT_ONCE):
            rows = vectors[at : at + _ROWS_AT_ONCE].detach()
            words[at : at + _ROWS_AT_ONCE] = rows @ inputs.T + bias + second_bias
        self.register_buffer("words", words)
        self.recurrent = Int8Weights(recurrent, states.moments)
        self.hidden = lstm.hidden_size

    def forward(self, ids: Tensor, vectors: Tensor) -> Tensor:
        """Return the states [B, L, H] of words `ids` [B, L]; their vectors are not needed."""
        del vectors
        w = self.recurrent
        first = torch.zeros(ids.shape[0], self.hidden)
        states = symbolic(
            "tagstream::Int8LSTM",
            (
                functional.embedding(ids.T, self.words),
                *(w.integers, w.scale, w.zero, w.input_scale, w.input_zero),
                first,
            ),
            dtype=torch.float32,
            shape=(ids.shape[1], ids.shape[0], self.hidden),
            version=1,
        )
        return states.transpose(0, 1)


class Int8Head(HashtagHead):
    """Logits of all hashtags in integers; those of the best again in float32.

    The sum that makes probabilities of them is corrected by as much as theirs have changed.
    """

    def __init__(self, head: HashtagHead, observed: Observed) -> None:
        super().__init__(head.output, head.ranked)
        self.rough = Int8Linear(head.output, observed)
        self.exact = min(EXACT, head.ranked)
        self.biases = nn.Parameter(head.output.bias.detach().unsqueeze(1), requires_grad=False)

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Return hashtags [B, k], row numbers, and their scores [B, k], best first."""
        logits = self.rough(features)
        scores, hashtags = torch.topk(torch.softmax(logits, dim=1), self.ranked, dim=1)
        best, near = hashtags[:, : self.exact], scores[:, : self.exact]
        rows = functional.embedding(best, self.output.weight)
        exact = torch.bmm(rows, features.unsqueeze(2)) + functional.embedding(best, self.biases)
        corrected = near * torch.exp(exact.squeeze(2) - torch.gather(logits, 1, best))
        total = 1.0 + (corrected - near).sum(dim=1, keepdim=True)
        scores = torch.cat((corrected, scores[:, self.exact :]), dim=1) / total
        scores, order = torch.topk(scores, self.ranked, dim=1)
        return torch.gather(hashtags, 1, order), scores


def quantised(graph: ServingGraph, posts: Iterable[tuple[Tensor, ...]]) -> ServingGraph:
    """Return the graph in int8, its scales made from inputs of posts like those to be served.

    It can be exported and not run, since torch has no such operators. The graph given stays as
    it is.
    """
    network = copy.deepcopy(graph.network)
    with _observing(graph) as observed, torch.inference_mode():
        for inputs in posts:
            graph(*inputs)
    head = Int8Head(graph.head, observed.pop(graph.head.output))
    names = {module: name for name, module in graph.network.named_modules()}
    for module, seen in observed.items():
        if isinstance(module, nn.LSTM):
            network.set_submodule(names[module], Int8LSTM(network.embedding.weight, module, seen))
        elif isinstance(module, nn.Linear):
            network.set_submodule(names[module], Int8Linear(module, seen))
    return ServingGraph(graph.topics, network, head).eval()


@contextmanager
def _observing(graph: ServingGraph) -> Iterator[dict[nn.Module, Observed]]:
    """Note what the costly layers read: those that are asked once a word, and the head."""
    observed: dict[nn.Module, Observed] = {}

    def linear(layer: nn.Linear, inputs: tuple[Tensor, ...], _: Tensor) -> None:
        if layer is graph.head.output or (inputs[0].dim() == _PER_WORD and len(layer.weight) > 1):
            seen = observed.setdefault(layer, Observed.nothing(inputs[0].shape[-1]))
            seen.add(inputs[0])

    def lstm(layer: nn.Module, _: tuple[Tensor, ...], states: Tensor) -> None:
        seen = observed.setdefault(layer, Observed.nothing(states.shape[-1]))
        seen.add(states[:, :-1])  # the last one is not read again

    with ExitStack() as hooks:
        for module in graph.modules():
            if isinstance(module, nn.LSTM):
                hooks.callback(module.register_forward_hook(lstm).remove)
            elif isinstance(module, nn.Linear):
                hooks.callback(module.register_forward_hook(linear).remove)
        yield observed
