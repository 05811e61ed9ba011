"""What the memory costs and brings while workers run: `python -m benchmarks.memory_live`.

How soon a hashtag that one worker read is suggested by another; how long catching up takes beside
the client's bare consuming of the same records, and so how many a second one worker follows; the
throughput of three workers with the memory and without, by how many posts carry hashtags. With a
CORPUS and a bundle learned from its train split: F1@1 of workers on its test posts as a stream,
beside that of a replay as late as they were. What is compared takes turns; figures are medians.
"""

import itertools
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import click
from confluent_kafka import Consumer, Producer
from kafka import TopicPartition

from benchmarks.made_up import PAPER, MadeUp
from benchmarks.memory_corpus import live
from benchmarks.memory_parts import answers_of, ready, sent, services_for
from benchmarks.memory_speed import made_up
from benchmarks.record import record
from benchmarks.stream import PARTITIONS, Backlog, backlog, texts
from benchmarks.timing import Run, medians
from deploy.local.worker import WorkerProcess
from worker.logs import configure_logging
from worker.memory_log import AT_ONCE, memory_output
from worker.messages import decode_suggestion
from worker.readers import reader
from worker.recall import Recall
from worker.settings import Settings
from worker.signals import Signals
from worker.telemetry import Metrics, total

TRIALS, RECORDS, POSTS, REPEATS = 200, 100_000, 20_000, 5
TAGGED = (0.2, 1.0)
WORKERS = 3
PROBE = 0.01  # seconds between two posts that ask
WITHIN = 30.0  # seconds in which a hashtag must be suggested
WITH, WITHOUT = "with the memory", "without"
CATCHING_UP, BARE = "catching up", "bare consuming"


@click.command()
@click.argument("corpus", required=False, type=click.Path(exists=True, path_type=Path))
@click.option("--bundle", type=click.Path(exists=True, path_type=Path), help="For CORPUS.")
@click.option("--scale", default=1.0, show_default=True, help="Of how much is measured.")
def main(corpus: Path | None, bundle: Path | None, scale: float) -> None:
    """Measure all of it and keep what came out."""
    if corpus and not bundle:
        raise click.UsageError("give --bundle, learned from CORPUS's train split, too")
    configure_logging("text", "info")  # at debug, a memory that is left works out its digest
    made = MadeUp("tab-lstm", PAPER)
    trials, records, posts = (round(scale * count) for count in (TRIALS, RECORDS, POSTS))
    figures: dict[str, Any] = {"repeats": REPEATS}
    with backlog() as stream:
        path = made.write(stream.folder, ["cpu-fp32"])
        words = texts(made, posts)
        figures["visibility"] = visibility(services_for(stream, "seen"), path, trials)
        figures["catching_up"] = catching_up(services_for(stream, "late"), records)
        figures["throughput"] = [throughput(stream, path, words, share) for share in TAGGED]
        if corpus and bundle:
            figures["corpus"] = live(services_for(stream, "corpus"), corpus, bundle)
    asked = f" {corpus.name} --bundle {bundle.name[:12]}" if corpus and bundle else ""
    command = f"python -m benchmarks.memory_live{asked} --scale {scale:g}"
    click.echo(record("memory_live", command, figures))


def visibility(stream: Backlog, bundle: Path, trials: int) -> dict[str, Any]:
    """Return how long it takes from a hashtag's first use until another worker suggests it."""
    settings = stream.settings(memory="on", cache="none", max_batch_time=0.05)
    with ExitStack() as stack:
        workers = [stack.enter_context(ready(stream, settings, bundle)) for _ in range(2)]
        producer = Producer({"bootstrap.servers": settings.bootstrap_servers, "linger.ms": 0})
        owners = [_owner(stream, producer, workers, number) for number in range(PARTITIONS)]
        one, other = owners.index(owners[0]), owners.index(1 - owners[0])
        answers = answers_of(stream)
        stack.callback(answers.close)
        seconds = [
            _seen_after(stream.topic, producer, answers, trial, (one, other))
            for trial in range(trials)
        ]
    cuts = quantiles(seconds, n=100)
    return {
        "trials": trials,
        "seconds_between_asking": PROBE,
        "p50_seconds": round(cuts[49], 3),
        "p99_seconds": round(cuts[98], 3),
    }


def _owner(
    stream: Backlog, producer: Producer, workers: Sequence[WorkerProcess], partition: int
) -> int:
    """Return which worker answers a partition."""
    before = [worker.answered for worker in workers]
    sent(producer, stream.topic, partition, {"id": f"owner {partition}", "text": "who answers"})
    producer.flush()
    while (after := [worker.answered for worker in workers]) == before:
        time.sleep(PROBE)
    return next(n for n, pair in enumerate(zip(before, after, strict=True)) if pair[0] != pair[1])


