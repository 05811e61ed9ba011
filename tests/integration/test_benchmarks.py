"""The benchmarks run, on a model so small that its times say nothing."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from benchmarks import (
    collect,
    contest,
    fit_memory,
    footprint,
    gpu,
    latency,
    memory_corpus,
    memory_live,
    predictor,
    stages,
    stream,
    warm_start,
    worker,
)
from benchmarks.made_up import MadeUp, Size
from benchmarks.memory import SAMPLES, held
from benchmarks.memory_parts import services_for
from export.bundle import read_bundle
from export.manifest import CPU_FP32, CPU_INT8, CPU_VARIANTS
from tests.support.drifting import drifting_corpus
from tests.support.learning import changed
from trainer.corpus import split
from trainer.post_files import PostFiles
from trainer.snapshot import SPLITS
from worker.predictor import Predictor
from worker.sessions import DeviceError

TINY = Size("tiny", words=400, hashtags=80, dimensions=16, hidden=12, topics=8)


def test_the_predictor_is_timed_beside_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(predictor, "REPEATS", 1)
    monkeypatch.setattr(predictor, "POSTS", 64)
    monkeypatch.setattr(predictor, "FEW", 4)
    monkeypatch.setattr(stages, "POSTS", 128)
    found = predictor.measured(MadeUp("tab-lstm+", TINY), (1, 32))
    for ratios in found["headline"].values():
        assert set(ratios) == set(CPU_VARIANTS)
        assert all(ratio > 0 for ratio in ratios.values())
    assert {row["batch"] for row in found["rows"]} == {1, 32}
    assert set(found["stages"][CPU_VARIANTS[0]]) == {"tokenise", "topics", "network", "ranking"}


def test_posts_are_drawn_as_they_are_asked_for() -> None:
    made = MadeUp("tab-lstm", TINY)
    posts = made.posts(50)
    assert [post.tolist() for post in posts] == [post.tolist() for post in made.posts(50)]
    assert all(8 <= len(post) <= 20 and post.min() >= 2 and post.max() < 400 for post in posts)


def test_times_until_ready_and_memory_are_measured(tmp_path: Path) -> None:
    path = MadeUp("tab-lstm", TINY).write(tmp_path)
    assert footprint.apart(footprint.hashed, path)["all"] > 0
    steps = footprint.opened(path, CPU_FP32)
    assert steps["all"] == pytest.approx(steps["verify"] + steps["session"] + steps["first batch"])
    found = footprint.over_batches(path, CPU_FP32, 2_000)
    assert len(found["samples"]) == SAMPLES
    assert min(found["samples"]) > 20
    both = contest.one_and_two(path, CPU_FP32)
    assert list(both) == ["none", "champion", "both"]
    assert min(both.values()) > 20


def test_growth_is_seen(tmp_path: Path) -> None:
    predictor = Predictor(read_bundle(MadeUp("tab-lstm", TINY).write(tmp_path)))
    grown = iter(range(100, 1_000, 5))
    assert held(predictor, 2 * SAMPLES, 8, lambda: next(grown)).slope == pytest.approx(5 * SAMPLES)
    assert held(predictor, 2 * SAMPLES, 8, lambda: 7.0).slope == pytest.approx(0)


def test_what_learning_holds_is_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fit_memory, "SETTINGS", changed())
    fit_memory.write(tmp_path / "collected", 600)
    assert len(PostFiles(str(tmp_path / "collected")).days()) == fit_memory.DAYS
    steps = fit_memory.learned(tmp_path)
    assert sum(len(list(split(tmp_path / "corpus", name))) for name in SPLITS) == 600
    held = [step["gigabytes"] for step in steps]
    assert held == sorted(held)
    assert held[0] > 0


def test_a_warm_start_is_measured_beside_one_from_scratch(tmp_path: Path) -> None:
    corpus = drifting_corpus(tmp_path / "drifting", 600, 1)
    found = warm_start.measured(corpus, changed(), tmp_path)
    assert found["scored_posts"] == 150
    assert found["warm"]["dev_f1_at_1"][0] > found["from scratch"]["dev_f1_at_1"][0]
    for way in ("warm", "from scratch"):
        assert list(found[way]["seconds"]) == ["word vectors", "topics", "network", "in all"]


def test_what_a_gpu_is_asked_runs_on_a_cpu_too(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(gpu, "REPEATS", 1)
    made = MadeUp("tab-lstm", TINY)
    path = made.write(tmp_path)
    bundle, posts = read_bundle(path), made.posts(300)
    assert 0.9 < gpu.parity(bundle, CPU_INT8, posts).best < 1 + 1e-9
    for batch in (1, 512):
        row = gpu.times(bundle, CPU_FP32, posts, batch)
        assert 0 < row["of_them_in_the_graph"] < row["microseconds_a_post"]
    assert gpu.shared(path, CPU_FP32, posts, 2) > 0


def test_without_a_gpu_the_benchmark_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> None:
        raise DeviceError("no GPU here")

    monkeypatch.setattr(gpu, "require_cuda", missing)
    result = CliRunner().invoke(gpu.main)
    assert result.exit_code == 3
    assert result.stderr == "bench-gpu: no GPU here\n"


def test_what_a_worker_adds_to_the_predictor_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "REPEATS", 1)
    monkeypatch.setattr(worker, "POSTS", 1_200)
    made = MadeUp("tab-lstm", TINY)
    with stream.backlog() as backlog:
        posts = stream.texts(made, worker.POSTS)
        backlog.fill(posts)
        predictor = Predictor(read_bundle(made.write(backlog.folder)))
        work = worker.Workload(backlog, predictor, posts)
        costs, cache = worker.cost(work), worker.cache(work)
    taken = costs["microseconds_a_post"]
    for client in worker.KAFKA_CLIENTS:
        assert 0 < taken[f"bare {client}"] < taken[f"worker, {client}"]
    assert set(cache["microseconds_a_post"]) == {"no cache", worker.EMPTY, worker.FULL, worker.BARE}


def test_how_long_a_post_waits_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(latency, "SECONDS", 1.0)
    monkeypatch.setattr(latency, "SETTLE", 0.5)
    made = MadeUp("tab-lstm", TINY)
    with stream.backlog() as backlog:
        backlog.fill([])
        path = made.write(backlog.folder, [CPU_FP32])
        for kind in latency.KINDS[:2]:
            with latency.answering(backlog, kind, path):
                waits = latency.waits(backlog, stream.texts(made, 32))
            assert len(waits) == latency.RATE * latency.SECONDS
            assert min(waits) > 0


def test_collecting_is_timed_beside_the_bare_client() -> None:
    with stream.backlog() as kept:
        kept.fill([f"at the #sea {number}" for number in range(5_000)])
        found = collect.measured(kept, 5_000, 1)
    assert set(found) == {"kafka-python", "confluent-kafka"}
    for sides in found.values():
        assert sides["rate_of_bare_client"] > 0
        assert sides["trainer collect"]["cpu_microseconds_a_post"] > 0


def test_the_memory_is_measured_while_workers_run(
    monkeypatch: pytest.MonkeyPatch, corpus: Path, bundle_path: Path
) -> None:
    monkeypatch.setattr(memory_live, "REPEATS", 1)
    monkeypatch.setattr(memory_live, "WORKERS", 1)
    made = MadeUp("tab-lstm", TINY)
    with stream.backlog() as kept:
        path = made.write(kept.folder, [CPU_FP32])
        seen = memory_live.visibility(services_for(kept, "seen"), path, 5)
        late = memory_live.catching_up(services_for(kept, "late"), 2_000)
        some = stream.texts(made, 1_000)
        whole = memory_live.throughput(kept, path, some, 0.2)
        figures = memory_corpus.live(services_for(kept, "corpus"), corpus, bundle_path)
    assert 0 < seen["p50_seconds"] <= seen["p99_seconds"]
    assert late["of_bare_consuming"] > 0
    assert min(whole["posts_a_second"].values()) > 0
    assert figures["f1_at_1_of_workers"] == pytest.approx(figures["f1_at_1_of_replay"], abs=5)
