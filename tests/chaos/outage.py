"""What a Redis that fails costs a worker on a backlog, once it leaves it alone."""

from collections import defaultdict
from statistics import median
from typing import Any, NamedTuple

from deploy.local.process import wait_until
from deploy.local.worker import WorkerProcess
from tests.chaos.bench import Bench
from tests.support.streams import post
from tests.support.troubled import Trouble, Troubled

POSTS, SETTLED, ROUNDS = 32_000, 4_000, 4
NO_CACHE = "no cache"
KINDS = (NO_CACHE, *Trouble)
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

    A round has each kind twice, there and back: what a machine comes to lose meanwhile, all lose.
    """
    rounds = [_round(bench, number) for number in range(ROUNDS)]
    return {
        kind if kind == NO_CACHE else f"Redis {kind}": {
            "posts_a_second": round(median(one[kind].rate for one in rounds), 1),
            "rate_of_no_cache": round(
                median(one[kind].rate / one[NO_CACHE].rate for one in rounds), 3
            ),
            "milliseconds_a_batch": round(median(one[kind].step for one in rounds), 2),
            "more_than_no_cache": round(
                median(one[kind].step - one[NO_CACHE].step for one in rounds), 2
            ),
        }
        for kind in KINDS
    }


def _round(bench: Bench, number: int) -> dict[str, Seen]:
    found: dict[str, list[Seen]] = defaultdict(list)
    for way, kinds in (("there", KINDS), ("back", KINDS[::-1])):
        for kind in kinds:
            redis = Troubled(bench.services.redis.address)
            redis.suffer(Trouble.NONE if kind == NO_CACHE else Trouble(kind))
            cache = "none" if kind == NO_CACHE else redis.url
            name = f"outage-{kind.split()[0]}-{number}-{way}"
            found[kind].append(_backlog(bench, name, cache))
            redis.close()
    return {kind: Seen(*map(sum, zip(*some, strict=True))) for kind, some in found.items()}


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
