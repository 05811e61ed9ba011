"""Text → ids → hashtags, scores, topics, attention: the one way to score, for everyone.

The worker serves with it and the trainer evaluates with it, so what is measured is what is
served.
"""

import hashlib
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from export.bundle import Bundle
from export.errors import BundleIncompatibleError, GoldenMismatchError, ParityError
from export.manifest import CONTEXT, CPU, CPU_FP32, IDS
from export.parity import Answer, compare
from export.plain import Encoder, IntArray
from export.text import MAX_CONTEXT, PADDING_ID
from worker.ort import ort
from worker.runners import FixedRunner, FreeRunner, Runner
from worker.sessions import ONE_THREAD, DeviceError, Resources, open_session

AUTO = "auto"
BATCH = 128  # posts a call of the graph: past this, larger batches gain nothing on a CPU

FloatArray = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class ModelInput:
    """What the graph reads of one post, and a digest that names exactly that.

    `ids` [n] are its words, `further` what the graph reads beside them, in the manifest's order.
    """

    ids: IntArray
    digest: bytes
    further: tuple[IntArray, ...] = ()

    @property
    def empty(self) -> bool:
        """Whether the post has no words, so that there is nothing to ask the graph."""
        return len(self.ids) == 0


@dataclass(frozen=True, slots=True)
class Prediction:
    """The graph's answer to one post of n words.

    `hashtags` [k] int32, rows of the bundle's list, best first; `scores` [k], probabilities;
    `theta` [K], topics; `attention` [n], one weight a word.
    """

    hashtags: npt.NDArray[np.int32]
    scores: FloatArray
    theta: FloatArray
    attention: FloatArray


