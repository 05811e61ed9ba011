"""How the memory votes travels in the bundle, and a bundle that tells nonsense of it is refused."""

import errno
from pathlib import Path
from typing import Any

import msgspec
import pytest

from export import manifest as manifests
from export.bundle import Bundle, read_bundle, with_memory, write_bundle
from export.errors import BundleIncompatibleError
from export.manifest import SCHEMA
from export.memory_card import MemoryCard
from tests.unit.test_bundle import resealed
from trainer.memory_fit import MemoryChoice
from worker.answers import Answerer
from worker.blocklist import Blocklist
from worker.memory_state import Rules
from worker.models import answerer
from worker.predictor import Predictor
from worker.settings import ModelSettings
from worker.voting import Voting

FITTED = MemoryChoice(Rules(ring=7, decay=0.5), weight=0.4, most=3, dev_f1_at_1=12.5)


def served(bundle: Bundle) -> Answerer:
    return answerer(Predictor(bundle), ModelSettings(), Blocklist())


def test_rules_are_served_as_they_were_fitted(bundle: Bundle, tmp_path: Path) -> None:
    path = with_memory(write_bundle(bundle.files, bundle.manifest, tmp_path), FITTED.card)
    assert served(read_bundle(path)).voting == Voting(FITTED.rules, FITTED.weight, FITTED.most)


@pytest.mark.parametrize("schema", range(1, SCHEMA))
def test_an_older_bundle_votes_by_the_defaults(bundle: Bundle, tmp_path: Path, schema: int) -> None:
    older = read_bundle(resealed(bundle, tmp_path, {}, schema=schema))
    assert served(older).voting == Voting()


def card_with(**change: Any) -> dict[str, Any]:  # noqa: ANN401
    card: dict[str, Any] = msgspec.to_builtins(FITTED.card)
    rules = {name: change.pop(name) for name in list(change) if name in card["rules"]}
    return {**card, **change, "rules": {**card["rules"], **rules}}


@pytest.mark.parametrize(
    "change",
    [
        {"ring": 0},
        {"ring": 10**9},
        {"newest": -1},
        {"candidates": 2.5},
        {"voters": "many"},
        {"power": -1.0},
        {"scale": 0.0},
        {"decay": None},
        {"sharing": 101.0},
        {"weight": -0.1},
        {"most": 0},
        {"dev_f1_at_1": 101.0},
        {"half_life": 3},
    ],
)
def test_values_out_of_bounds_are_refused_by_their_names(
    bundle: Bundle, change: dict[str, Any]
) -> None:
    (name,) = change
    fields = {**msgspec.to_builtins(bundle.manifest), "memory": card_with(**change)}
    fields["digest"] = manifests._digest(fields)
    with pytest.raises(BundleIncompatibleError, match=rf"manifest\.json: .*{name}"):
        manifests.parse(manifests._canonical(fields))


def test_nothing_out_of_bounds_is_published(bundle: Bundle, tmp_path: Path) -> None:
    wrong = msgspec.structs.replace(FITTED.card, weight=-1.0)
    with pytest.raises(msgspec.ValidationError, match="weight"):
        resealed(bundle, tmp_path, {}, memory=wrong)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("links", [True, False])
def test_a_bundle_with_rules_shares_the_files_of_the_old_one(
    bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, links: bool
) -> None:
    def elsewhere(target: Path, source: Path) -> None:
        raise OSError(errno.EXDEV, f"{source} and {target} are on two devices")

    if not links:
        monkeypatch.setattr(Path, "hardlink_to", elsewhere)
    old = write_bundle(bundle.files, bundle.manifest, tmp_path)
    new = with_memory(old, FITTED.card)
    made = read_bundle(new)
    assert new.parent == old.parent
    assert new.name == made.digest != old.name
    assert made.files == bundle.files
    assert made.manifest.memory == FITTED.card
    shared = [Path(str(old / name)).samefile(str(new / name)) for name in bundle.files]
    assert shared == [links] * len(shared)
    assert read_bundle(old).manifest.memory is None
    assert with_memory(old, FITTED.card) == new


def test_newer_rules_take_the_place_of_older_ones(bundle: Bundle, tmp_path: Path) -> None:
    old = with_memory(write_bundle(bundle.files, bundle.manifest, tmp_path), FITTED.card)
    other = msgspec.structs.replace(FITTED.card, weight=1.5)
    made = read_bundle(with_memory(old, other)).manifest
    assert made.memory == other
    assert isinstance(made.memory, MemoryCard)
