"""What people see of a worker: metrics and health."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Annotated, Any, NamedTuple, Self, get_args, get_type_hints

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

_LATENCIES = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0)
_SIZES = (1, 3, 10, 30, 100, 300, 1_000, 3_000)


class Shown(NamedTuple):
    """What people see of a metric; its unit ends its name, `buckets` are a histogram's."""

    name: str
    meaning: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()


class Metrics:
    """Every metric of a worker; names after OpenTelemetry's messaging conventions."""

    consumed: Annotated[Counter, Shown("messaging_client_consumed_messages", "Records committed.")]
    published: Annotated[Counter, Shown("messaging_client_sent_messages", "Suggestions committed.")]
    step_seconds: Annotated[
        Histogram,
        Shown(
            "messaging_process_duration_seconds",
            "Time from a batch's arrival to its commit.",
            buckets=_LATENCIES,
        ),
    ]
    batch_size: Annotated[
        Histogram, Shown("tagstream_batch_records", "Records in a batch.", buckets=_SIZES)
    ]
    latency_seconds: Annotated[
        Histogram,
        Shown(
            "tagstream_end_to_end_latency_seconds",
            "Age of a record, by its own timestamp, when its answer was committed.",
            buckets=(*_LATENCIES, 30.0, 100.0, 1_000.0),
        ),
    ]
    rejected: Annotated[Counter, Shown("tagstream_dead_letters", "Records rejected.", ("reason",))]
    skipped: Annotated[
        Counter,
        Shown(
            "tagstream_skipped_records",
            "Records passed over: deletions, posts too old or of other languages.",
            ("reason",),
        ),
    ]
    without_words: Annotated[
        Counter, Shown("tagstream_posts_without_words", "Posts without words.")
    ]
    inferred: Annotated[
        Counter, Shown("tagstream_inferred_posts", "Posts that the graph answered.")
    ]
    cache_hits: Annotated[Counter, Shown("tagstream_cache_hits", "Posts answered from the cache.")]
    cache_misses: Annotated[Counter, Shown("tagstream_cache_misses", "Posts not in the cache.")]
    cache_errors: Annotated[Counter, Shown("tagstream_cache_errors", "Failed calls of the cache.")]
    cache_open: Annotated[
        Gauge,
        Shown("tagstream_cache_open_breaker", "1 while the cache is left alone, having failed."),
    ]
    remembered: Annotated[Gauge, Shown("tagstream_memory_posts", "Posts that the memory holds.")]
    memory_offset: Annotated[
        Gauge,
        Shown("tagstream_memory_offset", "Offset of the memory's topic up to which it was read."),
    ]
    oldest_seconds: Annotated[
        Gauge,
        Shown(
            "tagstream_memory_oldest_seconds",
            "Time since the post that leaves the memory first was written.",
        ),
    ]
    visibility_seconds: Annotated[
        Histogram,
        Shown(
            "tagstream_memory_visibility_seconds",
            "Age of a record of the memory's topic, by its timestamp, when it was added.",
            buckets=(*_LATENCIES, 30.0, 100.0),
        ),
    ]
    look_up_seconds: Annotated[
        Histogram,
        Shown(
            "tagstream_memory_look_up_seconds",
            "Time to look a batch up in the memory.",
            buckets=_LATENCIES,
        ),
    ]
    suggested: Annotated[
        Counter,
        Shown(
            "tagstream_suggested_hashtags",
            "Hashtags suggested, by who knows of them: model, memory, both.",
            ("source",),
        ),
    ]
    scored: Annotated[
        Counter,
        Shown(
            "tagstream_prequential_posts",
            "Posts with hashtags of their own, by which their answers were scored.",
            ("model_version",),
        ),
    ]
    hits: Annotated[
        Counter,
        Shown(
            "tagstream_prequential_hits",
            "Those of them with a right hashtag among the first k, before any is taken away.",
            ("k", "model_version"),
        ),
    ]
    source_hits: Annotated[
        Counter,
        Shown(
            "tagstream_prequential_source_hits",
            "The hits, by who knew of the right hashtags: model, memory, both.",
            ("k", "source", "model_version"),
        ),
    ]
    scored_apart: Annotated[
        Counter,
        Shown(
            "tagstream_prequential_posts_apart",
            "Posts with hashtags that are not among the scored: repeats, accepted suggestions.",
            ("reason",),
        ),
    ]
    hit_rate: Annotated[
        Gauge,
        Shown(
            "tagstream_prequential_decayed_hit_ratio",
            "Share of hits, each post counting 0.1 % less than the next.",
            ("k",),
        ),
    ]
    unknown_hashtags: Annotated[
        Gauge,
        Shown(
            "tagstream_unknown_hashtags_ratio",
            "Share of the scored posts' hashtags that the model does not know, decayed likewise.",
        ),
    ]
    unknown_words: Annotated[
        Gauge,
        Shown(
            "tagstream_unknown_words_ratio",
            "Share of all posts' words that the model does not know, decayed likewise.",
        ),
    ]
    retries: Annotated[Counter, Shown("tagstream_retries", "Batches to be read again.")]
    refused_commits: Annotated[
        Counter,
        Shown(
            "tagstream_refused_commits", "Commits refused, their posts being another member's now."
        ),
    ]
    lag: Annotated[
        Gauge,
        Shown(
            "tagstream_consumer_lag_records",
            "Records between the last one read and the end of the partition.",
            ("partition",),
        ),
    ]
    ready: Annotated[
        Gauge, Shown("tagstream_ready", "1 with a model, partitions and a broker, while it moves.")
    ]
    model: Annotated[
        Gauge,
        Shown(
            "tagstream_model_info",
            "The models that answer, and where: champion, challenger.",
            ("role", "model", "method", "variant", "device"),
        ),
    ]
    worker: Annotated[
        Gauge,
        Shown(
            "tagstream_worker_info",
            "What the worker reads, and how.",
            ("topic", "group", "client", "delivery"),
        ),
    ]
    swaps: Annotated[Counter, Shown("tagstream_model_swaps", "Models that took over.")]
    refused_models: Annotated[
        Counter, Shown("tagstream_refused_models", "Bundles refused; the champion serves on.")
    ]

    challenger_failures: Annotated[
        Counter, Shown("tagstream_challenger_failures", "Posts that the challenger failed on.")
    ]

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        for name, (kind, shown) in declared().items():
            more = {"buckets": shown.buckets} if shown.buckets else {}
            metric = kind(shown.name, shown.meaning, shown.labels, registry=self.registry, **more)
            setattr(self, name, metric)


