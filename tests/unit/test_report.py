"""Every figure of the report is a row's or the paper's, and stands in its place."""

import re
from pathlib import Path
from statistics import mean

import msgspec
import numpy as np
import pytest

from tests.support import report
from tests.support.report import METHODS, Page, Rows, page_of, study_rows
from trainer.report.paper import TABLE_2, TABLE_3, TABLE_4, Figures
from trainer.report.scale import apart, ticks_of
from trainer.results import QualityRow

SHOWN = ((1, "precision"), (1, "recall"), (1, "f1"), (5, "f1"), (1, "hit"), (5, "hit"))


@pytest.fixture(scope="module")
def rows() -> Rows:
    return study_rows()


@pytest.fixture(scope="module")
def page(rows: Rows, tmp_path_factory: pytest.TempPathFactory) -> Page:
    return page_of(tmp_path_factory.mktemp("page"), rows)


def cell(rows: list[QualityRow], k: int, name: str) -> str:
    """Return how a cell is written, by hand."""
    values = [getattr(row, name) for row in rows if row.k == k]
    spread = f" ({min(values):.2f}–{max(values):.2f})" if len(values) > 1 else ""
    return f"{mean(values):.2f}{spread}"


def cells(rows: list[QualityRow]) -> list[str]:
    return [cell(rows, k, name) for k, name in SHOWN]


def paper(figures: tuple[float, ...] | None) -> list[str]:
    return [f"{100 * value:.1f}" for value in figures] if figures else ["–"] * 3


@pytest.mark.parametrize("protocol", ["stripped", "words-kept"])
def test_quality_stands_beside_the_paper_s(page: Page, rows: Rows, protocol: str) -> None:
    shown = page.table("Table 2a", protocol, "1,200 training and 340 test posts")
    names = {"lstm": "LSTM", "tab-lstm": "TAB-LSTM"}
    for method in METHODS:
        some = [r for r in rows["table2"] if (r.method, r.protocol) == (method, protocol)]
        due = [*cells(some), *paper(TABLE_2.get(method))]
        assert shown[names.get(method, method)] == due
        assert len(due) == 9
    order = [name for name in shown if name in {*names.values(), *METHODS}]
    assert order == ["LSTM", "TAB-LSTM", "popularity", "blend"]
    assert any("seeds 1, 2 for LSTM, TAB-LSTM; seed 1 for the others" in t for t in page.tables)


def test_the_best_of_each_column_is_bold(page: Page, rows: Rows) -> None:
    for protocol in ("stripped", "words-kept"):
        for k, name in SHOWN:
            some = [r for r in rows["table2"] if r.protocol == protocol and r.k == k]
            best = max(
                mean(getattr(r, name) for r in some if r.method == method) for method in METHODS
            )
            assert f"{best:.2f}" in page.bold
    assert page.bold.count("50.3") == 3  # of the paper, in both parts of Table 2 and in Table 4


def test_the_paper_s_text_is_told_where_ours_is_stripped(rows: Rows, tmp_path: Path) -> None:
    told = "the paper's text kept the words of the hashtags"
    for protocol, due in (("stripped", 1), ("words-kept", 0)):
        some = [row for row in rows["table2"] if row.protocol == protocol]
        found = page_of(tmp_path / protocol, {"table2": some})
        assert found.text.count(told) == due
        assert found.text.count("on text that kept the hashtags' words") == due


