"""Where the time of a post goes: reading it, its topics, the network, and ranking."""

from pathlib import Path
from typing import Any

import torch

from benchmarks.made_up import Ids, MadeUp, batches, calibration, padded
from benchmarks.stacks import Served
from benchmarks.timing import Run, medians
from export.bundle import read_bundle
from export.manifest import CPU_VARIANTS
from export.onnx_graph import to_onnx
from export.variants import FORMS
from worker.ort import ort
from worker.predictor import BATCH, Predictor
from worker.sessions import open_session

POSTS, REPEATS = 1_024, 5


def stages(made: MadeUp, path: Path) -> dict[str, dict[str, float]]:
    """Return microseconds a post of each stage of each variant, on one thread, in batches.

    Topics and ranking are timed as graphs of their own; what is left of the whole is the network.
    """
    bundle, posts = read_bundle(path), made.posts(POSTS)
    words = made.words()
    texts = [" ".join(words[word - 2] for word in post) for post in posts]
    runs: dict[str, Run] = {"topics": _topics(made, posts)}
    for name in CPU_VARIANTS:
        runs[f"{name} ranking"] = _ranking(made, name)
        runs[f"{name} whole"] = _whole(Served(bundle, name), posts)
    reader = Predictor(bundle)
    runs["tokenise"] = lambda: reader.encode(texts)
    taken = {name: 1e6 * seconds / POSTS for name, seconds in medians(runs, REPEATS).items()}
    found = {}
    for name in CPU_VARIANTS:
        whole, ranking = taken[f"{name} whole"], taken[f"{name} ranking"]
        found[name] = {
            "tokenise": taken["tokenise"],
            "topics": taken["topics"],
            "network": whole - taken["topics"] - ranking,
            "ranking": ranking,
        }
    return {name: {stage: round(us, 1) for stage, us in one.items()} for name, one in found.items()}


def _whole(served: Served, posts: list[Ids]) -> Run:
    return lambda: served(posts, BATCH)


def _topics(made: MadeUp, posts: list[Ids]) -> Run:
    axes = {0: torch.export.Dim("batch"), 1: torch.export.Dim("length")}
    example = torch.tensor([[2, 3, 0], [3, 2, 2]])
    graph = to_onnx(made.graph().topics, {"ids": example}, (axes,), ["theta"])
    session = open_session(graph.model, graph.weights)
    feeds = [{"ids": padded(some).numpy()} for some in batches(posts, BATCH)]
    return lambda: _run_all(session, feeds)


def _ranking(made: MadeUp, variant: str) -> Run:
    graph = made.graph()
    seen = calibration(made, graph)
    head = FORMS[variant].make(graph, seen).head
    with torch.no_grad():
        features, _ = graph.network.features(seen[0][0], graph.topics(seen[0][0]), *seen[0][1:])
    axes = {0: torch.export.Dim("batch")}
    exported = to_onnx(head, {"features": features[:2]}, (axes,), ["hashtags", "scores"])
    session = open_session(exported.model, exported.weights)
    feeds = [{"features": features[:BATCH].numpy()}] * (POSTS // BATCH)
    return lambda: _run_all(session, feeds)


def _run_all(session: ort.InferenceSession, feeds: list[dict[str, Any]]) -> None:
    for one in feeds:
        session.run(None, one)
