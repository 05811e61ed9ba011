"""What a worker adds to the predictor: `python -m benchmarks.worker`.

CPU time of the whole process, by post, on a backlog: of the worker's loop, of the bare predictor,
and of the bare client, which polls, sends the same bytes, flushes and commits. All take turns in
one run; figures are medians. Within the worker, the predictor's and the client's calls are timed
by the thread that makes them; what it does besides is what the worker adds: decoding, encoding,
metrics. All that once more with predictions at hand, which tells what of it a graph that runs in
between makes dearer. The same for the cache, beside redis-py alone.
"""

import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from copy import copy
from dataclasses import dataclass, replace
from functools import cached_property
from statistics import median
from typing import Any

import click

from benchmarks.made_up import PAPER, MadeUp
from benchmarks.record import record
from benchmarks.stream import Backlog, backlog, texts
from export.bundle import read_bundle
from export.manifest import CPU_VARIANTS
from worker.answers import Answerer
from worker.cache import Cache, NoCache, RedisCache
from worker.delivery import next_offsets
from worker.intake import Intake
from worker.loop import Loop
from worker.messages import Output, Record
from worker.models import OneModel
from worker.predictor import Predictor
from worker.rejects import RejectLimit
from worker.responder import Responder
from worker.scoreboard import Scoreboard
from worker.settings import Settings
from worker.stores import open_store
from worker.telemetry import Health, Metrics

REPEATS, POSTS = 5, 10_000
KAFKA_CLIENTS = ("kafka-python", "confluent-kafka")
PREDICTOR, CLIENT, REST = "predictor", "client", "what the worker adds"
AT_HAND = "worker with predictions at hand"
BARE, EMPTY, FULL = "redis-py alone", "every post a miss", "every post a hit"


@click.command()
def main() -> None:
    """Measure both and keep what came out."""
    made = MadeUp("tab-lstm", PAPER)
    with backlog() as stream:
        posts = texts(made, POSTS)
        stream.fill(posts)
        bundle = read_bundle(made.write(stream.folder))
        predictors = {name: Predictor(bundle, name) for name in CPU_VARIANTS}
        workloads = {name: Workload(stream, one, posts) for name, one in predictors.items()}
        costs = {name: cost(one) for name, one in workloads.items()}
        caches = {name: cache(one) for name, one in workloads.items()}
    figures = {"posts": POSTS, "repeats": REPEATS, "cost": costs, "cache": caches}
    click.echo(record("worker", "python -m benchmarks.worker", figures))


@dataclass(frozen=True)
class Workload:
    """Posts in a topic, and a predictor that answers them."""

    stream: Backlog
    predictor: Predictor
    posts: Sequence[str]

    def responder(self, settings: Settings, kept: Cache | None = None) -> Responder:
        """Return what answers as a worker does."""
        answerer, metrics = Answerer(self.predictor, settings.top), Metrics()
        intake, board = Intake.of(settings), Scoreboard(metrics)
        return Responder(intake, answerer, kept or NoCache(), settings, metrics, board)

    @cached_property
    def records(self) -> list[Record]:
        """The topic, read once."""
        settings = self.stream.settings()
        with self.stream.member(settings) as (source, _, first):
            read = list(first)
            while len(read) < len(self.posts):
                read.extend(source.poll(settings.max_batch_size, 0.5))
        return read

    @cached_property
    def outputs(self) -> dict[str, Output]:
        """What a worker publishes, by the post's coordinates."""
        responder = self.responder(self.stream.settings())
        found = responder.respond(self.records)
        return {
            one.coordinates: output
            for one, output in zip(self.records, found, strict=True)
            if isinstance(output, Output)
        }

    @cached_property
    def at_hand(self) -> "Workload":
        """The same, where all predictions are there already."""
        predictor = copy(self.predictor)
        inputs = dict(zip(self.posts, predictor.encode(self.posts), strict=True))
        read = [one for one in inputs.values() if not one.empty]
        found = {
            one.digest: prediction
            for one, prediction in zip(read, predictor.predict(read), strict=True)
        }
        predictor.encode = lambda texts: [inputs[text] for text in texts]  # type: ignore[method-assign]
        predictor.predict = lambda some: [found[one.digest] for one in some]  # type: ignore[method-assign,assignment]
        return replace(self, predictor=predictor)

    def batches(self, size: int) -> Iterator[list[Record]]:
        """Yield the topic's records as they come."""
        return (self.records[at : at + size] for at in range(0, len(self.records), size))


def cost(work: Workload) -> dict[str, Any]:
    """Return microseconds of CPU a post: predictor, and worker and bare loop by client."""
    sides: dict[str, Callable[[], dict[str, float]]] = {}
    for client in KAFKA_CLIENTS:
        sides[f"worker, {client}"] = lambda client=client: _worker(work, client)  # type: ignore[misc]
        sides[f"{AT_HAND}, {client}"] = lambda client=client: _worker(work.at_hand, client)  # type: ignore[misc]
        sides[f"bare {client}"] = lambda client=client: _bare(work, client)  # type: ignore[misc]
    sides["predictor"] = lambda: {"": _predictor(work)}
    taken = _medians(sides)
    found: dict[str, Any] = {"microseconds_a_post": taken}
    for client in KAFKA_CLIENTS:
        whole, bare = taken[f"worker, {client}"], taken[f"bare {client}"]
        found[client] = {
            "predictor_of_worker": round(taken["predictor"] / whole, 3),
            "rest_of_bare_client": round(taken[f"worker, {client}: {REST}"] / bare, 3),
            "rest_of_bare_client_at_hand": round(taken[f"{AT_HAND}, {client}: {REST}"] / bare, 3),
        }
    return found


