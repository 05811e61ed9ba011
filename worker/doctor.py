"""`worker doctor`: is everything there that a worker needs? Each check says what to do."""

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass

import onnxruntime as ort

from worker import topics
from worker.errors import ExitCode, StopError
from worker.models import blocklist, load_predictor
from worker.service import NO_CACHE
from worker.settings import Settings
from worker.stores import FAILURES, open_store


@dataclass(frozen=True)
class Finding:
    """What one check found; `exit_code` is that of a worker that fails on it."""

    check: str
    detail: str
    exit_code: ExitCode = ExitCode.DONE


def examine(settings: Settings) -> Iterator[Finding]:
    """Yield a finding a check, in the order in which a worker would fail."""
    yield Finding("onnxruntime", f"{ort.__version__}, {', '.join(ort.get_available_providers())}")
    checks: dict[str, Callable[[Settings], str]] = {
        "bundle": _bundle,
        "blocklist": _blocklist,
        "broker and topics": _broker,
        "cache": _cache,
    }
    for name, check in checks.items():
        try:
            yield Finding(name, check(settings))
        except StopError as error:
            yield Finding(name, str(error), error.exit_code)


def _bundle(settings: Settings) -> str:
    predictor = load_predictor(settings)
    model = predictor.bundle.manifest.model
    return (
        f"{predictor.bundle.name}, {model.method} on {predictor.variant}, {model.hashtags} "
        f"hashtags, trained on text {model.protocol}; repeats its golden examples"
    )


def _blocklist(settings: Settings) -> str:
    blocklist(settings)
    return settings.blocklist or "none"


def _broker(settings: Settings) -> str:
    with topics.broker(settings) as admin:
        topics.ensure_topics(admin, settings)
        found = topics.partitions(admin, topics.needed(settings))
    return ", ".join(f"{name} ({count} partitions)" for name, count in found.items())


def _cache(settings: Settings) -> str:
    if settings.cache == NO_CACHE:
        return "none: every post is inferred"
    with closing(open_store(settings.cache, settings.cache_timeout)) as store:
        try:
            return f"Redis {store.version()}"
        except FAILURES as error:
            return f"not reachable ({error}): workers go on without it, each miss counted"
