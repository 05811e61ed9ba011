"""The steps of the README that need no service, typed as they stand there, on a small corpus."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.test_documents import ROOT, blocks
from trainer.synthetic import SyntheticSettings, write_corpus

SMALL = {
    "DIMENSIONS": "16",
    "EPOCHS": "1",
    "HIDDEN": "16",
    "MIN_COUNT": "2",
    "PRECISION": "fp32",
    "TOPICS": "5",
    "TOPIC_PASSES": "1",
    "VECTOR_EPOCHS": "1",
}
EXECUTED = re.compile(r"^trainer (fit|fit-memory) CORPUS ")


def type_in(folder: Path, line: str) -> str:
    environment = {
        **os.environ,
        **{f"TAGSTREAM_{name}": value for name, value in SMALL.items()},
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
    }
    done = subprocess.run(
        ["sh", "-c", line], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
    return done.stdout


@pytest.mark.timeout(600)
def test_the_steps_work_one_after_the_other(tmp_path: Path) -> None:
    settings = SyntheticSettings(posts=600, subjects=20, topics=5, seed=7)
    write_corpus(settings, tmp_path / "CORPUS")
    chosen = [text for _, text in blocks(ROOT / "README.md") if EXECUTED.match(text)]
    assert len(chosen) == 2
    said = [type_in(tmp_path, line) for text in chosen for line in text.splitlines()]
    assert len(said) == 6
    assert "#" in said[3]  # what `worker suggest` is for
    assert (tmp_path / "results" / "CORPUS.svg").exists()
