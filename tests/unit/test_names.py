"""A hashtag's name is cut into the words that it is made of."""

import numpy as np
import pytest

from export.text import SPECIAL_WORDS
from trainer.names import name_vectors, split_name

WORDS = [*SPECIAL_WORDS, "the", "change", "climate", "mate", "cli", "日", "本", "c", "2016", "я"]
COSTS = {word: float(rank) for rank, word in enumerate(WORDS[2:], start=1) if word != "c"}
VECTORS = np.random.default_rng(0).normal(size=(len(WORDS), 4)).astype(np.float32)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("climate", ["climate"]),
        ("climatechange", ["climate", "change"]),
        ("thechange2016", ["the", "change", "2016"]),
        ("日本", ["日", "本"]),
        ("thethe", ["the", "the"]),
        ("climate_change", ["climate", "change"]),
        ("_the__mate_", ["the", "mate"]),
        ("the_x", []),
        ("_", []),
        ("climatex", []),
        ("xclimate", []),
        ("x", []),
        ("", []),
        ("[PAD]", []),
    ],
)
def test_a_name_is_made_of_words(name: str, words: list[str]) -> None:
    assert split_name(name, COSTS) == words


def test_the_cheapest_words_are_taken() -> None:
    assert split_name("climate", {"climate": 9.0, "cli": 4.0, "mate": 4.0}) == ["cli", "mate"]
    assert split_name("climate", {"climate": 7.0, "cli": 4.0, "mate": 4.0}) == ["climate"]


def test_a_name_has_the_direction_of_the_mean_of_its_words() -> None:
    found = name_vectors(["climatechange", "日本", "unheardof", "c", "яя"], WORDS, VECTORS)
    for row, ids in enumerate([[4, 3], [7, 8]]):
        mean = VECTORS[ids].mean(axis=0)
        assert found[row] == pytest.approx(mean / np.linalg.norm(mean), abs=1e-6)
    assert not found[2:].any()  # a letter of an alphabet is no word


def test_frequent_words_are_cheaper() -> None:
    # "themate" is the + mate, not them + ate, which are rare.
    words = [*SPECIAL_WORDS, "the", "mate", *(f"w{n}" for n in range(50)), "them", "ate"]
    vectors = np.eye(len(words), dtype=np.float32)
    [found] = name_vectors(["themate"], words, vectors)
    assert np.flatnonzero(found).tolist() == [2, 3]


def test_vectors_of_zeros_stay_zeros() -> None:
    zeros = np.zeros((len(WORDS), 4), dtype=np.float32)
    assert not name_vectors(["climate"], WORDS, zeros).any()
