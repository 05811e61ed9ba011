"""Spans: what is in them, in memory and as a collector receives them."""

import subprocess
import sys
from collections.abc import Iterator, Sequence

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode, format_span_id, format_trace_id

from deploy.local.service import HOST, free_port
from export.bundle import Bundle
from tests.support.collector import Collector, collecting
from tests.support.inmemory import InMemoryTopic
from tests.support.loops import Bench, post
from worker.delivery import CommitRefusedError
from worker.errors import StartupFailedError
from worker.messages import Header, Record
from worker.otel import Spans, exported, links
from worker.predictor import Predictor
from worker.settings import Settings
from worker.tracing import tracing

ON = Settings(traces="on", input_topic="in", output_topic="out", group="some-group")
TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
PARENT = f"00-{TRACE}-{SPAN}-01"


def record(*headers: Header) -> Record:
    return Record("in", 0, 0, None, b"{}", headers)


@pytest.fixture
def exporter() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture
def bench(predictor: Predictor, exporter: InMemorySpanExporter) -> Bench:
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    spans = Spans(provider.get_tracer("test"), exporter, ON)
    return Bench(InMemoryTopic("in"), predictor, ON, traces=spans)


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    with collecting() as found:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", found.url)
        yield found


def by_kind(spans: Sequence[ReadableSpan]) -> dict[SpanKind, ReadableSpan]:
    return {span.kind: span for span in spans}


class TestABatch:
    def test_is_a_span_with_two_inside(
        self, bench: Bench, exporter: InMemorySpanExporter, bundle: Bundle
    ) -> None:
        texts = [" ".join(words) for words in bundle.topics()]
        for number, text in enumerate([*texts, texts[0], "#OnlyAHashtag"]):
            bench.topic.append(post(str(number), text))
        bench.loop.step()
        spans = by_kind(exporter.get_finished_spans())
        whole, answers = spans[SpanKind.CONSUMER], spans[SpanKind.INTERNAL]
        assert (whole.name, answers.name, spans[SpanKind.PRODUCER].name) == (
            "process in", "infer", "send out",
        )  # fmt: skip
        assert whole.parent is None
        assert answers.parent == spans[SpanKind.PRODUCER].parent == whole.get_span_context()
        assert whole.attributes == {
            "messaging.system": "kafka",
            "messaging.operation.name": "process",
            "messaging.operation.type": "process",
            "messaging.destination.name": "in",
            "messaging.consumer.group.name": "some-group",
            "messaging.batch.message_count": len(texts) + 2,
            "tagstream.model": bundle.name,
            "tagstream.variant": bench.predictor.variant,
        }
        assert answers.attributes == {"tagstream.posts": len(texts)}
        sent = spans[SpanKind.PRODUCER].attributes or {}
        assert sent["messaging.operation.type"] == "send"
        assert sent["messaging.destination.name"] == "out"
        assert sent["messaging.batch.message_count"] == len(texts) + 2

    def test_of_nothing_is_none(self, bench: Bench, exporter: InMemorySpanExporter) -> None:
        bench.loop.step()
        assert exporter.get_finished_spans() == ()

    def test_with_a_dead_letter_is_no_error(
        self, bench: Bench, exporter: InMemorySpanExporter
    ) -> None:
        bench.topic.append(b"no JSON")
        bench.loop.step()
        spans = exporter.get_finished_spans()
        assert {span.status.status_code for span in spans} == {StatusCode.UNSET}

    def test_that_is_not_committed_is_an_error(
        self, bench: Bench, exporter: InMemorySpanExporter
    ) -> None:
        bench.topic.append(post("1", "some words"))
        bench.source.refuse_commits()
        with pytest.raises(CommitRefusedError):
            bench.loop.step()
        spans = by_kind(exporter.get_finished_spans())
        for kind in (SpanKind.CONSUMER, SpanKind.PRODUCER):
            assert spans[kind].status.status_code is StatusCode.ERROR
            assert (spans[kind].attributes or {})["error.type"] == "CommitRefusedError"
        assert spans[SpanKind.INTERNAL].status.status_code is StatusCode.UNSET


