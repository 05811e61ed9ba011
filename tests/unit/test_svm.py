"""The linear SVM against scikit-learn's, which is LIBLINEAR, and by hand."""

from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt
import pytest
import torch
from sklearn.svm import LinearSVC

from tests.support.learning import TINY, planted_corpus
from trainer.algorithms.hinge import Point, Problem, solve
from trainer.material import Material
from trainer.methods.svm import (
    CHOICE,
    PENALTIES,
    TOLERANCE,
    Choice,
    Planes,
    Standard,
    Svm,
    means_of,
    readable,
)
from trainer.parts import Parts
from trainer.ragged import Ragged
from trainer.reading import EncodedPosts, Inputs

CLASSES, ROWS, DIMENSIONS = 50, 3_000, 20
Floats = npt.NDArray[np.float64]


def clouds() -> tuple[Floats, npt.NDArray[np.int64]]:
    """Draw points of fifty classes, a few of them frequent, which overlap; a one behind each."""
    random = np.random.default_rng(0)
    frequency = 1 / np.arange(1.0, CLASSES + 1)
    rows = random.choice(CLASSES, size=2 * ROWS, p=frequency / frequency.sum())
    centres = random.normal(size=(CLASSES, DIMENSIONS))
    points = centres[rows] + random.normal(scale=0.7, size=(len(rows), DIMENSIONS))
    points = (points - points.mean(axis=0)) / points.std(axis=0) / np.sqrt(DIMENSIONS)
    return np.pad(points, ((0, 0), (0, 1)), constant_values=1.0), rows


ALL, CLASS_OF_ALL = clouds()
POINTS, CLASS, UNSEEN = ALL[:ROWS], CLASS_OF_ALL[:ROWS], ALL[ROWS:]


def problem(points: Floats, labels: Ragged, classes: int, penalty: float) -> Problem:
    return Problem(torch.from_numpy(points).float(), labels, classes, penalty)


def objective_of(weights: Floats, penalty: float) -> float:
    """Return the sum over classes of ½‖w‖² + C Σ max(0, 1 - y wᵀx)²."""
    y = np.where(np.arange(CLASSES) == CLASS[:, None], 1.0, -1.0)
    slack = np.maximum(0.0, 1.0 - y * (POINTS @ weights))
    return float(0.5 * (weights**2).sum() + penalty * (slack**2).sum())


@pytest.fixture(scope="module", params=[0.1, 1.0, 10.0])
def penalty(request: pytest.FixtureRequest) -> float:
    return float(request.param)


@pytest.fixture(scope="module")
def found(penalty: float) -> Point:
    labels = Ragged.of(CLASS[:, None])
    return solve(problem(POINTS, labels, CLASSES, penalty), TOLERANCE, passes=200)


@pytest.fixture(scope="module")
def liblinear(penalty: float) -> LinearSVC:
    # The bias is the last feature's weight: what intercept_scaling=1 does inside.
    svm = LinearSVC(C=penalty, dual=False, fit_intercept=False, tol=1e-6, max_iter=10_000)
    return svm.fit(POINTS, CLASS)


def test_the_objective_is_liblinear_s_within_one_per_cent(
    penalty: float, found: Point, liblinear: LinearSVC
) -> None:
    weights = found.weights.double().numpy()
    least = objective_of(liblinear.coef_.T, penalty)
    assert least * (1 - 1e-4) <= objective_of(weights, penalty) <= least * 1.01
    assert found.objective.sum() == pytest.approx(objective_of(weights, penalty), rel=1e-4)


def test_what_is_left_to_gain_is_no_more_than_the_gap(
    penalty: float, found: Point, liblinear: LinearSVC
) -> None:
    left = found.objective.sum() - objective_of(liblinear.coef_.T, penalty)
    assert left <= found.gap.sum() <= TOLERANCE * found.objective.sum()


def test_predictions_are_liblinear_s(found: Point, liblinear: LinearSVC) -> None:
    for points in (POINTS, UNSEEN):
        own = (points @ found.weights.double().numpy()).argmax(axis=1)
        assert (own == liblinear.predict(points)).mean() >= 0.98


def test_a_post_with_several_hashtags_is_positive_for_each() -> None:
    random = np.random.default_rng(0)
    points = random.normal(size=(80, 5))
    labels = [sorted(random.choice(3, size=random.integers(0, 4), replace=False)) for _ in points]
    own = solve(problem(points, Ragged.of(labels), 3, 1.0), tolerance=1e-4, passes=200)
    for one in range(3):
        svm = LinearSVC(C=1.0, dual=False, fit_intercept=False, tol=1e-8, max_iter=10_000)
        svm.fit(points, [one in some for some in labels])
        assert own.weights[:, one].numpy() == pytest.approx(svm.coef_[0], abs=5e-3)


def test_objective_gradient_and_gap_of_one_point_are_those_by_hand() -> None:
    # Two posts, x = (1, 0) with hashtag 0 and x = (0, 2) without; C = 3 and w = (½, ¼).
    # ξ = (1 - ½, 1 + ½), so P = ½ · 5/16 + 3 (1/4 + 9/4) = 7.65625; α = 6 ξ = (3, 9), and with
    # u = 3 (1, 0) - 9 (0, 2) = (3, -18) the gradient is w - u; D(sα) = 12 s - s² (12 - 4.5 + 166.5)
    # since Σ α² / 4C = 90/12 and ½ ‖u‖² = 166.5: largest at s = 12/348, 12²/(4 · 174) = 0.206897.
    rows = problem(np.array([[1.0, 0.0], [0.0, 2.0]]), Ragged.of([[0], []]), 1, 3.0)
    point = rows.at(torch.tensor([[0.5], [0.25]]))
    assert point.objective.tolist() == pytest.approx([7.65625])
    assert point.gradient.flatten().tolist() == pytest.approx([-2.5, 18.25])
    assert point.gap.tolist() == pytest.approx([7.65625 - 144 / 696])
    assert rows.curvature().tolist() == [[7.0, 0.0], [0.0, 25.0]]


