"""How the report writes figures and names."""

from collections.abc import Iterable

from trainer.catalogue import METHODS
from trainer.report.paper import TABLE_2
from trainer.report.rows import Block, Results, grouped, in_block, method_order
from trainer.significance import CONFIDENCE

NONE = "–"
INTERVAL = f"{100 * CONFIDENCE:g} % interval"
_PROTOCOLS = {
    "stripped": "hashtags taken out of the text",
    "words-kept": "only the # taken out, so the answer may stand in the text",
}


def label(method: str) -> str:
    """Return a method's name as the paper writes it."""
    known = method in TABLE_2 or (method in METHODS and "lstm" in method)
    return method.upper() if known else method


def group(method: str) -> str:
    """Return the kind of a method, in the plural."""
    if method in TABLE_2:
        return "The paper's methods"
    source = METHODS[method].source if method in METHODS else ""
    return "Our own" if source == "tagstream" else "Yardsticks" if source else "Others"


def read_as(protocol: str) -> str:
    """Return a protocol with what it means."""
    return f"{protocol} ({_PROTOCOLS[protocol]})" if protocol in _PROTOCOLS else protocol


def percent(value: float) -> str:
    """Write a figure that is in per cent already."""
    return signless_zero(f"{value:.2f}")


def signless_zero(text: str) -> str:
    """Write a true minus, and none before a zero."""
    number = text.lstrip("+-")
    return number if not number.strip("0.,") else text.replace("-", "\N{MINUS SIGN}")


def signed(value: float) -> str:
    """Write a difference."""
    return signless_zero(f"{value:+.2f}")


def between(low: str, high: str) -> str:
    """Write two bounds; an en dash would hide a minus."""
    return f"{low} to {high}"


def chance(p: float) -> str:
    """Write a p-value."""
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def counted(number: float) -> str:
    """Write a number that may be large: decimals only where they matter."""
    return f"{number:,.0f}" if number >= 10 or number == int(number) else f"{number:.1f}"


def size(count: float) -> str:
    """Write a number of bytes."""
    return f"{counted(count / 1e6)} MB" if count >= 1e5 else f"{counted(count / 1e3)} kB"


def listed(parts: Iterable[str]) -> str:
    """Join by commas."""
    return ", ".join(parts)


def seeds_of(rows: Iterable[tuple[str, int]]) -> str:
    """Tell the seeds of (method, seed), by methods where they differ."""
    found = grouped(rows, lambda row: row[0])
    seeds = {
        method: tuple(sorted({seed for _, seed in found[method]}))
        for method in sorted(found, key=method_order)
    }
    kinds = grouped(seeds, lambda method: seeds[method])
    parts: list[str] = []
    for kind in sorted(kinds, key=len, reverse=True):
        told = f"seed{'s' * (len(kind) > 1)} {listed(map(str, kind))}"
        if len(kinds) > 1:
            rest = len(parts) == len(kinds) - 1 and len(kinds[kind]) > 1
            told += f" for {'the others' if rest else listed(map(label, kinds[kind]))}"
        parts.append(told)
    return "; ".join(parts)


def about(results: Results, block: Block, *seeds: str) -> str:
    """Return what every caption says: corpus, protocol, posts, seeds."""
    parts = [f"Corpus {block.corpus}, {read_as(block.protocol)}"]
    if rows := in_block(results.quality, block):
        train = numbers(row.train_posts for row in rows)
        parts.append(f"{train} training and {numbers(row.test_posts for row in rows)} test posts")
    return "; ".join([*parts, *seeds]) + "."


def numbers(values: Iterable[int]) -> str:
    """Write the distinct ones of some counts, as a rule one."""
    return " or ".join(f"{value:,}" for value in sorted(set(values)))
