"""`worker doctor`: is everything there that a worker needs? Each check says what to do."""

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass

from worker import memory_topic, risks, topics
from worker.clients import AT_LEAST_ONCE
from worker.delivery import transactional_id
from worker.errors import ExitCode, StopError
from worker.models import blocklist, load_predictor
from worker.ort import ort
from worker.risks import Risk
from worker.security import SASL
from worker.service import NO_CACHE
from worker.settings import Settings
from worker.stores import FAILURES, check_rights, open_store
from worker.tracing import tracing


@dataclass(frozen=True)
class Finding:
    """What one check found; `exit_code` is that of a worker that fails on it.

    `risky` is what a worker runs with all the same.
    """

    check: str
    detail: str
    exit_code: ExitCode = ExitCode.DONE
    risky: bool = False

    @property
    def verdict(self) -> str:
        """The finding in a word."""
        if self.exit_code != ExitCode.DONE:
            return "FAIL"
        return "warn" if self.risky else "ok"


def examine(settings: Settings) -> Iterator[Finding]:
    """Yield what each check finds, in the order in which a worker would fail."""
    yield Finding("onnxruntime", f"{ort.__version__}, {', '.join(ort.get_available_providers())}")
    checks: dict[str, Callable[[Settings], Iterator[str]]] = {
        "bundle": _bundle,
        "blocklist": _blocklist,
        "delivery": _delivery,
        "security": _security,
        "broker and topics": _broker,
        "memory": _memory,
        "cache": _cache,
        "traces": _traces,
    }
    for name, check in checks.items():
        try:
            for detail in check(settings):
                yield Finding(name, detail, risky=isinstance(detail, Risk))
        except StopError as error:
            yield Finding(name, str(error), error.exit_code)


def _bundle(settings: Settings) -> Iterator[str]:
    predictor = load_predictor(settings)
    model, memory = predictor.bundle.manifest.model, predictor.bundle.manifest.memory
    voting = "by default rules" if memory is None else "as fitted on dev"
    yield (
        f"{predictor.bundle.name}, {model.method} on {predictor.variant}, {model.hashtags} "
        f"hashtags, trained on text {model.protocol}; repeats its golden examples; "
        f"the memory votes {voting}"
    )


def _blocklist(settings: Settings) -> Iterator[str]:
    blocklist(settings)
    yield settings.blocklist or "none"


def _delivery(settings: Settings) -> Iterator[str]:
    if settings.delivery != AT_LEAST_ONCE:
        transactional_id(settings, 0)
    yield risks.promise(settings.delivery)


def _security(settings: Settings) -> Iterator[str]:
    login = settings.sasl_username or "a token"
    by = f" as {login} by {settings.sasl_mechanism}" if settings.security_protocol in SASL else ""
    yield f"{settings.security_protocol}{by}"
    yield from risks.of_connection(settings.security_protocol, settings.bootstrap_servers)


def _broker(settings: Settings) -> Iterator[str]:
    with topics.broker(settings) as admin:
        due = topics.needed(settings)
        topics.ensure_topics(admin, settings, due)
        found = topics.partitions(admin, due)
        yield ", ".join(f"{name} ({count} partitions)" for name, count in found.items())
        yield from risks.of_topics(topics.replication(admin, list(found)))


def _memory(settings: Settings) -> Iterator[str]:
    if settings.memory == "off":
        yield "off: the model answers alone"
        return
    name = settings.memory_topic
    with topics.broker(settings) as admin:
        topics.ensure_topics(admin, settings, topics.memory_shape(settings))
        memory_topic.check_partitions(name, topics.partitions(admin, [name])[name])
        kept = topics.configs(admin, [name], memory_topic.kept(settings.memory_posts))[name]
    yield f"{name}, one partition, for the last {settings.memory_posts:,} posts"
    yield from risks.of_memory(kept, settings.memory_posts)
    if settings.memory_key == Settings().memory_key:
        yield risks.KNOWN_KEY


def _cache(settings: Settings) -> Iterator[str]:
    if settings.cache == NO_CACHE:
        yield "none: every post is inferred"
        return
    check_rights(settings.cache, settings.cache_prefix)
    with closing(open_store(settings.cache, settings.cache_timeout)) as store:
        try:
            yield f"Redis {store.version()}"
            servers = store.memory()
        except FAILURES as error:
            yield Risk(f"not reachable ({error}): workers go on without it, each miss counted")
            return
    yield from risks.of_cache(servers, settings.cache_ttl)


def _traces(settings: Settings) -> Iterator[str]:
    with tracing(settings) as traces:
        yield settings.traces
        if not traces.taken():
            yield Risk(
                "no collector takes them: workers go on, and their spans are lost; set "
                "OTEL_EXPORTER_OTLP_ENDPOINT to one, as http://127.0.0.1:4318"
            )
