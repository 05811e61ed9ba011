"""Writes a result with what it takes to judge it: command, commit and machine."""

import json
import os
import platform
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"


def record(name: str, command: str, figures: Mapping[str, Any]) -> Path:
    """Write `results/<name>.json` and return its path."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    result = {"command": command, "commit": _commit(), "machine": _machine(), "figures": figures}
    path.write_text(json.dumps(result, indent=2) + "\n")
    return path


def _commit() -> str:
    git = [
        "git",
        "-C",
        str(RESULTS.parent),
        "describe",
        "--always",
        "--dirty",
        "--abbrev=40",
        "--exclude=*",
    ]
    return subprocess.run(git, capture_output=True, check=True, text=True).stdout.strip()


def _machine() -> dict[str, str | int | None]:
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
