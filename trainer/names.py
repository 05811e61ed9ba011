"""Hashtags' names as words: #climatechange says "climate change" to whoever reads it."""

import math
import unicodedata
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from export.text import SPECIAL_WORDS

LONGEST = 20  # letters of a word that is looked for in a name
_WHOLE_WORDS = ("CJK", "HIRAGANA", "KATAKANA")  # scripts of which the tokenizer reads each sign


def name_vectors(
    names: Sequence[str], words: Sequence[str], vectors: npt.NDArray[np.float32]
) -> npt.NDArray[np.float32]:
    """Return for each name the mean vector of its words, of length one [M, d].

    Arguments: `words`, the vocabulary by id, the most frequent first after the special ones;
    `vectors` [V, d]. A name that is made of no words has a vector of zeros.
    """
    ids = {word: row for row, word in enumerate(words) if row >= len(SPECIAL_WORDS)}
    costs = _costs(words)
    found = np.zeros((len(names), vectors.shape[1]), dtype=np.float32)
    for row, name in enumerate(names):
        if parts := split_name(name, costs):
            found[row] = vectors[[ids[part] for part in parts]].mean(axis=0)
    found /= np.maximum(np.linalg.norm(found, axis=1, keepdims=True), np.finfo(np.float32).tiny)
    return found


def split_name(name: str, costs: Mapping[str, float]) -> list[str]:
    """Return the words that a name is most cheaply made of, none where that is impossible."""
    found: list[str] = []
    for piece in filter(None, name.split("_")):
        if not (words := _cut(piece, costs)):
            return []
        found += words
    return found


def _cut(name: str, costs: Mapping[str, float]) -> list[str]:
    best: list[tuple[float, list[str]]] = [(0.0, [])]
    for end in range(1, len(name) + 1):
        ways = [(math.inf, list[str]())]
        for start in range(max(0, end - LONGEST), end):
            cost, before = best[start]
            word = name[start:end]
            if cost < math.inf and word in costs:
                ways.append((cost + costs[word], [*before, word]))
        best.append(min(ways, key=lambda way: way[0]))
    return best[-1][1]


def _costs(words: Sequence[str]) -> dict[str, float]:
    """Return -log p(w) by Zipf's law. A letter of an alphabet is no word of a name; 海 is one."""
    known = words[len(SPECIAL_WORDS) :]
    scale = math.log(len(known) + 1)
    return {
        word: math.log((rank + 1) * scale + 1)
        for rank, word in enumerate(known)
        if len(word) > 1 or unicodedata.name(word, "").startswith(_WHOLE_WORDS)
    }