def declared() -> dict[str, tuple[type[Any], Shown]]:
    """Return the kind of each metric, and what people see of it, by its attribute."""
    hints = get_type_hints(Metrics, include_extras=True)
    return {name: get_args(hint) for name, hint in hints.items()}


def total(metric: Counter | Gauge | Histogram) -> float:
    """Return the sum of a metric over its labels; of a histogram, that of what it observed."""
    names = {"counter": "_total", "gauge": "", "histogram": "_sum"}
    return sum(
        sample.value
        for family in metric.collect()
        for sample in family.samples
        if sample.name == family.name + names[family.type]
    )


@dataclass
class Health:
    """Live: the loop moved within `bound` seconds.

    Ready: it has a model, partitions to read, and their group's coordinator.
    """

    bound: float = 120.0
    clock: Callable[[], float] = time.monotonic
    ready: bool = False
    _moved: float = float("-inf")

    def beat(self) -> None:
        """Note that the loop moves."""
        self._moved = self.clock()

    @property
    def live(self) -> bool:
        """Whether the loop moved within its bound."""
        return self.clock() - self._moved < self.bound

    @property
    def serves(self) -> bool:
        """Whether it is ready, and live."""
        return self.ready and self.live


class HealthServer:
    """Serves `/metrics`, `/v2/health/live` and `/v2/health/ready` from a thread."""

    def __init__(self, host: str, port: int, metrics: Metrics, health: Health) -> None:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                status, kind, body = _respond(self.path, metrics, health)
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args: object) -> None:
                del args  # a probe every few seconds is no news

        metrics.ready.set_function(lambda: health.serves)
        self._server = ThreadingHTTPServer((host, port), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(self._server.server_address[1])

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _respond(path: str, metrics: Metrics, health: Health) -> tuple[HTTPStatus, str, bytes]:
    if path == "/metrics":
        return HTTPStatus.OK, CONTENT_TYPE_LATEST, generate_latest(metrics.registry)
    states = {"/v2/health/live": health.live, "/v2/health/ready": health.serves}
    if path not in states:
        return HTTPStatus.NOT_FOUND, "text/plain", b"not found\n"
    status = HTTPStatus.OK if states[path] else HTTPStatus.SERVICE_UNAVAILABLE
    return status, "text/plain", b"yes\n" if states[path] else b"no\n"
