"""Writes a result with what it takes to judge it: command, commit and machine."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from trainer.provenance import machine, revision

RESULTS = Path(__file__).parent / "results"


def record(name: str, command: str, figures: Mapping[str, Any]) -> Path:
    """Write `results/<name>.json` and return its path."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    result = {"command": command, "commit": revision(), "machine": machine(), "figures": figures}
    path.write_text(json.dumps(result, indent=2) + "\n")
    return path
