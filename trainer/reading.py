"""Posts as numbers: what a model may read of a text, its labels, its topics."""

from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from tokenizers import Tokenizer

from export.bundle import CONTEXT, TOKENIZER
from export.graph import TopicInference
from trainer.checkpoints import write_durably
from trainer.corpus import CorpusReader
from trainer.labels import Labels
from trainer.ragged import Ragged, RaggedBuilder
from trainer.topics import TopicModel

_READ_AT_ONCE = 4_096
_INFERRED_AT_ONCE = 1_024


@dataclass(frozen=True)
class Inputs:
    """All that any method reads of posts: ids of words, and of mentions and words of links."""

    ids: Ragged
    context: Ragged

    def __len__(self) -> int:
        return len(self.ids)

    def take(self, rows: npt.NDArray[np.int64]) -> "Inputs":
        """Return the posts of these rows."""
        return Inputs(self.ids.take(rows), self.context.take(rows))


@dataclass(frozen=True)
class EncodedPosts:
    """Inputs, the rows of the hashtags that a model can suggest, and how many a post has in all.

    `gold` [posts] counts every hashtag of a post: those that no model can reach count in recall.
    """

    inputs: Inputs
    labels: Ragged
    gold: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.inputs)

    @property
    def ids(self) -> Ragged:
        """The word ids."""
        return self.inputs.ids

    def learnable(self) -> npt.NDArray[np.int64]:
        """Return the rows of the posts with a word to read and a hashtag to learn."""
        return np.flatnonzero((self.labels.lengths > 0) & (self.ids.lengths > 0))

    def take(self, rows: npt.NDArray[np.int64]) -> "EncodedPosts":
        """Return the posts of these rows."""
        return EncodedPosts(self.inputs.take(rows), self.labels.take(rows), self.gold[rows])


@dataclass(frozen=True)
class Reader:
    """Texts → inputs: the one way in, so no method sees more than the protocol allows."""

    words: Tokenizer
    context: Tokenizer

    def read(self, texts: Sequence[str]) -> Inputs:
        """Return what every method reads of the texts."""
        return Inputs(word_ids(self.words, texts), word_ids(self.context, texts))

    def save(self, folder: Path) -> None:
        """Write both tokenizers."""
        write_durably(folder / TOKENIZER, self.words.to_str().encode())
        write_durably(folder / CONTEXT, self.context.to_str().encode())

    @classmethod
    def load(cls, folder: Path) -> "Reader":
        """Read what `save` wrote."""
        return cls(*(Tokenizer.from_file(str(folder / name)) for name in (TOKENIZER, CONTEXT)))


def word_ids(tokenizer: Tokenizer, texts: Iterable[str]) -> Ragged:
    """Return the ids of each text; of the texts themselves only a few are held at once."""
    return Ragged.of(_each_ids(tokenizer, texts))


def _each_ids(tokenizer: Tokenizer, texts: Iterable[str]) -> Iterator[list[int]]:
    waiting = iter(texts)
    while some := list(islice(waiting, _READ_AT_ONCE)):
        for encoding in tokenizer.encode_batch_fast(some, add_special_tokens=False):
            yield encoding.ids


def encode_posts(posts: CorpusReader, reader: Reader, labels: Labels) -> EncodedPosts:
    """Read the posts of one file that have a hashtag; only their numbers are kept."""
    answered = (post for post in posts if post.spellings)
    ids, context, rows = RaggedBuilder(), RaggedBuilder(), RaggedBuilder()
    gold = array("q")
    while some := list(islice(answered, _READ_AT_ONCE)):
        inputs = reader.read([post.text for post in some])
        for post, words, pointed in zip(some, inputs.ids, inputs.context, strict=True):
            ids.add(words)
            context.add(pointed)
            rows.add(labels.rows(post))
            gold.append(len(post.hashtags))
    inputs = Inputs(ids.ragged(), context.ragged())
    return EncodedPosts(inputs, rows.ragged(), np.frombuffer(gold, dtype=np.int64))


def infer_topics(model: TopicModel, ids: Ragged) -> npt.NDArray[np.float32]:
    """Return θ [posts, K] by the graph's own E-step, so that what is trained on is served."""
    inference = TopicInference(model.exp_elog_beta, model.alpha).eval()
    theta = np.zeros((len(ids), len(model.alpha)), dtype=np.float32)
    order = np.argsort(ids.lengths, kind="stable")
    with torch.inference_mode():
        for start in range(0, len(order), _INFERRED_AT_ONCE):
            rows = order[start : start + _INFERRED_AT_ONCE]
            theta[rows] = inference(torch.from_numpy(ids.take(rows).padded())).numpy()
    return theta
