"""`trainer schedule`: `trainer retrain` by the clock, where there is no cron."""

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import click
import structlog
from croniter import croniter

from trainer.retrain_cli import retrain
from worker.lifecycle import stop_on_signal
from worker.logs import configure_logging

STEP = 1.0  # seconds between two looks at the run
log = structlog.get_logger("trainer")


def _cron(_: click.Context, __: click.Parameter, text: str) -> str:
    """Check an expression of cron."""
    if not croniter.is_valid(text):
        raise click.BadParameter(f"{text!r} is no time of cron such as '0 */6 * * *'")
    return text


@click.command(context_settings={"ignore_unknown_options": True})
@click.option("--cron", required=True, callback=_cron, help="When, in UTC: '0 */6 * * *'.")
@click.option("--now", is_flag=True, help="Retrain at the start, too.")
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def schedule(cron: str, now: bool, arguments: tuple[str, ...]) -> None:  # noqa: FBT001
    """Run `trainer retrain ARGUMENTS` by the clock until SIGTERM; what fails is run again then.

    A time that comes while a run is still going is passed over. On SIGTERM the run is stopped,
    and the next one goes on where it was.
    """
    retrain.make_context("trainer retrain", list(arguments))  # a wrong flag is told now
    configure_logging("auto", "info")
    command = [sys.executable, "-m", "trainer", "retrain", *arguments]
    with stop_on_signal() as stop:
        follow(cron, command, stop, at_once=now)


def follow(
    cron: str,
    command: Sequence[str],
    stop: threading.Event,
    *,
    at_once: bool = False,
    clock: Callable[[], float] = time.time,
) -> None:
    """Run a command at each time of an expression of cron, in UTC, until told to stop."""
    due = clock() if at_once else _next(cron, clock())
    log.info("schedule_started", cron=cron, next=_shown(due))
    while not _waited(stop, due, clock):
        started = clock()
        code = _run(command, stop)
        due = _next(cron, clock())
        log.info("retraining_ended", exit_code=code, seconds=round(clock() - started, 1),
                 next=_shown(due))  # fmt: skip


def _waited(stop: threading.Event, due: float, clock: Callable[[], float]) -> bool:
    """Wait for a moment, by a clock that may be set anew; returns whether to stop instead."""
    while not stop.is_set() and clock() < due:
        stop.wait(min(STEP, max(0.0, due - clock())))
    return stop.is_set()


def _run(command: Sequence[str], stop: threading.Event) -> int:
    process = subprocess.Popen(command)
    while process.poll() is None:
        if stop.wait(STEP):
            process.terminate()
            return process.wait()
    return process.returncode


def _next(cron: str, now: float) -> float:
    moment: float = croniter(cron, now).get_next(float)
    return moment


def _shown(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="seconds")
