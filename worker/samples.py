"""What workers counted, as figures for people: sums, differences, quantiles. Pure."""

from collections.abc import Iterable, Mapping

import msgspec

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


class Figures(msgspec.Struct, frozen=True):
    """What was counted in some time; by reason where that is known, spreads where there are any."""

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
    batch_records: Spread | None
    latency_seconds: Spread | None

    @classmethod
    def of(cls, counts: Samples) -> "Figures":
        """Return the figures of what was counted."""
        return cls(
            records=count(counts, "consumed"),
            answers=count(counts, "published"),
            without_words=count(counts, "without_words"),
            inferred=count(counts, "inferred"),
            dead_letters=_reasons(counts, "rejected"),
            skipped=_reasons(counts, "skipped"),
            cache_hits=count(counts, "cache_hits"),
            cache_misses=count(counts, "cache_misses"),
            cache_errors=count(counts, "cache_errors"),
            retries=count(counts, "retries"),
            refused_commits=count(counts, "refused_commits"),
            batch_records=spread(counts, "batch_size"),
            latency_seconds=spread(counts, "latency_seconds"),
        )

    @property
    def cache_hit_share(self) -> float | None:
        """The share of look-ups that the cache answered; None without any."""
        asked = self.cache_hits + self.cache_misses
        return self.cache_hits / asked if asked else None


def labels(gauges: Samples, attribute: str) -> list[dict[str, str]]:
    """Return the labels of each child of a gauge of the worker."""
    return [dict(found) for name, found in gauges if name == _NAMES[attribute]]


def lags(gauges: Samples) -> dict[str, int]:
    """Return the lag of each partition, in their order."""
    found = _by_label(gauges, _NAMES["lag"], "partition")
    return {partition: found[partition] for partition in sorted(found, key=int)}


def left_alone(gauges: Samples) -> bool:
    """Say whether the worker leaves its cache alone, having failed."""
    return gauges.get((_NAMES["cache_open"], frozenset()), 0.0) > 0


def count(counts: Samples, attribute: str) -> int:
    """Return a counter of the worker."""
    return int(counts.get((f"{_NAMES[attribute]}_total", frozenset()), 0))


def _reasons(counts: Samples, attribute: str) -> dict[str, int]:
    """Return a counter of the worker by reason, the most frequent first."""
    found = _by_label(counts, f"{_NAMES[attribute]}_total", "reason")
    ordered = sorted(found.items(), key=lambda item: (-item[1], item[0]))
    return {reason: number for reason, number in ordered if number}


def _by_label(samples: Samples, name: str, label: str) -> dict[str, int]:
    return {dict(key)[label]: int(value) for (one, key), value in samples.items() if one == name}


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
