"""Streams on real services, and posts to send through them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local.services import Services
from export.text import without_hashtags
from tests.conftest import Addresses
from tests.support.streams import Stream
from trainer.corpus import split
from worker.compile import use_each_step


@pytest.fixture(scope="session")
def compiled() -> None:
    """Keep what the memory compiles, so that no worker is late by it."""
    use_each_step()


@pytest.fixture
def stream(addresses: Addresses, unique: str, tmp_path: Path) -> Iterator[Stream]:
    """Topics and a group of this test alone, on services that it must not break."""
    stream = Stream(addresses, unique, tmp_path)
    stream.create_topics()
    yield stream
    stream.stop()


@pytest.fixture
def own_services(tmp_path: Path) -> Iterator[Services]:
    """Services of this test alone, to be broken."""
    with Services(tmp_path / "services") as services:
        yield services


@pytest.fixture
def fragile(own_services: Services, unique: str, tmp_path: Path) -> Iterator[Stream]:
    """A stream on services that the test may break."""
    addresses = Addresses(own_services.broker.address, own_services.redis.url)
    stream = Stream(addresses, unique, tmp_path)
    stream.create_topics()
    yield stream
    stream.stop()


@pytest.fixture(scope="session")
def texts(corpus: Path) -> dict[str, str]:
    """Posts that no model was trained on, by id, their hashtags taken out."""
    return {post.id: without_hashtags(post.text) for post in split(corpus, "test")}
