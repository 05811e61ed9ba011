"""A worker that cannot start says why in one line, and by its exit code."""

from pathlib import Path

import pytest

from deploy.local.service import free_port
from deploy.local.worker import WorkerProcess
from tests.conftest import Addresses
from tests.support.streams import Stream


def ending(worker: WorkerProcess) -> tuple[int | None, str]:
    assert worker.process is not None
    assert worker.process.wait(60)
    return worker.exit_code, worker.log.read_text()


def test_missing_topics_are_named_with_the_command_that_creates_them(
    addresses: Addresses, unique: str, tmp_path: Path, bundle_path: Path
) -> None:
    stream = Stream(addresses, unique, tmp_path)
    code, said = ending(stream.worker(bundle=str(bundle_path)))
    assert code == 3
    assert f"--create --topic {stream.posts} --partitions 8" in said
    assert "Traceback" not in said


@pytest.mark.usefixtures("compiled")
def test_a_missing_memory_is_named_with_the_command_that_creates_it(
    stream: Stream, bundle_path: Path
) -> None:
    code, said = ending(stream.worker(bundle=str(bundle_path), memory="on", memory_posts=1_000))
    assert code == 3
    assert (
        f"--create --topic {stream.posts}.memory --partitions 1 --config cleanup.policy=delete "
        "--config retention.ms=-1 --config retention.bytes=2048000"
    ) in said
    assert stream.dead_letters not in said


def test_missing_topics_are_created_where_asked(
    addresses: Addresses, unique: str, tmp_path: Path, bundle_path: Path
) -> None:
    stream = Stream(addresses, unique, tmp_path)
    worker = stream.worker(bundle=str(bundle_path), create_topics=True, partitions=3)
    worker.wait_ready()
    assert worker.stop() == 0


@pytest.mark.parametrize(
    ("settings", "code", "words"),
    [
        ({"registry": "nowhere"}, 3, "has no alias 'champion'"),
        ({"variant": "cuda-fp32"}, 3, "has no variant 'cuda-fp32'"),
        ({"cache": "file:///nothing"}, 3, "--cache is no Redis URL"),
        ({"max_batch_size": 0}, 2, "--max-batch-size"),
    ],
)
def test_a_wrong_setting_is_named(
    stream: Stream,
    bundle_path: Path,
    settings: dict[str, str | float | bool],
    code: int,
    words: str,
) -> None:
    chosen = settings if "registry" in settings else {"bundle": str(bundle_path), **settings}
    found, said = ending(stream.worker(**chosen))
    assert (found, words in said, "Traceback" in said) == (code, True, False), said


def test_a_broker_that_is_not_there_is_waited_for_then_named(
    addresses: Addresses, unique: str, tmp_path: Path, bundle_path: Path
) -> None:
    nowhere = Addresses(f"127.0.0.1:{free_port()}", addresses.redis)
    worker = Stream(nowhere, unique, tmp_path).worker(bundle=str(bundle_path), startup_timeout=1)
    code, said = ending(worker)
    assert code == 7
    assert nowhere.kafka in said


def test_a_taken_http_port_is_named(stream: Stream, bundle_path: Path) -> None:
    first = stream.worker(bundle=str(bundle_path)).wait_ready()
    code, said = ending(stream.worker(bundle=str(bundle_path), http_port=first.port))
    assert code == 3
    assert "--http-port" in said
