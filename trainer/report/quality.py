"""Tables 1 and 2 of the report: the corpora, and every method on each of them."""

from trainer.corpus_card import CorpusRow
from trainer.report.paper import PAPER_TITLE, TABLE_1, TABLE_2
from trainer.report.rows import Block, Results, by_block, by_method, in_block
from trainer.report.tables import (
    Body,
    Cell,
    Column,
    Line,
    Table,
    method_bodies,
    quality_cells,
    quality_columns,
    table,
)
from trainer.report.words import (
    about,
    numbers,
    percent,
    seeds_of,
)

LEAKY = "words-kept"  # the paper's way to read posts
OTHER_POSTS = "The paper's figures are from its own posts of 2009."
OTHER_TEXT = (
    "They stand here only to look back at: the paper's text kept the words of the hashtags, which "
    f"are taken out here. What comes nearer is {LEAKY}."
)


def corpus_table(results: Results) -> Table | None:
    """Return Table 1: the paper's corpus and ours."""
    if not results.corpus:
        return None
    names = ("Train", "Dev", "Test")
    columns = [Column(name, "Posts") for name in names]
    columns += [Column("Hashtags"), Column("Hashtags a post"), Column("Vocabulary")]
    columns += [Column(name, "What can be suggested") for name in ("Hashtags", "Posts, %")]
    columns += [Column("New hashtags, %")]
    paper = (*TABLE_1.tweets, TABLE_1.hashtags, TABLE_1.hashtags_per_tweet, TABLE_1.vocabulary)
    cells = [Cell(f"{number:,}") for number in paper] + [Cell()] * 3
    bodies = [Body("The paper", (Line("Twitter, late 2009", tuple(cells)),))]
    lines = [
        Line(f"{block.corpus}, {block.protocol}", _corpus_cells(row))
        for block, rows in by_block(results.corpus).items()
        for row in rows
    ]
    least = numbers(row.min_count for row in results.corpus)
    return table(
        "Table 1. The corpora",
        "Counts over train, dev and test, as each protocol reads them; no method or seed matters.",
        "Corpus and protocol",
        columns,
        [*bodies, Body("Here", tuple(lines))],
        "Vocabulary: the words that a network reads, rare ones left out; the paper does not tell "
        f"how it counts. What can be suggested: hashtags of at least {least} training posts, and "
        "the test posts that carry one of them. New hashtags: the share of the test posts' "
        "hashtags that no training post has.",
    )


def _corpus_cells(row: CorpusRow) -> tuple[Cell, ...]:
    counts = (*row.tweets, row.hashtags)
    return (
        *(Cell(f"{count:,}") for count in counts),
        Cell(f"{row.hashtags_per_tweet:,}"),
        Cell(f"{row.vocabulary:,}"),
        Cell(f"{row.frequent:,}"),
        Cell(percent(row.reachable)),
        Cell(percent(row.unseen)),
    )


def quality_table(results: Results, block: Block) -> Table | None:
    """Return Table 2's means: quality of each method, and the paper's beside it."""
    rows = in_block(results.table2, block)
    if not rows:
        return None
    methods = by_method(rows)
    paper = any(method in TABLE_2 for method in methods)
    columns = quality_columns(paper)
    cells = {
        method: quality_cells(some, TABLE_2.get(method), len(columns))
        for method, some in methods.items()
    }
    seeds = seeds_of((row.method, row.seed) for row in rows)
    beside = f"{OTHER_POSTS} {'' if block.protocol == LEAKY else OTHER_TEXT}".strip()
    return table(
        "Table 2a. Quality",
        about(results, block, seeds),
        "Method",
        columns,
        method_bodies(cells),
        f"{beside} ({PAPER_TITLE}, Table 2.)" if paper else "",
    )
