"""Compiled once, at installation; a worker starts without compiling, its directory read-only."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
COUNT = """
import numba.core.event as events
with events.install_recorder("numba:compile") as compiling:
    from worker.compile import use_each_step
    use_each_step()
print(len(compiling.buffer))
"""
# Root may write anywhere; a process that drops CAP_DAC_OVERRIDE (1) and begins anew may not.
WITHOUT_PRIVILEGE = """
import ctypes, os, sys
ctypes.CDLL(None).prctl(24, 1, 0, 0, 0)  # PR_CAPBSET_DROP
os.execv(sys.executable, [sys.executable, "-c", sys.argv[1]])
"""


def compile_events(folder: Path) -> int:
    """Return how often a process compiles that uses the memory and may not write to a folder."""
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_PRIVILEGE, COUNT],
        env={**os.environ, "NUMBA_CACHE_DIR": str(folder), "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    return int(done.stdout.splitlines()[-1])


def test_a_second_process_compiles_nothing_though_it_may_not_write(tmp_path: Path) -> None:
    filling = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path), "PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-m", "worker.compile"], env=filling, check=True, cwd=ROOT)
    tmp_path.chmod(0o555)
    before = sorted(tmp_path.rglob("*"))
    assert before
    assert compile_events(tmp_path) == 0
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.once
def test_an_empty_read_only_directory_costs_time_and_nothing_else(tmp_path: Path) -> None:
    tmp_path.chmod(0o555)
    assert compile_events(tmp_path) > 0
    assert list(tmp_path.iterdir()) == []


def test_a_directory_that_is_not_there_is_named(tmp_path: Path) -> None:
    missing = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path / "none"), "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-m", "worker.compile"],
        env=missing,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "none; make that directory" in done.stderr
