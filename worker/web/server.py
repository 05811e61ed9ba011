"""`worker watch --web`: the page's server, and the threads that read for it."""

import socket
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import uvicorn
from starlette.applications import Starlette

from worker.errors import StartupFailedError
from worker.settings import Settings
from worker.web.app import app
from worker.web.feeds import AnswerFeed, observe
from worker.web.hub import MOST_VIEWERS, Hub
from worker.web.typed import MOST_TYPED, Typed

FAREWELL = 3  # seconds that open connections have once it stops


class Page(NamedTuple):
    """Where the page is served, by which names it is reached, and the workers that it looks at."""

    host: str
    port: int
    names: Sequence[str]
    workers: Sequence[str]


def serve(
    settings: Settings,
    page: Page,
    stop: threading.Event,
    notice: Callable[[str], None],
    *,
    from_beginning: bool = False,
) -> None:
    """Serve the page until told to stop; `notice` hears its address and what is worth a line.

    Raises `StartupFailedError` where the address cannot be had, or as `worker.watch.follow`.
    """
    hub, typed = Hub(), Typed(settings)
    feed = AnswerFeed(settings, hub, typed, notice)
    with _bound(page) as listener:
        address = _url(page.host, listener.getsockname()[1])
        notice(f"{address} shows {settings.output_topic}; Ctrl-C ends it")
        server = _server(app(hub, feed, typed, served=page.host, names=page.names))
        parts: list[Callable[[], None]] = [
            lambda: server.run(sockets=[listener]),
            lambda: feed.run(stop, from_beginning=from_beginning),
            lambda: observe(page.workers, hub, stop),
        ]
        with ThreadPoolExecutor(len(parts)) as pool:
            running = [pool.submit(_part, part, stop) for part in parts]
            stop.wait()
            hub.close()
            server.should_exit = True
        typed.close()
    for one in running:
        one.result()


def _server(application: Starlette) -> uvicorn.Server:
    config = uvicorn.Config(
        application,
        log_config=None,
        access_log=False,
        server_header=False,
        lifespan="off",
        ws="none",
        limit_concurrency=2 * (MOST_VIEWERS + MOST_TYPED),
        timeout_graceful_shutdown=FAREWELL,
    )
    return uvicorn.Server(config)


def _part(work: Callable[[], None], stop: threading.Event) -> None:
    """Do a part of the work; when one ends, so do all."""
    try:
        work()
    finally:
        stop.set()


def _bound(page: Page) -> socket.socket:
    family = socket.AF_INET6 if ":" in page.host else socket.AF_INET
    try:
        return socket.create_server((page.host, page.port), family=family)
    except OSError as error:
        raise StartupFailedError(
            f"--web {page.port} on {page.host}: {error.strerror}; choose another port or --web-host"
        ) from error


def _url(host: str, port: int) -> str:
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"