class Predictor:
    """A verified bundle, ready to answer.

    Arguments: `variant`, a variant of the bundle or `auto`; `resources`, what its sessions may use;
    `batch`, the most posts of one call of the graph.

    Raises `BundleIncompatibleError` when the bundle lacks the variant or this machine cannot run
    it, `GoldenMismatchError` when this machine does not repeat the golden examples.
    """

    def __init__(
        self,
        bundle: Bundle,
        variant: str = AUTO,
        resources: Resources = ONE_THREAD,
        batch: int = BATCH,
    ) -> None:
        self.bundle = bundle.without_graphs()  # a session has them; they are most of the bytes
        self.batch = batch
        self.variant = CPU_FP32 if variant == AUTO else variant
        self._tokenizer = bundle.tokenizer()
        self._encoder = Encoder(self._tokenizer)
        further = [card.name for card in bundle.manifest.inputs if card.name != IDS]
        self._names = [IDS, *further]
        self._further = [self._reader(name) for name in further]
        self.longest_call = 0.0  # seconds; known once warm
        self.hashtags = bundle.hashtags()
        self.rows = {one.canonical: row for row, one in enumerate(self.hashtags)}
        self.spellings = {one.canonical: one.spelling for one in self.hashtags}
        try:
            self._runner = self._opened(bundle, resources)
            self._check_golden()
        except DeviceError as error:
            raise BundleIncompatibleError(f"{self.variant} cannot run here: {error}") from error

    def _opened(self, bundle: Bundle, resources: Resources) -> Runner:
        """Return the graph, ready to run on its device."""
        graph, weights = bundle.graph(self.variant), bundle.weights(self.variant)
        device = bundle.manifest.variants[self.variant].device

        def opened(sizes: Mapping[str, int]) -> ort.InferenceSession:
            try:
                return open_session(graph, weights, resources, device, sizes)
            except DeviceError:
                raise
            except Exception as error:  # ONNX Runtime's errors share no narrower class
                raise BundleIncompatibleError(
                    f"bundle {bundle.name}, {self.variant}: ONNX Runtime {ort.__version__} "
                    f"refuses the graph: {error}"
                ) from error

        if device == CPU:
            return FreeRunner(opened({}))
        return FixedRunner(opened, bundle.manifest, self.batch)

    def _reader(self, name: str) -> Encoder:
        """Return what turns texts into one further input of the graph."""
        if name == CONTEXT:
            return Encoder(self.bundle.context())
        raise BundleIncompatibleError(
            f"bundle {self.bundle.name} wants an input {name!r} that this version does not know; "
            "install the version of tagstream that made it"
        )

    def encode(self, texts: Sequence[str]) -> list[ModelInput]:
        """Return what the graph reads of each text; hashtags are not among it (protocol)."""
        ids = self._encoder(texts)
        further = [encoder(texts) for encoder in self._further]
        return [
            ModelInput(words, _digest(words, rest), tuple(rest))
            for words, *rest in zip(ids, *further, strict=True)
        ]

    def words(self, text: str) -> list[str]:
        """Return the words of a text as the graph counts them, for showing attention."""
        return self._tokenizer.encode(text, add_special_tokens=False).tokens

    def predict(self, inputs: Sequence[ModelInput]) -> list[Prediction]:
        """Return an answer a post, in the order of the posts. No input may be empty."""
        order = sorted(range(len(inputs)), key=lambda i: len(inputs[i].ids))
        answers: list[Prediction | None] = [None] * len(inputs)
        for start in range(0, len(order), self.batch):
            rows = order[start : start + self.batch]
            for row, answer in zip(rows, self._run([inputs[i] for i in rows]), strict=True):
                answers[row] = answer
        return [answer for answer in answers if answer is not None]

    def warm_up(self, times: int = 1) -> None:
        """Answer the largest batch of the longest posts, so that the first post need not wait.

        All the memory that a call can take is taken here: what is too much fails at the start. The
        last call's time is kept.
        """
        model = self.bundle.manifest.model
        further = tuple(np.zeros(MAX_CONTEXT, dtype=np.int64) for _ in self._further)
        words = np.arange(model.max_words) % model.vocabulary
        for _ in range(times):
            started = time.perf_counter()
            self.predict([ModelInput(words, b"", further)] * self.batch)
            self.longest_call = time.perf_counter() - started

    def _run(self, batch: list[ModelInput]) -> Iterator[Prediction]:
        columns = zip(*((item.ids, *item.further) for item in batch), strict=True)
        feeds = dict(zip(self._names, map(_padded, columns), strict=True))
        theta, hashtags, scores, attention = self._runner.run(feeds)
        for row, item in enumerate(batch):
            yield Prediction(
                hashtags[row].astype(np.int32),
                scores[row],
                theta[row],
                attention[row, : len(item.ids)],
            )

    def _check_golden(self) -> None:
        examples = self.bundle.golden()
        inputs = self.encode([example.text for example in examples])
        for example, read in zip(examples, inputs, strict=True):
            due = [example.ids, example.context][: len(self._names)]
            found = [ids.tolist() for ids in (read.ids, *read.further)]
            if due != found:
                raise GoldenMismatchError(
                    f"bundle {self.bundle.name}: {example.text!r} is read as {found} "
                    f"instead of {due}; check the version of `tokenizers`"
                )
        asked = [(e, i) for e, i in zip(examples, inputs, strict=True) if not i.empty]
        expected = [
            Answer(
                np.array(example.theta, dtype=np.float32),
                np.array(example.hashtags, dtype=np.int64),
                np.array(example.scores, dtype=np.float32),
            )
            for example, _ in asked
        ]
        tolerance = self.bundle.manifest.variants[self.variant].tolerance
        try:
            compare(expected, self.answers([read for _, read in asked]), tolerance)
        except ParityError as error:
            raise GoldenMismatchError(
                f"bundle {self.bundle.name}, {self.variant}: a golden example differs: {error}"
            ) from error

    def answers(self, inputs: Sequence[ModelInput]) -> list[Answer]:
        """Return predictions in the form that `export.parity` compares."""
        return [
            Answer(p.theta, p.hashtags.astype(np.int64), p.scores) for p in self.predict(inputs)
        ]


def _digest(ids: IntArray, further: Sequence[IntArray]) -> bytes:
    """Return a digest of all inputs; the lengths of the further ones tell where each ends."""
    lengths = np.array([len(rows) for rows in further], dtype=np.int64)
    parts = (rows.tobytes() for rows in (lengths, *further, ids))
    return hashlib.blake2b(b"".join(parts), digest_size=16).digest()


def _padded(rows: tuple[IntArray, ...]) -> IntArray:
    """Return rows [B, longest], padded on the right; sorted by length, there is little of it."""
    padded = np.full((len(rows), max([1, *map(len, rows)])), PADDING_ID, dtype=np.int64)
    for row, ids in enumerate(rows):
        padded[row, : len(ids)] = ids
    return padded
