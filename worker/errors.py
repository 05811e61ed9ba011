"""Errors by what happens next, and the exit code that a supervisor reads.

0 done · 2 usage · 3 the start failed for good · 4 too many dead letters · 5 the loop stalled ·
6 fatal while running · 7 a dependency was not reachable. 5 to 7 may be restarted.
"""

from enum import IntEnum


class ExitCode(IntEnum):
    """Why a worker ended."""

    DONE = 0
    USAGE = 2
    START_FAILED = 3
    TOO_MANY_REJECTS = 4
    STALLED = 5
    FATAL = 6
    UNREACHABLE = 7


RESTARTABLE = frozenset({ExitCode.STALLED, ExitCode.FATAL, ExitCode.UNREACHABLE})


class WorkerError(Exception):
    """An error of the worker; its message says what to do."""


class RecordRejectedError(WorkerError):
    """One record cannot be answered: it becomes a dead letter and the rest goes on.

    `reason` is one of a few short words, fit to be counted; `detail` explains.
    """

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


class RetryLaterError(WorkerError):
    """A service did not do its part: nothing was committed, the same posts are read again."""


class StopError(WorkerError):
    """The worker cannot go on; everything uncommitted is read again by whoever comes next."""

    exit_code = ExitCode.FATAL


class FatalError(StopError):
    """Something that no retry mends, found while running."""


class TooManyRejectsError(StopError):
    """So many records were rejected that the fault is likely ours."""

    exit_code = ExitCode.TOO_MANY_REJECTS


class StartupFailedError(StopError):
    """A setting, a bundle or a topic is wrong: a restart would fail the same way."""

    exit_code = ExitCode.START_FAILED


class UnreachableError(StopError):
    """A service could not be reached within the start-up timeout: a restart may help."""

    exit_code = ExitCode.UNREACHABLE
