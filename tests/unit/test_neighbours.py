"""Nearest neighbours: weights and votes, by hand and against scikit-learn."""

from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer

from tests.support.learning import TINY, planted_corpus, pointing_corpus
from trainer.algorithms.index import Index, Sizes
from trainer.material import Material
from trainer.methods.neighbours import NEIGHBOURS, POWERS, Choice, Neighbours, NeighboursWithContext
from trainer.parts import Parts
from trainer.ragged import Ragged
from trainer.reading import EncodedPosts, Inputs
from trainer.recommender import Recommender
from trainer.scoring import quality_of

WORDS = 30
Rows = Sequence[Sequence[int]]


def inputs(ids: Rows, context: Rows | None = None) -> Inputs:
    return Inputs(Ragged.of(ids), Ragged.of([[]] * len(ids) if context is None else context))


def posts(ids: Rows, labels: Rows, context: Rows | None = None) -> EncodedPosts:
    return EncodedPosts(
        inputs(ids, context), Ragged.of(labels), np.array([len(some) for some in labels])
    )


def method(some: EncodedPosts, *, k: int, power: int, context: int = 0) -> Neighbours:
    sizes = Sizes(WORDS, context, 3)
    return Neighbours(Index(some, sizes), Choice(sizes, k, power, 0.0))


def random_ids(count: int, seed: int) -> list[list[int]]:
    """Draw posts with repeated words, unknown ones, and some that the others lack."""
    random = np.random.default_rng(seed)
    return [
        random.integers(1, WORDS - seed, size=random.integers(1, 9)).tolist() for _ in range(count)
    ]


def tf_idf(train: Rows, queries: Rows) -> npt.NDArray[np.float64]:
    """Return similarities [queries, posts] as scikit-learn has them."""
    vectorizer = TfidfVectorizer(
        analyzer=lambda row: [word for word in row if word != 1], sublinear_tf=True
    )
    vectors = vectorizer.fit_transform(train).toarray()
    found: npt.NDArray[np.float64] = vectorizer.transform(queries).toarray() @ vectors.T
    return found


# Three posts of the words a = 2, b = 3 and c = 4, with 2, 1 and 2 posts each:
# idf(a) = idf(c) = 1 + ln(4/3) = 1.287682 and idf(b) = 1 + ln(4/2) = 1.693147,
# so the first post is (0.605349, 0.795960, 0), the second (0.707107, 0, 0.707107).
THREE = posts([[2, 3], [2, 4], [4]], [[0], [1], [1, 2]])


@pytest.mark.parametrize(
    ("query", "k", "power", "shares"),
    [
        ([2], 2, 1, [0.461234, 0.538766, 0]),  # 0.605349 and 0.707107
        ([2], 2, 2, [0.422931, 0.577069, 0]),  # 0.366447 and 0.5
        ([2], 1, 1, [0, 1, 0]),
        ([4], 2, 2, [0, 0.630602, 0.369398]),  # 0.5 for one, 1 for two hashtags: 1/√2 for each
        ([3, 1, 17], 3, 2, [1, 0, 0]),  # an unknown word and one of no post
        ([1], 3, 2, [0, 0, 0]),
        ([17], 3, 2, [0, 0, 0]),
        ([], 3, 2, [0, 0, 0]),
    ],
)
def test_votes_by_hand(query: list[int], k: int, power: int, shares: list[float]) -> None:
    found = method(THREE, k=k, power=power).shares(inputs([query]))
    assert found.toarray()[0] == pytest.approx(shares, abs=1e-6)


def test_the_most_frequent_fill_up() -> None:
    found = method(THREE, k=1, power=1).rank(inputs([[4], [3], [2], [1], [17]]), 3)
    assert found.tolist() == [[1, 2, 0], [0, 1, 2], [1, 0, 2], [0, 1, 2], [0, 1, 2]]


def test_similarities_are_those_of_scikit_learn() -> None:
    train, queries = random_ids(200, seed=0), random_ids(150, seed=3)
    due = tf_idf(train, queries)
    index = Index(posts(train, [[0]] * len(train)), Sizes(WORDS, 0, 1))
    for k in (1, 7, 300):
        similarities, rows = index.nearest(inputs(queries), k)
        best = -np.sort(-due, axis=1)[:, :k]
        assert similarities[:, : best.shape[1]] == pytest.approx(best, abs=1e-6)
        assert not similarities[:, best.shape[1] :].any()
        own = np.take_along_axis(due, rows, axis=1)
        assert np.where(similarities > 0, own, 0) == pytest.approx(similarities, abs=1e-6)
        for some, values in zip(rows, similarities, strict=True):
            assert len(set(some[values > 0])) == (values > 0).sum()


