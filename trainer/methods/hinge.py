"""LIBLINEAR's L2-regularised squared-hinge problem for all classes at once.

Class c has ½‖w‖² + C Σ_i max(0, 1 - y_i wᵀx_i)², y = ±1 (Fan et al. 2008, section 2). The curvature
of every class is at most H = I + 2C XᵀX, one matrix for all of them, so W - H⁻¹∇ never overshoots,
whatever the class; the first such step from zero is the least-squares solution. Nesterov's
momentum with restarts (O'Donoghue and Candès 2015) does the rest in some ten to thirty passes.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from trainer.ragged import Ragged

_ROWS_AT_ONCE = 512


@dataclass(frozen=True)
class Solution:
    """Weights [D, M], the objective of each class [M], and how far above the optimum at most.

    The duality gap [M] is P(w) - D(α) with α_i = 2C max(0, 1 - y_i wᵀx_i), which bounds it.
    """

    weights: Tensor
    objective: Tensor
    gap: Tensor
    passes: int


def solve(  # noqa: PLR0913 - a problem, and when to stop
    features: Tensor,
    labels: Ragged,
    classes: int,
    penalty: float,
    *,
    tolerance: float = 1e-2,
    passes: int = 200,
    advance: Callable[[int], None] = lambda _: None,
) -> Solution:
    """Minimise for features [N, D] and the classes that each row has, with C = `penalty`.

    Stops when the duality gap of all classes together is `tolerance` of their objective.
    """
    wide = features.double()
    inverse = torch.linalg.inv(
        torch.eye(wide.shape[1], dtype=torch.float64) + 2 * penalty * wide.T @ wide
    ).float()
    point = last = torch.zeros(features.shape[1], classes)
    momentum = torch.ones(classes)
    for count in range(1, passes + 1):
        gradient, objective, gap = _evaluate(features, labels, point, penalty)
        advance(1)
        if count == passes or gap.sum() <= tolerance * objective.sum():
            break
        step = point - inverse @ gradient
        # Where the last move went uphill the momentum of that class starts anew.
        momentum[((step - last) * (point - step)).sum(dim=0) > 0] = 1.0
        following = (1 + torch.sqrt(1 + 4 * momentum**2)) / 2
        point = step + (momentum - 1) / following * (step - last)
        last, momentum = step, following
    return Solution(point, objective, gap, count)


def _evaluate(
    features: Tensor, labels: Ragged, weights: Tensor, penalty: float
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the gradient [D, M], the objective [M] and the duality gap [M]."""
    drawn = torch.zeros_like(weights)  # Σ α_i y_i x_i, with α_i as in `Solution`
    slack = torch.zeros(weights.shape[1], dtype=torch.float64)  # Σ ξ_i
    squared = torch.zeros_like(slack)
    for start in range(0, len(features), _ROWS_AT_ONCE):
        rows = features[start : start + _ROWS_AT_ONCE]
        xi = (rows @ weights).add_(1.0)
        offsets = labels.offsets[start : start + len(rows) + 1]
        at = torch.from_numpy(np.repeat(np.arange(len(rows)), np.diff(offsets)))
        having = torch.from_numpy(labels.values[offsets[0] : offsets[-1]]).long()
        own = (2.0 - xi[at, having]).relu_()  # 1 - f, where y = 1
        xi.relu_()
        xi[at, having] = own
        slack += xi.sum(dim=0)
        squared += torch.linalg.vector_norm(xi, dim=0).square()
        xi[at, having] = -own  # -y ξ
        drawn.addmm_(rows.T, xi, alpha=-2 * penalty)
    norm = 0.5 * weights.double().square().sum(dim=0)
    objective = norm + penalty * squared
    dual = 2 * penalty * slack - penalty * squared - 0.5 * drawn.double().square().sum(dim=0)
    return weights - drawn, objective, objective - dual
