"""docs/metrics.md says what a worker shows."""

from prometheus_client import generate_latest

from deploy.metrics_page import PAGE, page, series
from worker.telemetry import Metrics, declared


def test_it_is_current() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run `python -m deploy.metrics_page`"


def test_its_series_are_those_that_a_worker_shows() -> None:
    metrics = Metrics()
    for name, (_, about) in declared().items():
        if about.labels:
            getattr(metrics, name).labels(*about.labels)
    lines = generate_latest(metrics.registry).decode().splitlines()
    shown = {line.split("{")[0].split(" ")[0] for line in lines if not line.startswith("#")}
    told = {name for kind, about in declared().values() for name in series(kind, about.name)}
    assert {name for name in shown if not name.endswith("_created")} == told
    for name in told:
        assert f"`{name}`" in PAGE.read_text(encoding="utf-8")