def test_many_rows_are_the_sum_of_their_parts() -> None:
    labels = Ragged.of(CLASS[:, None])
    weights = torch.from_numpy(np.random.default_rng(0).normal(size=(21, CLASSES))).float()
    whole = problem(POINTS, labels, CLASSES, 1.0).at(weights)
    own = 0.5 * weights.double().square().sum(dim=0)
    loss = torch.zeros_like(own)
    for rows in np.array_split(np.arange(ROWS), 7):
        loss += problem(POINTS[rows], labels.take(rows), CLASSES, 1.0).at(weights).objective - own
    assert (loss + own).tolist() == pytest.approx(whole.objective.tolist(), rel=1e-5)


def test_passes_are_limited_and_counted() -> None:
    counts: list[int] = []
    rows = problem(POINTS, Ragged.of(CLASS[:, None]), CLASSES, 10.0)
    first = solve(rows, tolerance=0.0, passes=5, advance=counts.append)
    assert sum(counts) == 5
    assert solve(rows, tolerance=0.0, passes=9).objective.sum() < first.objective.sum()


def test_planes_score_the_means_as_the_standardised_features_do() -> None:
    random = np.random.default_rng(0)
    means = random.normal(loc=3.0, scale=[0.1, 2.0, 5.0], size=(40, 3))
    standard, learned = Standard.of(means), torch.from_numpy(random.normal(size=(4, 6))).float()
    features = standard.features(means)
    assert features.square().sum(dim=1).mean() == pytest.approx(2.0, rel=1e-5)  # with its one
    assert features.mean(dim=0).tolist() == pytest.approx([0, 0, 0, 1], abs=1e-6)
    planes = standard.planes(np.zeros((2, 3), dtype=np.float32), learned)
    scores = means @ planes.weights + planes.biases
    assert scores == pytest.approx((features @ learned).numpy(), abs=1e-4)


def test_a_dimension_that_never_changes_is_no_error() -> None:
    means = np.array([[1.0, 5.0], [3.0, 5.0]])
    assert torch.isfinite(Standard.of(means).features(means)).all()


VECTORS = np.array([[9, 9], [9, 9], [1, 0], [0, 1], [2, 2]], dtype=np.float32)


def test_a_post_is_the_mean_of_its_known_words() -> None:
    ids = Ragged.of([[2, 3], [4, 1, 2, 0], [3, 3, 2, 3], [1], []])
    due = [[0.5, 0.5], [1.5, 1], [0.25, 0.75], [0, 0], [0, 0]]
    assert means_of(VECTORS, ids).tolist() == due


def test_only_posts_with_a_known_word_and_a_hashtag_are_learned_from() -> None:
    ids = Ragged.of([[2], [1, 1], [3, 1], [2]])
    posts = EncodedPosts(Inputs(ids, ids), Ragged.of([[0], [0], [], [1, 0]]), np.ones(4, np.int64))
    assert [row.tolist() for row in readable(posts).labels] == [[0], [1, 0]]


def test_a_post_without_a_known_word_gets_the_most_frequent_hashtags() -> None:
    svm = Svm(Planes(VECTORS, np.array([[0.0, 1.0, 2.0], [0.0, 3.0, 1.0]]), np.array([0, 0, 0.1])))
    ids = Ragged.of([[1, 0], [2], [3, 1]])
    assert svm.rank(Inputs(ids, ids), 3).tolist() == [[0, 1, 2], [2, 1, 0], [1, 2, 0]]


def test_answers_do_not_hang_on_how_many_are_asked_at_once() -> None:
    random = np.random.default_rng(0)
    vectors = random.normal(size=(50, 30)).astype(np.float32)
    # Pairs of hashtags with equal planes: ties, where an addition in another order would show.
    weights, biases = random.normal(size=(30, 40)).repeat(2, axis=1), np.zeros(80)
    svm = Svm(Planes(vectors, weights, biases))
    ids = Ragged.of([random.integers(1, 50, size=random.integers(1, 9)) for _ in range(1_100)])
    together = svm.rank(Inputs(ids, ids), 7)
    for row in (0, 3, 1_023, 1_024, 1_099):
        one = ids.take(np.array([row]))
        assert svm.rank(Inputs(one, one), 7)[0].tolist() == together[row].tolist()


def test_the_penalty_that_is_best_on_dev_is_kept_and_noted(tmp_path: Path) -> None:
    material = Material(planted_corpus(tmp_path / "corpus"), TINY, Parts(tmp_path / "parts"))
    Svm.fit(material, TINY, tmp_path)
    choice = msgspec.json.decode((tmp_path / CHOICE).read_bytes(), type=Choice)
    assert choice.dev_f1_at_1.keys() == {str(penalty) for penalty in PENALTIES}
    assert choice.dev_f1_at_1[str(choice.penalty)] == max(choice.dev_f1_at_1.values())
    assert 0 <= choice.gap <= TOLERANCE * choice.objective
