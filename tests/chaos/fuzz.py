"""As many broken messages as good posts: each gets what it deserves."""

import random
from dataclasses import asdict
from typing import Any

from deploy.local.process import wait_until
from tests.chaos.bench import Bench, offline
from tests.support.fuzz import broken
from tests.support.kills import judge
from tests.support.streams import post

MESSAGES, SEED = 10_000, 5


def run(bench: Bench) -> dict[str, Any]:
    """Return what became of them without a limit, and with the usual ones."""
    chance = random.Random(SEED)
    good = {f"good-{n}": f"{chance.choice(bench.texts)} {n}" for n in range(MESSAGES)}
    bad = {f"bad-{n}".encode(): broken(n, chance) for n in range(MESSAGES)}
    records = [(i.encode(), post(i, text)) for i, text in good.items()] + list(bad.items())
    chance.shuffle(records)
    found: dict[str, Any] = {}
    with bench.stream("fuzz") as stream:
        worker = stream.worker(bundle=str(bench.bundle), reject_limit="off")
        stream.produce(records)
        answers, dead = stream.answers(), stream.dead()
        answers.until_answered(good)
        dead.until(lambda: len(dead.records) >= len(bad))
        assert wait_until(lambda: sum(stream.committed().values()) == len(records), 60)
        reasons = [dict(r.headers).get("__connect.errors.exception.message") for r in dead.records]
        found["without a limit"] = {
            **asdict(judge(answers, good, offline(bench))),
            "broken": len(bad),
            "dead_letters": len({record.key for record in dead.records}),
            "with_a_reason": sum(map(bool, reasons)),
            "exit_code": worker.stop(),
        }
    with bench.stream("fuzz-limited") as stream:
        stream.produce(records)
        worker = stream.worker(bundle=str(bench.bundle))
        assert worker.process is not None
        assert worker.process.wait(120)
        answers, dead = stream.answers(), stream.dead()
        answers.rest()
        dead.rest()
        found["with the usual limits"] = {
            "exit_code": worker.exit_code,
            "committed": sum(stream.committed().values()),
            "answered_or_dead_letters": len(answers.counts) + len(dead.records),
        }
    return found