def _seen_after(
    topic: str, producer: Producer, answers: Consumer, trial: int, places: tuple[int, int]
) -> float:
    """Use a hashtag in one partition, and ask in another until it is suggested."""
    one, other = places
    tag, words = f"first{trial}", f"event{trial} happens{trial} now{trial}"
    started = time.perf_counter()
    used = {"id": f"use {trial}", "text": f"{words} #{tag}", "author": f"author {trial}"}
    sent(producer, topic, one, used)
    for number in itertools.count():
        asked = {"id": f"ask {trial} {number}", "text": words, "author": f"reader {number}"}
        sent(producer, topic, other, asked)
        found = answers.consume(100, PROBE)
        arrived = time.perf_counter()
        for message in found:
            answer = decode_suggestion(message.value() or b"")
            if any(suggestion.hashtag == tag for suggestion in answer.suggestions):
                return arrived - started
        assert arrived - started < WITHIN, f"#{tag} was not suggested"
    raise AssertionError


def catching_up(stream: Backlog, records: int) -> dict[str, Any]:
    """Return how long a worker takes to read its memory back, beside the client alone."""
    settings = stream.settings(memory="on", memory_posts=records)
    producer = Producer({"bootstrap.servers": settings.bootstrap_servers, "linger.ms": 20})
    name = Signals(key=settings.memory_key.encode()).name
    for number, entry in enumerate(itertools.islice(made_up(), records)):
        made = memory_output(settings.memory_topic, str(number).encode(), name, entry)
        producer.produce(made.topic, made.value, made.key)
        producer.poll(0)
    producer.flush()

    def caught_up() -> None:
        metrics = Metrics()
        with Recall(settings, metrics) as recall:
            recall.follow()
        assert total(metrics.memory_offset) == records

    runs: dict[str, Run] = {CATCHING_UP: caught_up, BARE: lambda: _consumed(settings, records)}
    seconds = medians(runs, REPEATS)
    return {
        "records": records,
        "seconds": {name: round(taken, 3) for name, taken in seconds.items()},
        "of_bare_consuming": round(seconds[CATCHING_UP] / seconds[BARE], 3),
        "records_a_second_that_one_worker_follows": round(records / seconds[CATCHING_UP]),
    }


def _consumed(settings: Settings, records: int) -> None:
    """Read the memory's topic as a worker does, and do nothing with it."""
    with reader(settings, "bare", settings.memory_topic, "--input-topic") as consumer:
        partition, read = TopicPartition(settings.memory_topic, 0), 0
        consumer.assign([partition])
        consumer.seek_to_beginning(partition)
        while read < records:
            read += len(consumer.poll(500, max_records=AT_ONCE).get(partition, []))


def throughput(stream: Backlog, bundle: Path, words: Sequence[str], share: float) -> dict[str, Any]:
    """Return the posts a second of some workers with a memory and without, `share` of them tagged.

    Each side has topics and workers of its own, which rest while the other's are at work.
    """
    rates: dict[str, list[float]] = {WITH: [], WITHOUT: []}
    with ExitStack() as stack:
        groups = {}
        for side, memory in ((WITH, "on"), (WITHOUT, "off")):
            own = services_for(stream, f"memory-{memory}-{share:g}")
            settings = own.settings(memory=memory, cache="none")
            members = [stack.enter_context(ready(own, settings, bundle)) for _ in range(WORKERS)]
            groups[side] = (own, members)
        for repeat in range(1 + REPEATS):
            posts = list(_tagged(words, share, repeat))
            for side, (own, members) in groups.items():
                rate = _rate(own, members, posts)
                if repeat:  # the first warms up
                    rates[side].append(rate)
    medians_of = {side: median(some) for side, some in rates.items()}
    return {
        "workers": WORKERS,
        "tagged": share,
        "posts": len(words),
        "posts_a_second": {side: round(rate) for side, rate in medians_of.items()},
        "with_of_without": round(medians_of[WITH] / medians_of[WITHOUT], 3),
    }


def _tagged(words: Sequence[str], share: float, repeat: int) -> Iterator[dict[str, object]]:
    for number, text in enumerate(words):
        tagged = number * share % 1 < share
        tags = [f"tag{number % 1_000}"] if tagged else []
        name = f"{repeat}-{number}"
        yield {"id": name, "text": text, "author": f"a{number % 3_000}", "hashtags": tags}


def _rate(
    stream: Backlog, members: Sequence[WorkerProcess], posts: Sequence[dict[str, object]]
) -> float:
    producer = Producer({"bootstrap.servers": stream.services.broker.address, "linger.ms": 20})
    due = sum(one.answered for one in members) + len(posts)
    started = time.perf_counter()
    for number, post in enumerate(posts):
        sent(producer, stream.topic, number % PARTITIONS, post)
    producer.flush()
    while sum(one.answered for one in members) < due:
        time.sleep(0.1)
    return len(posts) / (time.perf_counter() - started)


if __name__ == "__main__":
    main()
