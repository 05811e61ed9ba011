"""`make demo`: corpus → training → bundle → two workers on a real stream → what came back."""

import json
import os
import shutil
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import click

from deploy.demo.stream import Topics, receive, send
from deploy.demo.summary import show, summarise
from deploy.local.process import wait_until
from deploy.local.services import ServiceError, Services
from deploy.local.worker import WorkerProcess
from export.registry import CHAMPION, Registry
from trainer.corpus import split
from trainer.labels import most_frequent
from trainer.metrics import KS
from trainer.progress import console

STATE = Path(".demo")
WORKERS = 2
PARTITIONS = 8


@click.command()
@click.option("--tweets", type=click.Path(exists=True, file_okay=False, path_type=Path))
def main(tweets: Path | None) -> None:
    """Show the whole system at work, on synthetic posts or those of a corpus folder."""
    shutil.rmtree(STATE, ignore_errors=True)
    STATE.mkdir()
    try:
        figures = demo(tweets)
    except (ServiceError, subprocess.CalledProcessError) as error:
        raise click.ClickException(str(error)) from error
    (STATE / "summary.json").write_text(json.dumps(figures, indent=2) + "\n")
    if figures["lost"]:
        raise click.ClickException(f"{figures['lost']} posts were lost")


def demo(tweets: Path | None) -> dict[str, Any]:
    """Run every step, and return the figures of the summary."""
    seconds: dict[str, float] = {}
    corpus = tweets or STATE / "corpus"
    registry = STATE / "registry"
    if tweets is None:
        _step(seconds, "synthesise", "trainer", "synthesize", str(corpus))
    _learn(seconds, corpus, registry)
    posts = [post for post in split(corpus, "test") if post.spellings]
    popular = most_frequent(split(corpus, "train"), KS[-1])
    with ExitStack() as stack:
        console.print("[bold]Kafka and Redis start[/]")
        services = stack.enter_context(Services(STATE / "services"))
        workers = _start_workers(stack, services, registry)
        started = time.monotonic()
        topics = Topics()
        send(services.broker.address, topics, posts)
        received = receive(services.broker.address, topics, {p.id for p in posts}, started)
        # A batch is counted once it is committed, a moment after its answers can be read.
        wait_until(lambda: sum(w.answered for w in workers) >= received.messages, 10)
        answered = [worker.answered for worker in workers]
        hits = sum(int(worker.metric("tagstream_cache_hits_total")) for worker in workers)
        remembered = int(max(worker.metric("tagstream_memory_posts") for worker in workers))
        codes = [worker.stop() for worker in workers]
        if any(codes):
            raise ServiceError(f"workers ended with {codes}; see {STATE}/worker-*.log")
        versions = {
            "kafka_version": services.broker.version,
            "redis_version": services.redis.version,
        }
    more = {
        "cache_hits": hits,
        "memory": f"on, {remembered:,} posts remembered: those sent have no hashtags left",
        "answered_by_worker": {f"worker {i}": count for i, count in enumerate(answered)},
        **_optimum(corpus),
        "bundle": Registry(registry).resolve(CHAMPION).name,
        **versions,
        "seconds": seconds | {"stream": round(received.seconds, 1)},
    }
    figures = summarise(posts, received, popular, more)
    show(console, posts, received, figures)
    return figures


def _start_workers(stack: ExitStack, services: Services, registry: Path) -> list[WorkerProcess]:
    settings: dict[str, str | int | float | bool] = {
        "registry": str(registry),
        "bootstrap_servers": services.broker.address,
        "cache": services.redis.url,
        "create_topics": True,
        "partitions": PARTITIONS,
    }
    console.print(f"[bold]{WORKERS} workers join one consumer group[/]")
    workers = [WorkerProcess(STATE / f"worker-{i}.log", settings) for i in range(WORKERS)]
    for worker in workers:
        stack.callback(worker.stop)
        worker.start()
    for worker in workers:
        worker.wait_ready()
    return workers


def _learn(seconds: dict[str, float], corpus: Path, registry: Path) -> None:
    """Learn a model and make it the one that is served."""
    run = str(STATE / "run")
    _step(seconds, "fit", "trainer", "fit", str(corpus), run)
    _step(seconds, "export", "trainer", "export", run, str(registry), "--alias", CHAMPION)


def _step(seconds: dict[str, float], name: str, program: str, *arguments: str) -> None:
    """Run one of our commands as a user would."""
    console.print(f"[bold]{program} {' '.join(arguments)}[/]")
    started = time.monotonic()
    environment = os.environ | {"PYTHONUNBUFFERED": "1"}
    subprocess.run([sys.executable, "-m", program, *arguments], check=True, env=environment)
    seconds[name] = round(time.monotonic() - started, 1)


def _optimum(corpus: Path) -> dict[str, float]:
    """Return the best F1@1 that is possible, where the corpus knows it."""
    file = corpus / "optimum.json"
    if not file.exists():
        return {}
    best = json.loads(file.read_text())["optimum"]["test"]["F1@1"]
    return {"best_possible_f1_at_1": round(100 * best, 2)}


if __name__ == "__main__":
    main()
