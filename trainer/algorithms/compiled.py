"""Functions that are compiled when they are first called, and kept compiled beside the source."""

from collections.abc import Callable
from typing import TypeVar, cast

from numba import njit

_F = TypeVar("_F", bound=Callable[..., object])


def compiled(function: _F) -> _F:
    """Compile a function of numbers and arrays; divisions by zero give inf, as numpy's do.

    It may call other such functions of its own file only: what is kept of it does not notice when
    another file changes.
    """
    return cast("_F", njit(cache=True, error_model="numpy")(function))
