import math
from bisect import bisect_left

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import generate_latest

from worker.quality import Judged
from worker.samples import Figures, Held, Quality, Samples, added, grown, quantile, spread
from worker.scoreboard import Scoreboard
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
    metrics.scored_apart.labels("retweet").inc(3)
    for model, right in {"old": 1, "new": 2}.items():
        metrics.scored.labels(model).inc(4)
        metrics.hits.labels("1", model).inc(right)
        metrics.hits.labels("5", model).inc(right + 1)
        for k in "15":
            metrics.source_hits.labels(k, "memory", model).inc(right)
    for source, number in {"model": 6, "memory": 3, "both": 1}.items():
        metrics.suggested.labels(source).inc(number)
    metrics.visibility_seconds.observe(0.2)
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
    assert (found.scored, found.scored_apart) == (8, {"retweet": 3})
    assert (found.hits, found.source_hits) == ({"5": 5, "1": 3}, {"memory": 3})
    assert (found.hit_share(1), found.hit_share(5), found.memory_share) == (3 / 8, 5 / 8, 0.4)
    assert found.visibility_seconds is not None
    assert found.visibility_seconds.mean == pytest.approx(0.2)


def test_quality_and_memory_are_told_once_there_is_any(metrics: Metrics) -> None:
    board = Scoreboard(metrics)
    gauges = _parsed(generate_latest(metrics.registry).decode())[1]
    assert Quality.of(gauges) == Quality({}, None, None)
    assert Held.of(gauges) is None
    board.count([Judged("model", (), 4, 1)])
    metrics.hit_rate.labels("1").set(0.5)
    metrics.remembered.set(7)
    metrics.oldest_seconds.set(3.5)
    gauges = _parsed(generate_latest(metrics.registry).decode())[1]
    assert Quality.of(gauges) == Quality({"1": 0.5}, None, 0.25)
    assert Held.of(gauges) == Held(7, 3.5)


def test_of_nothing_there_is_no_spread_and_no_share(metrics: Metrics) -> None:
    assert spread(told(metrics), "batch_size") is None
    found = Figures.of(told(metrics))
    assert (found.cache_hit_share, found.hit_share(1), found.memory_share) == (None, None, None)
