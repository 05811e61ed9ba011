"""Every method by name, with the settings that it learns by."""

from typing import get_args

import msgspec
import pytest

from trainer.catalogue import METHODS, method_card, settings_for
from trainer.errors import TrainerError
from trainer.settings import FitSettings, Method


def test_every_method_of_the_settings_is_in_the_catalogue() -> None:
    assert set(METHODS) == set(get_args(Method))
    for card in METHODS.values():
        assert card.summary
        assert card.source


def test_a_method_that_is_none_is_told_with_those_there_are() -> None:
    with pytest.raises(TrainerError, match="no method 'bert'; `trainer methods` lists popularity"):
        method_card("bert")
    with pytest.raises(TrainerError, match="no method 'bert'"):
        settings_for("bert", {})


def test_given_settings_go_before_a_method_s_own_and_those_before_the_paper_s() -> None:
    own = METHODS["tab-lstm+"].defaults
    assert own["hidden"] != FitSettings().hidden
    settings = settings_for("tab-lstm+", {"hidden": 7, "seed": 5, "method": "lstm"})
    assert settings.method == "tab-lstm+"
    assert (settings.hidden, settings.seed) == (7, 5)
    assert settings.batch == own["batch"]
    assert settings.topics == FitSettings().topics
    assert settings_for("lstm", {}) == FitSettings(method="lstm")


@pytest.mark.parametrize("name", METHODS)
def test_a_method_s_own_settings_are_settings(name: str) -> None:
    settings = settings_for(name, {})
    assert msgspec.convert(msgspec.to_builtins(settings), FitSettings) == settings
    for setting, value in METHODS[name].defaults.items():
        assert getattr(settings, setting) == value
