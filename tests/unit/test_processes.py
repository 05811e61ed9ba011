"""Several processes train the network that one would have, and only the first of them writes."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import pytest
import torch

from tests.support.cli import assert_one_line, trainer
from tests.support.learning import POINTING, TINY, changed, planted_corpus, pointing_corpus
from tests.support.stopping import StoppedError, epochs, stop_at
from trainer import processes
from trainer.batches import share_of
from trainer.checkpoints import Checkpoints
from trainer.errors import TrainerError
from trainer.pipeline import fit
from trainer.runs import Run
from trainer.settings import FitSettings

PLUS = msgspec.structs.replace(POINTING, epochs=1, without="dropout", discount=0.5, smoothing=0.1)
# Its last mini-batch has fewer posts than there are processes.
PAPER = changed(epochs=1, batch=17)


def together(corpus: Path, run: Path, settings: FitSettings, *flags: str) -> str:
    """Train by torchrun, on the loopback interface alone; return what it printed."""
    values = msgspec.to_builtins(settings).items()
    chosen = [f"--{name.replace('_', '-')}={value}" for name, value in values if value is not None]
    launch = ["-m", "torch.distributed.run", "--standalone", "--local-addr=127.0.0.1"]
    command = [sys.executable, *launch, "--nproc-per-node=2", "-m", "trainer", "fit"]
    done = subprocess.run(
        [*command, str(corpus), str(run), *chosen, *flags],
        env={**os.environ, "GLOO_SOCKET_IFNAME": "lo"},
        capture_output=True,
        text=True,
        timeout=250,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def assert_about_equal(one: Run, other: Run) -> None:
    """They learned the same up to rounding, and left the same files."""
    weights, others = (Checkpoints(run.path).load_state("network") for run in (one, other))
    for name, weight in weights.items():
        torch.testing.assert_close(weight, others[name], rtol=1e-3, atol=1e-4)
    assert [row.loss for row in epochs(one)] == pytest.approx([row.loss for row in epochs(other)])
    assert {path.name for path in one.path.iterdir()} == {
        path.name for path in other.path.iterdir()
    }
    for figures, due in zip(one.metrics(), other.metrics(), strict=True):
        assert msgspec.to_builtins(figures) == pytest.approx(msgspec.to_builtins(due))


@pytest.mark.once
@pytest.mark.parametrize(("settings", "make"), [(PAPER, planted_corpus), (PLUS, pointing_corpus)])
def test_several_processes_learn_what_one_does(
    tmp_path: Path, settings: FitSettings, make: Callable[[Path], Path]
) -> None:
    corpus = make(tmp_path / "corpus")
    alone = fit(corpus, tmp_path / "alone", settings)
    printed = together(corpus, tmp_path / "together", settings)
    assert_about_equal(Run.open(tmp_path / "together"), alone)
    assert printed.count("dev F1@1") == 1


@pytest.mark.once
def test_several_processes_go_on_where_one_was_stopped(tmp_path: Path) -> None:
    corpus = planted_corpus(tmp_path / "corpus")
    alone = fit(corpus, tmp_path / "alone", TINY)
    with pytest.MonkeyPatch.context() as monkeypatch:
        stop_at(monkeypatch, Checkpoints, "save_epochs", 2)
        with pytest.raises(StoppedError):
            fit(corpus, tmp_path / "run", TINY)
    together(corpus, tmp_path / "run", TINY, "--resume")
    assert_about_equal(Run.open(tmp_path / "run"), alone)


@pytest.mark.parametrize("posts", [1, 2, 7])
def test_shares_hold_each_post_once_and_count_one_in_all(
    monkeypatch: pytest.MonkeyPatch, posts: int
) -> None:
    rows = np.arange(posts)
    counted: list[int] = []
    weights: list[float] = []
    monkeypatch.setattr(processes, "count", lambda: 3)
    for number in range(3):
        monkeypatch.setattr(processes, "rank", lambda number=number: number)
        share, weight = share_of(rows)
        assert len(share)
        counted += share.tolist() if weight else []
        weights.append(weight)
    assert sorted(counted) == rows.tolist()
    assert sum(weights) == pytest.approx(1)


def test_what_several_processes_cannot_do_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "count", lambda: 2)
    with pytest.raises(TrainerError, match="only networks are trained by several processes"):
        fit(tmp_path, tmp_path / "run", changed(method="svm"))
    with pytest.raises(TrainerError, match="--parts is for one process"):
        fit(tmp_path, tmp_path / "run", TINY, parts=tmp_path / "parts")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("device", "told"), [("cuda:1", "under torchrun give cpu or cuda"), ("cuda", "GPUs for more")]
)
def test_a_device_that_processes_cannot_share_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, device: str, told: str
) -> None:
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "one")
    monkeypatch.setenv("LOCAL_RANK", "63")
    corpus = planted_corpus(tmp_path / "corpus")
    assert_one_line(trainer("fit", corpus, tmp_path / "run", "--device", device), told)
