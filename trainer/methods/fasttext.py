"""fastText: the mean of word and bigram vectors, and a tree of logistic regressions on it.

Joulin, Grave, Bojanowski and Mikolov 2017, by the library floret, which maintains their code.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Self

import floret
import msgspec
import numpy as np

from trainer.checkpoints import write_durably
from trainer.choosing import f1_at_1
from trainer.material import Material
from trainer.progress import progress
from trainer.ragged import Ragged
from trainer.ranking import best_rows
from trainer.reading import EncodedPosts, Inputs
from trainer.recommender import Rows
from trainer.settings import FitSettings

MODEL, CHOICE = "model.bin", "choice.json"
RATES = (0.25, 0.5, 1.0)  # the learning rates that dev decides on; above, it may diverge
DIMENSIONS, EPOCHS = 100, 10
MOST_BIGRAMS = 1_000_000  # vectors that bigrams are hashed to, 400 bytes each
UNKNOWN = "1"
LABEL = "__label__"
_RANKED_AT_ONCE = 512  # posts whose scores of all hashtags are held


class Choice(msgspec.Struct, frozen=True):
    """What `fit` leaves beside the model; F1@1 on dev in per cent."""

    hashtags: int
    rate: float
    dev_f1_at_1: float


class FastText:
    """Words, bigrams, and a hierarchical softmax over the hashtags.

    Of a post with several hashtags every epoch learns one, drawn at random. A word that no
    training post has tells nothing.
    """

    def __init__(self, model: Any, hashtags: int) -> None:  # noqa: ANN401 - floret has no types
        self._model = model
        self._hashtags = hashtags
        self._known = frozenset(model.get_words())

    @classmethod
    def fit(cls, material: Material, settings: FitSettings, folder: Path) -> Self:
        """Learn at several rates, and keep the model that is best on dev."""
        posts = material.train.take(material.train.learnable())
        hashtags = len(material.labels.hashtags)
        best = Choice(hashtags, 0.0, -1.0)
        file = folder / "posts.txt"
        try:
            _write(file, posts)
            with progress("fastText, models", len(RATES)) as advance:
                for rate in RATES:
                    model = _learned(file, posts.ids, rate, settings.seed)
                    f1 = f1_at_1(cls(model, hashtags), material.dev)
                    if f1 > best.dev_f1_at_1:
                        best = Choice(hashtags, rate, f1)
                        model.save_model(str(folder / f".{MODEL}"))
                        (folder / f".{MODEL}").replace(folder / MODEL)
                    advance(1)
        finally:
            file.unlink(missing_ok=True)
        write_durably(folder / CHOICE, msgspec.json.encode(best) + b"\n")
        return cls.load(folder, settings)

    @classmethod
    def load(cls, folder: Path, settings: FitSettings) -> Self:
        """Read what `fit` left."""
        del settings
        choice = msgspec.json.decode((folder / CHOICE).read_bytes(), type=Choice)
        return cls(floret.load_model(str(folder / MODEL)), choice.hashtags)

    def rank(self, posts: Inputs, k: int) -> Rows:
        """Return the most probable hashtags [posts, k]; the most frequent ones fill up."""
        found = np.empty((len(posts), k), dtype=np.int64)
        lines = [" ".join(filter(self._known.__contains__, words)) for words in _words(posts.ids)]
        for start in range(0, len(posts), _RANKED_AT_ONCE):
            some = lines[start : start + _RANKED_AT_ONCE]
            scores = np.zeros((len(some), self._hashtags))
            # Only the order counts: for several posts floret repeats the first probability.
            answers, _ = self._model.predict(some, k=k)
            for row, (line, labels) in enumerate(zip(some, answers, strict=True)):
                if line:  # else they are those of no word at all
                    rows = [int(name.removeprefix(LABEL)) for name in labels]
                    scores[row, rows] = np.arange(len(rows), 0, -1)
            found[start : start + len(some)] = best_rows(scores, k)
        return found


def _words(ids: Ragged) -> Iterable[list[str]]:
    """Return the words of each post as fastText reads them: their ids in figures."""
    return ([str(word) for word in row.tolist()] for row in ids)


def _write(file: Path, posts: EncodedPosts) -> None:
    """Write a line a post: its known words, then its labels."""
    with file.open("w", encoding="ascii") as out:
        for words, labels in zip(_words(posts.ids), posts.labels, strict=True):
            known = [word for word in words if word != UNKNOWN]
            out.write(" ".join([*known, *(f"{LABEL}{row}" for row in labels.tolist())]) + "\n")


def _learned(file: Path, ids: Ragged, rate: float, seed: int) -> Any:  # noqa: ANN401
    bigrams = int((ids.lengths - 1).sum())
    return floret.train_supervised(
        str(file),
        lr=rate,
        dim=DIMENSIONS,
        epoch=EPOCHS,
        minCount=1,
        wordNgrams=2,
        bucket=min(max(bigrams, 1), MOST_BIGRAMS),
        loss="hs",
        thread=1,  # with more, no two runs give the same model
        seed=seed % 2**31,
        verbose=0,
    )
