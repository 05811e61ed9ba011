"""Writes the figures of the README from the results: `python -m benchmarks.readme`."""

import json
import re
from pathlib import Path
from statistics import mean
from typing import Any

from benchmarks.record import RESULTS
from trainer.catalogue import METHODS

PAPER = RESULTS / "paper"
README = Path(__file__).parents[1] / "README.md"
MAIN = "main_random"
BLOCK = re.compile(r"(?<=<!-- figures -->\n).*(?=<!-- end of figures -->)", re.DOTALL)
REPLAYED = "time_per_source"
ARCHIVES = "archive_edu_a,archive_edu_b"  # of one person each, a quarter of the test posts
REPLAYS = {
    "each source's clock set to one start, two one-person archives left out": {
        "protocol": "side by side",
        "delay": "none",
        "without": ARCHIVES,
    },
    "in their order": {"protocol": "time order", "delay": "none"},
    "each source's clock set to one start": {"protocol": "side by side", "delay": "none"},
    "each post remembered an hour late": {"protocol": "time order", "delay": "3600 s"},
    "each post remembered a day late": {"protocol": "time order", "delay": "86400 s"},
}
DEMOS = {
    "synthetic": "made-up posts",
    "time_per_source": "real tweets, trained on the past",
}


def figures() -> str:
    """Return the tables, made from the results alone."""
    tables = (_demos(), _replay(), _freshness(), _paper(), _others(), _serving(), _chaos())
    return "".join(f"\n{table}" for table in tables) + "\n"


def main() -> None:
    """Replace the figures in the README."""
    README.write_text(BLOCK.sub(lambda _: figures(), README.read_text()))


def _result(name: str) -> dict[str, Any]:
    result: dict[str, Any] = json.loads((RESULTS / f"{name}.json").read_text())
    return result


def _demos() -> str:
    results = [_result(f"demo-{name}") for name in DEMOS]
    rows = {
        "posts sent / answered / dead letters": [
            f"{f['posts_sent']:,} / {f['distinct_posts_answered']:,} / {f['dead_letters']}"
            for f in _figures(results)
        ],
        "lost / answered twice": [f"{f['lost']} / {f['duplicates']}" for f in _figures(results)],
        "F1@1 (popularity)": [
            f"{f['f1_at_1']} % ({f['popularity_f1_at_1']} %)" for f in _figures(results)
        ],
        "best possible F1@1": [
            f"{f['best_possible_f1_at_1']} %" if "best_possible_f1_at_1" in f else "unknown"
            for f in _figures(results)
        ],
        "Hit@5 (popularity)": [
            f"{f['hit_at_5']} % ({f['popularity_hit_at_5']} %)" for f in _figures(results)
        ],
        "posts/s through two workers": [f"{f['tweets_per_second']:,}" for f in _figures(results)],
        "learning, in seconds": [f"{f['seconds']['fit']:,}" for f in _figures(results)],
    }
    lines = ["| `make demo` | " + " | ".join(DEMOS.values()) + " |", "|---" * 3 + "|"]
    lines += [f"| {name} | {' | '.join(cells)} |" for name, cells in rows.items()]
    return "\n".join(lines) + "\n"


