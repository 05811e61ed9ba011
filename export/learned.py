"""What a network had learned when it was exported: weights by their names, for a later training.

A graph holds them too, but some of them folded into others, and under names of the exporter's.
Each is a file that is named by its contents, so those that a graph has as they are cost nothing.
"""

from collections.abc import Mapping

import msgspec
import numpy as np
import numpy.typing as npt

from export.bundle import LEARNED, Bundle, weights_name
from export.errors import BundleIncompatibleError

Tensors = Mapping[str, npt.NDArray[np.float32]]


class TensorCard(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The file of a float32 tensor, in the order of C, and its shape."""

    file: str
    shape: list[int]


def encode_learned(tensors: Tensors) -> dict[str, bytes]:
    """Return the files of weights, and `learned.json`, which names them."""
    files, cards = {}, {}
    for name, tensor in tensors.items():
        data = np.ascontiguousarray(tensor, dtype=np.float32).tobytes()
        cards[name] = TensorCard(weights_name(data), list(tensor.shape))
        files[cards[name].file] = data
    return {**files, LEARNED: msgspec.json.encode(cards, order="sorted")}


def read_learned(bundle: Bundle) -> Tensors:
    """Read what `encode_learned` wrote; raises `BundleIncompatibleError` where it is not there."""
    raw = bundle.files.get(LEARNED)
    if raw is None:
        raise BundleIncompatibleError(
            f"bundle {bundle.name} does not tell what was learned, as older ones do not; "
            "export its run again, or start without it"
        )
    try:
        cards = msgspec.json.decode(raw, type=dict[str, TensorCard])
        return {
            name: np.frombuffer(bundle.files[card.file], np.float32).reshape(card.shape)
            for name, card in cards.items()
        }
    except (KeyError, ValueError) as error:
        raise BundleIncompatibleError(
            f"bundle {bundle.name}: {LEARNED} is not readable here: {error}; export again"
        ) from error
