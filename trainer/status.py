"""Is it time to retrain? Drift of what is collected, the champion's age, and live quality."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

import msgspec

from export.bundle import Bundle, read_bundle
from export.registry import CHALLENGER, CHAMPION, Registry
from trainer.drift import Reader, Unknown, since_then, when_new
from trainer.gate import Finding
from trainer.settings import StatusSettings
from worker.event_time import event_time
from worker.samples import ModelHits
from worker.status import Observer

DIGITS = 12  # of a digest, as workers count by them


class Live(msgspec.Struct, frozen=True):
    """How workers scored a model's answers since they started; hits in per cent."""

    role: str
    model: str
    scored: int
    hit_1: float | None
    hit_5: float | None

    @classmethod
    def of(cls, role: str, model: str, found: ModelHits) -> "Live":
        """Return what was counted as shares."""
        shares = (found.hit_share(k) for k in (1, 5))
        percent = (None if share is None else round(100 * share, 2) for share in shares)
        return cls(role, model, found.scored, *percent)


class ModelStatus(msgspec.Struct, frozen=True):
    """A champion against what was collected since; `age_days` by the last post it learned from.

    `before`: what it did not know of its dev posts, the first that it had not learned from.
    """

    champion: str | None
    challenger: str | None
    age_days: float | None
    since: datetime | None
    new: Unknown | None
    before: Unknown | None
    live: list[Live]
    silent: list[str]
    findings: list[Finding]

    @property
    def retrain(self) -> bool:
        """Whether a rule says so."""
        return not all(one.passed for one in self.findings)


def look(
    url: str,
    registry: Registry,
    rules: StatusSettings,
    since: timedelta | None,
    workers: Sequence[str],
) -> ModelStatus:
    """Look at a registry's champion, the posts collected at `url`, and running workers.

    Raises `RegistryError`, `BundleError` and `CorpusError` where one of them cannot be read.
    """
    aliases = registry.aliases()
    champion, challenger = (aliases.get(name) for name in (CHAMPION, CHALLENGER))
    live, silent = _live(aliases, workers)
    if champion is None:
        told = Finding("champion", passed=False, told="there is none")
        return ModelStatus(None, challenger, None, None, None, None, live, silent, [told])
    bundle, now = read_bundle(registry.bundles / champion), datetime.now(UTC)
    window, old = since_then(bundle, now - since if since else None), when_new(bundle)
    reader = Reader(bundle)
    new = reader.unknown(url, window)
    before = reader.unknown(url, old) if old else None
    age = _age(bundle, now)
    findings = [*_of_age(age, rules), *_of_drift(new, before, rules), *_of_hits(live, rules)]
    return ModelStatus(champion, challenger, age, window.since, new, before, live, silent, findings)


def _live(aliases: dict[str, str], workers: Sequence[str]) -> tuple[list[Live], list[str]]:
    """Return what workers tell of champion and challenger, and which tell nothing."""
    if not workers:
        return [], []
    found = Observer(workers).observe()
    silent = [f"{one.url}: {one.reason}" for one in found.workers if one.since_start is None]
    counted = found.since_start.by_model if found.since_start else {}
    names = {role: aliases[role][:DIGITS] for role in (CHAMPION, CHALLENGER) if role in aliases}
    told = [Live.of(role, name, counted[name]) for role, name in names.items() if name in counted]
    return told, silent


def _age(bundle: Bundle, now: datetime) -> float | None:
    last = event_time(bundle.manifest.data.last)
    return round((now - last) / timedelta(days=1), 2) if last else None


def _of_age(age: float | None, rules: StatusSettings) -> Iterator[Finding]:
    if age is not None and rules.max_age_days:
        told = f"learned from posts up to {age:.1f} days ago, at most {rules.max_age_days:g}"
        yield Finding("age", passed=age <= rules.max_age_days, told=told)


def _of_drift(new: Unknown, before: Unknown | None, rules: StatusSettings) -> Iterator[Finding]:
    """Compare what is unknown now with what was when the model was new."""
    there = before.posts if before else 0
    if before is None or min(new.posts, there) < rules.drift_posts:
        told = (
            f"{new.posts:,} new posts and {there:,} of when it was new: too few to tell, it takes "
            f"{rules.drift_posts:,} of each"
        )
        yield Finding("drift", passed=True, told=told)
        return
    for name, now, then, most in (
        ("hashtags", new.hashtags, before.hashtags, rules.drift_hashtags),
        ("words", new.words, before.words, rules.drift_words),
    ):
        if now is not None and then is not None:
            told = (
                f"{now:.1f} % unknown, {then:.1f} % when it was new: at most {most:g} points more"
            )
            yield Finding(name, passed=now - then <= most, told=told)


def _of_hits(live: Sequence[Live], rules: StatusSettings) -> Iterator[Finding]:
    for one in live:
        if one.role == CHAMPION and one.hit_1 is not None and one.scored >= rules.drift_posts:
            told = f"hit at 1 {one.hit_1:.1f} % of {one.scored:,}, at least {rules.least_hits:g} %"
            yield Finding("quality", passed=one.hit_1 >= rules.least_hits, told=told)
