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
from worker.memory import Memory
from worker.memory_room import Sizes
from worker.messages import Post
from worker.predictor import Predictor
from worker.quality import Score, score
from worker.signals import Signals
from worker.voting import Voting

EVENTS, EACH, WORDS = 30, 20, 5
RATE = 120.0  # posts a second
TOLERANCE = 0.03  # of all posts
POSTS, HELD = "tagstream_prequential_posts_total", "tagstream_memory_posts"
WAITED = "tagstream_end_to_end_latency_seconds"
VISIBLE = "tagstream_memory_visibility_seconds"


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
    signals, weight = Signals(), Voting().weight
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


def total(workers: list[WorkerProcess], name: str, **labels: str) -> float:
    return sum(worker.metric(name, **labels) for worker in workers)


def counted(workers: list[WorkerProcess]) -> dict[str, float]:
    """Return what all workers counted so far."""
    waits = (f"{name}_{part}" for name in (WAITED, VISIBLE) for part in ("sum", "count"))
    found = {name: total(workers, name) for name in (POSTS, *waits)}
    for k in "15":
        found[k] = total(workers, "tagstream_prequential_hits_total", k=k)
        found[f"{k} memory"] = total(
            workers, "tagstream_prequential_source_hits_total", k=k, source="memory"
        )
    return found


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
    stream.produce((i.encode(), post(i, f"warming up {i} #Warm")) for i in warm)
    stream.answers().until_answered(warm)
    for worker in workers:  # by then the steps that add and look up are compiled
        assert wait_until(lambda w=worker: w.metric(HELD) == len(warm), 120)  # type: ignore[misc]
    before = counted(workers)
    sent = streamed(stream)
    due = before[POSTS] + len(sent)
    assert wait_until(lambda: total(workers, POSTS) == due, 120)
    for worker in workers:
        assert wait_until(lambda w=worker: w.metric(HELD) == len(warm) + len(sent), 60)  # type: ignore[misc]
    live = {name: value - before[name] for name, value in counted(workers).items()}
    waited, visible = (live[f"{name}_sum"] / live[f"{name}_count"] for name in (WAITED, VISIBLE))
    delays = (Delay(seconds=visible), Delay(seconds=waited + visible), Delay(posts=len(sent)))
    soonest, latest, never = (replayed(sent, predictor, delay) for delay in delays)
    slack = TOLERANCE * len(sent)
    for k in (1, 5):
        found = live[str(k)]
        assert hits(latest, k) - slack <= found <= hits(soonest, k) + slack
        assert found > hits(never, k) + 2 * slack
        assert live[f"{k} memory"] >= found - hits(never, k)
    assert [worker.stop() for worker in workers] == [0, 0, 0]
