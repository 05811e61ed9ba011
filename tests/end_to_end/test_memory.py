"""A hashtag that no training run has seen is suggested soon after its first use, by any worker."""

import json
from pathlib import Path

import pytest

from deploy.local.process import wait_until
from tests.support.streams import Answers, Stream, post
from worker.memory import Memory
from worker.memory_log import memory_log
from worker.memory_room import Sizes
from worker.messages import ScoredHashtag
from worker.settings import Settings
from worker.signals import Signals

pytestmark = pytest.mark.usefixtures("compiled")

FRESH = "HarbourFestival"
WORDS = "fireworks over the old harbour tonight"
HELD = 100


def ask(stream: Stream, answers: Answers, name: str) -> set[tuple[str, ...]]:
    """Send posts that fall on every partition; return where each has the hashtag from."""
    ids = [f"{name}-{number}" for number in range(24)]
    stream.produce((i.encode(), post(i, WORDS, author=f"reader {i}")) for i in ids)
    answers.until_answered(ids)
    return {
        tuple(tag.sources or ())
        for answer in answers
        if answer.id in ids
        for tag in answer.suggestions
        if tag.hashtag == FRESH
    } | {() for answer in answers if answer.id in ids and not knows(answer.suggestions)}


def knows(suggestions: list[ScoredHashtag]) -> bool:
    return any(tag.hashtag == FRESH for tag in suggestions)


def test_what_one_worker_read_all_workers_suggest(stream: Stream, bundle_path: Path) -> None:
    settings: dict[str, str | float | bool] = {
        "bundle": str(bundle_path),
        "memory": "on",
        "create_topics": True,
    }
    workers = [stream.worker(**settings).wait_ready() for _ in range(2)]
    answers = stream.answers()
    assert ask(stream, answers, "before") == {()}
    news = [f"news-{number}" for number in range(4)]
    stream.produce((i.encode(), post(i, f"{WORDS} #{FRESH}", author=f"writer {i}")) for i in news)
    answers.until_answered(news)
    asked = iter(range(100))
    assert wait_until(lambda: ask(stream, answers, f"after-{next(asked)}") == {("memory",)}, 60)
    for worker in workers:
        assert wait_until(lambda w=worker: w.metric("tagstream_memory_posts") == len(news), 30)  # type: ignore[misc]

    workers[0].kill()
    workers[0] = stream.worker(**settings).wait_ready()
    assert ask(stream, answers, "after a kill") == {("memory",)}
    assert [worker.stop() for worker in workers] == [0, 0]


def test_a_killed_worker_comes_to_the_same_memory_as_the_others(
    stream: Stream, bundle_path: Path
) -> None:
    settings: dict[str, str | float | bool] = {
        "bundle": str(bundle_path), "memory": "on", "create_topics": True, "memory_posts": HELD,
        "log_level": "debug",
    }  # fmt: skip
    workers = [stream.worker(**settings).wait_ready() for _ in range(3)]
    answers = stream.answers()

    def remember(name: str, count: int) -> list[str]:
        ids = [f"{name}-{number}" for number in range(count)]
        stream.produce((i.encode(), post(i, f"{WORDS} #tag{i}", author=i)) for i in ids)
        return ids

    doomed = remember("first", 2 * HELD)
    workers[0].kill()
    answers.until_answered(doomed)
    answers.until_answered(remember("second", 2 * HELD))
    workers[0] = stream.worker(**settings).wait_ready()
    answers.until_answered(remember("third", HELD // 2))  # the rest it must have read back
    with memory_log(Settings(bootstrap_servers=stream.addresses.kafka), f"{stream.posts}.memory",
                    lambda: Memory(Sizes(posts=HELD), signals=Signals().name)) as log:  # fmt: skip
        end, digest = log.offset, log.memory.digest()
    for worker in workers:
        assert wait_until(lambda w=worker: w.metric("tagstream_memory_offset") == end, 60)  # type: ignore[misc]
    assert [worker.stop() for worker in workers] == [0, 0, 0]
    for worker in workers:
        lines = [json.loads(line) for line in worker.log.read_text().splitlines()]
        (last,) = [line for line in lines if line["event"] == "memory"]
        assert (last["offset"], last["posts"], last["digest"]) == (end, HELD, digest)


def test_the_memory_is_kept_in_the_same_transaction_as_the_answers(
    stream: Stream, bundle_path: Path
) -> None:
    worker = stream.worker(
        bundle=str(bundle_path), memory="on", create_topics=True,
        delivery="exactly-once", instance_id="one",
    ).wait_ready()  # fmt: skip
    answers = stream.answers()
    stream.produce([(b"news", post("news", f"{WORDS} #{FRESH}", author="writer"))])
    answers.until_answered(["news"])
    asked = iter(range(100))
    assert wait_until(lambda: ask(stream, answers, f"after-{next(asked)}") == {("memory",)}, 60)
    assert worker.stop() == 0
