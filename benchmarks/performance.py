"""Writes docs/performance.md and its picture: `python -m benchmarks.performance`."""

import json
from pathlib import Path
from typing import Any, NamedTuple

import jinja2

from benchmarks.lanes import FLOOR, LIBRARIES
from benchmarks.record import RESULTS
from export.manifest import CPU_VARIANTS

DOCS = Path(__file__).parents[1] / "docs"
FIRST = "tab-lstm, paper"  # the model that the headline is about
STAGES = ("topics", "network", "ranking")
WIDTH, BAR, GAP = 390.0, 16.0, 8.0


class Part(NamedTuple):
    """A piece of a bar: what it stands for, where it begins, how long it is, what it tells."""

    kind: str
    start: float
    length: float
    told: str


class Bar(NamedTuple):
    """A bar of the picture."""

    name: str
    y: float
    parts: list[Part]
    value: str


def main() -> None:
    """Replace both."""
    for name, text in pages().items():
        (DOCS / name).write_text(text)


def pages() -> dict[str, str]:
    """Return the texts of both files by name, made from the results alone."""
    found = {path.stem: json.loads(path.read_text()) for path in RESULTS.glob("*.json")}
    models = found["predictor"]["figures"]["models"]
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
        undefined=jinja2.StrictUndefined,
        autoescape=jinja2.select_autoescape(["svg.j2"]),
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    rates, times = _rates(models[FIRST]["rows"]), _times(models[FIRST])
    return {
        "performance.md": environment.get_template("performance.md.j2").render(
            **{name: result["figures"] for name, result in found.items() if name != "gpu"},
            gpu=found.get("gpu"),
            processor=found["predictor"]["machine"],
            first=FIRST,
            variants=CPU_VARIANTS,
            floor_latency=_floor_latency(models[FIRST]["rows"]),
            tables={name: _table(model["rows"]) for name, model in models.items()},
        ),
        "performance.svg": environment.get_template("performance.svg.j2").render(
            rates=rates, times=times, width=WIDTH, bar=BAR
        ),
    }


def best(rows: list[dict[str, Any]], side: str, batch: int | None = None) -> float:
    """Return microseconds a post of a side in its fastest arrangement of the cores."""
    return float(
        min(
            row["microseconds_a_post"]
            for row in rows
            if row["side"] == side and batch in {None, row["batch"]}
        )
    )


def _floor_latency(rows: list[dict[str, Any]]) -> dict[str, float]:
    """Return the matrix products of a single post as a share of today's practice, in a process."""
    alone = [row for row in rows if row["processes"] == 1]
    naive = best(alone, LIBRARIES, 1)
    return {name: best(alone, FLOOR + name, 1) / naive for name in CPU_VARIANTS}


def _table(rows: list[dict[str, Any]]) -> dict[str, list[float]]:
    """Return microseconds a post by side and batch, and the sizes of the batches first."""
    batches = sorted({row["batch"] for row in rows})
    sides = dict.fromkeys(row["side"] for row in rows)
    return {
        "batch": batches,
        **{side: [best(rows, side, batch) for batch in batches] for side in sides},
    }


def _rates(rows: list[dict[str, Any]]) -> list[Bar]:
    """Return bars of posts a second, both cores busy."""
    sides = {
        "gensim and torch, a post at a time": best(rows, LIBRARIES, 1),
        "the same in batches": best(rows, LIBRARIES),
        **{name: best(rows, name) for name in CPU_VARIANTS},
    }
    most = 1e6 / min(sides.values())
    bars = []
    for number, (name, microseconds) in enumerate(sides.items()):
        rate = 1e6 / microseconds
        part = Part("network", 0.0, WIDTH * rate / most, f"{rate:,.0f} posts/s")
        bars.append(Bar(name, number * (BAR + GAP), [part], f"{rate:,.0f}"))
    return bars


def _times(model: dict[str, Any]) -> list[Bar]:
    """Return bars of microseconds a post on one core, beside the matrix products alone."""
    rows = [row for row in model["rows"] if row["processes"] == row["threads"] == 1]
    lengths: dict[str, dict[str, float]] = {}
    for name in CPU_VARIANTS:
        lengths[name] = {stage: model["stages"][name][stage] for stage in STAGES}
        lengths[name.replace("cpu-", "matrix products, ")] = {"floor": best(rows, FLOOR + name)}
    most = max(sum(parts.values()) for parts in lengths.values())
    bars = []
    for number, (name, parts) in enumerate(lengths.items()):
        start, drawn = 0.0, []
        for kind, microseconds in parts.items():
            length = WIDTH * microseconds / most
            drawn.append(Part(kind, start, length, f"{kind} {microseconds:.0f} µs"))
            start += length
        bars.append(Bar(name, number * (BAR + GAP), drawn, f"{sum(parts.values()):.0f} µs"))
    return bars


if __name__ == "__main__":
    main()
