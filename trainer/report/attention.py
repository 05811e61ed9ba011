"""Figure 4 of the report: where networks look in a text, and what they suggest for it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from export.text import SPECIAL_WORDS
from trainer.attention import ATTENTIVE, AttentionRow, heat_map, load_network
from trainer.errors import TrainerError
from trainer.recommender import Recommender
from trainer.report.rows import Block, Results, by_block, grouped
from trainer.report.words import about, label

_SUGGESTED = 5


@dataclass(frozen=True)
class Word:
    """A word that a network reads, its weight in per cent, and its shade from 0 to 1."""

    text: str
    weight: float
    shade: float

    @property
    def told(self) -> str:
        """The weight, short enough to stand below a word."""
        return f"{self.weight:.0f}" if self.weight >= 1 else "<1"


@dataclass(frozen=True)
class HeatMap:
    """Where one network looks in a text."""

    method: str
    words: tuple[Word, ...]
    suggestions: tuple[str, ...]


@dataclass(frozen=True)
class HeatMaps:
    """All networks' maps of one text, side by side."""

    text: str
    maps: tuple[HeatMap, ...]


@dataclass(frozen=True)
class AttentionFigure:
    """The texts of one corpus and protocol."""

    title: str
    about: str
    texts: tuple[HeatMaps, ...]


def attention_figures(rows: Iterable[AttentionRow], results: Results) -> list[AttentionFigure]:
    """Return Figure 4 for each corpus and protocol."""
    return [_figure(results, block, some) for block, some in by_block(rows).items()]


def _figure(results: Results, block: Block, rows: Sequence[AttentionRow]) -> AttentionFigure:
    unknown = ""
    if any(SPECIAL_WORDS[1] in row.words for row in rows):
        unknown = f" {SPECIAL_WORDS[1]} is a word that the network does not know."
    methods = " and ".join(dict.fromkeys(label(row.method) for row in sorted(rows, key=_place)))
    texts = [
        HeatMaps(text, tuple(_map(row) for row in sorted(some, key=_place)))
        for text, some in grouped(rows, lambda row: row.text).items()
    ]
    caption = about(results, block, "the first seed of each network")
    return AttentionFigure(f"Figure 4. Attention of {methods}", caption + unknown, tuple(texts))


def _place(row: AttentionRow) -> int:
    return ATTENTIVE.index(row.method) if row.method in ATTENTIVE else len(ATTENTIVE)


def _map(row: AttentionRow) -> HeatMap:
    most = max(row.weights, default=0.0) or 1.0
    words = zip(row.words, row.weights, strict=False)
    return HeatMap(
        label(row.method),
        tuple(Word(word, 100 * weight, round(weight / most, 3)) for word, weight in words),
        tuple(row.suggestions),
    )


def ask(rows: Sequence[AttentionRow], texts: Sequence[str], parts: Path) -> list[AttentionRow]:
    """Ask every network that left heat maps for those of further texts.

    Raises `TrainerError` where there is none, or where it is not kept any more.
    """
    networks = list({(row.network, row.reading): row for row in rows}.values())
    if texts and not networks:
        raise TrainerError(
            "no network of the results can be asked for a text: "
            f"run `trainer compare` with {' or '.join(ATTENTIVE)} first"
        )
    return [found for row in networks if texts for found in _asked(row, texts, parts)]


def _asked(row: AttentionRow, texts: Sequence[str], parts: Path) -> list[AttentionRow]:
    for name in (row.network, row.reading):
        if not (parts / name).is_dir():
            raise TrainerError(
                f"{parts} has no {name}, which {row.method} needs to read a text: give --parts "
                f"the folder that it was learned in, or run `{row.command}` again"
            )
    method, reading = load_network(parts, row.network, row.reading)
    recommender = Recommender(reading, method)
    found = []
    for text in dict.fromkeys(texts):
        readable = reading.reader.read([text]).ids.lengths[0] > 0
        words, weights = heat_map(method, reading, text) if readable else ([], [])
        suggestions = recommender.recommend([text], _SUGGESTED)[0]
        changes = {"text": text, "words": words, "weights": weights, "suggestions": suggestions}
        found.append(msgspec.structs.replace(row, **changes))
    return found
