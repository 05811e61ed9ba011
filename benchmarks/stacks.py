"""Ways to answer posts: today's practice, the bundle, and the network's matrix products alone.

Each is a `Side`: made once, then asked for posts in batches of some size. Today's practice is no
straw man: the model is loaded once, no gradient is kept, and only what is ranked is sorted.
"""

from typing import Protocol

import numpy as np
import numpy.typing as npt
import torch
from onnx import TensorProto, helper, numpy_helper

from benchmarks.made_up import Ids, MadeUp, Size, batches, padded
from export.bundle import Bundle
from export.graph import MAX_RANKED
from trainer.topics import TopicModel, as_gensim, bag_of_words
from worker.ort import ort
from worker.predictor import ModelInput, Predictor
from worker.sessions import Resources, open_session

Floats = npt.NDArray[np.float32]


class Side(Protocol):
    """One way to answer posts."""

    def __call__(self, posts: list[Ids], batch: int) -> None:
        """Answer posts in batches of this size."""


class Gensim:
    """θ by gensim's own E-step."""

    def __init__(self, model: TopicModel) -> None:
        self._model = as_gensim(model)

    def __call__(self, posts: list[Ids]) -> Floats:
        """Return θ [posts, K]."""
        gamma, _ = self._model.inference([bag_of_words(ids.astype(np.int32)) for ids in posts])
        theta: Floats = (gamma / gamma.sum(axis=1, keepdims=True)).astype(np.float32)
        return theta


class Libraries:
    """gensim, then torch: a batch at a time, or a post at a time, as most do."""

    def __init__(self, made: MadeUp) -> None:
        self._topics, self._network = Gensim(made.topics), made.network
        self._ranked = min(MAX_RANKED, made.size.hashtags)
        self._context = [torch.zeros((1, 1), dtype=torch.int64)] * len(made.network.further)

    def __call__(self, posts: list[Ids], batch: int) -> None:
        """Answer posts, those of like length together."""
        for some in batches(posts, batch):
            with torch.inference_mode():
                theta = torch.from_numpy(self._topics(some))
                context = [one.expand(len(some), 1) for one in self._context]
                logits, _ = self._network(padded(some), theta, *context)
                torch.topk(torch.softmax(logits, dim=1), self._ranked, dim=1)


class Served:
    """The bundle through the worker's predictor, from ids."""

    def __init__(self, bundle: Bundle, variant: str, threads: int = 1) -> None:
        self._predictor = Predictor(bundle, variant, Resources(threads))
        self._further = (np.zeros(0, dtype=np.int64),) * (len(bundle.manifest.inputs) - 1)

    def __call__(self, posts: list[Ids], batch: int) -> None:
        """Answer posts; the predictor sorts them by length itself."""
        self._predictor.batch = batch
        inputs = [ModelInput(ids, b"", self._further) for ids in posts]
        if batch > 1:
            self._predictor.predict(inputs)
        else:
            for item in inputs:
                self._predictor.predict([item])


class Floor:
    """The matrix products of TAB-LSTM as published and nothing else, in the same library.

    All of them, also the one of the words' vectors, which the int8 graph looks up instead.
    """

    def __init__(self, size: Size, *, integers: bool) -> None:
        self._integers = integers
        d, h, k, m = size.dimensions, size.hidden, size.topics, size.hashtags
        self._shapes = {"input": (d, 4 * h), "recurrent": (h, 4 * h), "states": (h, h)}
        self._shapes |= {"topics": (k, h), "output": (h, m)}
        self._products = {name: product(*shape, integers=integers)
                          for name, shape in self._shapes.items()}  # fmt: skip
        self._inputs: dict[tuple[int, int], npt.NDArray[np.generic]] = {}

    def __call__(self, posts: list[Ids], batch: int) -> None:
        """Multiply what posts of these lengths ask for."""
        for some in batches(posts, batch):
            rows, length = len(some), max(map(len, some))
            self._multiply("input", rows * length)
            for _ in range(length):
                self._multiply("recurrent", rows)
            self._multiply("states", rows * length)
            self._multiply("topics", rows)
            self._multiply("output", rows)

    def _multiply(self, name: str, rows: int) -> None:
        width = self._shapes[name][0]
        if (rows, width) not in self._inputs:
            random = np.random.default_rng(0)
            values = random.normal(size=(rows, width)).astype(np.float32)
            whole = random.integers(0, 256, size=(rows, width), dtype=np.uint8)
            self._inputs[rows, width] = whole if self._integers else values
        self._products[name].run(None, {"a": self._inputs[rows, width]})


def product(width: int, columns: int, *, integers: bool) -> ort.InferenceSession:
    """Return a session that multiplies inputs `a` [rows, width] with constant weights."""
    random = np.random.default_rng(0)
    if integers:
        weights = random.integers(-127, 128, size=(width, columns), dtype=np.int8)
        kinds, operator = (TensorProto.UINT8, TensorProto.INT32), "MatMulInteger"
        constants = {"w": weights, "zero": np.array(128, dtype=np.uint8)}
    else:
        kinds, operator = (TensorProto.FLOAT, TensorProto.FLOAT), "MatMul"
        constants = {"w": random.normal(size=(width, columns)).astype(np.float32)}
    graph = helper.make_graph(
        [helper.make_node(operator, ["a", *constants], ["product"])],
        "product",
        [helper.make_tensor_value_info("a", kinds[0], ["rows", width])],
        [helper.make_tensor_value_info("product", kinds[1], ["rows", columns])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    return open_session(model.SerializeToString(), {})
