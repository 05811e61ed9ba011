"""Writes docs/metrics.md of the metrics that a worker declares: `python -m deploy.metrics_page`."""

from pathlib import Path
from typing import Any

from prometheus_client import Counter, Histogram

from worker.settings import Settings
from worker.telemetry import Shown, declared

PAGE = Path(__file__).parents[1] / "docs" / "metrics.md"
ENDS: dict[type[Any], tuple[str, ...]] = {
    Counter: ("_total",),
    Histogram: ("_bucket", "_sum", "_count"),
}

HEAD = """\
# Metrics

Written by `python -m deploy.metrics_page` from `worker/telemetry.py`; do not edit.

A worker shows these at `/metrics` of its port (`--http-port`, {port}), in Prometheus' text format.
Names are after OpenTelemetry's conventions for messaging; what is ours begins with `tagstream_`.
A counter or histogram has a further series, `_created`: when its process began to count.
[runbook.md](runbook.md) says what to ask of them, `deploy/grafana` draws them.

| series | kind | labels | meaning |
|---|---|---|---|
"""


def series(kind: type[Any], name: str) -> list[str]:
    """Return the names under which Prometheus finds a metric."""
    return [name + end for end in ENDS.get(kind, ("",))]


def page() -> str:
    """Return the page's text."""
    rows = [_row(kind, shown) for kind, shown in declared().values()]
    return HEAD.format(port=Settings().http_port) + "".join(rows)


def _row(kind: type[Any], shown: Shown) -> str:
    names = ", ".join(f"`{name}`" for name in series(kind, shown.name))
    labels = ", ".join(f"`{label}`" for label in shown.labels)
    meaning = shown.meaning
    if shown.buckets:
        meaning += f" Buckets up to {', '.join(f'{bound:g}' for bound in shown.buckets)}."
    return f"| {names} | {kind.__name__.lower()} | {labels} | {meaning} |\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
