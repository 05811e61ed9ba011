"""What workers counted, as figures for people: sums, differences, quantiles. Pure."""

import math
from collections.abc import Iterable, Mapping

import msgspec

from worker.quality import Source
from worker.telemetry import declared

Labels = frozenset[tuple[str, str]]
Samples = Mapping[tuple[str, Labels], float]
"""The value of each sample, by its name and labels."""

_NAMES = {attribute: shown.name for attribute, (_, shown) in declared().items()}


class Spread(msgspec.Struct, frozen=True):
    """How a measure is spread; the quantiles from a histogram's buckets."""

    mean: float
    p50: float
    p99: float


class Quality(msgspec.Struct, frozen=True):
    """How well one worker answers of late, in shares; None where it has met nothing of it yet."""

    decayed_hits: dict[str, float]
    unknown_hashtags: float | None
    unknown_words: float | None

    @classmethod
    def of(cls, gauges: Samples) -> "Quality":
        """Return what the gauges tell; `decayed_hits` by k."""
        hits = _by_label(gauges, _NAMES["hit_rate"], "k")
        shares = (gauge(gauges, name) for name in ("unknown_hashtags", "unknown_words"))
        return cls(hits, *(None if math.isnan(share) else share for share in shares))


class Held(msgspec.Struct, frozen=True):
    """What the memory of one worker holds; how many seconds ago the first to leave was written."""

    posts: int
    oldest_seconds: float

    @classmethod
    def of(cls, gauges: Samples) -> "Held | None":
        """Return what the gauges tell; None where nothing is held."""
        posts = int(gauge(gauges, "remembered"))
        return cls(posts, gauge(gauges, "oldest_seconds")) if posts else None


class ModelHits(msgspec.Struct, frozen=True):
    """How posts were answered by one model: those scored, and hits by k."""

    scored: int
    hits: dict[str, int]

    def hit_share(self, k: int) -> float | None:
        """Return the share of scored posts with a hit at k; None without any."""
        return self.hits.get(str(k), 0) / self.scored if self.scored else None


class Figures(msgspec.Struct, frozen=True):
    """What was counted in some time; by reason where that is known, spreads where there are any.

    `suggested` and `source_hits`, of hits at 1, are told by source; `hits` by k; `by_model` by the
    first digits of a digest.
    """

    records: int
    answers: int
    without_words: int
    inferred: int
    dead_letters: dict[str, int]
    skipped: dict[str, int]
    cache_hits: int
    cache_misses: int
    cache_errors: int
    retries: int
    refused_commits: int
    suggested: dict[str, int]
    scored: int
    hits: dict[str, int]
    by_model: dict[str, ModelHits]
    source_hits: dict[str, int]
    scored_apart: dict[str, int]
    batch_records: Spread | None
    latency_seconds: Spread | None
    look_up_seconds: Spread | None
    visibility_seconds: Spread | None

    @classmethod
    def of(cls, counts: Samples) -> "Figures":
        """Return the figures of what was counted."""
        scored = _counts(counts, "scored", "model_version")
        return cls(
            records=count(counts, "consumed"),
            answers=count(counts, "published"),
            without_words=count(counts, "without_words"),
            inferred=count(counts, "inferred"),
            dead_letters=_counts(counts, "rejected", "reason"),
            skipped=_counts(counts, "skipped", "reason"),
            cache_hits=count(counts, "cache_hits"),
            cache_misses=count(counts, "cache_misses"),
            cache_errors=count(counts, "cache_errors"),
            retries=count(counts, "retries"),
            refused_commits=count(counts, "refused_commits"),
            suggested=_counts(counts, "suggested", "source"),
            scored=sum(scored.values()),
            hits=_counts(counts, "hits", "k"),
            by_model={
                name: ModelHits(number, _counts(counts, "hits", "k", model_version=name))
                for name, number in scored.items()
            },
            source_hits=_counts(counts, "source_hits", "source", k="1"),
            scored_apart=_counts(counts, "scored_apart", "reason"),
            batch_records=spread(counts, "batch_size"),
            latency_seconds=spread(counts, "latency_seconds"),
            look_up_seconds=spread(counts, "look_up_seconds"),
            visibility_seconds=spread(counts, "visibility_seconds"),
        )

    @property
    def cache_hit_share(self) -> float | None:
        """The share of look-ups that the cache answered; None without any."""
        asked = self.cache_hits + self.cache_misses
        return self.cache_hits / asked if asked else None

    def hit_share(self, k: int) -> float | None:
        """Return that of all models."""
        return ModelHits(self.scored, self.hits).hit_share(k)

    @property
    def memory_share(self) -> float | None:
        """The share of suggested hashtags that the memory knows; None without any."""
        every = sum(self.suggested.values())
        return (every - self.suggested.get(Source.MODEL, 0)) / every if every else None


