"""The command `worker`."""

import sys
import traceback
from collections.abc import Iterable
from typing import Any

import click
import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from worker.answers import Answerer
from worker.dlq_cli import dlq
from worker.errors import ExitCode, StopError
from worker.masking import shown
from worker.messages import Post
from worker.options import options
from worker.settings import ModelSettings, Settings, process_count
from worker.status_cli import status
from worker.watch_cli import watch

MORE_TO_STOP = 15.0  # seconds that a supervisor has beyond its workers
VERDICTS = {"ok": "green", "warn": "yellow", "FAIL": "red"}  # of `worker doctor`


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="tagstream")
def main() -> None:
    """Recommend hashtags for a stream of posts.

    `worker suggest` tries a model without Kafka, `worker doctor` checks what a worker needs,
    `worker run` serves, `worker status` shows how workers do, `worker watch` what they answer.
    Settings come from flags, TAGSTREAM_* variables or --config FILE, in this order.
    """


@main.command()
@options(Settings)
@click.option("--slot", type=click.IntRange(0), default=None, hidden=True)
def run(slot: int | None, **values: Any) -> None:  # noqa: ANN401
    """Answer posts from the input topic until SIGTERM.

    Exit codes: 0 stopped as asked, 2 usage, 3 the start failed for good, 4 too many dead
    letters, 5 the loop stalled, 6 fatal, 7 a service was not reachable. 5 to 7 may be restarted.
    """
    from worker.lifecycle import Supervisor, stop_on_signal, worker_commands  # noqa: PLC0415
    from worker.logs import configure_logging  # noqa: PLC0415
    from worker.service import serve  # noqa: PLC0415

    settings = Settings(**values)
    configure_logging(settings.log_format, settings.log_level)
    count = process_count(settings.processes)
    if slot is None and count > 1:
        with stop_on_signal() as stop:
            click.get_current_context().exit(
                Supervisor(
                    worker_commands(sys.argv[2:], count), settings.stop_timeout + MORE_TO_STOP
                ).run(stop)
            )
    try:
        serve(settings, slot)
    except StopError as error:
        click.echo(f"worker: {error}", err=True)
        click.get_current_context().exit(error.exit_code)
    except Exception:  # noqa: BLE001 - nothing uncommitted is lost, and a restart may help
        click.echo(traceback.format_exc(), err=True)
        click.get_current_context().exit(ExitCode.FATAL)


@main.command()
@options(Settings)
def doctor(**values: Any) -> None:  # noqa: ANN401
    """Check model, broker, topics and cache, and print the settings in force.

    The exit code is that of a worker that would fail on what was found; a warning is no failure.
    """
    from worker.doctor import examine  # noqa: PLC0415

    settings = Settings(**values)
    console = Console()
    table = Table("setting", "value", title="settings in force")
    for name, value in shown(settings).items():
        table.add_row(name, value)
    console.print(table)
    worst = ExitCode.DONE
    for finding in examine(settings):
        verdict = (f"{finding.verdict:<4}", VERDICTS[finding.verdict])
        console.print(Text.assemble(verdict, f" {finding.check}: {finding.detail}"))
        worst = worst or finding.exit_code
    click.get_current_context().exit(worst)


@main.command()
@options(ModelSettings)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a text.")
@click.argument("texts", nargs=-1)
def suggest(
    texts: tuple[str, ...],
    as_json: bool,  # noqa: FBT001 - a flag
    **values: Any,  # noqa: ANN401
) -> None:
    """Suggest hashtags for TEXTS, or for each line of standard input. Needs no Kafka."""
    from worker.models import answerer, blocklist, load_predictor  # noqa: PLC0415

    settings = ModelSettings(**values)
    try:
        suggests = answerer(load_predictor(settings), settings, blocklist(settings))
    except StopError as error:
        click.echo(f"worker: {error}", err=True)
        click.get_current_context().exit(error.exit_code)
    lines: Iterable[str] = texts or (line.rstrip("\n") for line in sys.stdin)
    for number, text in enumerate(lines, 1):
        click.echo(_suggestion(suggests, Post(str(number), text), as_json=as_json))


main.add_command(dlq)
main.add_command(status)
main.add_command(watch)


def _suggestion(answerer: Answerer, post: Post, *, as_json: bool) -> str:
    (read,) = answerer.predictor.encode([post.text])
    if read.empty:
        answer = answerer.suggest(post, None)
    else:
        answer = answerer.suggest(post, answerer.predictor.predict([read])[0])
    if as_json:
        return msgspec.json.encode(answer).decode()
    hashtags = "  ".join(f"#{s.hashtag} {s.score:.4f}" for s in answer.suggestions)
    return hashtags or f"no suggestions: {answer.reason or 'none is left'}"
