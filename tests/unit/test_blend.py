"""The blend: one score of two opinions, and the weight between them."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt
import pytest
from scipy.sparse import csr_array

from tests.support.learning import changed, pointing_corpus
from trainer.material import Material
from trainer.methods import blend
from trainer.methods.blend import Blend, Choice, weigh
from trainer.parts import Parts
from trainer.ragged import Ragged
from trainer.reading import EncodedPosts, Inputs
from trainer.recommender import Rows
from trainer.settings import FitSettings

Table = list[list[float]]


class Opinions:
    """Shares and probabilities [posts, M] that are known beforehand, by a post's first word."""

    def __init__(self, shares: Table, probabilities: Table) -> None:
        self._shares = np.array(shares)
        self._probabilities = np.array(probabilities, dtype=np.float32)

    def shares(self, posts: Inputs) -> csr_array:
        return csr_array(self._shares[[ids[0] for ids in posts.ids]])

    def probabilities(self, posts: Inputs) -> Iterator[tuple[Rows, npt.NDArray[np.float32]]]:
        """Yield two posts at a time, the last first, as a network that sorts by length may."""
        order = np.arange(len(posts))[::-1]
        for start in range(0, len(posts), 2):
            rows = order[start : start + 2]
            yield rows, self._probabilities[[posts.ids[row][0] for row in rows]]


def inputs(*ids: list[int]) -> Inputs:
    return Inputs(Ragged.of(ids), Ragged.of([[]] * len(ids)))


def dev(labels: list[list[int]], *ids: list[int]) -> EncodedPosts:
    return EncodedPosts(inputs(*ids), Ragged.of(labels), np.ones(len(labels), dtype=np.int64))


def test_the_score_is_a_product_of_both_opinions() -> None:
    opinions = Opinions(
        [[0.5, 0.3, 0.2], [0.0, 0.0, 0.0], [0.0, 0.5, 0.5]],
        [[0.1, 0.2, 0.7], [0.2, 0.7, 0.1], [0.4, 0.3, 0.3]],
    )
    # (share + 0.1) p^w. At a weight of 1: (0.06, 0.08, 0.21), (0.02, 0.07, 0.01), (0.04, 0.18,
    # 0.18); at 0.5 the first: (0.190, 0.179, 0.251). Equal ones: the more frequent hashtag first.
    asked = inputs([0], [1], [2])
    ranked = [Blend(opinions, opinions, Choice(w, 0.1)).rank(asked, 3) for w in (1.0, 0.5)]
    assert ranked[0].tolist() == [[2, 1, 0], [1, 0, 2], [1, 2, 0]]
    assert ranked[1].tolist() == [[2, 0, 1], [1, 0, 2], [1, 2, 0]]


def test_what_nobody_voted_for_rests_on_the_floor() -> None:
    opinions = Opinions([[1.0, 0.0]], [[0.05, 0.95]])
    # (share + floor) p: 1.01 · 0.05 against 0.01 · 0.95, and 1.1 · 0.05 against 0.1 · 0.95.
    for floor, best in ((0.01, 0), (0.1, 1)):
        found = Blend(opinions, opinions, Choice(1.0, floor)).rank(inputs([0]), 2)
        assert found.tolist() == [[best, 1 - best]]


def test_no_probability_is_no_error() -> None:
    opinions = Opinions([[0.6, 0.4]], [[0.0, 1.0]])
    assert Blend(opinions, opinions, Choice(1.0, 0.01)).rank(inputs([0]), 2).tolist() == [[1, 0]]


# The first post wants ((1 + f) / f) < 9^w or more of the network, the second less than 1,000^w.
TORN = Opinions([[1, 0], [0, 1]], [[0.1, 0.9], [0.999, 0.001]])


def test_weight_and_floor_are_those_that_are_right_most_often() -> None:
    # With a floor of 0.03: 34.3 < 9^w for the first only from a weight of 1.61 on, which is not
    # tried. So the second post decides: 34.3 > 999^w, a weight of 0.5 or less.
    assert weigh(TORN, TORN, dev([[1], [1]], [0], [1])) == Choice(0.1, 0.003, 50.0)
    # (1.003 / 0.003) = 334 < 999^w only from 0.85 on; 0.03 wants 0.52 and more.
    assert weigh(TORN, TORN, dev([[0], [0]], [0], [1])) == Choice(1.0, 0.003, 100.0)


def test_posts_without_a_word_do_not_weigh() -> None:
    posts = dev([[1], [0], [1], [0]], [], [0], [], [1])
    assert weigh(TORN, TORN, posts) == Choice(1.0, 0.003, 100.0)


def test_of_equally_good_ones_the_least_is_taken() -> None:
    agreed = Opinions([[0, 1]], [[0, 1]])
    assert weigh(agreed, agreed, dev([[1], [0]], [0], [0])) == Choice(0.1, 0.003, 50.0)


class Stubborn:
    """A network that always expects one hashtag, by what its folder says."""

    def __init__(self, hashtag: int, hashtags: int) -> None:
        self._probabilities = np.full(hashtags, 0.2, dtype=np.float32)
        self._probabilities[hashtag] = 0.6

    @classmethod
    def load(cls, folder: Path, settings: FitSettings) -> "Stubborn":
        assert settings.method == "tab-lstm+"
        return cls(int((folder / "hashtag").read_text()), 3)

    def probabilities(self, posts: Inputs) -> Iterator[tuple[Rows, npt.NDArray[np.float32]]]:
        assert posts.ids.lengths.all()
        yield np.arange(len(posts)), np.tile(self._probabilities, (len(posts), 1))


def test_it_learns_the_network_once_and_keeps_its_own_copy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[FitSettings] = []

    def fitted_folder(material: Material, settings: FitSettings) -> Path:
        folder = material.parts.path / "learned"
        folder.mkdir(exist_ok=True)
        (folder / "hashtag").write_text("1")
        asked.append(settings)
        return folder

    monkeypatch.setattr("trainer.fitted.fitted_folder", fitted_folder)
    monkeypatch.setattr(blend, "TabLstmPlus", Stubborn)
    settings = changed(method="blend", seed=7)
    material = Material(pointing_corpus(tmp_path / "corpus"), settings, Parts(tmp_path / "parts"))
    folder = tmp_path / "blend"
    folder.mkdir()
    found = Blend.fit(material, settings, folder)
    assert asked == [changed(method="tab-lstm+", seed=7)]

    shutil.rmtree(tmp_path / "parts" / "learned")
    again = Blend.load(folder, settings)
    posts = material.dev.inputs
    assert found.rank(posts, 3).tolist() == again.rank(posts, 3).tolist()
    noted = msgspec.json.decode((folder / "choice.json").read_bytes(), type=Choice)
    assert noted.weight == 0.1  # such a network is worth little
    assert noted.dev_f1_at_1 > 60  # by chance it would be 33
    # Where nobody is similar, the network decides.
    assert again.rank(inputs([1]), 3).tolist() == [[1, 0, 2]]
