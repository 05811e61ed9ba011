"""Leaves a service alone that fails, and tries it again by itself."""

import time
from collections.abc import Callable
from typing import TypeVar

_T = TypeVar("_T")


class Breaker:
    """Opens after `failures` in a row: calls are then spared for a pause.

    The first call after it is a trial: if that fails too, the next pause is twice as long, up to
    `longest` seconds; a success forgets all.
    """

    def __init__(
        self,
        failures: int = 3,
        shortest: float = 1.0,
        longest: float = 30.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._allowed, self._shortest, self._longest = failures, shortest, longest
        self._clock = clock
        self._failed = 0
        self._pause = shortest
        self._closed_at = float("-inf")

    @property
    def open(self) -> bool:
        """Whether calls are spared now."""
        return self._clock() < self._closed_at

    def attempt(
        self, call: Callable[[], _T], failures: tuple[type[Exception], ...]
    ) -> tuple[_T | None, Exception | None]:
        """Return what a call returned, or nothing where it was spared, or failed and with what."""
        if self.open:
            return None, None
        try:
            found = call()
        except failures as error:
            self._note_failure()
            return None, error
        self._failed, self._pause = 0, self._shortest
        return found, None

    def _note_failure(self) -> None:
        self._failed += 1
        if self._failed >= self._allowed:
            self._closed_at = self._clock() + self._pause
            self._pause = min(2 * self._pause, self._longest)