def test_certainty_and_costs(page: Page, rows: Rows) -> None:
    for row in rows["evidence/significance"]:
        block = (row.method, row.protocol)
        name = row.method.upper() if "lstm" in row.method else row.method
        of_row = [r for r in rows["table2-without-near-duplicates"] if _block(r) == block]
        tested = ["−1.50", "−2.25 to +0.75", "0.041", "< 0.001"]
        assert page.table("Table 2b", row.protocol)[name] == [
            f"{row.f1.value:.2f}",
            f"{row.f1.low:.2f} to {row.f1.high:.2f}",
            *(["–"] * 4 if row.method == "tab-lstm" else tested),
            cell(of_row, 1, "f1"),
            cell(of_row, 5, "hit"),
        ]
        costs = [r for r in rows["evidence/costs"] if _block(r) == block]
        shown = page.table("Table 2c", row.protocol)[name]
        assert shown[0].startswith(f"{mean(r.fit_seconds for r in costs):,.0f}")
        assert shown[1] == ("6.0 MB (4 MB–8 MB)" if len(costs) > 1 else "4 MB").replace(".0", "")
        assert shown[2].startswith(f"{mean(r.posts_per_second for r in costs):,.0f}")


def _block(row: QualityRow) -> tuple[str, str]:
    return row.method, row.protocol


def test_the_corpora(page: Page, rows: Rows) -> None:
    shown = page.table("Table 1")
    posts = ["500,000", "50,000", "50,000"]
    assert shown["Twitter, late 2009"] == [*posts, "27,720", "1.308", "337,245", *["–"] * 3]
    for row in rows["evidence/corpus"]:
        counts = ["1,200", "300", "340", "12,345", f"{row.hashtags_per_tweet}", "6,789", "987"]
        due = [*counts, f"{row.reachable:.2f}", f"{row.unseen:.2f}"]
        assert shown[f"small, {row.protocol}"] == due


def test_sizes_and_ingredients(page: Page, rows: Rows) -> None:
    for file, size, figures in (("table3", "topics", TABLE_3), ("table4", "dimensions", TABLE_4)):
        shown = page.table(f"Table {file[-1]}", "TAB-LSTM with")
        for value in {getattr(row, size) for row in rows[file]}:
            some = [row for row in rows[file] if getattr(row, size) == value]
            assert shown[str(value)] == [*cells(some), *paper(figures.get(value))]
    f1 = {row.without: row.f1 for row in rows["ablation"] if row.k == 1}
    shown = page.table("Ingredients of TAB-LSTM+")
    for name, told in (("mean", "the mean of the word vectors"), ("", "nothing")):
        some = [row for row in rows["ablation"] if row.without == name]
        change = f"{f1[name] - f1['']:+.2f}".replace("-", "−") if name else "–"
        assert shown[told] == [*cells(some), change]


def test_figures_are_tables_too(page: Page, rows: Rows) -> None:
    assert page.tags.count("svg") == 2 * 3 + 2 * 2 + 2 * 3
    for protocol in ("stripped", "words-kept"):
        some = [r for r in rows["table2"] if _block(r) == ("blend", protocol)]
        assert page.table("Recall at k", protocol)["blend"] == [f"{row.recall:.2f}" for row in some]
        for row in rows["evidence/curves"]:
            if (row.method, row.seed, row.protocol) == ("lstm", 2, protocol):
                due = [f"{epoch.dev_loss:.2f}" for epoch in row.epochs]
                assert page.table("Loss on dev", protocol)["LSTM, seed 2"] == due
        [row] = [row for row in rows["evidence/distance"] if row.protocol == protocol]
        found, looked = f"{row.found[0]:.2f}", f"{100 * row.attention[0]:.2f}"  # none further off
        assert page.table("Suggested first", protocol)["TAB-LSTM"] == [found, "–"]
        shown = page.table("Attention on the answer", protocol)
        assert (shown["TAB-LSTM"], shown["even share"]) == ([looked, "–"], ["25.00", "–"])


def test_heat_maps(page: Page) -> None:
    assert page.html.count('style="--w:1.0" title="wave: 50.0 %"') == 2
    assert page.html.count('style="--w:0.494" title="gull: 24.7 %"') == 2
    assert page.html.count('title="sea: 0.3 %"') == 2
    assert re.search(r"It suggests\s+#wood\s+#sea\s", page.text)


