"""The gate: may a challenger take the champion's place? Pure: figures in, findings out."""

from collections.abc import Iterator

import msgspec

from trainer.settings import RetrainSettings


class Measured(msgspec.Struct, frozen=True):
    """One bundle on the held-out posts.

    F1@1 and `coverage`, the share of all answers that are among its hashtags, in per cent; size in
    megabytes; microseconds a post, of the same posts in the same run.
    """

    digest: str
    f1: float
    coverage: float
    megabytes: float
    microseconds: float


class Evidence(msgspec.Struct, frozen=True):
    """Both bundles on the same held-out posts, beside popularity; without a champion, the first.

    `above_...` is what the challenger's F1@1 surely exceeds another by, in points: the one-sided
    95 % bound of a paired bootstrap (Efron 1979).
    """

    posts: int
    challenger: Measured
    champion: Measured | None
    popularity: float
    above_popularity: float
    above_champion: float | None


class Finding(msgspec.Struct, frozen=True):
    """What one rule says, with its figures."""

    rule: str
    passed: bool
    told: str


def gate(evidence: Evidence, rules: RetrainSettings) -> list[Finding]:
    """Return what each rule says; the challenger may be promoted if all are passed."""
    return [_floor(evidence, rules), _size(evidence, rules), *_beside_champion(evidence, rules)]


def _floor(evidence: Evidence, rules: RetrainSettings) -> Finding:
    one = evidence.challenger
    if rules.floor:
        told = f"F1@1 {one.f1:.2f} %, at least {rules.floor:g} %"
        return Finding("floor", one.f1 >= rules.floor, told)
    told = (
        f"F1@1 {one.f1:.2f} %, popularity {evidence.popularity:.2f} %: surely "
        f"{evidence.above_popularity:+.2f} points, above 0"
    )
    return Finding("floor", evidence.above_popularity > 0, told)


def _size(evidence: Evidence, rules: RetrainSettings) -> Finding:
    size = evidence.challenger.megabytes
    told = f"{size:.1f} MB, at most {rules.max_megabytes:g} MB"
    return Finding("size", size <= rules.max_megabytes, told)


def _beside_champion(evidence: Evidence, rules: RetrainSettings) -> Iterator[Finding]:
    """Compare with the champion, where there is one."""
    one, other, above = evidence.challenger, evidence.champion, evidence.above_champion
    if other is None or above is None:
        return
    told = (
        f"F1@1 {one.f1:.2f} %, the champion's {other.f1:.2f} %: surely {above:+.2f} points, at "
        f"most {rules.margin:g} below"
    )
    yield Finding("champion", above >= -rules.margin, told)
    least = rules.keep_coverage * other.coverage
    told = (
        f"{one.coverage:.2f} % of the answers can be suggested, {other.coverage:.2f} % by the "
        f"champion: at least {least:.2f} %"
    )
    yield Finding("coverage", one.coverage >= least, told)
    ratio = one.microseconds / other.microseconds
    told = (
        f"{one.microseconds:.0f} µs a post, {ratio:.2f} times the champion's, at most "
        f"{rules.max_slowdown:g} times"
    )
    yield Finding("latency", ratio <= rules.max_slowdown, told)
