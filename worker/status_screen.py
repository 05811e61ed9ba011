"""The screen of `worker status`; every colour has a word or a sign beside it."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import cycle

from rich.box import SIMPLE_HEAD
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from worker.printable import printable
from worker.quality import TOLD
from worker.samples import Figures, Spread
from worker.scrape import State
from worker.status import Status, WorkerStatus, mean_known

BESIDE, WIDE = 80, 110  # columns from which two tables stand side by side, with room for long bars
MOST_PARTITIONS = 8
BAR, LONG_BAR = 12, 40
DIGITS = 12  # of a digest, as in answers and metrics
UNKNOWN = "–"
_SIGNS = {
    State.READY: ("●", "green"),
    State.NOT_READY: ("◐", "yellow"),
    State.STALLED: ("■", "red"),
    State.UNREACHABLE: ("✗", "red"),
}
_BEATS = cycle("●○")  # changes with each frame: the screen is alive
_EIGHTHS = " ▏▎▍▌▋▊▉"


def screen(status: Status, width: int) -> RenderableType:
    """Return a frame for a terminal of so many columns."""
    both = _figures(status), _lags(status, LONG_BAR if width >= WIDE else BAR)
    tables: RenderableType = Group(*both)
    if width >= BESIDE:
        tables = Table.grid(padding=(0, 2))
        tables.add_row(*both)
    parts = (
        _heading(status),
        "",
        _workers(status),
        "",
        *_models(status),
        *_quality(status),
        "",
        tables,
    )
    return Group(*parts)


def bar(share: float, length: int) -> str:
    """Return a bar for a share from 0 to 1, to an eighth of a column."""
    eighths = round(min(max(share, 0.0), 1.0) * length * 8)
    return "█" * (eighths // 8) + _EIGHTHS[eighths % 8].strip()


def _heading(status: Status) -> Text:
    beat = next(_BEATS)
    now = datetime.now(UTC).strftime("%H:%M:%S")
    text = Text.assemble((beat, "green" if status.reachable else "red"), f" {now} UTC  ")
    text.append(f"{status.reachable} of {len(status.workers)} workers answer", style="bold")
    for found in dict.fromkeys(one.reading for one in status.workers if one.reading):
        words = (found.topic, f"group {found.group}", found.client, found.delivery)
        text.append("\n" + printable(" · ".join(words)))
    return text


def _table(*columns: str) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for number, name in enumerate(columns):
        table.add_column(name, justify="right" if number else "left")
    return table


def _workers(status: Status) -> Table:
    table = _table("worker", "", "posts/s", "lag", "cache", "p50", "p99", "dead")
    for column in table.columns[1:]:
        column.no_wrap = True
    table.columns[0].overflow = "fold"
    table.columns[1].justify = "left"
    for one in status.workers:
        sign, colour = _SIGNS[one.state]
        state = Text(f"{sign} {one.state}", colour)
        table.add_row(printable(one.url.removeprefix("http://")), state, *_row(one))
    return table


def _row(one: WorkerStatus) -> Iterator[str]:
    if one.since_start is None:
        return
    yield _rate(one.records_per_second)
    yield f"{sum(one.lag.values()):,}"
    yield "rests" if one.cache_left_alone else _share(one.recent)
    spread = one.recent.latency_seconds if one.recent else None
    yield _seconds(spread.p50 if spread else None)
    yield _seconds(spread.p99 if spread else None)
    yield f"{sum(one.since_start.dead_letters.values()):,}"


def _models(status: Status) -> Iterator[Text]:
    """Yield what is told in words: why a worker is silent, and which models answer."""
    for one in status.workers:
        if one.reason:
            yield Text(printable(f"✗ {one.url}: {one.reason}"), "red")
    counted = status.since_start.by_model if status.since_start else {}
    for model in sorted({one for worker in status.workers for one in worker.models}, key=str):
        serving = sum(model in one.models for one in status.workers)
        words = [f"{model.role} {model.model[:DIGITS]}", model.method]
        words.append(f"{model.variant} on {model.device}")
        words.append(f"{serving} of {len(status.workers)} workers")
        if (found := counted.get(model.model[:DIGITS])) is not None:
            shares = " / ".join(_percent(found.hit_share(k)) for k in TOLD)
            words.append(f"hit at 1 / 5 {shares} of {found.scored:,}")
        yield Text(printable(" · ".join(words)))


def _quality(status: Status) -> Iterator[Text]:
    """Yield what workers tell of their answers of late, and of what their memory holds."""
    told = [one.quality for one in status.workers if one.quality]
    shares = {
        "hit at 1": [one.decayed_hits.get("1") for one in told],
        "hashtags unknown": [one.unknown_hashtags for one in told],
        "words unknown": [one.unknown_words for one in told],
    }
    means = {name: mean_known(found) for name, found in shares.items()}
    if words := [f"{name} {share:.0%}" for name, share in means.items() if share is not None]:
        yield Text(f"of late · {' · '.join(words)}")
    if held := [one.memory for one in status.workers if one.memory]:
        oldest = max(one.oldest_seconds for one in held)
        yield Text(f"memory · {min(one.posts for one in held):,} posts · oldest {_age(oldest)}")


def _age(seconds: float) -> str:
    return str(timedelta(seconds=round(max(seconds, 0.0))))


def _figures(status: Status) -> Table:
    seconds = max((one.seconds or 0.0 for one in status.workers), default=0.0)
    table = _table("all workers", f"last {seconds:.0f} s" if seconds else "now", "since start")
    rows: dict[str, Callable[[Figures], str]] = {
        "posts read": lambda found: f"{found.records:,}",
        "answered": lambda found: f"{found.answers:,}",
        "without words": lambda found: f"{found.without_words:,}",
        "skipped": lambda found: _reasons(found.skipped),
        "dead letters": lambda found: _reasons(found.dead_letters),
        "cache hits": lambda found: f"{found.cache_hits:,}",
        "cache misses": lambda found: f"{found.cache_misses:,}",
        "cache errors": lambda found: f"{found.cache_errors:,}",
        "scored": lambda found: f"{found.scored:,}",
        "scored apart": lambda found: _reasons(found.scored_apart),
        "hit at 1 / 5": lambda found: " / ".join(_percent(found.hit_share(k)) for k in TOLD),
        "batch p50 / p99": lambda found: _spread(found.batch_records, "{:,.0f}".format),
        "latency p50 / p99": lambda found: _spread(found.latency_seconds, _seconds),
        "read again": lambda found: f"{found.retries + found.refused_commits:,}",
    }
    if any(one.memory for one in status.workers):
        rows |= _OF_THE_MEMORY
    table.add_row("posts/s", _rate(status.records_per_second), "")
    for name, told in rows.items():
        both = (status.recent, status.since_start)
        table.add_row(name, *(UNKNOWN if found is None else told(found) for found in both))
    return table


_OF_THE_MEMORY: dict[str, Callable[[Figures], str]] = {
    "from memory": lambda found: _percent(found.memory_share),
    "look-up p50 / p99": lambda found: _spread(found.look_up_seconds, _seconds),
    "visible p50 / p99": lambda found: _spread(found.visibility_seconds, _seconds),
}


def _lags(status: Status, length: int) -> Table:
    """Return the partitions that are most behind."""
    table = _table("partition", f"lag {status.lag:,}", "")
    table.columns[2].justify = "left"
    worst = sorted(status.partitions, key=lambda one: -status.partitions[one])
    most = max(status.partitions.values(), default=0)
    for partition in sorted(worst[:MOST_PARTITIONS], key=int):
        lag = status.partitions[partition]
        table.add_row(partition, f"{lag:,}", Text(bar(lag / most if most else 0, length), "yellow"))
    if rest := worst[MOST_PARTITIONS:]:
        table.add_row(f"{len(rest)} more", f"{sum(status.partitions[one] for one in rest):,}", "")
    return table


def _rate(found: float | None) -> str:
    return UNKNOWN if found is None else f"{found:,.1f}"


def _share(found: Figures | None) -> str:
    return _percent(found.cache_hit_share if found else None)


def _percent(share: float | None) -> str:
    return UNKNOWN if share is None else f"{share:.0%}"


def _reasons(found: dict[str, int]) -> str:
    return "\n".join(f"{printable(one)} {number:,}" for one, number in found.items()) or "0"


def _spread(found: Spread | None, told: Callable[[float], str]) -> str:
    return f"{told(found.p50)} / {told(found.p99)}" if found else UNKNOWN


def _seconds(found: float | None) -> str:
    if found is None:
        return UNKNOWN
    return f"{found * 1_000:.0f} ms" if found < 1 else f"{found:,.1f} s"
