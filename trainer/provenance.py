"""Which code, on which machine: what it takes to judge a figure or to make a model again."""

import os
import platform
import subprocess
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

import msgspec


class Provenance(msgspec.Struct, frozen=True):
    """Commit, machine and time of a result."""

    commit: str
    machine: str
    time: str

    @classmethod
    def of_this_process(cls) -> "Provenance":
        """Return where and when this is."""
        now = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        known = machine()
        return cls(revision(), f"{known['processor']}, {known['cores']} cores", now)


def revision() -> str:
    """Return the commit this code is at, and whether it was changed; its version without git."""
    file = Path(__file__)
    git = ["git", "-C", str(file.parent)]
    try:
        _output(*git, "ls-files", "--error-unmatch", file.name)
        return _output(*git, "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*")
    except (OSError, subprocess.CalledProcessError):
        return f"tagstream {metadata.version('tagstream')}"


def machine() -> dict[str, str | int | None]:
    """Return what a time depends on."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "system": platform.system(),
        "python": platform.python_version(),
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _output(*command: str) -> str:
    return subprocess.run(command, capture_output=True, check=True, text=True).stdout.strip()