class TestLinks:
    def test_lead_to_the_spans_in_which_posts_were_sent(self) -> None:
        (link,) = links([record(("traceparent", PARENT.encode()), ("tracestate", b"a=b"))])
        assert format_trace_id(link.context.trace_id) == TRACE
        assert format_span_id(link.context.span_id) == SPAN
        assert link.context.trace_state["a"] == "b"

    @pytest.mark.parametrize(
        "value", [b"", b"\xff", b"00-1-2-3", f"00-{'0' * 32}-{SPAN}-01".encode(), b"x" * 600, None]
    )
    def test_are_none_where_a_header_names_no_span(self, value: bytes | None) -> None:
        assert list(links([record(), record(("traceparent", value))])) == []


class TestACollector:
    def test_receives_every_link_of_a_batch(self, collector: Collector) -> None:
        records = [record(("traceparent", PARENT.encode()))] * 300
        with exported(ON) as traces, traces.process(records, "abc", "cpu-fp32"):
            pass
        (span,) = collector.spans
        assert (span.name, len(span.links), span.dropped_links_count) == ("process in", 300, 0)
        assert {link.trace_id.hex() for link in span.links} == {TRACE}

    def test_receives_no_more_links_than_it_wants(
        self, collector: Collector, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("OTEL_SPAN_LINK_COUNT_LIMIT", "2")
        records = [record(("traceparent", PARENT.encode()))] * 3
        with exported(ON) as traces, traces.process(records, "abc", "cpu-fp32"):
            pass
        assert [len(span.links) for span in collector.spans] == [2]

    @pytest.mark.parametrize(
        ("variables", "name"),
        [
            ({}, "tagstream-worker"),
            ({"OTEL_SERVICE_NAME": "ours"}, "ours"),
            ({"OTEL_RESOURCE_ATTRIBUTES": "service.name=theirs"}, "theirs"),
        ],
    )
    def test_is_told_who_sends(
        self,
        collector: Collector,
        monkeypatch: pytest.MonkeyPatch,
        variables: dict[str, str],
        name: str,
    ) -> None:
        for variable, value in variables.items():
            monkeypatch.setenv(variable, value)
        with exported(ON) as traces, traces.infer(1):
            pass
        (resource,) = collector.resources
        assert resource["service.name"] == name
        assert resource["service.version"]

    def test_is_tried_without_a_span(self, collector: Collector) -> None:
        with exported(ON) as traces:
            assert traces.taken()
        assert collector.spans == []

    def test_that_is_not_there_takes_nothing_and_stops_nothing(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://{HOST}:{free_port()}")
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "1")
        with exported(ON) as traces:
            assert not traces.taken()
            with traces.infer(1):
                pass


class TestTheSetting:
    def test_off_loads_nothing(self) -> None:
        code = (
            "import sys, worker.cli, worker.service, worker.doctor\n"
            "from worker.settings import Settings\n"
            "with worker.service.tracing(Settings()) as traces, traces.process([], '', ''):\n"
            "    assert traces.taken()\n"
            "print(*sys.modules)"
        )
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        )
        loaded = done.stdout.split()
        assert "worker.tracing" in loaded
        ours = ("worker.otel", "opentelemetry.exporter")  # redis-py loads metrics, where it can
        assert not [name for name in loaded if name.startswith(ours)]

    def test_on_needs_its_extra(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "worker.otel", None)
        with pytest.raises(StartupFailedError, match=r"tagstream\[otel\]"), tracing(ON):
            pass

    @pytest.mark.parametrize(
        "name", ["OTEL_EXPORTER_OTLP_PROTOCOL", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL"]
    )
    def test_on_refuses_a_protocol_that_is_not_ours(
        self, monkeypatch: pytest.MonkeyPatch, name: str
    ) -> None:
        monkeypatch.setenv(name, "grpc")
        with pytest.raises(StartupFailedError, match=f"{name} is grpc"), tracing(ON):
            pass
