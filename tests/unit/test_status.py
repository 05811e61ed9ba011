import io
import json
import os
import pty
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from click.testing import CliRunner, Result
from rich.cells import cell_len
from rich.console import Console

from deploy.local.service import free_port
from worker.cli import main
from worker.errors import ExitCode
from worker.scrape import Look, State, look
from worker.settings import Settings
from worker.status import WINDOW, Observer, Status
from worker.status_cli import addresses
from worker.status_screen import bar, screen
from worker.telemetry import Health, HealthServer, Metrics


class Worker:
    """What a worker shows, without the worker."""

    def __init__(self) -> None:
        self.metrics, self.health = Metrics(), Health()
        self.server = HealthServer("127.0.0.1", 0, self.metrics, self.health)
        self.metrics.worker.labels("tweets", "readers", "kafka-python", "at-least-once").set(1)
        for role, digest in (("champion", "a" * 64), ("challenger", "b" * 64)):
            self.metrics.model.labels(role, digest, "tab-lstm", "cpu-fp32", "cpu").set(1)
        self.health.beat()
        self.health.ready = True

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.port}"

    def work(self, posts: int, lag: dict[str, int]) -> None:
        self.metrics.consumed.inc(posts)
        self.metrics.cache_hits.inc(posts)
        self.metrics.latency_seconds.observe(0.02)
        self.metrics.rejected.labels("not_json").inc()
        for partition, records in lag.items():
            self.metrics.lag.labels(partition).set(records)

    def remember(self) -> None:
        self.metrics.remembered.set(1_234)
        self.metrics.oldest_seconds.set(90_061)
        self.metrics.hit_rate.labels("1").set(0.25)
        for digits, hits in (("a" * 12, 1), ("b" * 12, 3)):
            self.metrics.scored.labels(digits).inc(8)
            self.metrics.hits.labels("1", digits).inc(hits)
        self.metrics.scored_apart.labels("retweet").inc(3)
        self.metrics.suggested.labels("memory").inc(3)
        self.metrics.visibility_seconds.observe(0.02)


@pytest.fixture
def start() -> Iterator[Callable[[], Worker]]:
    with ExitStack() as stack:

        def one() -> Worker:
            worker = Worker()
            stack.enter_context(worker.server)
            return worker

        yield one


@pytest.fixture
def worker(start: Callable[[], Worker]) -> Worker:
    return start()


@pytest.fixture
def nowhere() -> str:
    return f"http://127.0.0.1:{free_port()}"