def _figures(results: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [result["figures"] for result in results]


def _replay() -> str:
    """Return what a memory of recent posts brings, all signals read and guards on."""
    rows = json.loads((RESULTS / f"replay/{REPLAYED}.json").read_text())
    whole = {"subset": "all", "guards": True, "signals": "text,context,author", "without": ""}
    lines = []
    for name, way in REPLAYS.items():
        at = {row["method"]: row for row in rows if (whole | way).items() <= row.items()}
        cells = (
            f"{at[one]['f1_1']:.2f} % ({at[one]['hit_5']:.2f} %)"
            for one in ("static", "memory", "fused")
        )
        fewer = f", {at['fused']['posts']:,} posts" if "without" in way else ""
        lines.append(f"| {name}{fewer} | {' | '.join(cells)} |")
    asked = f"{at['fused']['posts']:,} test posts of {REPLAYED}"
    head = f"| `trainer replay`, {asked}, F1@1 (Hit@5) | model alone | memory alone | both |"
    return "\n".join([head, "|---" * 4 + "|", *lines]) + "\n"


def _freshness() -> str:
    """Return what a model is worth that is learned again while the stream goes on."""
    found = _result("freshness")["figures"]
    sides = {"first model, kept on": "kept", "learned again, taking over": "served"}
    more = found["more_f1_at_1"]
    asked = f"posts of {found['corpus']} on a stream, the last {found['posts']['scored']:,} of them"
    lines = [f"| {asked} | F1@1 | Hit@5 | lost | answered twice |", "|---" * 5 + "|"]
    for name, side in sides.items():
        part = found["last_part"][side]
        lines.append(
            f"| {name} | {part['f1_1']:.2f} % | {part['hit_5']:.2f} % "
            f"| {found['lost'][side]} | {found['answered_twice'][side]} |"
        )
    lines.append(
        f"| the difference, with its 95 % interval | {more['value']:+.2f} "
        f"({more['low']:.2f} to {more['high']:.2f}) | | | |"
    )
    return "\n".join(lines) + "\n"


def _paper() -> str:
    """Return Table 2 at a glance: means over seeds, of the cells that were measured."""
    cells: dict[str, dict[tuple[str, int], list[dict[str, Any]]]] = {}
    rows = json.loads((PAPER / f"table2-{MAIN}.json").read_text())
    posts = f"{rows[0]['test_posts']:,} test posts"
    for row in rows:
        cells.setdefault(row["method"], {}).setdefault((row["protocol"], row["k"]), []).append(row)
    lines = [
        f"| `trainer compare`, {posts} | F1@1 | Hit@5 | seeds | F1@1, words kept | seeds |",
        "|---" * 6 + "|",
    ]
    for method in METHODS:
        if method in cells:
            at = cells[method]
            stripped, kept = at.get(("stripped", 1), []), at.get(("words-kept", 1), [])
            figures = (
                _mean(stripped, "f1"),
                _mean(at.get(("stripped", 5), []), "hit"),
                str(len(stripped)),
                _mean(kept, "f1"),
                str(len(kept)),
            )
            lines.append(f"| {method} | {' | '.join(figures)} |")
    return "\n".join(lines) + "\n"


def _others() -> str:
    """Return F1@1 on the corpora beside the main one, of one seed, hashtags removed."""
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for path in sorted(PAPER.glob("table2-*.json")):
        name = path.stem.removeprefix("table2-")
        if name != MAIN and not name.startswith("without-near-duplicates-"):
            rows = [row for row in json.loads(path.read_text()) if row["k"] == 1]
            posts = f"{name}, {rows[0]['test_posts']:,} test posts"
            found[posts] = {row["method"]: row for row in rows if row["protocol"] == "stripped"}
    lines = [f"| F1@1 elsewhere | {' | '.join(found)} |", "|---" * (1 + len(found)) + "|"]
    for method in METHODS:
        cells = [_mean([rows[method]] if method in rows else [], "f1") for rows in found.values()]
        lines.append(f"| {method} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _mean(rows: list[dict[str, Any]], name: str) -> str:
    return f"{mean(row[name] for row in rows):.2f} %" if rows else "not measured"


def _serving() -> str:
    """Return what the served networks are worth, and what they cost."""
    figures = _result("serving")["figures"]
    asked = f"{figures['threads']} thread, {figures['posts']:,} posts of {figures['corpus']}"
    lines = [
        f"| served, {asked} | form | F1@1 | same first hashtag | µs a post | time | graph |",
        "|---" * 7 + "|",
    ]
    lines += [
        f"| {row['method']} | {row['variant']} | {row['f1_at_1']} % "
        f"| {100 * row['same_first_hashtag']:.2f} % | {row['microseconds_a_post']} "
        f"| {row['ratio_to_tab_lstm']} of tab-lstm | {row['megabytes']} MB |"
        for row in figures["rows"]
    ]
    return "\n".join(lines) + "\n"


def _chaos() -> str:
    """Return what breaking things cost; of the two schedules, what happened in them."""
    found = _result("chaos")["figures"]
    lines = ["| `make chaos` | posts | lost | answered twice | wrong |", "|---" * 5 + "|"]
    rows = {f"{_happened(v)}; {name.partition(', ')[2]}": v for name, v in found.items()
            if "happened" in v}  # fmt: skip
    fuzz, swaps, stops, collected = (
        found[name]
        for name in ("fuzzed messages", "bundle swaps", "stops under load", "killed collectors")
    )
    unlimited = fuzz["without a limit"]
    rows |= {
        f"{unlimited['broken']:,} broken messages among them, "
        f"{unlimited['dead_letters']:,} dead letters": unlimited,
        f"{swaps['swaps']} models take over, {swaps['refused']} broken ones are refused": swaps,
        f"{stops['stops']} workers stopped in order": stops,
        f"{collected['kills']} `kill -9` of a collector, files merged between": collected,
    }
    lines += [
        f"| {event} | {v['posts']:,} | {v['lost']} | {v['doubled']} | {v['wrong']} |"
        for event, v in rows.items()
    ]
    return "\n".join(lines) + "\n"


def _happened(schedule: dict[str, Any]) -> str:
    plan = schedule["plan"]
    return (
        f"{plan['kills']} `kill -9`, {plan['broker_restarts']} broker restarts, "
        f"{plan['outages']} Redis outages, {plan['partitions']} new partitions"
    )


if __name__ == "__main__":
    main()