def labels(gauges: Samples, attribute: str) -> list[dict[str, str]]:
    """Return the labels of each child of a gauge of the worker."""
    return [dict(found) for name, found in gauges if name == _NAMES[attribute]]


def lags(gauges: Samples) -> dict[str, int]:
    """Return the lag of each partition, in their order."""
    found = _by_label(gauges, _NAMES["lag"], "partition")
    return {partition: int(found[partition]) for partition in sorted(found, key=int)}


def left_alone(gauges: Samples) -> bool:
    """Say whether the worker leaves its cache alone, having failed."""
    return gauge(gauges, "cache_open") > 0


def gauge(gauges: Samples, attribute: str) -> float:
    """Return a gauge of the worker."""
    return gauges.get((_NAMES[attribute], frozenset()), 0.0)


def count(counts: Samples, attribute: str) -> int:
    """Return a counter of the worker."""
    return int(counts.get((f"{_NAMES[attribute]}_total", frozenset()), 0))


def _counts(counts: Samples, attribute: str, label: str, **only: str) -> dict[str, int]:
    """Return a counter of the worker by a label, the most frequent first."""
    found = _by_label(counts, f"{_NAMES[attribute]}_total", label, **only)
    ordered = sorted(found.items(), key=lambda item: (-item[1], item[0]))
    return {reason: int(number) for reason, number in ordered if number}


def _by_label(samples: Samples, name: str, label: str, **only: str) -> dict[str, float]:
    """Return the sums of a metric by a label, of the children that have all labels of `only`."""
    found: dict[str, float] = {}
    for (one, key), value in samples.items():
        told = dict(key)
        if one == name and only.items() <= told.items():
            found[told[label]] = found.get(told[label], 0.0) + value
    return found


def added(several: Iterable[Samples]) -> Samples:
    """Return the sums over several workers."""
    sums: dict[tuple[str, Labels], float] = {}
    for samples in several:
        for key, value in samples.items():
            sums[key] = sums.get(key, 0.0) + value
    return sums


def grown(now: Samples, before: Samples) -> Samples:
    """Return what was counted since; all of it where the worker started anew, as a count fell."""
    if any(now.get(key, 0.0) < value for key, value in before.items()):
        return now
    return {key: value - before.get(key, 0.0) for key, value in now.items()}


def spread(counts: Samples, attribute: str) -> Spread | None:
    """Return the spread of a histogram of the worker; None where it observed nothing."""
    name = _NAMES[attribute]
    observed = counts.get((f"{name}_count", frozenset()), 0.0)
    if not observed:
        return None
    buckets = sorted(
        (float(dict(key)["le"]), value)
        for (one, key), value in counts.items()
        if one == f"{name}_bucket"
    )
    mean = counts[f"{name}_sum", frozenset()] / observed
    return Spread(mean, quantile(0.5, buckets), quantile(0.99, buckets))


def quantile(share: float, buckets: list[tuple[float, float]]) -> float:
    """Return a quantile from (upper bound, cumulative count), the last bound infinite.

    Linear between two bounds, from 0 in the first, as Prometheus' `histogram_quantile`; what lies
    above the last finite bound is told as that bound.
    """
    rank = share * buckets[-1][1]
    low, below = 0.0, 0.0
    for bound, cumulative in buckets[:-1]:
        if cumulative >= rank and cumulative > below:
            return low + (bound - low) * (rank - below) / (cumulative - below)
        low, below = bound, cumulative
    return low
