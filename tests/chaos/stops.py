"""Workers are stopped in order under load and started again: nothing is answered twice."""

import random
from dataclasses import asdict
from typing import Any

from tests.chaos.bench import Bench, offline
from tests.support.kills import Load, judge, let_flow

STOPS, RATE, SEED = 50, 300.0, 11


def run(bench: Bench) -> dict[str, Any]:
    """Return what became of the posts."""
    chance, codes = random.Random(SEED), []
    with bench.stream("stops") as stream:
        workers = [stream.worker(bundle=str(bench.bundle)).wait_ready() for _ in range(2)]
        answers = stream.answers()
        with Load(stream, bench.texts, RATE) as load:
            for _ in range(STOPS):
                let_flow(load, answers)
                slot = chance.randrange(len(workers))
                codes.append(workers[slot].stop())
                workers[slot] = stream.worker(bundle=str(bench.bundle)).wait_ready()
        answers.until_answered(load.sent)
        codes += [worker.stop() for worker in workers]
        verdict = judge(answers, load.sent, offline(bench))
    return {**asdict(verdict), "stops": STOPS, "exit_codes": sorted(set(codes), key=str)}
