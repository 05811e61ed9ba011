"""A worker's spans at a collector, and a worker whose collector is not there."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from deploy.local.service import HOST, free_port
from tests.support.collector import collecting
from tests.support.streams import Stream, post
from worker.cli import main

ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"
PARENTS = {str(n): f"00-{n + 1:032x}-{n + 1:016x}-01" for n in range(20)}


def produce(stream: Stream) -> None:
    with stream.producer() as producer:
        for name, parent in PARENTS.items():
            headers = [("traceparent", parent.encode())]
            producer.send(stream.posts, post(name, "some words"), name.encode(), headers=headers)
        producer.flush()


def test_a_worker_tells_a_collector_of_each_post(
    stream: Stream, bundle_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with collecting() as collector:
        monkeypatch.setenv(ENDPOINT, collector.url)
        answers = stream.answers()
        worker = stream.worker(bundle=str(bundle_path), traces="on")
        produce(stream)
        answers.until_answered(PARENTS)
        assert worker.stop() == 0
        named = [span for span in collector.spans if span.name == f"process {stream.posts}"]
        linked = [link for span in named for link in span.links]
        sent = {span.name for span in collector.spans}
    found = [f"00-{link.trace_id.hex()}-{link.span_id.hex()}-01" for link in linked]
    assert sorted(found) == sorted(PARENTS.values())
    assert sent == {f"process {stream.posts}", "infer", f"send {stream.suggestions}"}


def test_a_worker_serves_without_its_collector(
    stream: Stream, bundle_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(ENDPOINT, f"http://{HOST}:{free_port()}")
    answers = stream.answers()
    worker = stream.worker(bundle=str(bundle_path), traces="on")
    produce(stream)
    answers.until_answered(PARENTS)
    assert worker.stop() == 0


def test_the_doctor_tries_the_collector(
    stream: Stream, bundle_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = stream.settings(bundle=str(bundle_path), traces="on")
    flags = [w for n, v in settings.items() for w in (f"--{n.replace('_', '-')}", str(v))]
    with collecting() as collector:
        monkeypatch.setenv(ENDPOINT, collector.url)
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "2")
        there = CliRunner().invoke(main, ["doctor", *flags])
    gone = CliRunner().invoke(main, ["doctor", *flags])
    assert there.exit_code == gone.exit_code == 0
    assert "ok   traces: on" in there.output
    assert "warn traces" not in there.output
    assert "warn traces: no collector takes them" in gone.output
