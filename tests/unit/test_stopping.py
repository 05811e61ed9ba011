"""When training stops, and which of its epochs is kept."""

from pathlib import Path

import pytest

from tests.support.learning import changed, planted_corpus
from tests.support.stopping import StoppedError, epochs, epochs_of, kept_epoch, stop_at
from trainer import network_method
from trainer.pipeline import fit
from trainer.runs import Run


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return planted_corpus(tmp_path_factory.mktemp("small"))


@pytest.mark.parametrize(
    ("patience", "figures", "learned", "best"),
    [
        (2, (0.3, 0.5, 0.4, 0.45, 0.6), 4, 2),
        (2, (0.3, 0.5, 0.4, 0.55, 0.5), 5, 4),
        (1, (0.3, 0.3, 0.9), 2, 1),  # as good is no better
        (3, (0.5, 0.1, 0.2, 0.3, 0.4), 4, 1),
        (9, (0.5, 0.1, 0.2), 3, 1),
        (2, (0.0, 0.0, 0.0, 0.1), 3, 1),  # the first epoch is kept, however bad
    ],
)
def test_it_stops_when_patience_ends_and_keeps_the_best(
    small: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    patience: int,
    figures: tuple[float, ...],
    learned: int,
    best: int,
) -> None:
    monkeypatch.setattr(network_method, "train", epochs_of(*figures))
    run = fit(small, tmp_path / "run", changed(patience=patience, epochs=9))
    assert len(epochs(run)) == learned
    assert kept_epoch(run) == best


def test_the_best_epoch_may_be_chosen_by_loss(
    small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(network_method, "train", epochs_of(0.3, 0.2, 0.4, 0.5))
    run = fit(small, tmp_path / "run", changed(patience=2, epochs=9, select="loss"))
    assert len(epochs(run)) == 4
    assert kept_epoch(run) == 2


def test_a_run_stopped_after_its_last_epoch_learns_no_other(
    small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = changed(patience=1, epochs=9)
    monkeypatch.setattr(network_method, "train", epochs_of(0.5, 0.5, 0.9))
    with monkeypatch.context() as interrupted:
        stop_at(interrupted, Run, "finish", 1)
        with pytest.raises(StoppedError):
            fit(small, tmp_path / "run", settings)
    assert len(epochs(fit(small, tmp_path / "run", settings, resume=True))) == 2
