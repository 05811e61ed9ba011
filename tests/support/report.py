"""A small study's rows with invented figures, and a reader of the page that shows them."""

from collections.abc import Sequence
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np

from trainer.attention import AttentionRow, DistanceRow
from trainer.checkpoints import EpochRow
from trainer.compare import ConfusionRow, CostRow, CurveRow, SureRow
from trainer.corpus_card import CorpusRow, TopicsRow
from trainer.provenance import Provenance
from trainer.report.page import write_report
from trainer.results import QualityRow, merge_rows
from trainer.significance import Difference, Interval

Rows = dict[str, list[Any]]
METHODS = {"tab-lstm": (1, 2), "popularity": (1,), "lstm": (1, 2), "blend": (1,)}
COMMAND = "trainer compare small results"
WHERE = Provenance("c0ffee", "a machine", "2026-01-02T03:04:05Z")
WORDS = ["wave", "sand", "gull"]


class Page(HTMLParser):
    """Tables by their captions, attributes and text of a page, all of whose tags are closed."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.html = file.read_text(encoding="utf-8")
        self.tables: dict[str, list[list[str]]] = {}
        self.bold: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.text = self._caption = ""
        self._rows: list[list[str]] = []
        self._inside: list[str] = []
        self.feed(self.html)
        assert self._inside == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.text += " "
        self.attributes += [(name, value or "") for name, value in attrs]
        if tag != "meta":
            self._inside.append(tag)
        if tag == "table":
            self._rows, self._caption = [], ""
        elif tag == "tr":
            self._rows.append([])
        elif tag in {"td", "th"}:
            self._rows[-1].append("")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in {"line", "polyline"}
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        assert self._inside.pop() == tag
        if tag == "table":
            self.tables[" ".join(self._caption.split())] = self._rows

    def handle_data(self, data: str) -> None:
        if "style" in self._inside:
            return
        self.text += data
        if "caption" in self._inside:
            self._caption += data
        elif {"td", "th"} & set(self._inside):
            self._rows[-1][-1] += f" ({data})" if "small" in self._inside else data
            self.bold += [data] * ("strong" in self._inside)

    def named(self, name: str) -> list[str]:
        """Return the values of an attribute."""
        return [value for known, value in self.attributes if known == name]

    def table(self, *words: str) -> dict[str, list[str]]:
        """Return the cells, by their row, of the one table whose caption has all these words."""
        [found] = [rows for told, rows in self.tables.items() if all(w in told for w in words)]
        return {row[0].strip(): [cell.strip() for cell in row[1:]] for row in found}


def about(protocol: str, method: str) -> dict[str, Any]:
    """Return what all rows of evidence have."""
    names = {"corpus": "small", "protocol": protocol, "method": method}
    return {**names, "command": COMMAND, "provenance": WHERE}


def drawn(random: np.random.Generator, count: int) -> list[Any]:
    return [round(float(value), 2) for value in random.uniform(1, 90, count)]


def quality(random: np.random.Generator, cell: tuple[str, str, int], **sizes: object) -> list[Any]:
    """Return the rows of one cell at k = 1 to 5."""
    protocol, method, seed = cell
    same: dict[str, Any] = {"corpus": "small", "protocol": protocol, "method": method, "seed": seed}
    same |= {"train_posts": 1200, "test_posts": 340, "topics": 100, "dimensions": 300}
    same |= {"without": "", "command": COMMAND, "time": WHERE.time, **sizes}
    same |= {"commit": WHERE.commit, "machine": WHERE.machine}
    names = ("precision", "recall", "f1", "hit")
    figures = [dict(zip(names, drawn(random, 4), strict=True)) for _ in range(5)]
    return [QualityRow(**{**same, **some, "k": k}) for k, some in enumerate(figures, start=1)]


def study_rows(seed: int = 0, methods: Sequence[str] = tuple(METHODS), name: str = "sea") -> Rows:
    """Return rows for everything that the report shows, `name` among them, by their file."""
    random = np.random.default_rng(seed)
    rows: Rows = {}
    for protocol in ("words-kept", "stripped"):
        for method in methods:
            for file, some in _of_method(random, protocol, method, name).items():
                rows.setdefault(file, []).extend(some)
        for file, some in _of_protocol(random, protocol, name).items():
            rows.setdefault(file, []).extend(some)
    whole = ("words-kept", "tab-lstm", 1)
    sizes = [{"topics": 50}, {"topics": 150}, {"topics": 75}]
    rows["table3"] = [row for some in sizes for row in quality(random, whole, **some)]
    vectors = [{"dimensions": 50}, {"dimensions": 300}]
    rows["table4"] = [row for some in vectors for row in quality(random, whole, **some)]
    cell, left_out = ("stripped", "tab-lstm+", 1), ["", "mean", "lstm"]
    rows["ablation"] = [row for w in left_out for row in quality(random, cell, without=w)]
    return rows


def _of_method(random: np.random.Generator, protocol: str, method: str, name: str) -> Rows:
    same, rows = about(protocol, method), Rows()
    seeds = METHODS.get(method, (1,))
    for seed in seeds:
        cell = (protocol, method, seed)
        rows.setdefault("table2", []).extend(quality(random, cell))
        distinct = quality(random, cell, test_posts=300)
        rows.setdefault("table2-without-near-duplicates", []).extend(distinct)
        seconds, speed = (100 * value for value in drawn(random, 2))
        cost = same | {"fit_seconds": seconds, "posts_per_second": speed, "threads": 2}
        cost |= {"seed": seed, "size_bytes": 4_000_000 * seed}
        rows.setdefault("evidence/costs", []).append(CostRow(**cost))
        epochs = [_epoch(epoch, *drawn(random, 3)) for epoch in (1, 2)]
        curve = CurveRow(**same, seed=seed, epochs=epochs)
        rows.setdefault("evidence/curves", []).append(curve)
    test = Difference(Interval(-1.5, -2.25, 0.75), 0.0412, 0.0005)
    own = same | {"f1": Interval(*drawn(random, 3)), "difference": test, "reference": "tab-lstm"}
    sure = SureRow(**own, seeds=list(seeds), posts=340)
    confusion = ConfusionRow(**same, mistakes=[(name, "wood", 1234)])
    return rows | {"evidence/significance": [sure], "evidence/confusions": [confusion]}


def _epoch(number: int, loss: float, dev_f1: float, dev_loss: float) -> EpochRow:
    return EpochRow(number, loss, dev_f1, dev_loss, 9.0, "fp32")


def _of_protocol(random: np.random.Generator, protocol: str, name: str) -> Rows:
    tab, everyone = about(protocol, "tab-lstm"), about(protocol, "-")
    shares = [value / 100 for value in drawn(random, 2)]
    lists = tab | {"distances": [(0, 0), (1, 2)], "posts": [7, 0], "attention": shares}
    distance = DistanceRow(**lists, seed=1, even=[0.25, 0.0], found=drawn(random, 2))
    counts = {"hashtags": 12_345, "vocabulary": 6_789, "min_count": 5, "frequent": 987}
    share = dict(zip(("hashtags_per_tweet", "unseen", "reachable"), drawn(random, 3), strict=True))
    heat = {"text": f"{name}!", "words": [*WORDS, name], "weights": [0.5, 0.25, 0.2468, 0.0032]}
    names = {"suggestions": ["wood", name], "network": "tab-lstm-1", "reading": "text-1"}
    return {
        "evidence/distance": [distance],
        "evidence/corpus": [CorpusRow(**(everyone | counts | share), tweets=[1200, 300, 340])],
        "evidence/attention": [AttentionRow(**(tab | heat | names))],
        "evidence/topics": [TopicsRow(**everyone, topics=[WORDS, [name, "oak"]])],
    }


def page_of(folder: Path, rows: Rows) -> Page:
    """Return the page of rows."""
    write_report(write_rows(folder / "results", rows), folder / "page.html", (), folder / "none")
    return Page(folder / "page.html")


def write_rows(results: Path, rows: Rows) -> Path:
    """Write rows as the commands do; return their folder."""
    for file, some in rows.items():
        merge_rows(results / f"{file}-small.json", some, type(some[0]))
    return results
