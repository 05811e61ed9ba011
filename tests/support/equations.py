"""The equations of the paper by hand, step by step in double precision."""

import numpy as np
import numpy.typing as npt
from torch import nn

Floats = npt.NDArray[np.float64]


def parameters(network: nn.Module) -> dict[str, Floats]:
    return {name: value.double().numpy() for name, value in network.state_dict().items()}


def sigmoid(x: Floats) -> Floats:
    return 1 / (1 + np.exp(-x))


def softmax(x: Floats) -> Floats:
    powers = np.exp(x - x.max())
    return np.asarray(powers / powers.sum())


def hidden_states(p: dict[str, Floats], ids: list[int]) -> Floats:
    """Equation 1, gate by gate; torch stacks them as i, f, g, o and has two biases each."""
    bias = p["lstm.bias_ih_l0"] + p["lstm.bias_hh_l0"]
    w_i, w_f, w_c, w_o = np.split(p["lstm.weight_ih_l0"], 4)
    u_i, u_f, u_c, u_o = np.split(p["lstm.weight_hh_l0"], 4)
    b_i, b_f, b_c, b_o = np.split(bias, 4)
    h, c, states = np.zeros(len(b_i)), np.zeros(len(b_i)), []
    for word in ids:
        x = p["embedding.weight"][word]
        i = sigmoid(w_i @ x + u_i @ h + b_i)
        f = sigmoid(w_f @ x + u_f @ h + b_f)
        o = sigmoid(w_o @ x + u_o @ h + b_o)
        c = f * c + i * np.tanh(w_c @ x + u_c @ h + b_c)
        h = o * np.tanh(c)
        states.append(h)
    return np.array(states)


def weights_of(p: dict[str, Floats], query: Floats, states: Floats) -> Floats:
    """Equation 3 and its softmax: the weight of each state for a query."""
    w_a, u_a, v_a = p["pool.w.weight"], p["pool.u.weight"], p["pool.v.weight"][0]
    return softmax(np.array([v_a @ np.tanh(w_a @ query + u_a @ h) for h in states]))


def weighted(weights: Floats, states: Floats) -> Floats:
    """Equation 2: the sum of the states, each by its weight."""
    return np.asarray(sum(a * h for a, h in zip(weights, states, strict=True)))
