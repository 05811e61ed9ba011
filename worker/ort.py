"""ONNX Runtime, imported here alone: some of its wheels report each session to their maker.

Who wants that sets ORT_DISABLE_TELEMETRY=0.
"""

import os

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # read once, when the library is loaded

import onnxruntime as ort

__all__ = ["ort"]
