"""A serving graph as ONNX: a small model, and the large weights beside it.

A file of weights is named by its contents, so variants that need the same weights share the file.
"""

import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import chain
from typing import NamedTuple

import numpy as np
import onnx.parser
import onnx_ir as ir
import torch
from onnx_ir.passes.common import InlinePass
from torch import Tensor, nn

from export.bundle import weights_name
from export.graph import ServingGraph
from export.manifest import OUTPUTS
from export.text import PADDING_ID

OPSET = 20  # the newest whose LSTM and Loop all execution providers of ONNX Runtime have
LARGE = 2**20  # bytes of a tensor that gets a file


class OnnxGraph(NamedTuple):
    """A model, and the contents of the files of weights that it names."""

    model: bytes
    weights: Mapping[str, bytes]


def export_onnx(graph: ServingGraph) -> OnnxGraph:
    """Return the graph with free batch and length axes."""
    example = torch.tensor([[2, 3, PADDING_ID], [3, 2, 2]], dtype=torch.int64)
    batch = torch.export.Dim("batch")
    axes = tuple({0: batch, 1: torch.export.Dim(f"{name}_length")} for name in graph.inputs)
    inputs = {name: example.clone() for name in graph.inputs}  # one tensor twice would be one input
    return to_onnx(graph, inputs, (axes[0], axes[1:]) if axes[1:] else axes, OUTPUTS)


def to_onnx(
    module: nn.Module, inputs: Mapping[str, Tensor], free: object, outputs: Sequence[str]
) -> OnnxGraph:
    """Return a module as ONNX, from examples of its inputs; large weights are apart.

    `free` tells which axes are not as in the examples, as torch's `dynamic_shapes` does. A module
    with operators of its own has them in `functions`, as ONNX writes them.
    """
    with warnings.catch_warnings(), _quiet(logging.getLogger("torch.onnx")):
        warnings.simplefilter("ignore")  # the exporter's own deprecations, nothing of ours
        program = torch.onnx.export(
            module.eval(),
            tuple(inputs.values()),
            dynamo=True,
            opset_version=OPSET,
            input_names=list(inputs),
            output_names=list(outputs),
            dynamic_shapes=free,  # type: ignore[arg-type]
            verbose=False,
        )
    if program is None:
        raise RuntimeError("torch.onnx.export returned no program")
    for node in program.model.graph.all_nodes():
        node.metadata_props.clear()  # stack traces, with this machine's paths in them
    own = (getattr(part, "functions", ()) for part in module.modules())
    for text in set(chain.from_iterable(own)):
        function = ir.serde.deserialize_function(onnx.parser.parse_function(text))
        program.model.functions[function.identifier()] = function
    InlinePass()(program.model)
    _give_to_bodies(program.model.graph)
    weights = _apart(program.model)
    return OnnxGraph(ir.to_proto(program.model).SerializeToString(), weights)


def _give_to_bodies(graph: ir.Graph) -> None:
    """Give the body of each loop the constants that it alone reads.

    ONNX Runtime sees only there that weights are constant, and so keeps int8 products exact on
    processors that would let their sums overflow.
    """
    for node in graph:
        if node.op_type != "Scan":
            continue
        body = node.attributes["body"].as_graph()
        for name, value in list(graph.initializers.items()):
            users = value.consumers()
            if users and all(user.graph is body for user in users):
                body.register_initializer(graph.initializers.pop(name))


def _apart(model: ir.Model) -> dict[str, bytes]:
    """Take the large tensors out of a model; return their files."""
    files = {}
    for value in model.graph.initializers.values():
        tensor = value.const_value
        if tensor is None or tensor.nbytes < LARGE:
            continue
        data = np.ascontiguousarray(tensor.numpy()).tobytes()
        name = weights_name(data)
        files[name] = data
        shape = ir.Shape(tensor.numpy().shape)
        value.const_value = ir.ExternalTensor(
            name, 0, len(data), tensor.dtype, shape=shape, name=str(value.name)
        )
    return files


@contextmanager
def _quiet(logger: logging.Logger) -> Iterator[None]:
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)
