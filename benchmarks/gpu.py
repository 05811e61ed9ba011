"""What a GPU makes of a model of the paper's size: `make bench-gpu`.

Answers are compared with the CPU's, what CUDA lacks must be refused, and batches of 1 to 4,096
posts are timed, on the device alone too; then several processes share the GPU, and memory is
watched over batches of varying shape. Without a GPU it ends with exit code 3 and the reason.
"""

import multiprocessing
import sys
import time
from dataclasses import asdict
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Barrier
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any, cast

import click
import torch
from onnx import TensorProto, helper

from benchmarks.made_up import PAPER, Ids, MadeUp
from benchmarks.memory import held, resident
from benchmarks.record import record
from benchmarks.serving import ANY
from benchmarks.timing import medians
from export.bundle import Bundle, read_bundle
from export.manifest import CPU_FP32, CUDA, CUDA_VARIANTS
from export.parity import Difference, compare
from worker.errors import ExitCode
from worker.predictor import ModelInput, Predictor
from worker.runners import Array, Feeds, Runner
from worker.sessions import DeviceError, Resources, open_session, require_cuda

BATCHES = (1, 8, 32, 128, 512, 1024, 2048, 4096)
PROCESSES = (1, 2, 4)
POSTS, COMPARED, FEWEST = 65_536, 2_000, 256
SHARED_BATCH, LONGEST_WAIT = 512, 300.0
REPEATS, SHAPES, LARGEST = 7, 10_000, 512
Span = tuple[float, float]


@click.command()
def main() -> None:
    """Measure all of it and keep what came out."""
    try:
        require_cuda()
    except DeviceError as error:
        click.echo(f"bench-gpu: {error}", err=True)
        sys.exit(ExitCode.START_FAILED)
    made = MadeUp("tab-lstm", PAPER)
    posts = made.posts(POSTS)
    with TemporaryDirectory() as folder:
        path = made.write(Path(folder), [CPU_FP32, *CUDA_VARIANTS])
        variants = {name: measured(path, name, posts) for name in CUDA_VARIANTS}
    device = torch.cuda.get_device_name()
    figures = {"device": device, "refused": refusal(), "variants": variants}
    click.echo(record("gpu", "make bench-gpu", figures))


def measured(path: Path, variant: str, posts: list[Ids]) -> dict[str, Any]:
    """Return all figures of one variant."""
    bundle = read_bundle(path)
    return {
        "parity": asdict(parity(bundle, variant, posts[:COMPARED])),
        "times": [times(bundle, variant, posts, batch) for batch in BATCHES],
        "posts_a_second_by_processes": {n: shared(path, variant, posts, n) for n in PROCESSES},
        "megabytes": {
            name: held(Predictor(bundle, variant, batch=LARGEST), SHAPES, LARGEST, taken)._asdict()
            for name, taken in {"of the process": resident, "of the GPU": _used}.items()
        },
    }


def refusal() -> str:
    """Return what is said of a graph with a node that CUDA lacks; it must not run at all."""
    node = helper.make_node("StringNormalizer", ["text"], ["normal"], name="needs the CPU")
    text, normal = (
        helper.make_tensor_value_info(name, TensorProto.STRING, ["n"])
        for name in ("text", "normal")
    )
    graph = helper.make_graph([node], "strings", [text], [normal])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    try:
        open_session(model.SerializeToString(), {}, device=CUDA)
    except DeviceError as error:
        return str(error)
    raise AssertionError("a node that CUDA lacks ran elsewhere without a word")


def parity(bundle: Bundle, variant: str, posts: list[Ids]) -> Difference:
    """Return how far a variant's answers are from those of the CPU in float32."""
    inputs = _inputs(posts)
    due, found = (Predictor(bundle, name).answers(inputs) for name in (CPU_FP32, variant))
    return compare(due, found, ANY)


class _Clock:
    """A runner that counts the seconds spent in the graph, copies to and from it included."""

    def __init__(self, runner: Runner) -> None:
        self._runner, self.seconds = runner, 0.0

    def run(self, feeds: Feeds) -> list[Array]:
        started = time.perf_counter()
        outputs = self._runner.run(feeds)
        self.seconds += time.perf_counter() - started
        return outputs


class _Timed(Predictor):
    """A predictor whose time in the graph is known."""

    def _opened(self, bundle: Bundle, resources: Resources) -> Runner:
        self.clock = _Clock(super()._opened(bundle, resources))
        return self.clock


def times(bundle: Bundle, variant: str, posts: list[Ids], batch: int) -> dict[str, Any]:
    """Return microseconds a post in batches, and how many of them pass in the graph."""
    predictor = _Timed(bundle, variant, batch=batch)
    inputs = _inputs(posts[: max(FEWEST, batch)])
    inside: list[float] = []

    def run() -> None:
        predictor.clock.seconds = 0.0
        for at in range(0, len(inputs), batch):
            predictor.predict(inputs[at : at + batch])
        inside.append(predictor.clock.seconds)

    whole = medians({"whole": run}, REPEATS)["whole"]
    return {
        "variant": variant,
        "batch": batch,
        "microseconds_a_post": round(1e6 * whole / len(inputs), 2),
        "of_them_in_the_graph": round(1e6 * median(inside[1:]) / len(inputs), 2),
    }


def shared(path: Path, variant: str, posts: list[Ids], processes: int) -> float:
    """Return the posts a second of some processes together, each with all the posts."""
    context = multiprocessing.get_context("spawn")
    barrier, spans = context.Barrier(processes), cast("Queue[Span]", context.Queue())
    running = [
        context.Process(target=_share, args=(path, variant, posts, barrier, spans))
        for _ in range(processes)
    ]
    for process in running:
        process.start()
    found = [spans.get(timeout=LONGEST_WAIT) for _ in running]
    for process in running:
        process.join()
    seconds = max(end for _, end in found) - min(start for start, _ in found)
    return round(processes * len(posts) / seconds, 1)


def _share(
    path: Path, variant: str, posts: list[Ids], barrier: Barrier, spans: "Queue[Span]"
) -> None:
    predictor = Predictor(read_bundle(path), variant, batch=SHARED_BATCH)
    inputs = _inputs(posts)
    predictor.warm_up()
    barrier.wait(LONGEST_WAIT)
    started = time.monotonic()
    predictor.predict(inputs)
    spans.put((started, time.monotonic()))


def _used() -> float:
    """Return the megabytes of the GPU that are taken, whoever took them."""
    free, total = torch.cuda.mem_get_info()
    return float(total - free) / 1e6


def _inputs(posts: list[Ids]) -> list[ModelInput]:
    return [ModelInput(ids, b"") for ids in posts]


if __name__ == "__main__":
    main()
