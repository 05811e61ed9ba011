"""The forms in which one model is served: where each runs, how exact it is, how it is made."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from torch import Tensor

from export.cuda import halved, unrolled
from export.graph import ServingGraph
from export.int8 import quantised
from export.manifest import (
    CPU,
    CPU_FP32,
    CPU_INT8,
    CUDA,
    CUDA_FP16,
    CUDA_FP32,
    Tolerance,
    VariantCard,
)

Inputs = tuple[Tensor, ...]


class Form(NamedTuple):
    """A form of the graph: its device, how far it may be from gensim and torch, how it is made.

    `make` takes the float32 graph and inputs of some posts, by which scales can be chosen.
    `portable` forms run on any CPU too, so that the ONNX graph itself can be compared where it is
    made; others are compared as torch computes them, and once more where they are loaded.
    """

    device: str
    tolerance: Tolerance
    make: Callable[[ServingGraph, Sequence[Inputs]], ServingGraph]
    portable: bool = True

    def card(self, file: str, weights: Sequence[str]) -> VariantCard:
        """Return what the manifest says of it.

        That the batch changes no answer was measured on CPUs; a GPU may choose another product
        for another size.
        """
        dependent = self.device != CPU
        return VariantCard(file, self.device, self.tolerance, dependent, list(weights))


FORMS = {
    CPU_FP32: Form(CPU, Tolerance(), lambda graph, _: graph),
    CPU_INT8: Form(CPU, Tolerance(scores=0.1, ties=0.05, best=0.99), quantised),
    CUDA_FP32: Form(CUDA, Tolerance(theta=1e-3, scores=1e-3), unrolled),
    CUDA_FP16: Form(
        CUDA,
        Tolerance(theta=1e-3, scores=0.05, ties=0.02, best=0.99),
        halved,
        portable=False,
    ),
}
