"""What the tests share: one small corpus, the model learned from it, and real services."""

import os
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch

from deploy.local.install import install
from deploy.local.services import Services
from export.bundle import Bundle, read_bundle
from export.registry import CHAMPION, Registry
from tests.support.bucket import new_bucket, s3
from tests.support.learning import POINTING, pointing_corpus
from trainer.pipeline import fit
from trainer.release import release
from trainer.runs import Run
from trainer.settings import FitSettings
from trainer.synthetic import SyntheticSettings, write_corpus
from worker.predictor import Predictor

SMALL = FitSettings(
    method="tab-lstm",
    dimensions=32,
    hidden=48,
    topics=10,
    vector_epochs=3,
    topic_passes=2,
    epochs=6,
    min_count=3,
    rate=5e-3,
    precision="fp32",
)


# Small matrices on busy cores: a second thread costs many times what it brings.
torch.set_num_threads(1)


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with train, dev and test: 2,400 posts on 20 planted subjects."""
    folder = tmp_path_factory.mktemp("corpus")
    write_corpus(SyntheticSettings(posts=2_400, subjects=20, topics=5, seed=7), folder)
    return folder


@pytest.fixture(scope="session")
def run(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A finished run on the corpus; tests must not change it."""
    return fit(corpus, tmp_path_factory.mktemp("run") / "run", SMALL)


@pytest.fixture(scope="session")
def registry(run: Run, tmp_path_factory: pytest.TempPathFactory) -> Registry:
    """A registry whose champion is the run's bundle; tests must not change it."""
    registry = Registry(tmp_path_factory.mktemp("registry"))
    registry.assign(CHAMPION, release(run, registry.bundles).path.name, "made for the tests")
    return registry


@pytest.fixture(scope="session")
def bundle_path(registry: Registry) -> Path:
    """The directory of the champion; copy it before changing anything."""
    return Path(str(registry.resolve(CHAMPION)))


@pytest.fixture(scope="session")
def bundle(bundle_path: Path) -> Bundle:
    return read_bundle(bundle_path)


@pytest.fixture(scope="session")
def predictor(bundle: Bundle) -> Predictor:
    return Predictor(bundle)


@pytest.fixture(scope="session")
def pointing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A corpus of which words tell nothing, and mentions and links all."""
    return pointing_corpus(tmp_path_factory.mktemp("pointing"))


@pytest.fixture(scope="session")
def plus_run(pointing: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A finished run of tab-lstm+ on that corpus; tests must not change it."""
    return fit(pointing, tmp_path_factory.mktemp("plus") / "run", POINTING)


@pytest.fixture(scope="session")
def plus_bundle(plus_run: Run, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """Its bundle, which reads mentions and links."""
    return read_bundle(release(plus_run, tmp_path_factory.mktemp("plus-bundles")).path)


@pytest.fixture(scope="session")
def plus_predictor(plus_bundle: Bundle) -> Predictor:
    return Predictor(plus_bundle)


@dataclass(frozen=True)
class Addresses:
    """Where the broker and Redis are."""

    kafka: str
    redis: str


@pytest.fixture(scope="session")
def addresses(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Addresses]:
    """Real services, shared by the tests that do not break them: an outside one, or our own."""
    kafka, redis = os.environ.get("TAGSTREAM_TEST_KAFKA"), os.environ.get("TAGSTREAM_TEST_REDIS")
    if kafka and redis:
        yield Addresses(kafka, redis)
        return
    install()
    with Services(tmp_path_factory.mktemp("services")) as services:
        yield Addresses(kafka or services.broker.address, redis or services.redis.url)


@pytest.fixture(scope="session")
def _s3() -> Iterator[None]:
    with s3():
        yield


@pytest.fixture
def bucket(_s3: None) -> str:
    """The URL of an empty bucket of S3."""
    return new_bucket()


@pytest.fixture
def unique() -> str:
    """A prefix for the topics, groups and keys of one test."""
    return f"test-{secrets.token_hex(4)}"
