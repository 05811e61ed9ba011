"""Everything breaks, in an order that a seed decides, under a group of three with load on it."""

import random
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from kafka import KafkaAdminClient

from deploy.local.process import wait_until
from deploy.local.worker import WorkerProcess
from tests.chaos.bench import Bench, offline
from tests.support.crashing_worker import POINTS
from tests.support.kills import Load, judge
from tests.support.streams import Stream
from tests.support.troubled import Trouble, Troubled
from worker.errors import ExitCode

WORKERS, RATE = 3, 180.0
LONGEST_PAUSE = 9.0  # seconds between two events
OUTAGE = 4.0  # seconds
TO_A_NEW_PARTITION = 20
KILL, BROKER, PARTITION = "kill -9", "broker restart", "partition added"
POINT = "kill -9 at "


@dataclass(frozen=True)
class Plan:
    """How much of each is to happen."""

    seed: int = 2016
    kills: int = 100
    at_points: int = 5  # of the kills, at each named point
    broker_restarts: int = 10
    outages: int = 10
    partitions: int = 5
    posts: int = 200_000

    def events(self, points: Sequence[str]) -> list[str]:
        """Return what happens, in order."""
        named = [POINT + point for point in points] * self.at_points
        troubles = [Trouble.REFUSED, Trouble.HANGING, Trouble.CUT]
        events = [
            *named,
            *[KILL] * (self.kills - len(named)),
            *[BROKER] * self.broker_restarts,
            *[str(troubles[n % 3]) for n in range(self.outages)],
            *[PARTITION] * self.partitions,
        ]
        random.Random(self.seed).shuffle(events)
        return events


@dataclass
class Group:
    """Workers in slots; one that ended is started again, as a supervisor would."""

    stream: Stream
    settings: Mapping[str, str]
    slots: list[WorkerProcess | None] = field(default_factory=lambda: [None] * WORKERS)
    exits: Counter[str] = field(default_factory=Counter)

    def mend(self) -> None:
        """Start what does not run; an exit code nobody asked for is counted."""
        for slot, worker in enumerate(self.slots):
            if worker is not None and not worker.running:
                self.exits[ExitCode(worker.exit_code or 0).name] += 1
            if worker is None or not worker.running:
                self.slots[slot] = self._start(slot)

    def kill(self, slot: int) -> None:
        """End a worker as a crash would."""
        worker = self.slots[slot]
        assert worker is not None
        worker.kill()
        self.slots[slot] = None

    def crash(self, slot: int, point: str, times: int) -> bool:
        """Let a worker crash at a named point; returns whether it came to it."""
        worker = self.slots[slot]
        assert worker is not None
        worker.stop()
        program = ("-m", "tests.support.crashing_worker", "crash", point, str(times))
        crashing = self._start(slot, *program)
        self.slots[slot] = None
        assert crashing.process is not None
        gone = crashing.process.wait(90)
        crashing.kill()
        return gone and crashing.exit_code == -9

    def stop(self) -> list[int | None]:
        """End all in order; returns their exit codes."""
        return [worker.stop() for worker in self.slots if worker is not None]

    def _start(self, slot: int, *program: str) -> WorkerProcess:
        return self.stream.worker(*program, instance_id=f"slot-{slot}", **self.settings)


def run(bench: Bench, delivery: str, plan: Plan, say: Callable[[str], None]) -> dict[str, Any]:
    """Let the plan happen; return what it did to the posts."""
    points = sorted(POINTS[delivery])
    chance, done, hit = random.Random(plan.seed), Counter[str](), Counter[str]()
    redis = Troubled(bench.services.redis.address)
    started = time.monotonic()
    with bench.stream(f"chaos-{delivery}") as stream:
        settings = {
            "bundle": str(bench.bundle),
            "cache": redis.url,
            "delivery": delivery,
            "delivery_timeout": "10",
            "stall_timeout": "50",
        }
        group = Group(stream, settings)
        group.mend()
        with Load(stream, bench.texts, RATE) as load:
            for number, event in enumerate(plan.events(points)):
                _wait(group, chance.uniform(0, LONGEST_PAUSE))
                say(f"{number} {event}, {len(load.sent)} posts")
                done[event] += 1
                if event.startswith(POINT):
                    slot, times = chance.randrange(WORKERS), chance.randint(2, 12)
                    hit[event.removeprefix(POINT)] += group.crash(
                        slot, event.removeprefix(POINT), times
                    )
                elif event == KILL:
                    group.kill(chance.randrange(WORKERS))
                elif event == BROKER:
                    bench.services.broker.restart()
                elif event == PARTITION:
                    _add_partition(stream, load)
                else:
                    redis.suffer(Trouble(event))
                    _wait(group, OUTAGE)
                    redis.suffer(Trouble.NONE)
                group.mend()
            while len(load.sent) < plan.posts:
                _wait(group, 1.0)
        answers = stream.answers()
        answers.until_answered(load.sent)
        codes = group.stop()
        verdict = judge(answers, load.sent, offline(bench))
        dead = stream.dead()
        dead.rest()
    redis.close()
    return {
        **asdict(verdict),
        "dead_letters": len(dead.records),
        "happened": dict(sorted(done.items())),
        "named_points_hit": dict(hit),
        "ended_by_themselves": dict(group.exits),
        "exit_codes_at_the_end": codes,
        "seconds": round(time.monotonic() - started),
        "plan": asdict(plan),
    }


def _wait(group: Group, seconds: float) -> None:
    """Let time pass; what ended meanwhile is started again."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        group.mend()
        time.sleep(min(0.5, max(0.0, end - time.monotonic())))


def _add_partition(stream: Stream, load: Load) -> None:
    """Add one to the input topic, and write to it at once."""
    admin = KafkaAdminClient(bootstrap_servers=stream.addresses.kafka, bootstrap_timeout_ms=60_000)
    try:
        stream.partitions += 1
        admin.create_partitions({stream.posts: stream.partitions})

        def there() -> bool:
            (topic,) = admin.describe_topics([stream.posts])
            return len(topic["partitions"]) == stream.partitions

        assert wait_until(there, 30)
    finally:
        admin.close()
    load.to_partition(stream.partitions - 1, TO_A_NEW_PARTITION)