def test_votes_are_those_of_a_loop_over_scikit_learn() -> None:
    train, queries = random_ids(120, seed=0), random_ids(80, seed=3)
    random = np.random.default_rng(5)
    labels = [random.choice(3, size=random.integers(1, 3), replace=False).tolist() for _ in train]
    shares = method(posts(train, labels), k=120, power=2).shares(inputs(queries)).toarray()
    for found, similarities in zip(shares, tf_idf(train, queries), strict=True):
        votes = np.zeros(3)
        for similarity, tags in zip(similarities, labels, strict=True):
            votes[tags] += similarity**2 / np.sqrt(len(tags))
        assert found == pytest.approx(votes / max(votes.sum(), 1e-9), abs=1e-5)


def test_of_equally_similar_posts_the_first_vote() -> None:
    equal = Index(posts([[5, 6]] * 9 + [[5]], [[0]] * 10), Sizes(WORDS, 0, 1))
    assert equal.nearest(inputs([[6, 5]]), 3).rows.tolist() == [[0, 1, 2]]
    assert equal.nearest(inputs([[5]]), 3).rows.tolist() == [[9, 0, 1]]


def test_mentions_and_links_count_where_they_are_read() -> None:
    pointing = posts([[2], [2]], [[0], [1]], [[2], [3]])  # equal words, other context
    asked = inputs([[2], [2], [1], [2]], [[2], [3], [3], [1]])
    blind = method(pointing, k=2, power=1).shares(asked).toarray()
    assert blind == pytest.approx(np.array([[0.5, 0.5, 0]] * 2 + [[0, 0, 0], [0.5, 0.5, 0]]))
    seeing = method(pointing, k=2, power=1, context=4).shares(asked).toarray()
    assert seeing[0, 0] > 0.6
    assert seeing[1, 1] > 0.6
    assert seeing[2].tolist() == [0, 1, 0]
    assert seeing[3].tolist() == [0.5, 0.5, 0]  # nobody knows that mention


def test_nothing_that_it_reads_is_changed() -> None:
    some = posts([[9, 2, 9, 5], [7, 3, 3]], [[2, 0], [1]])
    before = some.inputs.ids.values.tolist(), some.labels.values.tolist()
    found = method(some, k=2, power=1)
    asked = inputs([[9, 3, 9, 2]])
    found.rank(asked, 3)
    assert (some.inputs.ids.values.tolist(), some.labels.values.tolist()) == before
    assert asked.ids.values.tolist() == [9, 3, 9, 2]


def test_answers_do_not_depend_on_the_other_posts() -> None:
    queries = inputs(random_ids(600, seed=3))  # more than are compared, or ranked, at once
    some = method(posts(random_ids(90, seed=0), [[n % 3] for n in range(90)]), k=8, power=2)
    alone = [some.rank(queries.take(np.array([row])), 3)[0].tolist() for row in range(600)]
    assert some.rank(queries, 3).tolist() == alone


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory) -> Material:
    folder = tmp_path_factory.mktemp("pointing")
    return Material(pointing_corpus(folder), TINY, Parts(folder / "parts"))


def test_the_choice_is_the_best_on_dev_and_noted(material: Material, tmp_path: Path) -> None:
    found = NeighboursWithContext.fit(material, TINY, tmp_path)
    noted = msgspec.json.decode((tmp_path / "choice.json").read_bytes(), type=Choice)
    train = material.train.take(material.train.learnable())
    figures = {}
    for k in NEIGHBOURS:
        for power in POWERS:
            choice = msgspec.structs.replace(noted, neighbours=k, power=power)
            tried = Recommender(material.text, Neighbours(Index(train, choice.sizes), choice))
            figures[k, power] = 100 * quality_of(tried, material.dev).f1[0]
    assert noted.dev_f1_at_1 == pytest.approx(max(figures.values()))
    assert figures[noted.neighbours, noted.power] == pytest.approx(noted.dev_f1_at_1)
    loaded = NeighboursWithContext.load(tmp_path, TINY)
    shares = [one.shares(material.dev.inputs).toarray() for one in (found, loaded)]
    assert (shares[0] == shares[1]).all()


def test_only_who_reads_mentions_and_links_finds_what_they_tell(
    material: Material, tmp_path: Path
) -> None:
    (tmp_path / "context").mkdir()
    seeing = NeighboursWithContext.fit(material, TINY, tmp_path / "context")
    blind = Neighbours.fit(material, TINY, tmp_path)
    f1 = [
        quality_of(Recommender(material.text, one), material.dev).f1[0] for one in (seeing, blind)
    ]
    assert f1[0] > 0.9
    assert f1[1] < 0.6


def test_it_learns_from_a_corpus_on_disk(tmp_path: Path) -> None:
    found = Material(planted_corpus(tmp_path / "corpus"), TINY, Parts(tmp_path / "parts"))
    neighbours = Neighbours.fit(found, TINY, tmp_path)
    assert quality_of(Recommender(found.text, neighbours), found.dev).f1[0] > 0.9
