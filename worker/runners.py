"""How a batch gets through the graph: at its own size on a CPU, at one of a few on a GPU."""

from bisect import bisect_left
from collections.abc import Callable, Mapping
from itertools import product
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from export.manifest import CUDA, IDS, OUTPUTS, Manifest, ModelCard
from export.text import MAX_CONTEXT, PADDING_ID
from worker.ort import ort

Array = npt.NDArray[Any]
Feeds = Mapping[str, npt.NDArray[np.int64]]
# Sizes that a batch is padded to, beside the largest; a session is opened for each.
ROWS = (1, 32, 128, 512, 2048)
LENGTHS = (8, 16)  # words, beside as many as a post can have
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

    What a batch lacks to the next size is padded, and cut off again; the largest is `batch`. All
    sessions are opened at once: what cannot run is known before the first post.
    """

    def __init__(self, opened: Sized, manifest: Manifest, batch: int, device: str = CUDA) -> None:
        self._rows = _up_to(batch, ROWS)
        self._lengths = _up_to(manifest.model.max_words, LENGTHS)
        further = [card.name for card in manifest.inputs if card.name != IDS]
        self._slots: dict[tuple[int, int], _Slot] = {}
        for rows, length in product(self._rows, self._lengths):
            inputs = {IDS: (rows, length), **dict.fromkeys(further, (rows, MAX_CONTEXT))}
            sizes = {f"{name}_length": width for name, (_, width) in inputs.items()}
            session = opened({"batch": rows, **sizes})
            self._slots[rows, length] = _Slot(session, inputs, manifest.model, device)

    def run(self, feeds: Feeds) -> list[Array]:
        """Return `OUTPUTS`; more posts than the largest size go through in parts."""
        rows, width = feeds[IDS].shape
        if rows > (most := self._rows[-1]):
            parts = [
                self.run({name: ids[at : at + most] for name, ids in feeds.items()})
                for at in range(0, rows, most)
            ]
            return [np.concatenate(outputs) for outputs in zip(*parts, strict=True)]
        slot = self._slots[_next(self._rows, rows), _next(self._lengths, width)]
        theta, hashtags, scores, attention = slot.run(feeds)
        return [theta[:rows], hashtags[:rows], scores[:rows], attention[:rows, :width]]


class _Slot:
    """A session and its buffers."""

    def __init__(
        self,
        session: ort.InferenceSession,
        inputs: Mapping[str, tuple[int, int]],
        model: ModelCard,
        device: str,
    ) -> None:
        rows, length = inputs[IDS]
        outputs = {
            "theta": (model.topics, np.float32),
            "hashtags": (model.ranked, np.int64),
            "scores": (model.ranked, np.float32),
            "attention": (length, np.float32),
        }
        self._session, self._binding = session, session.io_binding()
        self._host = {name: np.empty(shape, dtype=np.int64) for name, shape in inputs.items()}
        self._inputs = {
            name: ort.OrtValue.ortvalue_from_numpy(zeros, device, 0)
            for name, zeros in self._host.items()
        }
        self._outputs = {
            name: ort.OrtValue.ortvalue_from_shape_and_type([rows, width], kind, device, 0)
            for name, (width, kind) in outputs.items()
        }
        for name, value in self._inputs.items():
            self._binding.bind_ortvalue_input(name, value)
        for name, value in self._outputs.items():
            self._binding.bind_ortvalue_output(name, value)

    def run(self, feeds: Feeds) -> list[Array]:
        for name, ids in feeds.items():
            padded = self._host[name]
            padded.fill(PADDING_ID)
            padded[: ids.shape[0], : ids.shape[1]] = ids
            self._inputs[name].update_inplace(padded)
        self._session.run_with_iobinding(self._binding)
        return [np.array(self._outputs[name].numpy()) for name in OUTPUTS]


def _up_to(largest: int, sizes: tuple[int, ...]) -> tuple[int, ...]:
    return (*(size for size in sizes if size < largest), largest)


def _next(sizes: tuple[int, ...], least: int) -> int:
    """Return the smallest of the sizes that is enough."""
    return sizes[bisect_left(sizes, least)]
