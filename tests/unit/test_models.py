"""A model is followed by its alias: a good one takes over, a bad one is refused."""

import gc
import shutil
import threading
import weakref
from pathlib import Path

import pytest

from export.bundle import Bundle
from export.registry import CHAMPION, Registry
from tests.support.inmemory import InMemoryCache
from tests.support.shelves import published, spoil, two_bundles
from worker.errors import StartupFailedError
from worker.following import FollowedModel
from worker.intake import Intake
from worker.models import answerer, blocklist
from worker.predictor import Predictor
from worker.responder import Responder
from worker.scoreboard import Scoreboard
from worker.settings import Settings
from worker.telemetry import Metrics


@pytest.fixture
def shelf(bundle: Bundle, tmp_path: Path) -> Registry:
    """A registry of two bundles, the first of which is the champion."""
    return two_bundles(bundle, tmp_path / "registry")[0]


def digest_of(shelf: Registry, revision: str) -> str:
    paths = [path for path in shelf.bundles.iterdir() if (path / "manifest.json").exists()]
    (found,) = [p.name for p in paths if revision.encode() in (p / "manifest.json").read_bytes()]
    return found


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


def followed(
    shelf: Registry, metrics: Metrics, pause: float = 0.0, *, require_signature: str | None = None
) -> FollowedModel:
    settings = Settings(registry=str(shelf.root), warm_up=0, require_signature=require_signature)

    def make(predictor: Predictor) -> Responder:
        answers = answerer(predictor, settings, blocklist(settings))
        return Responder(Intake(), answers, InMemoryCache(), settings, metrics, Scoreboard(metrics))

    return FollowedModel(settings, make, metrics, pause)


def serving(models: FollowedModel) -> str:
    return models.current().answerer.predictor.bundle.digest


def counted(metrics: Metrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(name, labels)


def test_a_new_bundle_takes_over_between_two_batches(shelf: Registry, metrics: Metrics) -> None:
    models = followed(shelf, metrics)
    first, second = digest_of(shelf, "bundle-one"), digest_of(shelf, "bundle-two")
    before = models.current()
    models.look()
    assert models.current() is before
    shelf.assign(CHAMPION, second, "better")
    assert models.current() is before  # not before it is ready
    models.look()
    assert serving(models) == second
    assert counted(metrics, "tagstream_model_swaps_total") == 1
    shown = {"role": "champion", "method": "tab-lstm", "variant": "cpu-fp32", "device": "cpu"}
    assert counted(metrics, "tagstream_model_info", model=second, **shown) == 1
    assert counted(metrics, "tagstream_model_info", model=first, **shown) is None
    shelf.assign(CHAMPION, first, "back")
    models.look()
    assert serving(models) == first


def test_of_two_that_came_between_batches_the_last_one_serves(
    shelf: Registry, metrics: Metrics, bundle: Bundle
) -> None:
    models = followed(shelf, metrics)
    third = published(shelf, bundle, "third")
    for digest in (digest_of(shelf, "bundle-two"), third):
        shelf.assign(CHAMPION, digest, "better")
        models.look()
    assert serving(models) == third


def test_a_broken_one_is_refused_once_and_the_old_one_serves_on(
    shelf: Registry, metrics: Metrics
) -> None:
    models = followed(shelf, metrics)
    second = digest_of(shelf, "bundle-two")
    spoil(shelf, second)
    shelf.assign(CHAMPION, second, "worse")
    for _ in range(3):
        models.look()
        assert serving(models) == digest_of(shelf, "bundle-one")
    assert counted(metrics, "tagstream_refused_models_total") == 1


def test_one_that_is_still_being_copied_serves_when_it_is_whole(
    shelf: Registry, metrics: Metrics, tmp_path: Path
) -> None:
    models = followed(shelf, metrics)
    second = digest_of(shelf, "bundle-two")
    file = tmp_path / "registry" / "bundles" / second / "hashtags.tsv"
    shutil.move(file, tmp_path / "later")
    shelf.assign(CHAMPION, second, "better")
    models.look()
    assert serving(models) == digest_of(shelf, "bundle-one")
    shutil.move(tmp_path / "later", file)
    models.look()
    assert serving(models) == second


def test_a_registry_that_cannot_be_read_changes_nothing(shelf: Registry, metrics: Metrics) -> None:
    models = followed(shelf, metrics)
    (shelf.root / "history" / "00000002.json").write_text("{")
    models.look()
    assert serving(models) == digest_of(shelf, "bundle-one")


def test_it_is_followed_in_a_thread(shelf: Registry, metrics: Metrics) -> None:
    second = digest_of(shelf, "bundle-two")
    with followed(shelf, metrics, pause=0.01) as models:
        shelf.assign(CHAMPION, second, "better")
        waited = threading.Event()
        for _ in range(2_000):
            if serving(models) == second:
                break
            waited.wait(0.01)
        assert serving(models) == second
    assert not any(thread.name == "models" for thread in threading.enumerate())


def test_without_a_sound_one_nothing_starts(tmp_path: Path, metrics: Metrics) -> None:
    with pytest.raises(StartupFailedError):
        followed(Registry(tmp_path), metrics)


def test_a_model_that_was_replaced_is_let_go(shelf: Registry, metrics: Metrics) -> None:
    models = followed(shelf, metrics)
    old = weakref.ref(models.current().answerer.predictor)
    shelf.assign(CHAMPION, digest_of(shelf, "bundle-two"), "better")
    models.look()
    models.current()
    gc.collect()
    assert old() is None
