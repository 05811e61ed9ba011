"""TAB-LSTM+ learns with its ingredients, and goes on where it was stopped."""

from pathlib import Path

import msgspec
import pytest

from tests.support.learning import changed
from trainer import network_method
from trainer.checkpoints import Checkpoints, EpochRow
from trainer.pipeline import fit
from trainer.settings import FitSettings

LEARNING = changed(
    method="tab-lstm+", hidden=4, dimensions=4, epochs=3, rate_left=0.1, smoothing=0.1, discount=0.5
)


@pytest.fixture(scope="module")
def whole(pointing: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that nothing interrupted."""
    return fit(pointing, tmp_path_factory.mktemp("whole") / "run", LEARNING).path


@pytest.mark.parametrize("call", [2, 3])
def test_a_run_that_was_stopped_ends_as_one_that_was_not(
    pointing: Path, whole: Path, tmp_path: Path, call: int
) -> None:
    save, calls = Checkpoints.save_epochs, iter(range(1, 9))

    def stopping(kept: Checkpoints, rows: list[EpochRow]) -> None:
        if next(calls) == call:
            raise RuntimeError("stopped")
        save(kept, rows)

    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(Checkpoints, "save_epochs", stopping)
        with pytest.raises(RuntimeError, match="stopped"):
            fit(pointing, tmp_path / "run", LEARNING)
    resumed = fit(pointing, tmp_path / "run", LEARNING, resume=True).path
    assert (resumed / "network.pt").read_bytes() == (whole / "network.pt").read_bytes()
    losses = [[row.loss for row in Checkpoints(path).epochs()] for path in (resumed, whole)]
    assert losses[0] == losses[1]


@pytest.mark.parametrize(
    ("left_out", "due"),
    [
        ("", (0.1, 0.1, 0.5)),
        ("smoothing", (0.0, 0.1, 0.5)),
        ("decay", (0.1, 1.0, 0.5)),
        ("discount", (0.1, 0.1, 0.0)),
        ("mean", (0.1, 0.1, 0.5)),
    ],
)
def test_what_is_about_learning_is_left_out_of_it(
    pointing: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    left_out: str,
    due: tuple[float, float, float],
) -> None:
    seen: list[FitSettings] = []

    def watched(*arguments: object) -> None:
        seen.extend(one for one in arguments if isinstance(one, FitSettings))
        raise RuntimeError("stopped")

    monkeypatch.setattr(network_method, "learn", watched)
    with pytest.raises(RuntimeError, match="stopped"):
        fit(pointing, tmp_path / "run", msgspec.structs.replace(LEARNING, without=left_out))
    assert [(one.smoothing, one.rate_left, one.discount) for one in seen] == [due]
