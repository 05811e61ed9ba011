"""What a training keeps is whole or not there, and never code."""

import os
from pathlib import Path

import pytest
import torch

from trainer.checkpoints import Checkpoints, EpochRow, write_durably

ROWS = [EpochRow(1, 2.5, 10.0, 2.0, 0.5, "fp32"), EpochRow(2, 2.0, 20.0, 1.5, 0.5, "fp32")]
STATE = {"weights": torch.tensor([[1.5, -2.0]]), "epoch": 3, "more": [{"step": 7.0}]}


class Unwelcome:
    """Something that only code could bring back."""


@pytest.fixture
def kept(tmp_path: Path) -> Checkpoints:
    return Checkpoints(tmp_path)


def test_a_state_comes_back_as_it_was(kept: Checkpoints) -> None:
    kept.save_state("network", STATE)
    found = kept.load_state("network")
    assert torch.equal(found["weights"], STATE["weights"])  # type: ignore[arg-type]
    assert (found["epoch"], found["more"]) == (3, [{"step": 7.0}])


def test_a_history_comes_back_and_is_empty_at_first(kept: Checkpoints) -> None:
    assert kept.epochs() == []
    kept.save_epochs(ROWS)
    assert kept.epochs() == ROWS


def test_the_merit_of_an_epoch_is_its_f1_or_how_small_its_loss_is() -> None:
    assert max(ROWS, key=lambda row: row.merit("f1")).epoch == 2
    assert max(ROWS, key=lambda row: row.merit("loss")).epoch == 2
    assert ROWS[0].merit("f1") == 10.0
    assert ROWS[0].merit("loss") == -2.0


def test_only_a_checkpoint_can_be_gone_on_from_and_it_is_dropped_at_the_end(
    kept: Checkpoints,
) -> None:
    kept.save_state("network", STATE)
    assert not kept.unfinished
    kept.save_state("checkpoint", STATE)
    assert kept.unfinished
    kept.finish()
    assert not kept.unfinished
    assert [path.name for path in kept.path.iterdir()] == ["network.pt"]
    kept.finish()


def test_code_is_not_read(kept: Checkpoints) -> None:
    torch.save({"weights": Unwelcome()}, kept.path / "network.pt")
    with pytest.raises(Exception, match=r"(?i)weights.only"):
        kept.load_state("network")


def test_a_state_that_cannot_be_written_leaves_the_one_before(
    kept: Checkpoints, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept.save_state("checkpoint", STATE)

    def full(_: object, path: Path) -> None:
        path.write_bytes(b"half")
        raise OSError("no space")

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(OSError, match="no space"):
        kept.save_state("checkpoint", {"epoch": 4})
    assert kept.load_state("checkpoint")["epoch"] == 3


def test_bytes_are_written_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_durably(tmp_path / "file", b"before")
    assert (tmp_path / "file").read_bytes() == b"before"

    def full(_: int) -> None:
        raise OSError("no space")

    monkeypatch.setattr(os, "fsync", full)
    for name in ("file", "new"):
        with pytest.raises(OSError, match="no space"):
            write_durably(tmp_path / name, b"after, and longer")
    assert (tmp_path / "file").read_bytes() == b"before"
    assert not (tmp_path / "new").exists()
