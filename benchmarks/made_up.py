"""Models and posts of any size with weights drawn at random: for times, which ask for no quality.

Posts are drawn as LDA tells it (Blei et al. 2003), from topics as sharp as those of short posts;
their words are as frequent as Zipf says.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from export import bundle as bundles
from export.bundle import Hashtag, encode_hashtags
from export.graph import MAX_RANKED, HashtagHead, ServingGraph, TopicInference
from export.manifest import CONTEXT, CPU_VARIANTS, IDS, DataCard, Manifest, ModelCard
from export.onnx_graph import OPSET, export_onnx
from export.text import MAX_WORDS, PADDING_ID, SPECIAL_WORDS, new_context_tokenizer, new_tokenizer
from export.variants import FORMS
from trainer.catalogue import method_card, settings_for
from trainer.network_method import NetworkMethod, Sizes, Vectors
from trainer.networks import Network
from trainer.release import INPUTS
from trainer.settings import FitSettings
from trainer.topics import TopicModel
from worker.predictor import BATCH

SHARPNESS = 0.02  # of Dirichlet: how few topics a word has
SHORTEST, LONGEST = 8, 20  # words of a post
CALIBRATION = 1_024
Ids = npt.NDArray[np.int64]


class Size(NamedTuple):
    """What the cost of a post depends on."""

    name: str
    words: int
    hashtags: int
    dimensions: int = 300
    hidden: int = 500
    topics: int = 100


PAPER = Size("paper", 100_000, 27_720)  # section 4.1
MAIN = Size("main_random", 76_000, 7_509)


@dataclass(frozen=True)
class MadeUp:
    """A model of a method and a size; the same every time."""

    method: str
    size: Size

    @property
    def name(self) -> str:
        """What people call it."""
        return f"{self.method}, {self.size.name}"

    @cached_property
    def settings(self) -> FitSettings:
        """How it would be learned; our own network has an LSTM of its own size, and keeps it."""
        hidden = {} if self.method == "tab-lstm+" else {"hidden": self.size.hidden}
        return settings_for(self.method, {"topics": self.size.topics, **hidden})

    @cached_property
    def topics(self) -> TopicModel:
        """Topics over words whose frequencies fall as their ranks rise."""
        random = np.random.default_rng(0)
        frequency = 1.0 / np.arange(10, self.size.words + 10)
        share = random.dirichlet(np.full(self.size.topics, SHARPNESS), size=self.size.words)
        beta = frequency[:, None] * share
        beta[: len(SPECIAL_WORDS)] = 0.0
        beta /= beta.sum(axis=0)
        alpha = np.full(self.size.topics, 1 / self.size.topics, dtype=np.float32)
        return TopicModel(beta.astype(np.float32), alpha)

    @cached_property
    def network(self) -> Network:
        """A network whose logits spread about as far as those of one that has learned."""
        size = self.size
        random = np.random.default_rng(1)
        vectors = random.normal(0, 0.15, (size.words, size.dimensions)).astype(np.float32)
        vectors[PADDING_ID] = 0.0
        names = random.normal(0, 0.05, (size.hashtags, size.dimensions)).astype(np.float32)
        sizes = Sizes(size.words, size.dimensions, size.hashtags, size.topics, context=10_000)
        torch.manual_seed(2)
        made = _network_class(self.method).build(self.settings, sizes, Vectors(vectors, names))
        with torch.no_grad():
            for name, parameter in made.named_parameters():
                if name.startswith(("lstm.weight", "output.weight")):
                    parameter.mul_(3)
        return made.eval()

    def graph(self) -> ServingGraph:
        """Return the module that is exported."""
        head = HashtagHead(self.network.head(), min(MAX_RANKED, self.size.hashtags))
        inference = TopicInference(self.topics.exp_elog_beta, self.topics.alpha)
        return ServingGraph(inference, self.network, head).eval()

    def posts(self, count: int, seed: int = 3) -> list[Ids]:
        """Return the word ids of posts."""
        random = np.random.default_rng(seed)
        lengths = random.integers(SHORTEST, LONGEST + 1, size=count)
        theta = random.dirichlet(self.topics.alpha, size=count)
        drawn = [
            random.choice(self.size.topics, size=n, p=p)
            for n, p in zip(lengths, theta, strict=True)
        ]
        topics = np.concatenate(drawn)
        words = np.empty(len(topics), dtype=np.int64)
        for topic in range(self.size.topics):
            cumulated = np.cumsum(self.topics.exp_elog_beta[:, topic], dtype=np.float64)
            at = topics == topic
            words[at] = np.searchsorted(cumulated, random.random(at.sum()) * cumulated[-1])
        return np.split(words, np.cumsum(lengths)[:-1])

    def words(self) -> list[str]:
        """Return the vocabulary."""
        return [f"word{number}" for number in range(self.size.words - len(SPECIAL_WORDS))]

    def write(self, parent: Path, variants: Sequence[str] = CPU_VARIANTS) -> Path:
        """Write a bundle of it below `parent`; return its directory."""
        graph = self.graph()
        seen = calibration(self, graph)
        files: dict[str, bytes] = {}
        cards = {}
        for name in variants:
            made = export_onnx(FORMS[name].make(graph, seen))
            files |= {f"{name}.onnx": made.model, **made.weights}
            cards[name] = FORMS[name].card(f"{name}.onnx", sorted(made.weights))
        rows = [Hashtag(f"tag{row}", f"tag{row}", 1) for row in range(self.size.hashtags)]
        files |= {
            bundles.TOKENIZER: new_tokenizer(self.words(), "stripped").to_str().encode(),
            bundles.CONTEXT: new_context_tokenizer(["@someone"]).to_str().encode(),
            bundles.HASHTAGS: encode_hashtags(rows),
            bundles.TOPICS: b"\n" * self.size.topics,
            bundles.GOLDEN: msgspec.json.encode([]),
        }
        manifest = Manifest(
            files={},
            model=ModelCard(
                self.method,
                "stripped",
                MAX_WORDS,
                self.size.words,
                self.size.hashtags,
                self.size.topics,
                self.size.dimensions,
                self.settings.hidden,
                graph.head.ranked,
            ),
            data=DataCard(0, 0, None, None, "made up"),
            metrics=[],
            inputs=[INPUTS[name] for name in graph.inputs],
            variants=cards,
            opset=OPSET,
            libraries={},
            revision="made up",
        )
        return bundles.write_bundle(files, manifest, parent)


def _network_class(method: str) -> type[NetworkMethod]:
    found = method_card(method).load()
    if not issubclass(found, NetworkMethod):
        raise TypeError(f"{method} is no network")
    return found


def padded(posts: list[Ids]) -> Tensor:
    """Return posts [B, longest], padded on the right."""
    rows = [torch.from_numpy(post) for post in posts]
    return torch.nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=PADDING_ID)


def batches(posts: list[Ids], batch: int) -> Iterator[list[Ids]]:
    """Yield posts in batches, those of like length together."""
    posts = sorted(posts, key=len)
    return (posts[at : at + batch] for at in range(0, len(posts), batch))


def calibration(made: MadeUp, graph: ServingGraph) -> list[tuple[Tensor, ...]]:
    """Return inputs of posts of like length; none points at anything."""
    inputs = []
    for some in batches(made.posts(CALIBRATION, seed=4), BATCH):
        ids = padded(some)
        feeds = {IDS: ids, CONTEXT: torch.zeros((len(ids), 1), dtype=torch.int64)}
        inputs.append(tuple(feeds[name] for name in graph.inputs))
    return inputs
