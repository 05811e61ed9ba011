import math
from bisect import bisect_left

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import generate_latest

from worker.samples import Figures, Samples, added, grown, quantile, spread
from worker.scrape import _parsed
from worker.telemetry import Metrics

BOUNDS = [1.0, 3.0, 10.0, 30.0, math.inf]
COUNTERS = (
    "consumed", "published", "without_words", "inferred", "cache_hits", "cache_misses",
    "cache_errors", "retries", "refused_commits",
)  # fmt: skip
PLAIN: frozenset[tuple[str, str]] = frozenset()


@given(st.lists(st.floats(0, 100), min_size=1), st.sampled_from([0.5, 0.9, 0.99]))
def test_a_quantile_lies_in_the_bucket_of_the_true_one(values: list[float], share: float) -> None:
    buckets = [(bound, float(sum(value <= bound for value in values))) for bound in BOUNDS]
    true = sorted(values)[math.ceil(share * len(values)) - 1]
    bucket = bisect_left(BOUNDS, true)
    found = quantile(share, buckets)
    if bucket == len(BOUNDS) - 1:
        assert found == BOUNDS[-2]
    else:
        low = BOUNDS[bucket - 1] if bucket else 0.0
        assert low < found <= BOUNDS[bucket] or math.isclose(found, low)


def test_a_quantile_is_linear_between_two_bounds() -> None:
    assert quantile(0.5, [(1.0, 10.0), (3.0, 30.0), (math.inf, 30.0)]) == 1.5


counts = st.dictionaries(
    st.tuples(st.sampled_from("abc"), st.just(PLAIN)), st.integers(0, 9).map(float)
)


@given(counts, counts)
def test_what_grew_is_added_to_what_was(before: Samples, more: Samples) -> None:
    now = added([before, more])
    assert grown(now, before) == {key: more.get(key, 0.0) for key in now}


@given(counts)
def test_after_a_restart_all_of_it_is_new(now: Samples) -> None:
    before = added([now, {("a", PLAIN): 1.0}])
    assert grown(now, before) == now


@pytest.fixture
def metrics() -> Metrics:
    metrics = Metrics()
    metrics.worker.labels("tweets", "group", "client", "delivery").set(1)
    return metrics


def told(metrics: Metrics) -> Samples:
    return _parsed(generate_latest(metrics.registry).decode())[0]


def test_every_figure_is_read_from_what_a_worker_tells(metrics: Metrics) -> None:
    for number, name in enumerate(COUNTERS):
        getattr(metrics, name).inc(number)
    for reason, times in {"not_json": 1, "bad_id": 2}.items():
        metrics.rejected.labels(reason).inc(times)
    metrics.rejected.labels("never")
    metrics.skipped.labels("deletion").inc(4)
    for seconds in (0.002, 0.002, 0.002, 0.5):
        metrics.latency_seconds.observe(seconds)
    found = Figures.of(told(metrics))
    assert found.batch_records is None
    assert found.latency_seconds is not None
    assert found.latency_seconds.mean == pytest.approx(0.1265)
    assert 0.001 < found.latency_seconds.p50 < 0.003
    assert 0.3 < found.latency_seconds.p99 < 1.0
    told_numbers = (
        found.records, found.answers, found.without_words, found.inferred, found.cache_hits,
        found.cache_misses, found.cache_errors, found.retries, found.refused_commits,
    )  # fmt: skip
    assert told_numbers == tuple(range(len(COUNTERS)))
    assert (found.dead_letters, found.skipped) == ({"bad_id": 2, "not_json": 1}, {"deletion": 4})
    assert list(found.dead_letters) == ["bad_id", "not_json"]
    assert found.cache_hit_share == 4 / 9


def test_of_nothing_there_is_no_spread_and_no_share(metrics: Metrics) -> None:
    assert spread(told(metrics), "batch_size") is None
    assert Figures.of(told(metrics)).cache_hit_share is None
