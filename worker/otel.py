"""Spans in OpenTelemetry, sent by OTLP over HTTP; the only file that loads it.

Names and attributes: https://opentelemetry.io/docs/specs/semconv/messaging/messaging-spans/ and
its page on Kafka. Where they are sent, how many, and as what: the standard variables OTEL_*.
"""

import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.metadata import version

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.environment_variables import (
    OTEL_EXPORTER_OTLP_PROTOCOL,
    OTEL_EXPORTER_OTLP_TRACES_PROTOCOL,
    OTEL_SPAN_LINK_COUNT_LIMIT,
)
from opentelemetry.sdk.resources import (
    SERVICE_NAME,
    SERVICE_VERSION,
    OTELResourceDetector,
    Resource,
)
from opentelemetry.sdk.trace import SpanLimits, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.trace import Link, Span, SpanKind, Tracer, get_current_span
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from opentelemetry.util.types import AttributeValue

from worker.errors import StartupFailedError
from worker.messages import Record, trace_headers
from worker.settings import Settings
from worker.tracing import Traces

SERVICE = "tagstream-worker"
PROTOCOL = "http/protobuf"
FLUSH_WITHIN = 5.0  # seconds in which a worker that stops begins to send what is left
_PROPAGATOR = TraceContextTextMapPropagator()


class Spans(Traces):
    """A span a batch, linked to the spans in which its posts were sent, with two inside it."""

    def __init__(self, tracer: Tracer, exporter: SpanExporter, settings: Settings) -> None:
        self._tracer, self._exporter = tracer, exporter
        self._input, self._output = settings.input_topic, settings.output_topic
        self._group = settings.group

    def taken(self) -> bool:
        """Say whether the collector takes a message without spans."""
        return self._exporter.export([]) is SpanExportResult.SUCCESS

    @contextmanager
    def process(self, records: Sequence[Record], model: str, variant: str) -> Iterator[Span]:
        """Be in a span of answering a batch."""
        attributes = {
            **_messages("process", self._input, len(records)),
            "messaging.consumer.group.name": self._group,
            "tagstream.model": model,
            "tagstream.variant": variant,
        }
        name = f"process {self._input}"
        with self._span(name, SpanKind.CONSUMER, attributes, list(links(records))) as span:
            yield span

    @contextmanager
    def infer(self, posts: int) -> Iterator[Span]:
        """Be in a span of the graph's answers."""
        with self._span("infer", SpanKind.INTERNAL, {"tagstream.posts": posts}) as span:
            yield span

    @contextmanager
    def publish(self, outputs: int) -> Iterator[Span]:
        """Be in a span of delivering and committing."""
        attributes = _messages("send", self._output, outputs)
        with self._span(f"send {self._output}", SpanKind.PRODUCER, attributes) as span:
            yield span

    @contextmanager
    def _span(
        self,
        name: str,
        kind: SpanKind,
        attributes: Mapping[str, AttributeValue],
        linked: Sequence[Link] = (),
    ) -> Iterator[Span]:
        """Be in a span; what ends it in an error is its `error.type`."""
        with self._tracer.start_as_current_span(
            name, kind=kind, attributes=attributes, links=linked
        ) as span:
            try:
                yield span
            except BaseException as error:
                span.set_attribute("error.type", type(error).__qualname__)
                raise


def _messages(operation: str, topic: str, count: int) -> dict[str, AttributeValue]:
    return {
        "messaging.system": "kafka",
        "messaging.operation.name": operation,
        "messaging.operation.type": operation,
        "messaging.destination.name": topic,
        "messaging.batch.message_count": count,
    }


def links(records: Sequence[Record]) -> Iterator[Link]:
    """Yield a link to the span of each record that names one (W3C Trace Context)."""
    for record in records:
        carrier = {name: value.decode("latin-1") for name, value in trace_headers(record).items()}
        if carrier:
            context = get_current_span(_PROPAGATOR.extract(carrier)).get_span_context()
            if context.is_valid:
                yield Link(context)


@contextmanager
def exported(settings: Settings) -> Iterator[Traces]:
    """Give spans that are sent to a collector; one that is not there is waited for a little."""
    _check_protocol()
    exporter = OTLPSpanExporter()
    provider = TracerProvider(
        resource=_resource(), span_limits=_limits(settings), shutdown_on_exit=False
    )
    provider.add_span_processor(BatchSpanProcessor(exporter))
    try:
        tracer = provider.get_tracer("tagstream", version("tagstream"))
        yield Spans(tracer, exporter, settings)
    finally:
        impatient = threading.Timer(FLUSH_WITHIN, exporter.shutdown)
        impatient.start()
        provider.shutdown()
        impatient.cancel()


def _check_protocol() -> None:
    for name in (OTEL_EXPORTER_OTLP_TRACES_PROTOCOL, OTEL_EXPORTER_OTLP_PROTOCOL):
        asked = os.environ.get(name, PROTOCOL)
        if asked != PROTOCOL:
            raise StartupFailedError(
                f"{name} is {asked}; spans are sent by {PROTOCOL}: leave it out, and name a "
                "receiver of that, as http://127.0.0.1:4318, in OTEL_EXPORTER_OTLP_ENDPOINT"
            )


def _resource() -> Resource:
    """Return our name and version, and what the variables OTEL_* say of this process."""
    ours = Resource.create({SERVICE_NAME: SERVICE, SERVICE_VERSION: version("tagstream")})
    return ours.merge(OTELResourceDetector().detect())


def _limits(settings: Settings) -> SpanLimits:
    """Return room for a link a post: what is usual, 128, is less than a batch."""
    told = OTEL_SPAN_LINK_COUNT_LIMIT in os.environ
    return SpanLimits(max_links=None if told else settings.max_batch_size)
