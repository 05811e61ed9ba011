"""Functions that are compiled when they are first called, and kept compiled.

numba compiles them: a wheel with all it needs, so no compiler is needed where a worker is
installed. They are kept beside the source, or in the directory that NUMBA_CACHE_DIR names.
`python -m worker.compile` fills that at installation; a worker may then start with it read-only,
which numba by itself refuses, and compiles nothing. What is kept is for one kind of processor;
NUMBA_CPU_NAME=generic makes it fit for all of an architecture.
"""

import os
from collections.abc import Callable
from typing import Any, TypeVar, cast

from numba import config, njit
from numba.core.caching import CompileResultCacheImpl, FunctionCache, UserProvidedCacheLocator

_F = TypeVar("_F", bound=Callable[..., object])


class _ReadOnlyLocator(UserProvidedCacheLocator):
    def ensure_cache_path(self) -> None:
        """Ask for no directory to write to."""


class _ReadOnlyFiles(CompileResultCacheImpl):
    _locator_classes = [_ReadOnlyLocator]  # noqa: RUF012 - a list as in its class


class _ReadOnlyCache(FunctionCache):
    _impl_class = _ReadOnlyFiles

    def save_overload(self, sig: Any, data: Any) -> None:  # noqa: ANN401
        """Keep nothing: what is missing is compiled by each process for itself."""


def cache_directory() -> str:
    """Return the directory that NUMBA_CACHE_DIR names, or nothing."""
    return str(getattr(config, "CACHE_DIR"))  # noqa: B009 - numba sets it where mypy cannot see


def compiled(function: _F) -> _F:
    """Compile a function of numbers and arrays; divisions by zero give inf, as numpy's do.

    It may call other such functions of its own file only: what is kept of it does not notice when
    another file changes.
    """
    kept = cache_directory()
    if kept and not os.access(kept, os.W_OK):
        dispatcher: Any = njit(error_model="numpy")(function)
        cache: Any = _ReadOnlyCache
        dispatcher._cache = cache(function)  # noqa: SLF001 - what `cache=True` sets too
        return cast("_F", dispatcher)
    return cast("_F", njit(cache=True, error_model="numpy")(function))