class TestALook:
    def test_tells_how_a_worker_is(self, worker: Worker) -> None:
        assert look(worker.url).state == State.READY
        worker.health.ready = False
        assert look(worker.url).state == State.NOT_READY
        worker.health.bound = 0
        assert look(worker.url).state == State.STALLED

    def test_at_nobody_says_why(self, nowhere: str) -> None:
        found = look(nowhere)
        assert found.state == State.UNREACHABLE
        assert "refused" in (found.reason or "")

    @pytest.mark.parametrize(
        ("status", "body", "words"),
        [
            (404, b"", "no worker: HTTP Error 404"),
            (200, b"<html>", "no worker: invalid metric name"),
            (200, b"up 1\n", "no worker: its metrics lack ours"),
            (200, b"\xff", "no worker: 'utf-8' codec"),
        ],
    )
    def test_at_something_else_says_so(self, status: int, body: bytes, words: str) -> None:
        class Other(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(status)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None: ...

        with ThreadingHTTPServer(("127.0.0.1", 0), Other) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            found = look(f"http://127.0.0.1:{server.server_address[1]}")
            server.shutdown()
        assert (found.state, words in (found.reason or "")) == (State.UNREACHABLE, True)


class TestAnObserver:
    def test_knows_rates_from_two_looks(self, worker: Worker) -> None:
        observer = Observer([worker.url])
        worker.work(5, {})
        first = observer.observe()
        assert (first.records_per_second, first.recent) == (None, None)
        assert first.since_start is not None
        assert first.since_start.records == 5
        worker.work(7, {})
        second = observer.observe()
        (one,) = second.workers
        assert one.seconds is not None
        assert second.records_per_second == pytest.approx(7 / one.seconds)
        assert second.recent is not None
        assert (second.recent.records, second.recent.dead_letters) == (7, {"not_json": 1})

    def test_sums_over_workers(self, start: Callable[[], Worker], nowhere: str) -> None:
        several = [start(), start()]
        observer = Observer([*(one.url for one in several), nowhere])
        observer.observe()
        several[0].work(5, {"2": 10, "10": 0})
        several[1].work(6, {"1": 3})
        found = observer.observe()
        assert (found.reachable, found.lag) == (2, 13)
        assert list(found.partitions.items()) == [("1", 3), ("2", 10), ("10", 0)]
        assert found.recent is not None
        assert found.recent.records == 11
        assert [one.state for one in found.workers] == ["ready", "ready", "unreachable"]

    def test_looks_back_no_longer_than_its_window(self) -> None:
        counted = iter(range(0, 100, 10))
        times = iter([0.0, WINDOW - 1, WINDOW, WINDOW + 1, 2 * WINDOW])
        key = ("messaging_client_consumed_messages_total", frozenset[tuple[str, str]]())
        observer = Observer(
            ["here"], lambda url: Look(url, next(times), State.READY, {key: next(counted)})
        )
        spans = [observer.observe().workers[0] for _ in range(5)]
        assert [one.seconds for one in spans] == [None, 9.0, 10.0, 11.0, 10.0]
        assert spans[-1].records_per_second == 20 / 10

    def test_needs_no_time_between_two_looks(self) -> None:
        observer = Observer(["here"], lambda url: Look(url, 0.0, State.READY))
        assert [observer.observe().records_per_second for _ in range(2)] == [None, None]

    def test_begins_anew_after_a_worker_was_away(self) -> None:
        states = iter([State.READY, State.UNREACHABLE, State.READY, State.READY])
        times = iter(range(9))
        observer = Observer(["here"], lambda url: Look(url, next(times), next(states)))
        rates = [observer.observe().workers[0].records_per_second for _ in range(4)]
        assert rates == [None, None, None, 0]

    def test_shows_each_look_until_told_to_stop(self, worker: Worker) -> None:
        stop, shown = threading.Event(), list[Status]()

        def show(status: Status) -> None:
            shown.append(status)
            if len(shown) == 3:
                stop.set()

        assert Observer([worker.url]).follow(stop, 0.01, show) is shown[-1]
        assert len(shown) == 3


def lines(status: Status, width: int) -> list[str]:
    console = Console(width=width, file=io.StringIO(), color_system=None, markup=False)
    with console.capture() as capture:
        console.print(screen(status, width))
    return capture.get().splitlines()


class TestTheScreen:
    @pytest.fixture
    def status(self, start: Callable[[], Worker], nowhere: str) -> Status:
        several = [start(), start()]
        several[1].health.ready = False
        observer = Observer([*(one.url for one in several), nowhere])
        observer.observe()
        several[0].work(12_345, {str(number): number for number in range(12)})
        several[1].metrics.cache_open.set(1)
        for one in several:
            one.remember()
        return observer.observe()

    @pytest.mark.parametrize("width", [80, 120])
    def test_reads_without_colour(self, status: Status, width: int) -> None:
        found = lines(status, width)
        text = "\n".join(found)
        assert max(map(cell_len, found)) <= width
        for words in (
            "2 of 3 workers answer", "group readers", "● ready", "◐ not ready", "✗ unreachable",
            "rests", "refused", "champion aaaaaaaaaaaa · tab-lstm · cpu-fp32 on cpu", "12,345",
            "challenger bbbbbbbbbbbb", "12% / 0% of 16", "38% / 0% of 16",
            "not_json 1", "lag 66", "4 more", "100%", "retweet 6", "25% / 0%",
            "of late · hit at 1 25%", "memory · 1,234 posts · oldest 1 day, 1:01:01", "from memory",
        ):  # fmt: skip
            assert words in text, words

    def test_stands_side_by_side_where_there_is_room(self, status: Status) -> None:
        assert len(lines(status, 80)) < len(lines(status, 79))

    def test_beats(self, status: Status) -> None:
        assert lines(status, 80)[0][0] != lines(status, 80)[0][0]

    def test_of_nobody_knows_nothing(self, nowhere: str) -> None:
        text = "\n".join(lines(Observer([nowhere]).observe(), 80))
        assert "0 of 1 workers answer" in text
        assert "–" in text

    @pytest.mark.parametrize(
        ("share", "drawn"), [(0, ""), (1, "████"), (0.5, "██"), (1 / 32, "▏"), (2, "████")]
    )
    def test_has_bars(self, share: float, drawn: str) -> None:
        assert bar(share, 4) == drawn


def status(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["status", "--interval", "0.1", *arguments])


class TestTheCommand:
    def test_prints_json(self, worker: Worker, nowhere: str) -> None:
        worker.work(5, {"0": 3})
        result = status("--json", "--url", worker.url, "--url", f"{nowhere}/")
        assert result.exit_code == ExitCode.DONE
        told = json.loads(result.stdout)
        assert (told["reachable"], told["lag"], told["records_per_second"]) == (1, 3, 0)
        assert [one["url"] for one in told["workers"]] == [worker.url, nowhere]
        assert told["since_start"]["records"] == 5

    @pytest.mark.parametrize("flags", [[], ["--once"]])
    def test_prints_one_frame(self, worker: Worker, flags: list[str]) -> None:
        result = status("--url", worker.url, *flags)
        assert result.exit_code == ExitCode.DONE
        assert result.output.count("1 of 1 workers answer") == 1

    def test_goes_on_in_a_terminal_until_it_is_stopped(self, worker: Worker, nowhere: str) -> None:
        terminal, inside = pty.openpty()
        flags = ["status", "--interval", "0.1", "--url", worker.url, "--url", nowhere]
        with subprocess.Popen([sys.executable, "-m", "worker", *flags], stdout=inside) as process:
            os.close(inside)
            seen = ""
            while seen.count("1 of 2 workers answer") < 3:
                seen += os.read(terminal, 65_536).decode(errors="replace")
            process.terminate()
            assert process.wait() == ExitCode.DONE
        os.close(terminal)

    @pytest.mark.parametrize("flag", ["--once", "--json"])
    def test_fails_where_nobody_answers(self, nowhere: str, flag: str) -> None:
        result = status("--url", nowhere, flag)
        assert result.exit_code == ExitCode.UNREACHABLE
        assert "unreachable" in result.output

    @pytest.mark.parametrize("url", ["127.0.0.1:9464", "ftp://host", "http://"])
    def test_refuses_what_is_no_address(self, url: str) -> None:
        result = status("--url", url)
        assert result.exit_code == ExitCode.USAGE
        assert "is not like http://HOST:PORT" in result.output

    def test_needs_a_port(self) -> None:
        result = status("--http-port", "0")
        assert result.exit_code == ExitCode.USAGE
        assert "--http-port 0" in result.output

    @pytest.mark.parametrize(
        ("host", "expected"),
        [("here", "here"), ("0.0.0.0", "127.0.0.1"), ("::", "[::1]"), ("fe::1", "[fe::1]")],  # noqa: S104
    )
    def test_asks_the_workers_of_this_machine(self, host: str, expected: str) -> None:
        settings = Settings(http_host=host, http_port=1000, processes="2")
        assert addresses(settings) == [f"http://{expected}:1000", f"http://{expected}:1001"]
