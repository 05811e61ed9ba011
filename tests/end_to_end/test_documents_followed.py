"""Every command of the documents is typed as it stands there, in order, in one directory each.

What is left out is marked with what it needs. Addresses, topics and sizes are the tests' own, by
the environment; all else is the documents'.
"""

import re
import shutil
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import msgspec
import pytest

from deploy.local.service import free_port
from export.bundle import with_memory
from export.registry import CHAMPION, Registry
from tests.conftest import Addresses
from tests.support.collecting import collect
from tests.support.collector import collecting
from tests.support.desk import Desk
from tests.support.documents import DOCUMENTS, blocks, name
from tests.support.learning import TINY, write_splits
from tests.support.retraining import NEW, OLD
from tests.support.streams import Stream, post
from trainer.memory_fit import MemoryChoice
from trainer.pipeline import fit
from trainer.release import release

SMALL = {
    "batch": 20,
    "dimensions": 8,
    "epochs": 2,
    "held_out": 30,
    "hidden": 8,
    "max_post_share": 1,
    "max_slowdown": 50,
    "min_count": 2,
    "precision": "fp32",
    "rate": 0.02,
    "topics": 3,
    "topic_passes": 1,
    "vector_epochs": 1,
}
FOLLOWED = [path for path in DOCUMENTS if any(not block.info for block in blocks(path, "sh"))]
TUTORIAL = "docs/tutorial.md"  # says all that it needs, sizes and topics included
LEARNING = {"README.md", TUTORIAL}  # the others begin with what is left of these
MAKING = ("export", "retrain")  # bundles, of which one form is enough here
SERVED = {"docs/guides/dead-letters.md", "docs/guides/roll-back.md"}  # by a worker that runs
# What must have been said, by how the line begins; in the tutorial, what it says will be.
TOLD = {
    "README.md": {"worker suggest": "#", "trainer fit-memory": "F1@1", "worker status": "ready"},
    TUTORIAL: {
        "worker suggest": "^#travel",
        "worker watch --config tagstream.toml --from-beginning --limit 5 --json":
            r'crater".*"suggestions":\[{"hashtag":"volcano","score":[0-9.]+,"from":\["memory"\]',
    },
    "docs/guides/dead-letters.md": {"worker dlq list": "not_json", "worker dlq replay": "1 of 1"},
    "docs/guides/roll-back.md": {"trainer rollback": "champion"},
}  # fmt: skip


@pytest.fixture(scope="module")
def left(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a corpus, a registry of two bundles, and collected posts."""
    folder = tmp_path_factory.mktemp("left")
    train, dev, test = OLD[:400], OLD[400:500], OLD[500:]
    write_splits(folder / "CORPUS", train=train, dev=dev, test=test)
    collect(folder / "collected", NEW)
    learned = fit(folder / "CORPUS", folder / "run", TINY)
    registry = Registry(folder / "registry")
    first = release(learned, registry.bundles, ["cpu-fp32"]).path
    for path in (with_memory(first, MemoryChoice(weight=0.4).card), first):
        registry.assign(CHAMPION, path.name, "made for the tests")
    return folder


@pytest.fixture
def stream(addresses: Addresses, unique: str, tmp_path: Path) -> Stream:
    """Topics of one document, with posts in them."""
    stream = Stream(addresses, unique, tmp_path, partitions=2)
    stream.create_topics()
    stream.produce((one["id"].encode(), msgspec.json.encode(one)) for one in NEW)
    return stream


@pytest.fixture
def desk(stream: Stream, tmp_path: Path) -> Iterator[Desk]:
    """A clean directory, and posts that come while something waits for them."""
    numbers = count()
    port = free_port()
    settings = stream.settings(
        memory="on", http_port=port, collect_group=f"{stream.group}-collect", flush_seconds=0.2
    )
    (tmp_path / "desk").mkdir()
    with stream.producer() as producer, collecting() as spans:

        def meanwhile() -> None:
            number = next(numbers)
            text = NEW[number % len(NEW)]["text"]
            producer.send(stream.posts, value=post(f"later-{number}", text))

        instead = {
            "127.0.0.1:9092": stream.addresses.kafka,
            "127.0.0.1:9464": f"127.0.0.1:{port}",
            "http://127.0.0.1:4318": spans.url,
            "--input-topic tweets": f"--input-topic {stream.posts}",
            '"tweets"': f'"{stream.posts}"',
            '"suggestions",': f'"{stream.suggestions}",',
            '"my-': f'"{stream.name}-my-',
            "--processes auto": "--processes 2",
            "--web 8080": f"--web {free_port()}",
            **{f"trainer {name}": f"trainer {name} --variants cpu-fp32" for name in MAKING},
        }
        desk = Desk(tmp_path / "desk", {}, instead, meanwhile)
        desk.assume(settings)
        yield desk
        desk.leave()


def prepare(desk: Desk, document: str, left: Path) -> None:
    """Leave on the desk what a document takes for granted."""
    shutil.copytree(left / "CORPUS", desk.folder / "CORPUS")
    if document == TUTORIAL:
        desk.leave_out("input_topic", "output_topic", "group")
    else:
        desk.assume(SMALL)
    if document in LEARNING:
        return
    for folder in ("registry", "collected"):
        shutil.copytree(left / folder, desk.folder / folder)
    desk.instead["DIGEST"] = Registry(desk.folder / "registry").resolve(CHAMPION).name
    desk.assume({"create_topics": True})
    if document in SERVED:
        desk.type_in("worker run")


@pytest.mark.timeout(1_800)
@pytest.mark.parametrize("document", FOLLOWED, ids=name)
def test_what_a_document_says_can_be_done(
    document: Path, desk: Desk, left: Path, stream: Stream
) -> None:
    prepare(desk, name(document), left)
    if name(document) == "docs/guides/dead-letters.md":
        desk.instead["SOURCE"] = reject(stream)
    desk.follow(document)
    for line, told in TOLD.get(name(document), {}).items():
        said = next(text for typed, text in desk.said.items() if typed.startswith(line))
        assert re.search(told, said, re.MULTILINE), f"{line}:\n{said}"


def reject(stream: Stream) -> str:
    """Have a worker reject a record; returns which, by topic, partition and offset."""
    with stream.producer() as producer:
        sent = producer.send(stream.posts, key=b"bad", value=b"no post").get(timeout=60)
    dead = stream.dead()
    dead.until(lambda: bool(dead.records))
    dead.close()
    return f"{sent.topic}-{sent.partition}-{sent.offset}"
