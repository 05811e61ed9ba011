"""Run a command that ends with its owner: `tether.py OWNER_PID COMMAND...`.

The kernel kills the command when the owner ends, however that happens. Elsewhere than on Linux
the command simply runs. A wrapper around exec, since code between fork and exec (`preexec_fn`)
may deadlock in an owner with threads. The pid stays the same.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main() -> None:
    """Tie this process to its owner, then become the command."""
    owner, command = int(sys.argv[1]), sys.argv[2:]
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != owner:  # it ended before the kernel knew of the wish
            sys.exit(1)
    os.execvp(command[0], command)  # noqa: S606


if __name__ == "__main__":
    main()
