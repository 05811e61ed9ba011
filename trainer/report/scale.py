"""Where things of a chart stand: round numbers on an axis, and names beside each other."""

import math
from collections.abc import Sequence

import numpy as np
from scipy.optimize import isotonic_regression

_GAP = 12.5  # between names, so that none covers another


def ticks_of(low: float, high: float) -> list[float]:
    """Return round numbers, at most seven, that hold all values between them."""
    rough = (high - low or abs(high) / 10 or 1.0) / 5
    power = 10.0 ** math.floor(math.log10(rough))
    step = power * next(by for by in (1, 2, 2.5, 5, 10) if by * power >= rough * (1 - 1e-9))
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(step * number, 10) for number in range(first, max(last, first + 1) + 1)]


def apart(wanted: Sequence[float], top: float, bottom: float) -> list[float]:
    """Return where names stand: as near to the ends of their lines as their height allows."""
    if not wanted:
        return []
    order = np.argsort(wanted, kind="stable")
    steps = _GAP * np.arange(len(wanted))
    placed = isotonic_regression(np.array(wanted)[order] - steps).x
    placed = np.clip(placed, top, max(top, bottom - float(steps[-1]))) + steps
    found = np.empty(len(wanted))
    found[order] = placed
    return [round(float(value), 1) for value in found]
