"""Workers on a corpus as a stream, beside a replay of it that sees posts as late as they did."""

import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from confluent_kafka import Producer

from benchmarks.memory_parts import answers_of, ready
from benchmarks.stream import Backlog, written
from deploy.local.worker import WorkerProcess
from export.bundle import read_bundle
from export.text import canonical_hashtag
from trainer.replay import Delay, Scores, fused, probabilities, votes
from trainer.timeline import Moment, joined, read_entries, timeline
from worker.memory import Memory
from worker.memory_entries import Entry
from worker.memory_log import memory_output
from worker.memory_room import Sizes
from worker.messages import decode_suggestion
from worker.predictor import Predictor
from worker.settings import Settings
from worker.signals import SIGNALS, Signals
from worker.voting import Voting

WORKERS, RATE = 3, 300.0  # posts a second
LATE = ("tagstream_end_to_end_latency_seconds", "tagstream_memory_visibility_seconds")
SILENCE = 60.0  # seconds without an answer until one is given up


def live(stream: Backlog, corpus: Path, bundle: Path) -> dict[str, Any]:
    """Return F1@1 on the test posts of a corpus: of workers, and of a replay at their delay."""
    moments = timeline(corpus)
    entries = joined(read_entries(moments), SIGNALS)
    first = next(row for row, moment in enumerate(moments) if moment.split == "test")
    settings = stream.settings(
        memory="on", memory_posts=len(moments), cache="none", keep_present=True, max_batch_time=0.05
    )
    _remember(settings, entries[:first])
    with ExitStack() as stack:
        workers = [stack.enter_context(ready(stream, settings, bundle)) for _ in range(WORKERS)]
        best = _answered(stream, moments[first:])
        seconds = sum(_mean(workers, name) for name in LATE)
    asked = [row for row, moment in enumerate(moments) if moment.split == "test"]
    posts = [moments[row] for row in asked]
    delay = Delay(posts=round(seconds * RATE))
    replayed = _replayed(Predictor(read_bundle(bundle)), entries, posts, asked, delay)
    of_replay = Scores.of(replayed, posts)
    of_workers = Scores.of([best[post.post.id] for post in posts], posts)
    return {
        "corpus": corpus.name,
        "test_posts": len(posts),
        "workers": WORKERS,
        "posts_a_second": RATE,
        "seconds_late": round(seconds, 3),
        "posts_late": delay.posts,
        "f1_at_1_of_workers": round(100 * of_workers.quality.f1[0], 2),
        "f1_at_1_of_replay": round(100 * of_replay.quality.f1[0], 2),
    }


def _remember(settings: Settings, entries: Sequence[Entry]) -> None:
    """Write the posts before the first that is asked to the memory's topic."""
    producer = Producer({"bootstrap.servers": settings.bootstrap_servers, "linger.ms": 20})
    name = Signals(key=settings.memory_key.encode()).name
    for entry in entries:
        made = memory_output(settings.memory_topic, str(entry.id).encode(), name, entry)
        producer.produce(made.topic, made.value, made.key)
        producer.poll(0)
    producer.flush()


def _answered(stream: Backlog, moments: Sequence[Moment]) -> dict[str, list[str]]:
    """Send posts in the order of time at a steady rate; return the hashtags suggested, by id."""
    producer = Producer({"bootstrap.servers": stream.services.broker.address, "linger.ms": 5})
    answers = answers_of(stream)
    found: dict[str, list[str]] = {}
    started = heard = time.perf_counter()
    number = 0
    while len(found) < len(moments):
        due = min(len(moments), int((time.perf_counter() - started) * RATE))
        for moment in moments[number:due]:
            producer.produce(
                stream.topic, written(moment.post, moment.post.created_at), moment.post.id.encode()
            )
        number = max(number, due)
        producer.poll(0)
        for message in answers.consume(500, 0.005):
            heard = time.perf_counter()
            answer = decode_suggestion(message.value() or b"")
            found[answer.id] = [canonical_hashtag(one.hashtag) for one in answer.suggestions]
        assert time.perf_counter() - heard < SILENCE, f"{len(found)} of {len(moments)} answered"
    answers.close()
    return found


def _mean(workers: Sequence[WorkerProcess], name: str) -> float:
    parts = (f"{name}_{part}" for part in ("sum", "count"))
    seconds, times = (sum(one.metric(part) for one in workers) for part in parts)
    return seconds / times


def _replayed(
    predictor: Predictor,
    entries: Sequence[Entry],
    posts: Sequence[Moment],
    asked: Sequence[int],
    delay: Delay,
) -> list[list[str]]:
    """Return what model and memory together suggest, each post seen so late."""
    expected = probabilities(predictor, [moment.post.text for moment in posts])
    voting = Voting.of(predictor.bundle.manifest.memory)
    memory = Memory(Sizes(posts=len(entries)), voting.rules, Settings().author_votes)
    found = votes(entries, asked, [memory], delay)
    return [
        fused(answer, model, voting.weight)
        for (answer,), model in zip(found, expected, strict=True)
    ]
