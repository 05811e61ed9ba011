"""The page of the report as a whole: its parts, its safety, and texts that networks are asked."""

import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.support.learning import TINY, planted_corpus
from tests.support.report import Page, Rows, page_of, study_rows, write_rows
from trainer.attention import AttentionRow, heat_map, load_network
from trainer.compare import Writer, compare
from trainer.errors import TrainerError
from trainer.parts import Parts
from trainer.report.page import write_report
from trainer.study import Case, Study

HOSTILE = """</style><script>alert('x')</script>"&amp;{{ 7 * 7 }}"""
ALL = ("summary", "reading", "methods", "table-1", "table-2", "figure-3", "table-3", "table-4")
REST = ("ingredients", "figure-4", "distance", "learning", "topics", "mistakes", "sources")
OTHER: dict[str, Any] = {
    "text": "moss oak",
    "words": ["moss", "oak"],
    "weights": [0.75, 0.25],
    "suggestions": [],
}


@pytest.fixture(scope="module")
def rows() -> Rows:
    return study_rows()


@pytest.fixture(scope="module")
def page(rows: Rows, tmp_path_factory: pytest.TempPathFactory) -> Page:
    return page_of(tmp_path_factory.mktemp("page"), rows)


def test_links_and_ids(page: Page) -> None:
    ids = page.named("id")
    assert len(ids) == len(set(ids))
    assert {link.removeprefix("#") for link in page.named("href")} <= set(ids)
    assert [name for name in ids if name in {*ALL, *REST}] == [*ALL, *REST]


@pytest.mark.parametrize(
    ("missing", "sections"),
    [
        (("table2",), {"summary", "figure-3"}),
        (("evidence/corpus",), {"table-1"}),
        (("table3",), {"table-3"}),
        (("table4",), {"table-4"}),
        (("ablation",), {"ingredients"}),
        (("evidence/attention",), {"figure-4"}),
        (("evidence/distance",), {"distance"}),
        (("evidence/curves",), {"learning"}),
        (("evidence/topics",), {"topics"}),
        (("evidence/confusions",), {"mistakes"}),
        (
            (
                "table2",
                "table2-without-near-duplicates",
                "evidence/significance",
                "evidence/costs",
            ),
            {"summary", "table-2", "figure-3"},
        ),
    ],
)
def test_a_section_needs_its_rows(
    rows: Rows, missing: tuple[str, ...], sections: set[str], tmp_path: Path
) -> None:
    some = {file: rows[file] for file in rows if file not in missing}
    found = page_of(tmp_path, some)
    assert {*ALL, *REST} - set(found.named("id")) == sections
    assert not {f"#{name}" for name in sections} & set(found.named("href"))


def test_what_rows_hold_is_text_never_markup(tmp_path: Path) -> None:
    harmless = page_of(tmp_path / "harmless", study_rows(methods=["tab-lstm", "other"]))
    rows = study_rows(methods=["tab-lstm", HOSTILE], name=HOSTILE)
    names = {"corpus": HOSTILE, "command": HOSTILE}
    rows = {file: [msgspec.structs.replace(r, **names) for r in rows[file]] for file in rows}
    found = page_of(tmp_path, rows)
    assert found.tags == harmless.tags
    assert found.table("Table 2a", "stripped")[HOSTILE][-1] == "–"
    assert f"#{HOSTILE} → #wood" in found.text
    assert f"Corpus {HOSTILE}, stripped" in found.text
    assert f"{HOSTILE}: 0.3 %" in found.named("title")


def test_the_page_is_one_file(page: Page) -> None:
    assert not {"script", "link", "img", "iframe", "object", "image"} & set(page.tags)
    assert not re.search(r"https?://|url\(|@import", page.html)
    assert not {"src", "srcset", "xlink:href", "data"} & {name for name, _ in page.attributes}


def test_equal_rows_give_equal_bytes(page: Page, rows: Rows, tmp_path: Path) -> None:
    turned = {file: list(reversed(rows[file])) for file in reversed(list(rows))}
    assert page_of(tmp_path, turned).html == page.html


def test_what_cannot_be_reported_is_told(rows: Rows, tmp_path: Path) -> None:
    out = tmp_path / "page.html"
    with pytest.raises(TrainerError, match="holds no results; `trainer compare` makes some"):
        write_report(tmp_path, out, (), tmp_path)
    results = write_rows(tmp_path / "results", rows)
    with pytest.raises(TrainerError, match=r"none has no tab-lstm-1, .* give --parts the folder"):
        write_report(results, out, ("wave",), tmp_path / "none")
    (results / "evidence" / "attention-small.json").unlink()
    with pytest.raises(TrainerError, match="run `trainer compare` with tab-lstm or vab-lstm first"):
        write_report(results, out, ("wave",), tmp_path)
    (results / "table3-small.json").write_text("[{}]")
    with pytest.raises(TrainerError, match=r"table3-small.json is no list of results \(.*missing"):
        write_report(results, out, (), tmp_path)
    assert not out.exists()


def test_a_text_is_shown_as_the_networks_read_it(tmp_path: Path) -> None:
    given = {name: getattr(TINY, name) for name in ("dimensions", "hidden", "topics", "min_count")}
    given |= {"vector_epochs": 1, "topic_passes": 1, "min_word_count": 1, "max_post_share": 1.0}
    study = Study(planted_corpus(tmp_path / "planted"), Parts(tmp_path / "parts"), given)
    cells = [Case(method, "stripped", 1, {"epochs": 1}) for method in ("tab-lstm", "vab-lstm")]
    writer = Writer(study, tmp_path / "results", "trainer compare planted results")
    compare(study, cells, writer)
    for case in cells:  # of another text, which stays on the page
        names = (study.folder(case).name, study.material(case).text_folder.name)
        about = writer.about(case, study.cost(case).provenance)
        row = AttentionRow(**about, **OTHER, network=names[0], reading=names[1])
        writer.evidence("attention", row)
    texts = ("Gull <b>tide</b> tram", "#sea")
    write_report(tmp_path / "results", tmp_path / "page.html", texts, tmp_path / "parts")
    found = Page(tmp_path / "page.html")
    for case in cells:
        reading = study.material(case).text_folder.name
        network, text = load_network(study.parts.path, study.folder(case).name, reading)
        words, weights = heat_map(network, text, texts[0])
        assert words[0] == "gull"
        for word, weight in zip(words, weights, strict=True):
            assert f"{word}: {100 * weight:.1f} %" in found.named("title")
    assert [texts[0] in found.text, found.html.count("<b>tide")] == [True, False]
    assert found.text.count("It reads no word of this text") == len(cells)
    quality = study.quality(cells[0])
    assert found.table("Table 2a")["TAB-LSTM"][2] == f"{100 * quality.f1[0]:.2f}"
    assert found.named("title").count("moss: 75.0 %") == len(cells)
    write_report(tmp_path / "results", tmp_path / "page.html", (OTHER["text"],), study.parts.path)
    assert "moss: 75.0 %" not in Page(tmp_path / "page.html").named("title")  # asked anew
