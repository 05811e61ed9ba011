"""`trainer retrain`: one command for cron."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec
from rich.console import Console
from rich.table import Table

from export.registry import CHAMPION, Registry
from trainer.catalogue import method_card, settings_for
from trainer.click_parts import FOLDER, given, in_one_line, variants_option
from trainer.errors import AlreadyRunningError, RetrainCode
from trainer.settings import FitSettings, RetrainSettings
from trainer.window_cli import window_of, window_options
from worker.options import options

if TYPE_CHECKING:  # torch and gensim load slowly
    from trainer.retrain import Report


@click.command(
    epilog="Exit codes: 0 promoted, or champion already; 1 failed; 2 usage; 8 refused; 9 another "
    "one is at work."
)
@click.argument("url")
@click.argument("registry")
@click.option(
    "--work", type=FOLDER, default="retraining", show_default=True, help="What is under way."
)
@click.option("--dry-run", is_flag=True, help="Learn and judge, but leave the registry as it is.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
@variants_option
@window_options
@click.option("--warm-start", is_flag=True, help="Start from the champion, if there is one.")
@options(RetrainSettings, ("warm_start",))
@in_one_line
def retrain(url: str, registry: str, work: Path, **values: Any) -> None:  # noqa: ANN401
    """Learn from collected posts at URL, and make it REGISTRY's champion if it deserves that.

    The newest tenth of the window is held out. On those of its posts that the champion has not
    seen either, the challenger must surely beat popularity and not fall below the champion, keep
    its hashtags, and be neither too large nor too slow. Else the champion serves on.

    A run that was killed goes on where it was; the same posts and settings are not learned twice.
    """
    from trainer.job import Asked, Job  # noqa: PLC0415
    from trainer.retrain import Outcome, Retraining  # noqa: PLC0415

    as_json, dry_run = values.pop("as_json"), values.pop("dry_run")
    words, window = window_of(values.pop("since"), values.pop("between"))
    variants = values.pop("variants")
    shelf, job = Registry.at(registry), Job(work)
    champion = shelf.aliases().get(CHAMPION) if values["warm_start"] else None
    values["warm_start"] = str(shelf.bundles / champion) if champion else None
    rules = _rules(values)
    settings = FitSettings(**{name: getattr(rules, name) for name in FitSettings.__struct_fields__})
    asked = Asked.now(url, words, settings, variants)
    try:
        report = Retraining(asked, window, rules, shelf, job, dry_run).run()
    except AlreadyRunningError as error:
        click.echo(f"trainer: {error}", err=True)
        click.get_current_context().exit(RetrainCode.BUSY)
    if as_json:
        click.echo(msgspec.json.encode(report))
    else:
        _print(report)
    refused = report.outcome is Outcome.REFUSED
    click.get_current_context().exit(RetrainCode.REFUSED if refused else RetrainCode.PROMOTED)


def _rules(values: dict[str, Any]) -> RetrainSettings:
    """Return the settings, with the method's own defaults."""
    method = values["method"]
    if not method_card(method).network:
        raise click.UsageError(f"{method} is no network: only networks become bundles")
    learning = {name: values[name] for name in FitSettings.__struct_fields__}
    chosen = settings_for(method, given(learning))
    return RetrainSettings(**{**values, **msgspec.structs.asdict(chosen)})


def _print(report: "Report") -> None:
    """Show people what each rule said."""
    console = Console()
    table = Table("rule", "", "what it says", title=f"challenger {_short(report.challenger)}")
    for one in report.findings:
        table.add_row(one.rule, "[green]passed[/]" if one.passed else "[red]refused[/]", one.told)
    if report.findings:
        console.print(table)
    posts = f", judged on {report.evidence.posts} posts" if report.evidence else ""
    console.print(
        f"learned from {report.window}{posts}; champion before: {_short(report.champion)}"
    )
    console.print(f"[bold]{_short(report.challenger)} {report.outcome}[/]")


def _short(digest: str | None) -> str:
    return digest[:12] if digest else "none"