def test_the_rest_is_told(page: Page) -> None:
    assert page.table("mistakes", "stripped")["LSTM"] == ["#sea → #wood 1,234"]
    for told in ("wave sand gull", "sea oak", "c0ffee", "2026-01-02T03:04:05Z", "a machine"):
        assert told in page.text
    assert "TAB-LSTM" in page.table("What the methods are")


def test_plain_words_turn_the_difference_round(page: Page, rows: Rows) -> None:
    plain = {
        row.protocol: row.f1.value for row in rows["evidence/significance"] if row.method == "lstm"
    }
    for value in plain.values():
        told = f"{100 * 1.5 / value:.1f} % more; chance alone may explain that"
        tested = "p = 0.041 by the t-test, p < 0.001 by the bootstrap"
        assert f"+1.50 points (95 % interval −0.75 to +2.25; {tested}), or {told}" in page.text
    assert page.text.count("The paper has 46.7 and 43.4 %, and speaks of more than 7.4 %") == 2


@pytest.mark.parametrize("f1", [(5.0, 60.0, 30.0), (5.0, 30.0, 60.0)])
def test_the_order_of_the_older_methods_stands_beside_the_paper_s(
    f1: tuple[float, ...], tmp_path: Path
) -> None:
    values = dict(zip(("lda", "svm", "ttm"), f1, strict=True))
    rows = study_rows(methods=list(values))
    rows["table2"] = [msgspec.structs.replace(row, f1=values[row.method]) for row in rows["table2"]]
    found = page_of(tmp_path, rows).text
    theirs = "the paper has TTM 30.0 %, SVM 21.9 %, LDA 8.7 %"
    if values["svm"] > values["ttm"]:
        due = f"SVM 60.00 %, TTM 30.00 %, LDA 5.00 %; {theirs}: another order."
    else:
        due = f"TTM 60.00 %, SVM 30.00 %, LDA 5.00 %; {theirs}: the same order."
    assert f"Of the methods before the networks, {due}" in " ".join(found.split())


def test_no_figure_but_the_paper_s_is_typed_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report, "drawn", lambda _, count: [11.11] * count)
    found = set(re.findall(r"\d+\.\d+", page_of(tmp_path, study_rows()).text))
    known = {f"{100 * v:.1f}" for t in (TABLE_2, TABLE_3, TABLE_4) for f in t.values() for v in f}
    ticks = {f"{value:g}" for low in (0, 11.11) for value in ticks_of(low, 11.11)}
    given = {"11.11", "0.00", "1.50", "2.25", "0.75", "0.041", "0.001", "25.00", "0.25"}
    assert found - known - ticks - given - {"7.4", "1.308"} == {f"{150 / 11.11:.1f}"}


@pytest.mark.parametrize("figures", [*TABLE_2.values(), *TABLE_3.values(), *TABLE_4.values()])
def test_the_paper_s_figures_fit_together(figures: Figures) -> None:
    both = figures.precision + figures.recall
    assert figures.f1 == pytest.approx(2 * figures.precision * figures.recall / both, abs=0.001)


@pytest.mark.parametrize("wanted", [[5.0] * 8, [200.0, 10.0, 11.0], [0.0, 300.0], [7.0]])
def test_names_stand_apart_in_their_order(wanted: list[float]) -> None:
    found = apart(wanted, 10.0, 260.0)
    order = np.argsort(wanted, kind="stable")
    assert (np.diff(np.array(found)[order]) >= 12).all()
    assert min(found) >= 10
    assert max(found) <= 260


@pytest.mark.parametrize(("low", "high"), [(0, 46.7), (0, 3e-3), (5.81, 6.4), (2, 2), (0, 0)])
def test_an_axis_has_few_round_numbers_around_all_values(low: float, high: float) -> None:
    found = ticks_of(low, high)
    assert found[0] <= low <= high <= found[-1]
    assert 2 <= len(found) <= 8
    assert np.ptp(np.diff(found)) == pytest.approx(0)
