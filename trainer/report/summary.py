"""The report in plain words: which method is best, and what topical attention brings."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from trainer.compare import REFERENCE, SureRow
from trainer.report.paper import IMPROVEMENT, TABLE_2
from trainer.report.quality import LEAKY
from trainer.report.rows import Block, Results, by_block, by_method, in_block
from trainer.report.words import INTERVAL, between, chance, label, percent, read_as, signed
from trainer.results import QualityRow

_PLAIN = "lstm"  # what the paper's improvement is over
_OLDER = ("lda", "svm", "ttm")  # what the paper compares its networks with


@dataclass(frozen=True)
class Finding:
    """What was found on one corpus under one protocol."""

    title: str
    sentences: tuple[str, ...]


def findings(results: Results) -> list[Finding]:
    """Return what Table 2 says, computed from its rows."""
    return [
        Finding(f"{block.corpus}, {read_as(block.protocol)}", _sentences(results, block, rows))
        for block, rows in by_block(results.table2).items()
    ]


def _sentences(results: Results, block: Block, rows: Sequence[QualityRow]) -> tuple[str, ...]:
    sure = {row.method: row for row in in_block(results.significance, block)}
    f1 = _means([row for row in rows if row.k == 1], "f1")
    hit = _means([row for row in rows if row.k == 5], "hit")
    sentences = [_best(f1, hit, sure)] if f1 else []
    if _PLAIN in sure and REFERENCE in sure and sure[_PLAIN].reference == REFERENCE:
        sentences.append(f"{_gain(sure[REFERENCE], sure[_PLAIN])} {_of_the_paper(block)}")
    elif f1.get(_PLAIN) and REFERENCE in f1:
        sentences.append(f"{_untested_gain(f1[REFERENCE], f1[_PLAIN])} {_of_the_paper(block)}")
    if f1.keys() >= set(_OLDER):
        sentences.append(_order(f1))
    return tuple(sentences)


def _order(f1: Mapping[str, float]) -> str:
    """Tell how the methods before the networks follow each other, here and in the paper."""
    theirs = {method: 100 * TABLE_2[method].f1 for method in _OLDER}
    same = _falling(f1) == _falling(theirs)
    ours = ", ".join(f"{label(method)} {percent(f1[method])} %" for method in _falling(f1))
    paper = ", ".join(f"{label(method)} {theirs[method]:.1f} %" for method in _falling(theirs))
    return (
        f"Of the methods before the networks, {ours}; the paper has {paper}: "
        f"{'the same order' if same else 'another order'}."
    )


def _falling(f1: Mapping[str, float]) -> list[str]:
    return sorted(_OLDER, key=lambda method: -f1[method])


def _means(rows: Sequence[QualityRow], name: str) -> dict[str, float]:
    return {
        method: sum(getattr(row, name) for row in some) / len(some)
        for method, some in by_method(rows).items()
    }


def _best(f1: Mapping[str, float], hit: Mapping[str, float], sure: Mapping[str, SureRow]) -> str:
    best = max(f1, key=lambda method: f1[method])
    begin = (
        f"The best of {len(f1)} methods is {label(best)}, with"
        if len(f1) > 1
        else f"{label(best)} has"
    )
    told = f"{begin} F1@1 {percent(f1[best])} %"
    if best in sure and best != sure[best].reference:
        row = sure[best]
        found = row.difference.interval
        told += (
            f", {signed(found.value)} points against {label(row.reference)} "
            f"({INTERVAL} {between(signed(found.low), signed(found.high))})"
        )
    if best in hit:
        told += (
            f"; for {percent(hit[best])} % of the posts at least one of its five suggestions "
            "is right"
        )
    return f"{told}."


def _gain(topical: SureRow, plain: SureRow) -> str:
    """Tell the row of LSTM's difference to TAB-LSTM the other way round."""
    found = plain.difference
    low, high = -found.interval.high, -found.interval.low
    points = -found.interval.value
    verdict = "chance alone may explain that" if low <= 0 <= high else "chance hardly explains that"
    relative = _relative(points, plain.f1.value)
    return (
        f"{label(REFERENCE)} reaches F1@1 {percent(topical.f1.value)} % and {label(_PLAIN)} "
        f"{percent(plain.f1.value)} %: a difference of {signed(points)} points ({INTERVAL} "
        f"{between(signed(low), signed(high))}; {_p(found.p_t_test)} by the t-test, "
        f"{_p(found.p_bootstrap)} by the bootstrap){relative}; {verdict}."
    )


def _untested_gain(topical: float, plain: float) -> str:
    return (
        f"{label(REFERENCE)} reaches F1@1 {percent(topical)} % and {label(_PLAIN)} "
        f"{percent(plain)} %: a difference of {signed(topical - plain)} points"
        f"{_relative(topical - plain, plain)}, not tested."
    )


def _relative(points: float, plain: float) -> str:
    if not plain:
        return ""
    return f", or {abs(100 * points / plain):.1f} % {'more' if points >= 0 else 'less'}"


def _of_the_paper(block: Block) -> str:
    topical, plain = TABLE_2[REFERENCE].f1, TABLE_2[_PLAIN].f1
    text = "" if block.protocol == LEAKY else ", on text that kept the hashtags' words"
    return (
        f"The paper has {100 * topical:.1f} and {100 * plain:.1f} %, and speaks of more than "
        f"{IMPROVEMENT} % improvement{text}."
    )


def _p(value: float) -> str:
    text = chance(value)
    return f"p {text}" if text.startswith("<") else f"p = {text}"
