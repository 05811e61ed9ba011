"""What `trainer collect` adds to reading a topic: `python -m benchmarks.collect`.

One process reads a backlog into Parquet on a local disk, beside the bare client, which polls in the
same batches and commits as often. Both begin with their first records; all sides take turns in one
run, and figures are medians.
"""

import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import click
import msgspec

from benchmarks.made_up import PAPER, MadeUp
from benchmarks.record import record
from benchmarks.stream import Backlog, backlog, texts
from trainer.collector import Collector
from trainer.post_files import PostFiles
from trainer.settings import CollectSettings
from worker.clients import reader
from worker.delivery import next_offsets
from worker.messages import Record
from worker.sinks import MemberSource
from worker.telemetry import Health

REPEATS, POSTS = 5, 200_000
CLIENTS = ("kafka-python", "confluent-kafka")
BARE, COLLECT = "bare client", "trainer collect"


class Cost(NamedTuple):
    """Posts a second, and microseconds of the process's CPU a post."""

    rate: float
    cpu: float


@click.command()
@click.option("--posts", default=POSTS, show_default=True, help="Posts in the topic.")
@click.option("--repeats", default=REPEATS, show_default=True, help="Runs of each side.")
def main(posts: int, repeats: int) -> None:
    """Measure all sides and keep what came out."""
    words = texts(MadeUp("tab-lstm", PAPER), posts)
    with backlog() as stream:
        tagged = [f"{text} #tag{number % 1_000}" for number, text in enumerate(words)]
        stream.fill(tagged, created_at="2026-01-31T12:00:00.000Z", author="someone")
        sides = measured(stream, posts, repeats)
    figures = {"posts": posts, "repeats": repeats, "clients": sides}
    click.echo(record("collect", f"python -m benchmarks.collect --posts {posts}", figures))


def measured(stream: Backlog, posts: int, repeats: int) -> dict[str, Any]:
    """Return rate and CPU of both sides by client, and how they stand to each other."""
    costs: dict[tuple[str, str], list[Cost]] = defaultdict(list)
    for repeat in range(1 + repeats):
        for client in CLIENTS:
            for side, run in ((BARE, _bare), (COLLECT, _collect)):
                cost = run(stream, client, posts)
                if repeat:  # the first warms up
                    costs[client, side].append(cost)
    return {client: _compared(costs[client, BARE], costs[client, COLLECT]) for client in CLIENTS}


def _compared(bare: Sequence[Cost], collect: Sequence[Cost]) -> dict[str, Any]:
    found: dict[str, Any] = {
        side: {
            "posts_a_second": round(median(cost.rate for cost in costs)),
            "cpu_microseconds_a_post": round(median(cost.cpu for cost in costs), 2),
        }
        for side, costs in ((BARE, bare), (COLLECT, collect))
    }
    rates = [median(cost.rate for cost in costs) for costs in (collect, bare)]
    click.echo(found)
    return {**found, "rate_of_bare_client": round(rates[0] / rates[1], 3)}


def _bare(stream: Backlog, client: str, posts: int) -> Cost:
    settings = _settings(stream, client)
    with reader(settings) as source:
        done = len(_first(source, settings))
        clock, left, unwritten = _Clock(), posts - done, done
        while left > 0:
            records = source.poll(settings.max_batch_size, settings.max_batch_time)
            left -= len(records)
            unwritten += len(records)
            if unwritten >= settings.flush_rows or left <= 0:
                source.commit(next_offsets(records))
                unwritten = 0
        return clock.cost(posts - done)


def _collect(stream: Backlog, client: str, posts: int) -> Cost:
    settings = _settings(stream, client)
    with reader(settings) as source, TemporaryDirectory(dir=stream.folder) as folder:
        one = Collector(source, PostFiles(folder), settings, Health())
        first = _first(source, settings)
        one.take(first)
        clock, written = _Clock(), 0
        while written + one.waiting.posts < posts:
            before = one.waiting
            one.step()
            written += before.posts if one.waiting is not before else 0
        one.flush()
        cost = clock.cost(posts - len(first))
        assert any(Path(folder).iterdir())
    return cost


def _settings(stream: Backlog, client: str) -> CollectSettings:
    """Return the settings of a new group's only member."""
    shared = msgspec.structs.asdict(stream.settings(client=client))
    names = ("bootstrap_servers", "client", "group", "input_topic")
    return CollectSettings(**{name: shared[name] for name in names})


def _first(source: MemberSource, settings: CollectSettings) -> list[Record]:
    """Return the first records, at which all is set up."""
    while not (first := source.poll(settings.max_batch_size, settings.max_batch_time)):
        pass
    return first


class _Clock:
    def __init__(self) -> None:
        self._began = time.perf_counter(), time.process_time()

    def cost(self, posts: int) -> Cost:
        taken = time.perf_counter() - self._began[0]
        return Cost(posts / taken, 1e6 * (time.process_time() - self._began[1]) / posts)


if __name__ == "__main__":
    main()
