"""What every part stands on: services to be broken, a small model, and posts."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from deploy.local.install import install
from deploy.local.services import Services
from export.bundle import read_bundle
from export.registry import CHAMPION, Registry
from export.text import without_hashtags
from tests.conftest import SMALL, Addresses
from tests.support.streams import Stream
from trainer.corpus import split
from trainer.pipeline import fit
from trainer.release import release
from trainer.synthetic import SyntheticSettings, write_corpus
from worker.predictor import Predictor


@dataclass(frozen=True)
class Bench:
    """Services, a registry with a champion, and texts that its model was not trained on."""

    services: Services
    registry: Registry
    texts: Sequence[str]
    folder: Path

    @property
    def addresses(self) -> Addresses:
        """Where the services are."""
        return Addresses(self.services.broker.address, self.services.redis.url)

    @property
    def bundle(self) -> Path:
        """The champion."""
        return Path(str(self.registry.resolve(CHAMPION)))

    @contextmanager
    def stream(self, name: str, partitions: int = 6) -> Iterator[Stream]:
        """Give topics and a group of their own; what still runs at the end is ended."""
        stream = Stream(self.addresses, name, self.folder, partitions)
        stream.create_topics()
        try:
            yield stream
        finally:
            stream.stop()


@contextmanager
def bench() -> Iterator[Bench]:
    """Learn a small model and start services; all of it is gone after the block."""
    install()
    with TemporaryDirectory() as name, Services(Path(name) / "services") as services:
        folder = Path(name)
        corpus = folder / "corpus"
        corpus.mkdir()
        write_corpus(SyntheticSettings(posts=2_400, subjects=20, topics=5, seed=7), corpus)
        registry = Registry(folder / "registry")
        made = release(fit(corpus, folder / "run", SMALL), registry.bundles)
        registry.assign(CHAMPION, made.path.name, "to begin with")
        texts = [without_hashtags(one.text) for one in split(corpus, "test")]
        yield Bench(services, registry, texts, folder)


def offline(one: Bench) -> Predictor:
    """Return the predictor of the champion."""
    return Predictor(read_bundle(one.bundle))
