"""LIBLINEAR's L2-regularised squared-hinge problem, for all classes at once.

Class c has P(w) = ½‖w‖² + C Σ_i max(0, 1 - y_i wᵀx_i)², y = ±1 (Fan et al. 2008, section 2). All
classes share the features, so a pass over the posts is one matrix product for all; and the
curvature of each is at most H = I + 2C XᵀX, the same matrix, from which L-BFGS (Nocedal and
Wright 2006, algorithm 7.4) starts. Its first step, from zero, is the least-squares solution.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from trainer.ragged import Ragged

_ROWS_AT_ONCE = 512
_REMEMBERED = 8  # steps of L-BFGS
_DECREASE = 1e-4  # Armijo's condition
Advance = Callable[[int], None]


@dataclass(frozen=True)
class Point:
    """Weights [D, M], P(w) and its gradient, and how far above the least P(w) can be [M].

    `gap` is the duality gap: P(w) - max_s D(s α), with α_i = 2C max(0, 1 - y_i wᵀx_i).
    """

    weights: Tensor
    objective: Tensor
    gradient: Tensor
    gap: Tensor

    def where(self, taken: Tensor, other: "Point") -> "Point":
        """Return this point for the classes of `taken` [M], and the other for the rest."""
        pairs = zip(vars(self).values(), vars(other).values(), strict=True)
        return Point(*(torch.where(taken, mine, its) for mine, its in pairs))


@dataclass(frozen=True)
class Problem:
    """Features [N, D], the classes that each row has, how many classes there are, and C."""

    features: Tensor
    labels: Ragged
    classes: int
    penalty: float

    def at(self, weights: Tensor) -> Point:
        """Pass over all rows."""
        drawn = torch.zeros_like(weights)  # Σ α_i y_i x_i
        slack = torch.zeros(self.classes, dtype=torch.float64)  # Σ ξ_i
        squared = torch.zeros_like(slack)
        for start in range(0, len(self.features), _ROWS_AT_ONCE):
            rows = self.features[start : start + _ROWS_AT_ONCE]
            row, own = self._own(start, len(rows))
            xi = (rows @ weights).add_(1.0)  # 1 - y f where y = -1
            positive = (2.0 - xi[row, own]).relu_()
            xi.relu_()[row, own] = positive
            slack += xi.sum(dim=0)
            squared += torch.linalg.vector_norm(xi, dim=0).double().square()
            xi[row, own] = -positive
            drawn.addmm_(rows.T, xi, alpha=-2 * self.penalty)
        objective = 0.5 * weights.double().square().sum(dim=0) + self.penalty * squared
        quadratic = self.penalty * squared + 0.5 * drawn.double().square().sum(dim=0)
        dual = (2 * self.penalty * slack).square() / (4 * quadratic)
        return Point(weights, objective, weights - drawn, objective - dual)

    def curvature(self) -> Tensor:
        """Return H [D, D]."""
        wide = self.features.double()
        return torch.eye(wide.shape[1], dtype=torch.float64) + 2 * self.penalty * wide.T @ wide

    def _own(self, start: int, rows: int) -> tuple[Tensor, Tensor]:
        offsets = self.labels.offsets[start : start + rows + 1]
        row = np.repeat(np.arange(rows), np.diff(offsets))
        own = self.labels.values[offsets[0] : offsets[-1]]
        return torch.from_numpy(row), torch.from_numpy(own).long()


def solve(
    problem: Problem, tolerance: float, passes: int, advance: Advance = lambda _: None
) -> Point:
    """Return where the gap of all classes is `tolerance` of their objective, or the last point."""
    memory = _Memory(torch.linalg.inv(problem.curvature()).float())
    here = problem.at(torch.zeros(problem.features.shape[1], problem.classes))
    direction = -memory.times(here.gradient)
    length = torch.ones(problem.classes)
    advance(1)
    for _ in range(passes - 1):
        if here.gap.sum() <= tolerance * here.objective.sum():
            break
        there = problem.at(here.weights + length * direction)
        advance(1)
        slope = (here.gradient * direction).sum(dim=0)
        taken = there.objective <= here.objective + _DECREASE * length * slope
        new = there.where(taken, here)
        memory.remember(new.weights - here.weights, new.gradient - here.gradient)
        here = new
        direction = torch.where(taken, -memory.times(here.gradient), direction)
        length = torch.where(taken, 1.0, length / 2)
    return here


@dataclass
class _Memory:
    """What L-BFGS knows of each class's inverse curvature; `start` [D, D] is H⁻¹."""

    start: Tensor
    steps: deque[tuple[Tensor, Tensor, Tensor]] = field(
        default_factory=lambda: deque(maxlen=_REMEMBERED)
    )
    scale: Tensor | float = 1.0

    def remember(self, step: Tensor, change: Tensor) -> None:
        """Take in a step and the gradient's change [D, M]; classes that did not move have 0."""
        product = (step * change).sum(dim=0)
        moved = product > 0
        self.steps.append((step, change, torch.where(moved, 1 / product, 0.0)))
        curved = (change * (self.start @ change)).sum(dim=0)
        self.scale = torch.where(moved, product / curved, self.scale)

    def times(self, gradient: Tensor) -> Tensor:
        """Return the inverse curvature times a gradient [D, M], each class by its own."""
        found, shares = gradient, []
        for step, change, inverse in reversed(self.steps):
            shares.append(inverse * (step * found).sum(dim=0))
            found = found - shares[-1] * change
        found = self.scale * (self.start @ found)
        for (step, change, inverse), share in zip(self.steps, reversed(shares), strict=True):
            found = found + step * (share - inverse * (change * found).sum(dim=0))
        return found
