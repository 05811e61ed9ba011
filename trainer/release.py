"""A finished run → a bundle: golden examples from gensim and torch, parity, then the files."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib import metadata
from typing import Any, cast

import msgspec
import numpy as np
import numpy.typing as npt
import torch

from export import bundle as bundles
from export.bundle import encode_hashtags
from export.graph import MAX_RANKED, HashtagHead, ServingGraph, TopicInference
from export.learned import Tensors, encode_learned
from export.manifest import (
    CONTEXT,
    CPU_VARIANTS,
    IDS,
    InputCard,
    Manifest,
    ModelCard,
    VariantCard,
)
from export.memory_card import MemoryCard
from export.onnx_graph import OPSET, OnnxGraph, export_onnx
from export.parity import Answer, Difference, compare
from export.places import Place
from export.variants import FORMS, Form
from trainer.catalogue import method_card
from trainer.errors import RunError
from trainer.golden import Golden
from trainer.network_method import NetworkMethod
from trainer.provenance import revision
from trainer.reading import Inputs
from trainer.runs import Run
from trainer.text import Text
from trainer.topics import gensim_inference
from trainer.warm_start import ALPHA, BETA, NETWORK
from worker.ort import ort
from worker.sessions import open_session

PARITY_POSTS = 2_000
CALIBRATION_POSTS = 4_000  # other ones where dev has them, by which int8 chooses its scales
_COMPARED_AT_ONCE = 128
_LIBRARIES = ("gensim", "numpy", "onnx", "onnxscript", "tokenizers", "torch")


@dataclass(frozen=True)
class Release:
    """A bundle on disk, and how far each of its variants is from the reference."""

    path: Place
    differences: dict[str, Difference]
    posts: int


class Reference:
    """The model as the libraries that learned it compute it: gensim's θ, torch's ranking."""

    def __init__(self, method: NetworkMethod, hashtags: int) -> None:
        self._topics = method.topics
        self._network = method.network
        self.ranked = min(MAX_RANKED, hashtags)

    @classmethod
    def of(cls, run: Run) -> "Reference":
        """Return the reference of a run; raises `RunError` where its method is no network."""
        settings = run.settings
        card = method_card(settings.method)
        if not card.network:
            raise RunError(f"{settings.method} is no network: only networks become bundles")
        method = cast("type[NetworkMethod]", card.load()).load(run.path, settings)
        return cls(method, len(run.text.hashtags))

    def graph(self) -> ServingGraph:
        """Return the module that is exported."""
        topics = TopicInference(self._topics.exp_elog_beta, self._topics.alpha)
        head = HashtagHead(self._network.head(), self.ranked)
        return ServingGraph(topics, self._network, head).eval()

    def learned(self) -> Tensors:
        """Return all weights by their names, for a later training to start from."""
        state = self._network.state_dict()
        network = {f"{NETWORK}{name}": weights.numpy() for name, weights in state.items()}
        return {**network, BETA: self._topics.exp_elog_beta, ALPHA: self._topics.alpha}

    def top_words(self, words: list[str]) -> list[list[str]]:
        """Return the top words of each topic; `words` by id."""
        return self._topics.top_words(words)

    def answers(self, posts: Inputs) -> list[Answer]:
        """Return an answer a post; no post may be empty."""
        theta = gensim_inference(self._topics, posts.ids)
        answers = []
        with torch.inference_mode():
            for row in range(len(posts)):
                ids, *further = _tensors(posts, np.array([row]), (IDS, *self._network.further))
                logits, _ = self._network(ids, torch.from_numpy(theta[row])[None], *further)
                scores, rows = torch.topk(torch.softmax(logits[0], dim=0), self.ranked)
                answers.append(Answer(theta[row], rows.numpy(), scores.numpy()))
        return answers


def release(
    run: Run,
    parent: Place,
    variants: Sequence[str] = CPU_VARIANTS,
    memory: MemoryCard | None = None,
) -> Release:
    """Write a bundle of a run below `parent`; raises a `ParityError` instead of a wrong one.

    `memory` is how the memory beside it votes, if that was fitted.
    """
    reference, text = Reference.of(run), run.text
    module, golden = reference.graph(), Golden.of(text)
    posts, others = _not_empty(run.dev)
    compared = [(some, reference.answers(some)) for some in (posts, golden.asked)]
    seen = [
        _tensors(some, rows, module.inputs)
        for some in (others, golden.asked)
        for rows in _by_length(some)
    ]
    files: dict[str, bytes] = {}
    cards, differences = {}, {}
    for name in variants:
        form = FORMS[name]
        made = form.make(module, seen)
        graph = export_onnx(made)
        differences[name], _ = (
            compare(due, _answers(form, made, graph, some), form.tolerance)
            for some, due in compared
        )
        cards[name] = form.card(f"{name}.onnx", sorted(graph.weights))
        files |= {f"{name}.onnx": graph.model, **graph.weights}
    files |= _texts(text, reference.top_words(text.words), with_context=CONTEXT in module.inputs)
    files |= encode_learned(reference.learned())
    files[bundles.GOLDEN] = msgspec.json.encode(golden.examples(compared[1][1]))
    card = msgspec.structs.replace(_manifest(run, text, module, cards), memory=memory)
    return Release(bundles.write_bundle(files, card, parent), differences, len(posts))


def _texts(text: Text, topics: list[list[str]], *, with_context: bool) -> dict[str, bytes]:
    """Return the files of words, hashtags and topics, which all variants share."""
    files = {
        bundles.TOKENIZER: text.reader.words.to_str().encode(),
        bundles.HASHTAGS: encode_hashtags(text.hashtags),
        bundles.TOPICS: "".join("\t".join(row) + "\n" for row in topics).encode(),
    }
    if with_context:
        files[bundles.CONTEXT] = text.reader.context.to_str().encode()
    return files


def _not_empty(posts: Inputs) -> tuple[Inputs, Inputs]:
    """Return posts to compare the answers to, and others (or these again) to calibrate with."""
    rows = np.flatnonzero(posts.ids.lengths)
    compared, others = np.split(rows[: PARITY_POSTS + CALIBRATION_POSTS], [PARITY_POSTS])
    return posts.take(compared), posts.take(others if len(others) else compared)


def _feeds(posts: Inputs, rows: npt.NDArray[np.int64]) -> dict[str, npt.NDArray[np.int64]]:
    """Return the inputs of some posts by name, padded."""
    some = posts.take(rows)
    return {IDS: some.ids.padded(), CONTEXT: some.context.padded()}


def _tensors(
    posts: Inputs, rows: npt.NDArray[np.int64], names: Sequence[str]
) -> tuple[torch.Tensor, ...]:
    feeds = _feeds(posts, rows)
    return tuple(torch.from_numpy(feeds[name]) for name in names)


def _by_length(posts: Inputs) -> Iterator[npt.NDArray[np.int64]]:
    """Yield the rows of posts of like length, as many at once as a worker asks for."""
    order = np.argsort(posts.ids.lengths, kind="stable")
    for start in range(0, len(order), _COMPARED_AT_ONCE):
        yield order[start : start + _COMPARED_AT_ONCE]


def _answers(form: Form, module: ServingGraph, graph: OnnxGraph, posts: Inputs) -> list[Answer]:
    """Return the answers of a form, in batches as a worker makes them."""
    if not form.portable:

        def computed(rows: npt.NDArray[np.int64]) -> Sequence[npt.NDArray[Any]]:
            with torch.inference_mode():
                outputs = module(*_tensors(posts, rows, module.inputs))
            return [output.numpy() for output in outputs[:3]]

        return _in_batches(posts, computed)
    session = open_session(graph.model, graph.weights)

    def served(rows: npt.NDArray[np.int64]) -> Sequence[npt.NDArray[Any]]:
        feeds = _feeds(posts, rows)
        asked = {name: feeds[name] for name in module.inputs}
        outputs: list[npt.NDArray[Any]] = session.run(["theta", "hashtags", "scores"], asked)
        return outputs

    return _in_batches(posts, served)


def _in_batches(
    posts: Inputs, answer: Callable[[npt.NDArray[np.int64]], Sequence[npt.NDArray[Any]]]
) -> list[Answer]:
    answers: dict[int, Answer] = {}
    for rows in _by_length(posts):
        for row, *one in zip(rows.tolist(), *answer(rows), strict=True):
            answers[row] = Answer(*one)
    return [answers[row] for row in range(len(posts))]


INPUTS = {
    IDS: InputCard(
        IDS, "word ids by tokenizer.json, padded with 0 on the right", "int64", ["batch", "length"]
    ),
    CONTEXT: InputCard(
        CONTEXT,
        "mentions and words of links by context.json, padded with 0 on the right",
        "int64",
        ["batch", "context_length"],
    ),
}


def _manifest(
    run: Run, text: Text, module: ServingGraph, variants: dict[str, VariantCard]
) -> Manifest:
    settings = run.settings
    model = ModelCard(
        method=settings.method,
        protocol=settings.protocol,
        max_words=settings.max_words,
        vocabulary=text.reader.words.get_vocab_size(),
        hashtags=len(text.hashtags),
        topics=settings.topics,
        dimensions=settings.dimensions,
        hidden=settings.hidden,
        ranked=module.head.ranked,
    )
    return Manifest(
        files={},
        model=model,
        data=text.data,
        metrics=run.metrics(),
        inputs=[INPUTS[name] for name in module.inputs],
        variants=variants,
        opset=OPSET,
        libraries={name: metadata.version(name) for name in _LIBRARIES}
        | {"onnxruntime": ort.__version__},
        revision=revision(),
    )
