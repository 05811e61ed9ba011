"""A thousand champions, one after the other, under load; every tenth is broken."""

from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Any

import msgspec

from deploy.local.process import wait_until
from deploy.local.worker import WorkerProcess
from export.bundle import Bundle, read_bundle, write_bundle
from export.registry import CHAMPION, Registry
from tests.chaos.bench import Bench, offline
from tests.support.kills import Load, judge

SWAPS, BROKEN_EVERY, KINDS = 1_000, 10, 7
SETTLED = 50  # swaps until buffers have their sizes
RATE = 100.0
WAIT = 60.0


def run(bench: Bench) -> dict[str, Any]:
    """Return what became of the posts, and of the worker's memory."""
    shelf = Registry(bench.folder / "swaps")
    bundle = read_bundle(bench.bundle)
    digests = [_revision(bundle, number, shelf) for number in range(KINDS)]
    shelf.assign(CHAMPION, digests[0], "to begin with")
    held, refused = [], 0
    with bench.stream("swaps") as stream:
        worker = stream.worker(registry=str(shelf.root), model_refresh=0.05).wait_ready()
        with Load(stream, bench.texts, RATE) as load:
            for number in range(1, SWAPS + 1):
                if number % BROKEN_EVERY:
                    _swap(worker, shelf, digests[number % KINDS])
                else:
                    _refuse(worker, shelf, number)
                    refused += 1
                if number >= SETTLED and number % 25 == 0:
                    held.append(_resident(worker))
        answers = stream.answers()
        answers.until_answered(load.sent)
        code = worker.stop()
        verdict = judge(answers, load.sent, offline(bench))
        models = Counter(answer.model for answer in answers)
    return {
        **asdict(verdict),
        "swaps": SWAPS - refused,
        "refused": refused,
        "bundles_that_answered": len(models),
        "answered_by_another": len(models.keys() - {digest[:12] for digest in digests}),
        "megabytes": held,
        "most_of_first": round(max(held) / held[0], 3),
        "exit_code": code,
    }


def _revision(bundle: Bundle, number: int, shelf: Registry) -> str:
    card = msgspec.structs.replace(bundle.manifest, revision=f"number {number}")
    return write_bundle(bundle.files, card, shelf.bundles).name


def _swap(worker: WorkerProcess, shelf: Registry, digest: str) -> None:
    before = worker.metric("tagstream_model_swaps_total")
    shelf.assign(CHAMPION, digest, "next")
    assert wait_until(lambda: worker.metric("tagstream_model_swaps_total") > before, WAIT)


def _refuse(worker: WorkerProcess, shelf: Registry, number: int) -> None:
    broken = shelf.bundles / f"{number:064x}"
    broken.mkdir()
    (broken / "manifest.json").write_bytes(b"{}")
    before = worker.metric("tagstream_refused_models_total")
    shelf.assign(CHAMPION, broken.name, "by mistake")
    assert wait_until(lambda: worker.metric("tagstream_refused_models_total") > before, WAIT)


def _resident(worker: WorkerProcess) -> float:
    """Return the megabytes of the worker that are in memory."""
    assert worker.process is not None
    lines = Path(f"/proc/{worker.process.pid}/status").read_text().splitlines()
    (line,) = [line for line in lines if line.startswith("VmRSS")]
    return round(int(line.split()[1]) / 1_000, 1)
