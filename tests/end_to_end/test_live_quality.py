"""What workers count of themselves while they run is what a replay of the same posts comes to."""

import random
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from deploy.local.process import wait_until
from deploy.local.worker import WorkerProcess
from tests.support.streams import Stream, post
from trainer.replay import Delay, fused, probabilities, votes
from worker.answers import Answerer
from worker.memory import Memory
from worker.memory_room import Sizes
from worker.messages import Post
from worker.predictor import Predictor
from worker.quality import Score, score
from worker.signals import Signals

EVENTS, EACH, WORDS = 30, 20, 5
RATE = 120.0  # posts a second
TOLERANCE = 0.05  # of all posts


def invented(seed: int) -> Iterator[tuple[str, str]]:
    """Yield texts of events with words of their own, in no order, and the hashtag of each."""
    chance = random.Random(seed)
    events = [event for event in range(EVENTS) for _ in range(EACH)]
    chance.shuffle(events)
    for number, event in enumerate(events):
        words = chance.sample([f"event{event}word{one}" for one in range(WORDS)], 3)
        yield f"{' '.join(words)} reader{number}", f"Event{event}"


def streamed(stream: Stream) -> list[tuple[float, Post]]:
    """Send the posts at a steady rate, each written when it is sent."""
    sent, started = [], time.time()
    with stream.producer() as producer:
        for number, (text, tag) in enumerate(invented(5)):
            time.sleep(max(0.0, started + number / RATE - time.time()))
            now, author = time.time(), f"author {number}"
            written = datetime.fromtimestamp(now, UTC).isoformat()
            one = Post(f"live-{number}", text, written, author, hashtags=[tag])
            fields = {"created_at": written, "author": author, "hashtags": [tag]}
            producer.send(stream.posts, key=one.id.encode(), value=post(one.id, text, **fields))
            sent.append((now, one))
        producer.flush()
    return sent


def replayed(sent: list[tuple[float, Post]], predictor: Predictor, delay: Delay) -> list[Score]:
    """Score the posts as `trainer replay` does."""
    signals, weight = Signals(), Answerer(predictor).weight
    tags = [[tag.casefold() for tag in one.hashtags or ()] for _, one in sent]
    entries = [signals.entry(one, at, own) for (at, one), own in zip(sent, tags, strict=True)]
    expected = probabilities(predictor, [one.text for _, one in sent])
    found = votes(entries, range(len(entries)), [Memory(Sizes(posts=len(entries)))], delay)
    return [
        score(fused(answer, model, weight), own)
        for (answer,), model, own in zip(found, expected, tags, strict=True)
    ]


def hits(scores: list[Score], k: int) -> int:
    return sum(any(one.hits[:k]) for one in scores)


def mean(workers: list[WorkerProcess], name: str) -> float:
    sums, counts = (
        sum(worker.metric(f"{name}_{part}") for worker in workers) for part in ("sum", "count")
    )
    return sums / counts


def total(workers: list[WorkerProcess], name: str, **labels: str) -> float:
    return sum(worker.metric(name, **labels) for worker in workers)


def test_live_hits_are_those_of_a_replay_at_the_same_delay(
    stream: Stream, bundle_path: Path, predictor: Predictor
) -> None:
    workers = [
        stream.worker(
            bundle=str(bundle_path), memory="on", create_topics=True, max_batch_time=0.05
        ).wait_ready()
        for _ in range(3)
    ]
    warm = [f"warm-{number}" for number in range(60)]
    stream.produce((i.encode(), post(i, f"warming up {i}")) for i in warm)
    stream.answers().until_answered(warm)
    sent = streamed(stream)
    posts = "tagstream_prequential_posts_total"
    assert wait_until(lambda: total(workers, posts) == len(sent), 120)
    waited = mean(workers, "tagstream_end_to_end_latency_seconds")
    visible = mean(workers, "tagstream_memory_visibility_seconds")
    soonest, latest = (
        replayed(sent, predictor, Delay(seconds=s)) for s in (visible, waited + visible)
    )
    never = replayed(sent, predictor, Delay(posts=len(sent)))
    for k in (1, 5):
        live = total(workers, "tagstream_prequential_hits_total", k=str(k))
        slack = TOLERANCE * len(sent)
        assert hits(latest, k) - slack <= live <= hits(soonest, k) + slack
        assert live > hits(never, k) + 2 * slack
    memory = total(workers, "tagstream_prequential_source_hits_total", k="1", source="memory")
    assert memory > len(sent) / 2
    assert [worker.stop() for worker in workers] == [0, 0, 0]
