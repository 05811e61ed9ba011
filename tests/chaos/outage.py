"""What a Redis that fails costs a worker on a backlog, once it leaves it alone."""

from collections import defaultdict
from collections.abc import Sequence
from statistics import median
from typing import Any, NamedTuple

from deploy.local.process import wait_until
from deploy.local.worker import WorkerProcess
from tests.chaos.bench import Bench
from tests.support.streams import post
from tests.support.troubled import Trouble, Troubled

POSTS, SETTLED, ROUNDS = 32_000, 4_000, 6
NO_CACHE = "none"
STEPS = "messaging_process_duration_seconds"


class Seen(NamedTuple):
    """What a worker counted."""

    posts: float
    seconds: float  # spent in batches
    batches: float

    @property
    def rate(self) -> float:
        """Posts a second."""
        return self.posts / self.seconds

    @property
    def step(self) -> float:
        """Milliseconds a batch."""
        return 1e3 * self.seconds / self.batches


def run(bench: Bench) -> dict[str, Any]:
    """Return the time of a batch under each trouble, beside that without a cache.

    Each trouble has a worker without a cache for a neighbour, before it and after it by turns:
    what a machine comes to lose meanwhile, both lose.
    """
    pairs: dict[Trouble, list[tuple[Seen, Seen]]] = defaultdict(list)
    for number in range(ROUNDS):
        for trouble in Trouble:
            pairs[trouble].append(_pair(bench, trouble, number))
    return {f"Redis {trouble}": _compared(found) for trouble, found in pairs.items()}


def _compared(pairs: Sequence[tuple[Seen, Seen]]) -> dict[str, float]:
    """Return medians over pairs of a worker in trouble and one without a cache."""
    return {
        "posts_a_second": round(median(one.rate for one, _ in pairs), 1),
        "rate_of_no_cache": round(median(one.rate / plain.rate for one, plain in pairs), 3),
        "milliseconds_a_batch": round(median(one.step for one, _ in pairs), 2),
        "more_than_no_cache": round(median(one.step - plain.step for one, plain in pairs), 2),
    }


def _pair(bench: Bench, trouble: Trouble, number: int) -> tuple[Seen, Seen]:
    """Return what is seen of a worker in trouble, and of one without a cache."""
    name = f"outage-{trouble.split()[0]}-{number}"

    def plain() -> Seen:
        return _backlog(bench, f"{name}-{NO_CACHE}", NO_CACHE)

    before = plain() if number % 2 else None
    redis = Troubled(bench.services.redis.address)
    redis.suffer(trouble)
    found = _backlog(bench, name, redis.url)
    redis.close()
    return found, before or plain()


def _backlog(bench: Bench, name: str, cache: str) -> Seen:
    """Return what a worker counts on a backlog, once all has settled."""
    texts = {str(n): f"{bench.texts[n % len(bench.texts)]} {n}" for n in range(POSTS)}
    with bench.stream(name) as stream:
        stream.produce((i.encode(), post(i, text)) for i, text in texts.items())
        worker = stream.worker(bundle=str(bench.bundle), cache=cache)
        assert wait_until(lambda: worker.answered >= SETTLED, 60)
        before = _seen(worker)
        assert wait_until(lambda: worker.answered >= POSTS, 120)
        after = _seen(worker)
        worker.stop()
    return Seen(*(later - earlier for later, earlier in zip(after, before, strict=True)))


def _seen(worker: WorkerProcess) -> Seen:
    return Seen(worker.answered, worker.metric(f"{STEPS}_sum"), worker.metric(f"{STEPS}_count"))
