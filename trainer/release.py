"""A finished run → a bundle: golden examples from gensim and torch, parity, then the files."""

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
import numpy as np
import onnxruntime as ort
import torch

from export import bundle as bundles
from export.bundle import GoldenExample, encode_hashtags
from export.graph import INPUTS, MAX_RANKED, OPSET, ServingGraph, TopicInference, export_onnx
from export.manifest import InputCard, Manifest, ModelCard, Tolerance, VariantCard
from export.parity import Answer, Difference, compare
from trainer.ragged import Ragged
from trainer.runs import Run
from trainer.topics import gensim_inference

VARIANT = "cpu-fp32"
PARITY_POSTS = 2_000
_COMPARED_AT_ONCE = 128
_LIBRARIES = ("gensim", "numpy", "onnx", "onnxscript", "tokenizers", "torch")
_EDGE_CASES = (
    "",
    "#OnlyAHashtag",
    "https://example.org/path @someone",
    "[PAD] [UNK] &amp; &lt;3",
    "SHOUTING sooooo loud, cafe\u0301 ＃全角 \U0001f1e9\U0001f1ea\u2764\ufe0f",
)


@dataclass(frozen=True)
class Release:
    """A bundle on disk, and how far its graph is from the reference."""

    path: Path
    difference: Difference
    posts: int


class Reference:
    """The model as the libraries that learned it compute it: gensim's θ, torch's ranking."""

    def __init__(self, run: Run) -> None:
        self._topics = run.topics()
        self._network = run.network()
        self.ranked = min(MAX_RANKED, len(run.hashtags()))

    def graph(self) -> ServingGraph:
        """Return the module that is exported."""
        topics = TopicInference(self._topics.exp_elog_beta, self._topics.alpha)
        return ServingGraph(topics, self._network, self.ranked).eval()

    def answers(self, posts: Ragged) -> list[Answer]:
        """Return an answer a post; no post may be empty."""
        theta = gensim_inference(self._topics, posts)
        answers = []
        with torch.inference_mode():
            for row, ids in enumerate(posts):
                logits, _ = self._network(
                    torch.from_numpy(ids.astype(np.int64))[None], torch.from_numpy(theta[row])[None]
                )
                scores, rows = torch.topk(torch.softmax(logits[0], dim=0), self.ranked)
                answers.append(Answer(theta[row], rows.numpy(), scores.numpy()))
        return answers


def release(run: Run, parent: Path) -> Release:
    """Write a bundle of a run below `parent`; raises a `ParityError` instead of a wrong one."""
    reference = Reference(run)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "graph.onnx"
        export_onnx(reference.graph(), path)
        graph = path.read_bytes()
    posts = _not_empty(run.dev_ids(), PARITY_POSTS)
    tolerance = Tolerance()
    difference = compare(reference.answers(posts), _served(graph, posts), tolerance)
    tokenizer = run.tokenizer()
    ids = tokenizer.get_vocab()
    words = sorted(ids, key=ids.__getitem__)
    topics = run.topics().top_words(words)
    files = {
        bundles.TOKENIZER: tokenizer.to_str().encode(),
        bundles.HASHTAGS: encode_hashtags(run.hashtags()),
        bundles.TOPICS: "".join("\t".join(row) + "\n" for row in topics).encode(),
        bundles.GOLDEN: msgspec.json.encode(_golden(run, reference, words)),
        f"{VARIANT}.onnx": graph,
    }
    return Release(
        bundles.write_bundle(files, _manifest(run, reference, tolerance), parent),
        difference,
        len(posts),
    )


def _not_empty(posts: Ragged, most: int) -> Ragged:
    return posts.take(np.flatnonzero(posts.lengths)[:most])


def _served(graph: bytes, posts: Ragged) -> list[Answer]:
    """Return the answers of the graph, in batches as a worker makes them."""
    session = ort.InferenceSession(graph, providers=["CPUExecutionProvider"])
    answers: list[Answer] = []
    for start in range(0, len(posts), _COMPARED_AT_ONCE):
        rows = np.arange(start, min(start + _COMPARED_AT_ONCE, len(posts)))
        outputs = session.run(["theta", "hashtags", "scores"], {"ids": posts.take(rows).padded()})
        answers += [Answer(*row) for row in zip(*outputs, strict=True)]
    return answers


def _golden(run: Run, reference: Reference, words: Sequence[str]) -> list[GoldenExample]:
    """Return examples made from the vocabulary, never from posts, and fixed edge cases."""
    random = np.random.default_rng(0)
    lengths = (1, 2, 3, 5, 8, 13, 20, 40, 60)
    texts = [" ".join(random.choice(words, size=length)) for length in lengths]
    texts = [*texts, *_EDGE_CASES]
    encodings = run.tokenizer().encode_batch(texts, add_special_tokens=False)
    read = Ragged.of([encoding.ids for encoding in encodings])
    answers = iter(reference.answers(_not_empty(read, len(read))))
    examples = []
    for text, ids in zip(texts, read, strict=True):
        if len(ids) == 0:
            examples.append(GoldenExample(text, [], [], [], []))
            continue
        answer = next(answers)
        arrays = (ids, answer.theta, answer.hashtags, answer.scores)
        examples.append(GoldenExample(text, *(array.tolist() for array in arrays)))
    return examples


def _manifest(run: Run, reference: Reference, tolerance: Tolerance) -> Manifest:
    settings = run.settings
    model = ModelCard(
        method=settings.method,
        protocol=settings.protocol,
        max_words=settings.max_words,
        vocabulary=run.tokenizer().get_vocab_size(),
        hashtags=len(run.hashtags()),
        topics=settings.topics,
        dimensions=settings.dimensions,
        hidden=settings.hidden,
        ranked=reference.ranked,
    )
    rule = "word ids by tokenizer.json, padded with 0 on the right"
    return Manifest(
        files={},
        model=model,
        data=run.data(),
        metrics=run.metrics(),
        inputs=[InputCard(INPUTS[0], rule, "int64", ["batch", "length"])],
        variants={VARIANT: VariantCard(f"{VARIANT}.onnx", "cpu", tolerance, batch_dependent=False)},
        opset=OPSET,
        libraries={name: metadata.version(name) for name in _LIBRARIES}
        | {"onnxruntime": ort.__version__},
        revision=_revision(),
    )


def _revision() -> str:
    """Return the commit this code is at, and whether it was changed; its version without git."""
    file = Path(__file__)
    git = ["git", "-C", str(file.parent)]
    try:
        _output(*git, "ls-files", "--error-unmatch", file.name)
        return _output(*git, "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*")
    except (OSError, subprocess.CalledProcessError):
        return f"tagstream {metadata.version('tagstream')}"


def _output(*command: str) -> str:
    return subprocess.run(command, capture_output=True, check=True, text=True).stdout.strip()
