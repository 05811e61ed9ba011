"""Posts as numbers: word ids, labels and topics."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from tokenizers import Tokenizer

from export.graph import TopicInference
from trainer.corpus import CorpusReader, LabelledPost
from trainer.labels import Labels
from trainer.ragged import Ragged
from trainer.topics import TopicModel

_ENCODED_AT_ONCE = 4_096
_INFERRED_AT_ONCE = 1_024


@dataclass(frozen=True)
class EncodedPosts:
    """Word ids, the rows of the hashtags that a model can suggest, and how many a post has in all.

    `gold` [posts] counts every hashtag of a post: those that no model can reach count in recall.
    """

    ids: Ragged
    labels: Ragged
    gold: npt.NDArray[np.int64]

    def learnable(self) -> "EncodedPosts":
        """Return the posts with a word to read and a hashtag to learn."""
        rows = np.flatnonzero((self.labels.lengths > 0) & (self.ids.lengths > 0))
        return EncodedPosts(self.ids.take(rows), self.labels.take(rows), self.gold[rows])


def encode_posts(reader: CorpusReader, tokenizer: Tokenizer, labels: Labels) -> EncodedPosts:
    """Read the posts of one file that have a hashtag; only their numbers are kept."""
    ids: list[list[int]] = []
    rows: list[list[int]] = []
    gold: list[int] = []
    waiting: list[str] = []

    def encode() -> None:
        encodings = tokenizer.encode_batch_fast(waiting, add_special_tokens=False)
        ids.extend(encoding.ids for encoding in encodings)
        waiting.clear()

    for post in filter(_answered, reader):
        waiting.append(post.text)
        rows.append(labels.rows(post))
        gold.append(len(post.hashtags))
        if len(waiting) == _ENCODED_AT_ONCE:
            encode()
    encode()
    return EncodedPosts(Ragged.of(ids), Ragged.of(rows), np.array(gold, dtype=np.int64))


def _answered(post: LabelledPost) -> bool:
    return bool(post.spellings)


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
