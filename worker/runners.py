"""How a batch gets through the graph: at its own size on a CPU, at one of a few on a GPU."""

from bisect import bisect_left
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import onnxruntime as ort

from export.manifest import CUDA, IDS, Manifest
from export.text import PADDING_ID

Array = npt.NDArray[Any]
Feeds = Mapping[str, npt.NDArray[np.int64]]
OUTPUTS = ("theta", "hashtags", "scores", "attention")
# Sizes that a batch is padded to. A CUDA graph is made for each, when it is first needed.
ROWS = (1, 8, 32, 128, 512)
LENGTHS = (4, 8, 16, 24, 40)
Sized = Callable[[Mapping[str, int]], ort.InferenceSession]


class Runner(Protocol):
    """Answers batches."""

    def run(self, feeds: Feeds) -> list[Array]:
        """Return `OUTPUTS` for padded inputs [B, L] by name."""


class FreeRunner:
    """One session for batches of any size."""

    def __init__(self, session: ort.InferenceSession) -> None:
        self._session = session

    def run(self, feeds: Feeds) -> list[Array]:
        """Return `OUTPUTS`."""
        outputs: list[Array] = self._session.run(list(OUTPUTS), dict(feeds))
        return outputs


class FixedRunner:
    """A session for each of a few sizes, its inputs and outputs in buffers that stay in place.

    What a batch lacks to the next size is padded, and cut off again: a post's answer does not
    depend on the rows beside it.
    """

    def __init__(self, opened: Sized, manifest: Manifest, device: str = CUDA) -> None:
        self._opened = opened
        self._model = manifest.model
        self._device = device
        self._slots: dict[tuple[int, ...], _Slot] = {}

    def run(self, feeds: Feeds) -> list[Array]:
        """Return `OUTPUTS`."""
        rows, width = feeds[IDS].shape
        shapes = {
            name: (_next(ROWS, rows), _next(LENGTHS, ids.shape[1])) for name, ids in feeds.items()
        }
        key = tuple(size for shape in shapes.values() for size in shape)
        if key not in self._slots:
            self._slots[key] = self._slot(shapes)
        theta, hashtags, scores, attention = self._slots[key].run(feeds)
        return [theta[:rows], hashtags[:rows], scores[:rows], attention[:rows, :width]]

    def _slot(self, shapes: Mapping[str, tuple[int, int]]) -> "_Slot":
        rows, width = shapes[IDS]
        lengths = {f"{name}_length": length for name, (_, length) in shapes.items()}
        session = self._opened({"batch": rows, **lengths})
        outputs: list[tuple[tuple[int, int], type]] = [
            ((rows, self._model.topics), np.float32),
            ((rows, self._model.ranked), np.int64),
            ((rows, self._model.ranked), np.float32),
            ((rows, width), np.float32),
        ]
        return _Slot(session, shapes, outputs, self._device)


class _Slot:
    """A session and its buffers."""

    def __init__(
        self,
        session: ort.InferenceSession,
        inputs: Mapping[str, tuple[int, int]],
        outputs: list[tuple[tuple[int, int], type]],
        device: str,
    ) -> None:
        self._session, self._binding = session, session.io_binding()
        self._host = {name: np.empty(shape, dtype=np.int64) for name, shape in inputs.items()}
        self._inputs = {
            name: ort.OrtValue.ortvalue_from_numpy(zeros, device, 0)
            for name, zeros in self._host.items()
        }
        self._outputs = [
            ort.OrtValue.ortvalue_from_shape_and_type(list(shape), kind, device, 0)
            for shape, kind in outputs
        ]
        for name, value in self._inputs.items():
            self._binding.bind_ortvalue_input(name, value)
        for name, value in zip(OUTPUTS, self._outputs, strict=True):
            self._binding.bind_ortvalue_output(name, value)

    def run(self, feeds: Feeds) -> list[Array]:
        for name, ids in feeds.items():
            padded = self._host[name]
            padded.fill(PADDING_ID)
            padded[: ids.shape[0], : ids.shape[1]] = ids
            self._inputs[name].update_inplace(padded)
        self._session.run_with_iobinding(self._binding)
        return [np.array(value.numpy()) for value in self._outputs]


def _next(sizes: tuple[int, ...], least: int) -> int:
    """Return the smallest of the sizes that is enough, or what is asked for past the largest."""
    at = bisect_left(sizes, least)
    return sizes[at] if at < len(sizes) else least