def cache(work: Workload) -> dict[str, Any]:
    """Return microseconds of a post's time with and without the cache, and when it pays.

    Time, not CPU: a worker waits for Redis, which computes on the same cores.
    """
    settings = work.stream.settings()
    url = work.stream.services.redis.url
    with closing(open_store(url, 1.0)) as store:
        metrics = Metrics()
        kept = RedisCache(store, work.predictor, metrics, prefix="bench")
        plain, cached = work.responder(settings), work.responder(settings, kept)

        size = settings.max_batch_size

        def empty() -> dict[str, float]:
            work.stream.services.redis.restart()
            return _timed(lambda: _respond(work, cached, size))

        taken = _medians(
            {
                "no cache": lambda: _timed(lambda: _respond(work, plain, size)),
                EMPTY: empty,
                FULL: lambda: _timed(lambda: _respond(work, cached, size)),
                BARE: lambda: _timed(lambda: _redis(work, url, size)),
            }
        )
    pays = (taken[EMPTY] - taken["no cache"]) / (taken[EMPTY] - taken[FULL])
    return {"microseconds_a_post": taken, "pays_from_a_hit_ratio_of": round(pays, 3)}


def _medians(sides: dict[str, Callable[[], dict[str, float]]]) -> dict[str, float]:
    """Return microseconds by side, and by part of it; the whole has no name."""
    seconds: dict[str, list[float]] = defaultdict(list)
    for repeat in range(1 + REPEATS):
        for name, side in sides.items():
            for part, taken in side().items():
                if repeat:  # the first warms up
                    seconds[f"{name}: {part}" if part else name].append(taken)
    return {name: round(1e6 * median(some), 1) for name, some in seconds.items()}


def _timed(run: Callable[[], None]) -> dict[str, float]:
    started = time.perf_counter()
    run()
    return {"": (time.perf_counter() - started) / POSTS}


def _predictor(work: Workload) -> float:
    """Return seconds of CPU a post for reading and inference alone, in the worker's batches."""
    size = work.stream.settings().max_batch_size
    started = time.process_time()
    for at in range(0, len(work.posts), size):
        inputs = work.predictor.encode(work.posts[at : at + size])
        work.predictor.predict([one for one in inputs if not one.empty])
    return (time.process_time() - started) / len(work.posts)


def _worker(work: Workload, client: str) -> dict[str, float]:
    """Return seconds of CPU a post of the loop as a worker runs it, and of its parts."""
    settings = work.stream.settings(client=client)
    spent: dict[str, float] = defaultdict(float)
    predictor = copy(work.predictor)
    _watch(predictor, ("encode", "predict"), PREDICTOR, spent)
    model = OneModel(replace(work, predictor=predictor).responder(settings))
    with work.stream.member(settings) as (source, sink, first):
        _watch(source, ("poll", "lag", "connected"), CLIENT, spent)
        _watch(sink, ("publish",), CLIENT, spent)
        metrics = Metrics()
        loop = Loop(
            source, sink, model, RejectLimit(ratio=1.0, run=0), settings, metrics, Health(60.0)
        )
        due = len(work.posts) - len(first)
        started, here = time.process_time(), time.thread_time()
        while (done := _answered(metrics)) < due:
            loop.step()
        spent[""], of_this = time.process_time() - started, time.thread_time() - here
    spent[REST] = of_this - spent[PREDICTOR] - spent[CLIENT]
    spent[CLIENT] += spent[""] - of_this  # its threads
    return {part: seconds / done for part, seconds in spent.items()}


def _watch(target: object, names: Sequence[str], part: str, spent: dict[str, float]) -> None:
    """Add the CPU time of the thread that calls these methods to a part."""

    def watched(method: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any) -> Any:  # noqa: ANN401 - any method
            started = time.thread_time()
            try:
                return method(*args)
            finally:
                spent[part] += time.thread_time() - started

        return call

    for name in names:
        setattr(target, name, watched(getattr(target, name)))


def _answered(metrics: Metrics) -> int:
    return int(metrics.registry.get_sample_value("messaging_client_sent_messages_total") or 0)


def _bare(work: Workload, client: str) -> dict[str, float]:
    """Return seconds of CPU a post of the client: poll, send the same bytes, flush, commit."""
    settings, outputs = work.stream.settings(client=client), work.outputs
    with work.stream.member(settings) as (source, sink, first):
        done, due = 0, len(work.posts) - len(first)
        started = time.process_time()
        while done < due:
            records = source.poll(settings.max_batch_size, settings.max_batch_time)
            if records:
                sink.publish([outputs[one.coordinates] for one in records], next_offsets(records))
            done += len(records)
        return {"": (time.process_time() - started) / done}


def _respond(work: Workload, responder: Responder, size: int) -> None:
    for some in work.batches(size):
        responder.respond(some)


def _redis(work: Workload, url: str, size: int) -> None:
    """Ask for as many keys and write values of the same size, with redis-py and nothing else."""
    value = bytes(8 * work.predictor.bundle.manifest.model.ranked + 32)
    with closing(open_store(url, 1.0)) as store:
        for some in work.batches(size):
            keys = [b"bare" + one.coordinates.encode() for one in some]
            store.get(keys)
            store.put(dict.fromkeys(keys, (value, 3_600)))


if __name__ == "__main__":
    main()
