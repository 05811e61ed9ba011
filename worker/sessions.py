"""ONNX Runtime sessions: a variant of a bundle, made ready to run where it belongs.

A variant for CUDA runs there whole or not at all: ONNX Runtime would put it on the CPU without a
word.
"""

import ctypes
import io
from collections.abc import Mapping
from contextlib import redirect_stdout
from typing import NamedTuple

from onnxruntime.capi import build_and_package_info

from export.manifest import CPU
from worker.ort import ort

_CUDA_PROVIDER, _CPU_PROVIDER = "CUDAExecutionProvider", "CPUExecutionProvider"
_STRICT = "session.disable_cpu_ep_fallback"
_EXACT_INT8 = "session.x64quantprecision"


class Resources(NamedTuple):
    """What a session may use: threads of one call, and bytes of a GPU (0: all that it has)."""

    threads: int = 1
    gpu_bytes: int = 0


ONE_THREAD = Resources()


class DeviceError(Exception):
    """This machine cannot run a graph where it has to run, and why."""


def open_session(
    model: bytes,
    weights: Mapping[str, bytes],
    resources: Resources = ONE_THREAD,
    device: str = CPU,
    sizes: Mapping[str, int] | None = None,
) -> ort.InferenceSession:
    """Return a session of a model, and the files of weights that it names.

    One process a core of one thread each beats one process of many threads, and a thread that
    waits must not spin: another process needs the core. `sizes` fixes axes by their names.

    Raises `DeviceError` where there is no CUDA for what has to run there, or not for all of it.
    Whatever else ONNX Runtime refuses a model with, it raises.
    """
    if device == CPU:
        options = _options(weights, resources.threads, sizes)
        return ort.InferenceSession(model, options, providers=[_CPU_PROVIDER])
    require_cuda()
    options = _options(weights, resources.threads, sizes)
    options.add_session_config_entry(_STRICT, "1")
    # float32 shall be float32: without the second option its products keep 10 bits.
    cuda = {"enable_cuda_graph": "1", "use_tf32": "0"}
    if resources.gpu_bytes:
        cuda["gpu_mem_limit"] = str(resources.gpu_bytes)
    providers = [(_CUDA_PROVIDER, cuda)]
    try:
        return ort.InferenceSession(model, options, providers=providers)
    except Exception as error:  # ONNX Runtime's errors share no narrower class
        if astray := _not_on_cuda(model, _options(weights, resources.threads, sizes)):
            raise DeviceError(f"CUDA cannot run {', '.join(astray)}") from error
        raise


def require_cuda() -> None:
    """Raise `DeviceError` with the reason where ONNX Runtime cannot use a GPU."""
    if _CUDA_PROVIDER not in ort.get_available_providers():
        raise DeviceError("this ONNX Runtime has no CUDA; install `onnxruntime-gpu` instead")
    with redirect_stdout(io.StringIO()):  # it tells each library that it does not find
        ort.preload_dlls()  # those that come as Python packages
    major = build_and_package_info.cuda_version.partition(".")[0]
    for library in (f"libcudart.so.{major}", f"libcublasLt.so.{major}", "libcudnn.so.9"):
        try:
            ctypes.CDLL(library)
        except OSError as error:
            raise DeviceError(
                f"onnxruntime-gpu {ort.__version__} wants CUDA {major} and cuDNN 9: {error}"
            ) from error
    if not _gpus():
        raise DeviceError("CUDA is installed, but it finds no GPU; is its driver loaded?")


def _gpus() -> int:
    """Return how many GPUs the driver shows."""
    try:
        driver = ctypes.CDLL("libcuda.so.1")
    except OSError:
        return 0
    count = ctypes.c_int()
    if driver.cuInit(0) or driver.cuDeviceGetCount(ctypes.byref(count)):
        return 0
    return count.value


def _not_on_cuda(model: bytes, options: ort.SessionOptions) -> list[str]:
    """Return the nodes that would run elsewhere."""
    options.add_session_config_entry("session.record_ep_graph_assignment_info", "1")
    session = ort.InferenceSession(model, options, providers=[_CUDA_PROVIDER, _CPU_PROVIDER])
    return [
        f"{node.op_type} ({node.name})"
        for part in session.get_provider_graph_assignment_info()
        if part.ep_name != _CUDA_PROVIDER
        for node in part.get_nodes()
    ]


def _options(
    weights: Mapping[str, bytes], threads: int, sizes: Mapping[str, int] | None
) -> ort.SessionOptions:
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    # Without VNNI, sums of int8 products overflow; nothing changes on processors that have it.
    options.add_session_config_entry(_EXACT_INT8, "1")
    for name, size in (sizes or {}).items():
        options.add_free_dimension_override_by_name(name, size)
    if weights:
        names, contents = list(weights), list(weights.values())
        options.add_external_initializers_from_files_in_memory(
            names, contents, [len(data) for data in contents]
        )
    return options
