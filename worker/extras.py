"""What a program of ours says where packages that it needs are not installed."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from worker.errors import ExitCode

_OURS = {"export", "trainer", "worker"}


@contextmanager
def installed(program: str) -> Iterator[None]:
    """Run a program, and where a package is missing name the extra, called as the program is.

    The exit code is then that of a start that failed for good. Nothing but the standard library is
    imported before.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] in _OURS:
            raise
        sys.stderr.write(f"{program}: {error}; install tagstream[{program}]\n")
        sys.exit(ExitCode.START_FAILED)
