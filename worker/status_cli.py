"""`worker status`: how running workers do."""

from typing import Any
from urllib.parse import urlsplit

import click
import msgspec
from rich.console import Console
from rich.live import Live

from worker.errors import ExitCode
from worker.lifecycle import stop_on_signal
from worker.options import options
from worker.settings import Settings, all_but, process_count
from worker.status import Observer, Status
from worker.status_screen import screen

NEEDED = {"http_host", "http_port", "processes"}
EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - where a worker may listen


def _checked(context: click.Context, option: click.Parameter, urls: tuple[str, ...]) -> list[str]:
    for url in urls:
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise click.BadParameter(f"{url!r} is not like http://HOST:PORT", context, option)
    return list(dict.fromkeys(url.rstrip("/") for url in urls))


url_option = click.option(
    "--url",
    "urls",
    multiple=True,
    callback=_checked,
    help="Address of a worker, http://HOST:PORT; may be repeated [default: the workers of "
    "--processes, by --http-host and --http-port].",
)


@click.command()
@options(Settings, all_but(NEEDED))
@url_option
@click.option("--once", is_flag=True, help="Print one frame and exit.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object and exit.")
@click.option(
    "--interval",
    type=click.FloatRange(0.1),
    default=1.0,
    show_default=True,
    help="Seconds between two looks; rates need two.",
)
def status(
    urls: list[str],
    once: bool,  # noqa: FBT001 - a flag
    as_json: bool,  # noqa: FBT001
    interval: float,
    **values: Any,  # noqa: ANN401
) -> None:
    """Show how running workers do: rates, lag, cache, dead letters, latency, models.

    A cache "rests" while it is left alone, having failed. Where there is no terminal, one frame is
    printed. Exit code 7: none of the workers could be reached.
    """
    observer = Observer(urls or addresses(Settings(**values)))
    console = Console(markup=False, highlight=False)
    if as_json or once or not console.is_terminal:
        found = _twice(observer, interval)
        if as_json:
            click.echo(msgspec.json.encode(found).decode())
        else:
            console.print(screen(found, console.width))
    else:
        found = _followed(observer, interval, console)
    if not found.reachable:
        click.get_current_context().exit(ExitCode.UNREACHABLE)


def addresses(settings: Settings) -> list[str]:
    """Return where the workers of this machine serve their metrics."""
    if settings.http_port == 0:
        raise click.UsageError("workers with --http-port 0 show nothing; give them a port")
    host = EVERYWHERE.get(settings.http_host, settings.http_host)
    host = f"[{host}]" if ":" in host else host
    ports = range(settings.http_port, settings.http_port + process_count(settings.processes))
    return [f"http://{host}:{port}" for port in ports]


def _twice(observer: Observer, interval: float) -> Status:
    observer.observe()
    with stop_on_signal() as stop:
        stop.wait(interval)
    return observer.observe()


def _followed(observer: Observer, interval: float, console: Console) -> Status:
    with stop_on_signal() as stop, Live(console=console, auto_refresh=False) as live:
        return observer.follow(
            stop, interval, lambda now: live.update(screen(now, console.width), refresh=True)
        )
