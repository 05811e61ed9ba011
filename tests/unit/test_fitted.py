"""A method is learned once for all who ask for it."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from tests.support.learning import changed, planted_corpus
from trainer.checkpoints import Checkpoints
from trainer.fitted import fitted, fitted_folder
from trainer.material import Material
from trainer.methods.lstm_family import LstmFamily
from trainer.parts import Parts
from trainer.settings import FitSettings


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory) -> Material:
    folder = tmp_path_factory.mktemp("fitted")
    return Material(planted_corpus(folder / "corpus"), changed(), Parts(folder / "parts"))


def never_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LstmFamily, "fit", lambda *_: pytest.fail("learned again"))


def test_a_method_is_learned_once_and_read_from_then_on(
    material: Material, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = changed(method="lstm")
    first = fitted(material, settings).rank(material.dev.inputs, 3)
    never_fit(monkeypatch)
    again = fitted(Material(material.corpus, changed(), material.parts), settings)
    assert np.array_equal(again.rank(material.dev.inputs, 3), first)


@pytest.mark.parametrize(
    "settings", [changed(method="avg-lstm"), changed(seed=2), changed(hidden=9), changed(rate=0.5)]
)
def test_another_setting_is_another_method(material: Material, settings: FitSettings) -> None:
    assert fitted_folder(material, settings) != fitted_folder(material, changed())


def test_other_material_is_another_method(material: Material, tmp_path: Path) -> None:
    corpus = Path(shutil.copytree(material.corpus, tmp_path / "corpus"))
    file = corpus / "train.jsonl"
    file.write_bytes(file.read_bytes().replace(b'{"id":"', b'{"id":"x', 1))
    other = Material(corpus, changed(), material.parts)
    more = Material(material.corpus, changed(topics=2), material.parts)
    assert len({fitted_folder(some, changed()) for some in (material, other, more)}) == 3


def test_a_method_that_was_stopped_goes_on(
    material: Material, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    whole = fitted_folder(material, changed(method="vab-lstm"))
    parts = Parts(tmp_path)
    fresh = Material(material.corpus, changed(), parts)
    save, calls = Checkpoints.save_epochs, iter(range(1, 9))

    def stopping(kept: Checkpoints, rows: object) -> None:
        if next(calls) == 3:
            raise RuntimeError("stopped")
        save(kept, rows)  # type: ignore[arg-type]

    with monkeypatch.context() as stopped:
        stopped.setattr(Checkpoints, "save_epochs", stopping)
        with pytest.raises(RuntimeError, match="stopped"):
            fitted_folder(fresh, changed(method="vab-lstm"))
    first = Checkpoints(next(tmp_path.glob(".vab-lstm-*"))).epochs()
    assert len(first) == 2
    folder = fitted_folder(fresh, changed(method="vab-lstm"))
    assert (folder / "network.pt").read_bytes() == (whole / "network.pt").read_bytes()
    assert Checkpoints(folder).epochs()[:2] == first  # the very same, seconds and all
