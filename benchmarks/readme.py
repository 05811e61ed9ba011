"""Writes the figures of the README from the results: `python -m benchmarks.readme`."""

import json
import re
from pathlib import Path
from typing import Any

from benchmarks.record import RESULTS

README = Path(__file__).parents[1] / "README.md"
BLOCK = re.compile(r"(?<=<!-- figures -->\n).*(?=<!-- end of figures -->)", re.DOTALL)
DEMOS = {"synthetic": "made-up posts", "time_per_source": "real tweets, trained on the past"}


def figures() -> str:
    """Return the tables, made from the results alone."""
    return f"\n{_demos()}\n{_kills()}\n"


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


def _kills() -> str:
    lines = [
        "| what was broken, under load | posts | lost | answered twice | wrong |",
        "|---" * 5 + "|",
    ]
    lines += [
        f"| {event} | {v['posts']:,} | {v['lost']} | {v['duplicates']} | {v['wrong']} |"
        for event, v in _result("kills")["figures"].items()
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
