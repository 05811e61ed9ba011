"""`trainer status`: is it time to retrain?"""

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import click
import msgspec
from rich.console import Console
from rich.table import Table

from export.registry import Registry
from trainer.click_parts import in_one_line
from trainer.errors import RetrainCode
from trainer.settings import StatusSettings
from trainer.window_cli import since_option
from worker.options import options

if TYPE_CHECKING:  # pyarrow loads slowly
    from trainer.drift import Unknown
    from trainer.status import ModelStatus


@click.command(epilog="Exit codes: 0 well; 1 failed; 2 usage; 10 retrain now.")
@click.argument("url")
@click.argument("registry")
@since_option
@click.option("--worker", "workers", multiple=True, help="Address of a worker; may be repeated.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@options(StatusSettings)
@in_one_line
def status(
    url: str,
    registry: str,
    since: timedelta | None,
    workers: tuple[str, ...],
    as_json: bool,  # noqa: FBT001 - a flag
    **values: Any,  # noqa: ANN401
) -> None:
    """Say whether REGISTRY's champion still fits the posts collected at URL, and why not.

    What it does not know of posts written after all it was made from, or of those within --since,
    stands beside what it did not know of its dev posts, the first after those it learned from.
    Quality is what workers tell of their own answers.
    """
    from trainer.status import look  # noqa: PLC0415

    found = look(url, Registry.at(registry), StatusSettings(**values), since, workers)
    if as_json:
        click.echo(msgspec.json.encode({**msgspec.structs.asdict(found), "retrain": found.retrain}))
    else:
        _print(found)
    click.get_current_context().exit(RetrainCode.RETRAIN_NOW if found.retrain else 0)


def _print(found: "ModelStatus") -> None:
    console = Console(highlight=False)
    console.print(f"champion {_short(found.champion)} · challenger {_short(found.challenger)}")
    for name, one in (("new posts", found.new), ("when it was new", found.before)):
        if one is not None:
            console.print(f"{name}: {_unknown(one)}")
    for live in found.live:
        shares = f"{_percent(live.hit_1)} / {_percent(live.hit_5)}"
        console.print(f"{live.role} live: hit at 1 / 5 {shares} of {live.scored:,} posts")
    for silent in found.silent:
        console.print(f"no answer from {silent}", markup=False)
    table = Table("rule", "", "what it says")
    for finding in found.findings:
        passed = "[green]well[/]" if finding.passed else "[red]retrain[/]"
        table.add_row(finding.rule, passed, finding.told)
    console.print(table)
    reasons = ", ".join(one.rule for one in found.findings if not one.passed)
    console.print(f"[bold]retrain now: {reasons}[/]" if reasons else "[bold]well[/]")


def _unknown(one: "Unknown") -> str:
    shares = f"hashtags unknown {_percent(one.hashtags)} · words unknown {_percent(one.words)}"
    return f"{one.posts:,} with a hashtag · {shares}"


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{share:.1f} %"


def _short(digest: str | None) -> str:
    return digest[:12] if digest else "none"
