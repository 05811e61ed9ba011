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


def test_the_score_is_the_share_plus_the_weighted_probability() -> None:
    opinions = Opinions(
        [[0.5, 0.3, 0.2], [0.0, 0.0, 0.0], [0.0, 0.5, 0.5]],
        [[0.1, 0.2, 0.7], [0.2, 0.7, 0.1], [0.4, 0.3, 0.3]],
    )
    # At a weight of 1: (0.6, 0.5, 0.9), (0.2, 0.7, 0.1), (0.4, 0.8, 0.8); at 0.5: (0.55, 0.4,
    # 0.55), then as before, and (0.2, 0.65, 0.65). Equal ones: the more frequent hashtag first.
    ranked = {w: Blend(opinions, opinions, w).rank(inputs([0], [1], [2]), 3) for w in (1.0, 0.5)}
    assert ranked[1.0].tolist() == [[2, 0, 1], [1, 0, 2], [1, 2, 0]]
    assert ranked[0.5].tolist()[1:] == [[1, 0, 2], [1, 2, 0]]


def test_the_weight_is_the_one_that_is_right_most_often() -> None:
    # The first post wants 0.6 w > 1, so w = 2 or 3; the second 0.45 w < 1, so w = 2 or less.
    opinions = Opinions([[1, 0, 0], [0, 0, 1]], [[0, 0.6, 0.4], [0.45, 0.3, 0.25]])
    assert weigh(opinions, opinions, dev([[1], [2]], [0], [1])) == Choice(2.0, 100.0)


def test_posts_without_a_word_do_not_weigh() -> None:
    opinions = Opinions([[1, 0, 0], [0, 0, 1]], [[0, 0.6, 0.4], [0.45, 0.3, 0.25]])
    posts = dev([[0], [1], [0], [2]], [], [0], [], [1])
    assert weigh(opinions, opinions, posts) == Choice(2.0, 100.0)


def test_of_equally_good_weights_the_least_is_taken() -> None:
    agreed = Opinions([[0, 1]], [[0, 1]])
    assert weigh(agreed, agreed, dev([[1], [0]], [0], [0])) == Choice(0.3, 50.0)


class Certain:
    """A network that always expects one hashtag, by what its folder says."""

    def __init__(self, hashtag: int, hashtags: int) -> None:
        self._probabilities = np.eye(hashtags, dtype=np.float32)[hashtag]

    @classmethod
    def load(cls, folder: Path, settings: FitSettings) -> "Certain":
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

    monkeypatch.setattr(blend, "fitted_folder", fitted_folder)
    monkeypatch.setattr(blend, "TabLstmPlus", Certain)
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
    assert noted.weight == 0.3  # such a network is worth little
    assert noted.dev_f1_at_1 > 60  # by chance it would be 33
    # Where nobody is similar, the network decides.
    assert again.rank(inputs([1]), 3).tolist() == [[1, 0, 2]]
