"""How long a post waits for its answer: `python -m benchmarks.latency`.

From a produce call to the answer's arrival at a consumer, at a steady rate, through a worker and
through a loop that polls, sends fixed bytes, flushes and commits; by client and profile. Worker and
loop take turns in one run, each in a process of its own; figures are medians of repeats.
"""

import multiprocessing
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median, quantiles
from typing import Any, NamedTuple

import click
import msgspec
from confluent_kafka import OFFSET_END, Consumer, Producer, TopicPartition

from benchmarks.made_up import PAPER, MadeUp
from benchmarks.record import record
from benchmarks.stream import PARTITIONS, Backlog, backlog, texts
from benchmarks.worker import KAFKA_CLIENTS
from deploy.local.worker import WorkerProcess
from worker import clients, topics
from worker.delivery import next_offsets
from worker.messages import Output
from worker.profiles import PROFILES
from worker.settings import Settings

REPEATS, SECONDS, RATE = 3, 15.0, 200.0
SETTLE = 3.0  # seconds before the first post that counts
VARIANT = "cpu-fp32"


class Kind(NamedTuple):
    """What is between the two ends."""

    side: str
    client: str
    profile: str
    delivery: str

    @property
    def name(self) -> str:
        """What people read."""
        return f"{self.side}, {self.client}, {self.profile}, {self.delivery}"


KINDS = [
    Kind(side, client, profile, delivery)
    for client in KAFKA_CLIENTS
    for profile in PROFILES
    for delivery in ("at-least-once", "exactly-once")
    for side in ("worker", "bare loop")
]


@click.command()
def main() -> None:
    """Measure all kinds in turns, and keep what came out."""
    made = MadeUp("tab-lstm", PAPER)
    found: dict[Kind, list[tuple[float, float]]] = defaultdict(list)
    with backlog() as stream:
        posts = texts(made, 1_024)
        stream.fill([])
        bundle = made.write(stream.folder, [VARIANT])
        for _ in range(REPEATS):
            for kind in KINDS:
                with answering(stream, kind, bundle):
                    seconds = waits(stream, posts)
                cuts = quantiles(seconds, n=100)
                found[kind].append((cuts[49], cuts[98]))
                click.echo(f"{kind.name}: {1e3 * cuts[49]:.1f} {1e3 * cuts[98]:.1f} ms")
    rows = {kind.name: _row(some) for kind, some in found.items()}
    figures = {"posts_a_second": RATE, "repeats": REPEATS, "milliseconds": rows}
    click.echo(record("latency", "python -m benchmarks.latency", figures))


def _row(some: list[tuple[float, float]]) -> dict[str, float]:
    return {
        "p50": round(1e3 * median(p50 for p50, _ in some), 1),
        "p99": round(1e3 * median(p99 for _, p99 in some), 1),
    }


@contextmanager
def answering(stream: Backlog, kind: Kind, bundle: Path) -> Iterator[None]:
    """Let a worker, or a bare loop, answer what comes inside the block."""
    settings = stream.settings(
        client=kind.client,
        profile=kind.profile,
        delivery=kind.delivery,
        instance_id="bench",
        start="latest",
        cache="none",
    )
    if kind.side == "worker":
        given = {
            "bundle": str(bundle),
            **{
                name: str(getattr(settings, name))
                for name in (
                    "bootstrap_servers", "group", "client", "profile", "delivery",
                    "instance_id", "start", "cache", "memory",
                )
            },
        }  # fmt: skip
        worker = WorkerProcess(stream.folder / "worker.log", given).start().wait_ready()
        yield
        worker.stop()
        return
    with topics.broker(settings) as admin:
        topics.place_new_group(admin, settings)
    context = multiprocessing.get_context("spawn")
    ready, stop = context.Event(), context.Event()
    loop = context.Process(target=_bare_loop, args=(settings, ready, stop), daemon=True)
    loop.start()
    assert ready.wait(60)
    yield
    stop.set()
    loop.join()


def _bare_loop(settings: Settings, ready: Any, stop: Any) -> None:  # noqa: ANN401 - of a context
    """Answer each post with the same bytes, as long as those of a suggestion."""
    value = b'{"id":"0","suggestions":[' + b'{"hashtag":"tag10000","score":0.1234},' * 5 + b"]}"
    with clients.member(settings) as (source, sink):
        while not stop.is_set():
            records = source.poll(settings.max_batch_size, settings.max_batch_time)
            if source.lag():
                ready.set()
            if records:
                outputs = [Output(settings.output_topic, one.key, value, []) for one in records]
                sink.publish(outputs, next_offsets(records))


def waits(stream: Backlog, posts: list[str]) -> list[float]:
    """Return the seconds from each produce call to its answer's arrival."""
    sent: dict[bytes, float] = {}
    found: list[float] = []
    total = int((SETTLE + SECONDS) * RATE)
    reader = Consumer(
        {
            "bootstrap.servers": stream.services.broker.address,
            "group.id": "reader",
            "isolation.level": "read_committed",
            "fetch.wait.max.ms": 10,
        }
    )
    reader.assign([TopicPartition("suggestions", n, OFFSET_END) for n in range(PARTITIONS)])
    reader.poll(2.0)  # it stands at the end by then
    sending = threading.Thread(target=_send, args=(stream, posts, total, sent))
    sending.start()
    answered = 0
    while answered < total:
        one = reader.poll(30.0)
        assert one is not None, f"{answered} of {total} answered"
        arrived, key = time.perf_counter(), one.key() or b""
        answered += 1
        if int(key) >= SETTLE * RATE:
            found.append(arrived - sent[key])
    sending.join()
    reader.close()
    return found


def _send(stream: Backlog, posts: list[str], total: int, sent: dict[bytes, float]) -> None:
    producer = Producer({"bootstrap.servers": stream.services.broker.address, "linger.ms": 0})
    started = time.perf_counter()
    for number in range(total):
        time.sleep(max(0.0, started + number / RATE - time.perf_counter()))
        key = str(number).encode()
        value = msgspec.json.encode({"id": str(number), "text": posts[number % len(posts)]})
        sent[key] = time.perf_counter()
        producer.produce(stream.topic, value, key)
        producer.poll(0)
    producer.flush()


if __name__ == "__main__":
    main()
