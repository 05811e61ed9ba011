"""`trainer report`: one self-contained page of tables and figures from a folder of results."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from trainer.checkpoints import write_durably
from trainer.report.attention import ask, attention_figures
from trainer.report.certainty import certainty_table, cost_table
from trainer.report.figures import distance_figures, learning_figures, quality_figures
from trainer.report.paper import PAPER_SOURCE, PAPER_TITLE
from trainer.report.quality import corpus_table, quality_table
from trainer.report.rows import Results, by_block
from trainer.report.sources import method_notes, mistakes, sources, topics
from trainer.report.summary import findings
from trainer.report.sweeps import ablation_tables, topic_tables, vector_tables
from trainer.report.words import read_as
from trainer.significance import CONFIDENCE, RESAMPLES


@dataclass(frozen=True)
class Section:
    """A part of the page, shown if there is something in it; `kind` is how the template shows it.

    Each group has a heading, which may be empty, and what stands below it.
    """

    name: str
    title: str
    kind: str
    groups: tuple[tuple[str, list[Any]], ...]

    @classmethod
    def of(cls, name: str, title: str, kind: str, parts: Iterable[Any]) -> "Section":
        """Return a section without headings in it."""
        return cls(name, title, kind, (("", list(parts)),))

    def __bool__(self) -> bool:
        return any(parts for _, parts in self.groups)


def write_report(results: Path, output: Path, texts: Sequence[str], parts: Path) -> str:
    """Write the page, and return a line about it.

    Everything comes from the folder `results`, but for the heat maps of further `texts`: for
    these the networks in `parts` are asked. Equal results give equal bytes. Raises `TrainerError`
    where there are no results, or a network is missing.
    """
    rows = Results.read(results)
    asked = ask(rows.attention, texts, parts)
    kept = [row for row in rows.attention if row.text not in texts]
    sections = [section for section in _sections(replace(rows, attention=kept + asked)) if section]
    output.parent.mkdir(parents=True, exist_ok=True)
    write_durably(output, render(sections).encode())
    return f"{output}: {len(sections)} sections from {len(rows.all):,} rows"


def render(sections: Sequence[Section]) -> str:
    """Return the page; whatever the rows hold is text in it, never markup."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template("page.html").render(
        sections=sections,
        paper_title=PAPER_TITLE,
        paper_source=PAPER_SOURCE,
        confidence=f"{100 * CONFIDENCE:g}",
        resamples=f"{RESAMPLES:,}",
    )


def _sections(rows: Results) -> list[Section]:
    table1 = corpus_table(rows)
    of = Section.of
    return [
        of("summary", "In plain words", "findings", findings(rows)),
        of("methods", "The methods", "methods", method_notes(rows)),
        of("table-1", "Table 1: the corpora", "tables", [table1] if table1 else []),
        Section("table-2", "Table 2: the methods compared", "tables", _comparison(rows)),
        of("figure-3", "Figure 3: more than one suggestion", "charts", quality_figures(rows)),
        of("table-3", "Table 3: the number of topics", "tables", topic_tables(rows)),
        of("table-4", "Table 4: the length of the word vectors", "tables", vector_tables(rows)),
        of("ingredients", "What each ingredient is worth", "tables", ablation_tables(rows)),
        of(
            "figure-4",
            "Figure 4: where the networks look",
            "attention",
            attention_figures(rows.attention, rows),
        ),
        of("distance", "Answers that stand in the text", "charts", distance_figures(rows)),
        of("learning", "How the networks learned", "charts", learning_figures(rows)),
        of("topics", "The topics", "topics", topics(rows)),
        of("mistakes", "The most frequent mistakes", "mistakes", mistakes(rows)),
        of("sources", "How it was made", "sources", sources(rows)),
    ]


def _comparison(rows: Results) -> tuple[tuple[str, list[Any]], ...]:
    made = (quality_table, certainty_table, cost_table)
    compared: list[Any] = [*rows.table2, *rows.distinct, *rows.significance, *rows.costs]
    return tuple(
        (
            f"{block.corpus}, {read_as(block.protocol)}",
            [found for make in made if (found := make(rows, block))],
        )
        for block in by_block(compared)
    )
