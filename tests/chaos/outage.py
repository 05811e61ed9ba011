"""What a Redis that fails costs a worker on a backlog, once it leaves it alone."""

from collections import defaultdict
from statistics import median
from typing import Any, NamedTuple

from deploy.local.process import wait_until
from deploy.local.worker import WorkerProcess
from tests.chaos.bench import Bench
from tests.support.streams import post
from tests.support.troubled import Trouble, Troubled

POSTS, SETTLED, REPEATS = 64_000, 4_000, 5
NO_CACHE = "no cache"
STEPS = "messaging_process_duration_seconds"


class Seen(NamedTuple):
    """A worker's counts at one moment."""

    posts: float
    seconds: float  # spent in batches
    batches: float


def run(bench: Bench) -> dict[str, Any]:
    """Return the time of a batch under each trouble; the kinds take turns."""
    found: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for repeat in range(REPEATS):
        for kind in (NO_CACHE, *Trouble):
            redis = Troubled(bench.services.redis.address)
            redis.suffer(Trouble.NONE if kind == NO_CACHE else Trouble(kind))
            cache = "none" if kind == NO_CACHE else redis.url
            found[kind].append(_backlog(bench, f"outage-{kind.split()[0]}-{repeat}", cache))
            redis.close()
    rates = {kind: median(rate for rate, _ in some) for kind, some in found.items()}
    steps = {kind: median(step for _, step in some) for kind, some in found.items()}
    return {
        f"Redis {kind}" if kind != NO_CACHE else kind: {
            "posts_a_second": round(rates[kind], 1),
            "rate_of_no_cache": round(rates[kind] / rates[NO_CACHE], 3),
            "milliseconds_a_batch": round(1e3 * steps[kind], 2),
            "more_than_no_cache": round(1e3 * (steps[kind] - steps[NO_CACHE]), 2),
        }
        for kind in found
    }


def _backlog(bench: Bench, name: str, cache: str) -> tuple[float, float]:
    """Return posts a second of the time in batches, and seconds a batch, once all has settled."""
    texts = {str(n): f"{bench.texts[n % len(bench.texts)]} {n}" for n in range(POSTS)}
    with bench.stream(name) as stream:
        stream.produce((i.encode(), post(i, text)) for i, text in texts.items())
        worker = stream.worker(bundle=str(bench.bundle), cache=cache)
        assert wait_until(lambda: worker.answered >= SETTLED, 60)
        before = _seen(worker)
        assert wait_until(lambda: worker.answered >= POSTS, 120)
        after = _seen(worker)
        worker.stop()
    taken = Seen(*(later - earlier for later, earlier in zip(after, before, strict=True)))
    return taken.posts / taken.seconds, taken.seconds / taken.batches


def _seen(worker: WorkerProcess) -> Seen:
    return Seen(worker.answered, worker.metric(f"{STEPS}_sum"), worker.metric(f"{STEPS}_count"))
