"""The page of `worker watch --web`, served in this process, and a client that is no browser."""

import http.client
import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from deploy.local.service import HOST, free_port
from worker.settings import Settings
from worker.web.server import Page, serve

JSON = "application/json"
WITHIN = 60.0  # seconds without a byte until a test gives up


class Client:
    """Asks as a browser at this address would, but for what a test says otherwise."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.host = address.removeprefix("http://").rstrip("/")

    def get(self, path: str, **headers: str) -> tuple[int, dict[str, str], bytes]:
        with self._asked("GET", path, None, headers) as answer:
            found = {name.lower(): value for name, value in answer.getheaders()}
            return answer.status, found, answer.read()

    def type(
        self, body: bytes, origin: str | None = "", kind: str = JSON, **headers: str
    ) -> tuple[int, Any]:
        """Send a post; returns the status, and what was said: JSON, or text of a refusal."""
        sent = {"Content-Type": kind, **headers}
        if origin is not None:
            sent["Origin"] = origin or f"http://{self.host}"
        with self._asked("POST", "/posts", body, sent) as answer:
            said = answer.read()
            return answer.status, json.loads(said) if said[:1] == b"{" else said.decode()

    @contextmanager
    def events(self) -> Iterator[Iterator[tuple[str, Any]]]:
        """Give the events of a viewer, each its name and its data."""
        with self._asked("GET", "/events", None, {}) as answer:
            yield _events(answer)

    @contextmanager
    def _asked(
        self, method: str, path: str, body: bytes | None, headers: dict[str, str]
    ) -> Iterator[http.client.HTTPResponse]:
        connection = http.client.HTTPConnection(self.host, timeout=WITHIN)
        try:
            connection.request(method, path, body, headers)
            yield connection.getresponse()
        finally:
            connection.close()


def _events(answer: http.client.HTTPResponse) -> Iterator[tuple[str, Any]]:
    while line := answer.readline():
        name = line.decode().removeprefix("event: ").strip()
        data = answer.readline().decode().removeprefix("data: ")
        assert answer.readline() == b"\n"
        yield name, json.loads(data)


def until(events: Iterator[tuple[str, Any]], name: str, ready: Callable[[Any], bool]) -> Any:  # noqa: ANN401
    """Return the data of the first event of this name that is as it should be."""
    return next(data for found, data in events if found == name and ready(data))


@contextmanager
def page(settings: Settings, *workers: str, names: tuple[str, ...] = ()) -> Iterator[Client]:
    """Serve the page inside the block; `workers` are their addresses, by default one of nobody."""
    stop, said = threading.Event(), threading.Event()
    lines: list[str] = []

    def notice(line: str) -> None:
        lines.append(line)
        said.set()

    where = Page(HOST, 0, names, workers or [f"http://{HOST}:{free_port()}"])
    served = threading.Thread(target=serve, args=(settings, where, stop, notice))
    served.start()
    try:
        assert said.wait(WITHIN)
        found = re.match(r"http://\S+", lines[0])
        assert found
        yield Client(found[0])
    finally:
        stop.set()
        served.join()
