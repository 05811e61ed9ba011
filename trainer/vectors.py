"""Word vectors by word2vec (Mikolov et al. 2013), on the posts as a model reads them."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from gensim.models import Word2Vec
from gensim.models.callbacks import CallbackAny2Vec

from export.text import PADDING_ID, UNKNOWN_ID
from trainer.ragged import Ragged
from trainer.settings import FitSettings

WINDOW = 5
NEGATIVE = 5
_DRAWN_AT_ONCE = 4_096  # words


@dataclass(frozen=True)
class WordVectors:
    """One row a word: `matrix` [V, dimensions]."""

    matrix: npt.NDArray[np.float32]


class _EpochEnd(CallbackAny2Vec):  # type: ignore[misc]
    def __init__(self, advance: Callable[[int], None]) -> None:
        self._advance = advance

    def on_epoch_end(self, model: Word2Vec) -> None:
        del model
        self._advance(1)


class _Sentences:
    """The posts as word2vec reads them; ids as strings, since it takes numbers for indexes."""

    def __init__(self, posts: Ragged) -> None:
        self._posts = posts

    def __iter__(self):  # type: ignore[no-untyped-def]  # noqa: ANN204
        for ids in self._posts:
            yield [str(i) for i in ids if i != UNKNOWN_ID]


def learn_vectors(
    posts: Ragged,
    words: int,
    settings: FitSettings,
    advance: Callable[[int], None] = lambda _: None,
) -> WordVectors:
    """Return vectors [words, `settings.dimensions`] by skip-gram with negative sampling.

    Words that were not seen, the unknown word among them, start small and random; padding is
    zero. One thread: with more, equal seeds give different vectors. `advance` is called after
    each epoch with 1.
    """
    model = Word2Vec(
        sentences=_Sentences(posts),
        vector_size=settings.dimensions,
        window=WINDOW,
        negative=NEGATIVE,
        sg=1,
        min_count=1,
        workers=1,
        epochs=settings.vector_epochs,
        seed=settings.seed,
        callbacks=[_EpochEnd(advance)],
    )
    vectors = _random_vectors(words, settings)
    rows = [int(word) for word in model.wv.index_to_key]
    vectors[rows] = model.wv.vectors
    vectors[PADDING_ID] = 0.0
    return WordVectors(vectors)


def _random_vectors(words: int, settings: FitSettings) -> npt.NDArray[np.float32]:
    """Return small random vectors [words, dimensions]; few are drawn at once, in float64."""
    random = np.random.default_rng(settings.seed)
    bound = 0.5 / settings.dimensions
    vectors = np.empty((words, settings.dimensions), dtype=np.float32)
    for first in range(0, words, _DRAWN_AT_ONCE):
        some = vectors[first : first + _DRAWN_AT_ONCE]
        some[:] = random.uniform(-bound, bound, some.shape)
    return vectors
