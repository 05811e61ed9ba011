"""Batches of fixed sizes answer as those of free size; without a GPU what needs one is refused."""

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import numpy as np
import onnx
import pytest

from export.bundle import Bundle, read_bundle
from export.errors import BundleIncompatibleError
from export.manifest import CPU, CPU_FP32, CUDA_FP32, CUDA_VARIANTS, OUTPUTS
from trainer.release import Release, release
from trainer.runs import Run
from worker import sessions
from worker.errors import StartupFailedError
from worker.models import load_predictor
from worker.ort import ort
from worker.predictor import Predictor
from worker.runners import FixedRunner, FreeRunner
from worker.sessions import DeviceError, open_session, require_cuda
from worker.settings import ModelSettings

pytestmark = pytest.mark.once


@pytest.fixture(scope="module")
def made(run: Run, tmp_path_factory: pytest.TempPathFactory) -> Release:
    return release(run, tmp_path_factory.mktemp("cuda"), [CPU_FP32, *CUDA_VARIANTS])


@pytest.fixture(scope="module")
def bundle(made: Release) -> Bundle:
    return read_bundle(made.path)


def opened(bundle: Bundle, variant: str, sizes: Mapping[str, int]) -> ort.InferenceSession:
    return open_session(bundle.graph(variant), bundle.weights(variant), sizes=sizes)


def test_the_forms_for_cuda_are_near_gensim_and_torch(made: Release) -> None:
    exact, half = (made.differences[name] for name in CUDA_VARIANTS)
    assert exact.theta < 1e-4
    assert exact.scores < 1e-4
    assert 1e-5 < half.scores < 0.02
    assert half.best > 0.99


@pytest.mark.parametrize("shape", [(1, 1), (1, 5), (3, 24), (130, 9), (2, 40), (300, 3)])
def test_a_batch_of_a_fixed_size_answers_as_one_of_its_own(
    bundle: Bundle, shape: tuple[int, int]
) -> None:
    free = FreeRunner(opened(bundle, CUDA_FP32, {}))
    fixed = FixedRunner(lambda sizes: opened(bundle, CUDA_FP32, sizes), bundle.manifest, 128, CPU)
    random = np.random.default_rng(1)
    for _ in range(2):  # the buffers hold the batch before
        feeds = {"ids": random.integers(1, bundle.manifest.model.vocabulary, shape)}
        for name, one, other in zip(OUTPUTS, free.run(feeds), fixed.run(feeds), strict=True):
            assert one.shape == other.shape, name
            if name != "hashtags":
                assert other == pytest.approx(one, abs=1e-5)


def test_and_so_does_one_with_mentions_and_links(plus_run: Run, tmp_path: Path) -> None:
    bundle = read_bundle(release(plus_run, tmp_path, [CUDA_FP32]).path)
    free = FreeRunner(opened(bundle, CUDA_FP32, {}))
    fixed = FixedRunner(lambda sizes: opened(bundle, CUDA_FP32, sizes), bundle.manifest, 8, CPU)
    random = np.random.default_rng(2)
    for rows, width, pointed in [(1, 3, 1), (7, 11, 20), (9, 40, 2)]:
        ids = random.integers(1, bundle.manifest.model.vocabulary, (rows, width))
        feeds = {"ids": ids, "context": random.integers(0, 3, (rows, pointed))}
        for name, one, other in zip(OUTPUTS, free.run(feeds), fixed.run(feeds), strict=True):
            if name != "hashtags":
                assert other == pytest.approx(one, abs=1e-5), name


@pytest.mark.parametrize("variant", CUDA_VARIANTS)
def test_with_fixed_sizes_nothing_is_left_that_a_cuda_graph_cannot_hold(
    bundle: Bundle, variant: str, tmp_path: Path
) -> None:
    sizes = {"batch": 8, "ids_length": 16}
    options = sessions._options(bundle.weights(variant), 1, sizes)
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.optimized_model_filepath = str(tmp_path / "fixed.onnx")
    with suppress(Exception):  # the CPU has no LSTM in float16; the model is written before that
        ort.InferenceSession(bundle.graph(variant), options, providers=["CPUExecutionProvider"])
    model = onnx.load(tmp_path / "fixed.onnx")
    assert [d.dim_value for d in model.graph.input[0].type.tensor_type.shape.dim] == [8, 16]
    operators = {node.op_type for node in model.graph.node}
    assert "LSTM" in operators
    assert not operators & {"Loop", "If", "Scan", "Shape", "NonZero"}


@pytest.mark.parametrize("variant", CUDA_VARIANTS)
def test_cuda_is_never_the_cpu_in_silence(
    made: Release, variant: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = ModelSettings(bundle=str(made.path), variant=variant)

    def missing(name: str) -> None:
        raise OSError(f"{name}: cannot open shared object file")

    monkeypatch.setattr("ctypes.CDLL", missing)
    with pytest.raises(
        StartupFailedError, match=f"{variant} cannot run here: .*wants CUDA .*libcu"
    ):
        load_predictor(settings)
    monkeypatch.setattr("ctypes.CDLL", lambda _: None)
    monkeypatch.setattr(sessions, "_gpus", lambda: 0)
    with pytest.raises(StartupFailedError, match=f"{variant} cannot run here: .*finds no GPU"):
        load_predictor(settings)


def test_an_onnx_runtime_without_cuda_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ort, "get_available_providers", lambda: ["CPUExecutionProvider"])
    with pytest.raises(DeviceError, match="install `onnxruntime-gpu` instead"):
        require_cuda()


def test_a_node_that_stays_on_the_cpu_is_named(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = ort.InferenceSession

    def without_gpu(
        model: bytes, options: ort.SessionOptions, providers: list[object]
    ) -> ort.InferenceSession:
        if "CPUExecutionProvider" not in providers:
            raise RuntimeError("fallback to CPU EP has been explicitly disabled")
        return real(model, options, providers=["CPUExecutionProvider"])

    monkeypatch.setattr(sessions, "require_cuda", lambda: None)
    monkeypatch.setattr(ort, "InferenceSession", without_gpu)
    with pytest.raises(BundleIncompatibleError, match=r"CUDA cannot run .*LSTM \(.*TopK \("):
        Predictor(bundle, CUDA_FP32)
