"""ONNX Runtime sessions: one variant of a bundle, made ready to run."""

from collections.abc import Mapping

import onnxruntime as ort


def open_session(
    model: bytes, weights: Mapping[str, bytes], threads: int = 1
) -> ort.InferenceSession:
    """Return a session of a model, and the files of weights that it names, on the CPU.

    One process a core of one thread each beats one process of many threads, and a thread that
    waits must not spin: another process needs the core. Whatever ONNX Runtime refuses a model
    with, it raises.
    """
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    if weights:
        names, contents = list(weights), list(weights.values())
        options.add_external_initializers_from_files_in_memory(
            names, contents, [len(data) for data in contents]
        )
    return ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
