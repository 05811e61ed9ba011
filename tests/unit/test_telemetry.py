import json
import logging
import sys
from collections.abc import Iterator
from http.client import HTTPConnection

import pytest
import structlog

from worker.logs import configure_logging
from worker.telemetry import Health, HealthServer, Metrics

BOUND = 90.0


class Clock:
    """Time that passes when a test says so."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def health(clock: Clock) -> Health:
    return Health(BOUND, clock)


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture
def server(metrics: Metrics, health: Health) -> Iterator[HealthServer]:
    with HealthServer("127.0.0.1", 0, metrics, health) as server:
        yield server


def get(server: HealthServer, path: str) -> tuple[int, str]:
    connection = HTTPConnection("127.0.0.1", server.port, timeout=30)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.read().decode()
    finally:
        connection.close()


class TestHealth:
    def test_a_worker_that_never_moved_is_neither_live_nor_ready(self, health: Health) -> None:
        assert not health.live
        assert not health.ready

    def test_it_is_live_while_it_moved_within_the_bound(self, health: Health, clock: Clock) -> None:
        health.beat()
        clock.now += BOUND - 1
        assert health.live
        clock.now += 1
        assert not health.live
        health.beat()
        assert health.live


class TestServer:
    def test_live_and_ready_are_told_apart(self, server: HealthServer, health: Health) -> None:
        assert get(server, "/v2/health/live") == (503, "no\n")
        health.beat()
        assert get(server, "/v2/health/live") == (200, "yes\n")
        assert get(server, "/v2/health/ready") == (503, "no\n")
        health.ready = True
        assert get(server, "/v2/health/ready") == (200, "yes\n")

    def test_what_is_not_live_is_not_ready(
        self, server: HealthServer, health: Health, clock: Clock
    ) -> None:
        health.beat()
        health.ready = True
        clock.now += BOUND + 1
        assert get(server, "/v2/health/ready") == (503, "no\n")

    def test_metrics_are_text_with_a_line_each(
        self, server: HealthServer, metrics: Metrics
    ) -> None:
        metrics.consumed.inc(3)
        metrics.rejected.labels("not_json").inc()
        metrics.lag.labels("0").set(7)
        status, text = get(server, "/metrics")
        assert status == 200
        for line in (
            "messaging_client_consumed_messages_total 3.0",
            'tagstream_dead_letters_total{reason="not_json"} 1.0',
            'tagstream_consumer_lag_records{partition="0"} 7.0',
        ):
            assert line in text.splitlines()

    def test_every_metric_has_its_words(self, server: HealthServer) -> None:
        text = get(server, "/metrics")[1]
        helps = [line for line in text.splitlines() if line.startswith("# HELP")]
        types = [line for line in text.splitlines() if line.startswith("# TYPE")]
        assert len(helps) == len(types) > 15
        assert all(len(line.split(maxsplit=3)) == 4 for line in helps)

    def test_other_paths_are_not_found(self, server: HealthServer) -> None:
        assert get(server, "/")[0] == 404


class TestLogging:
    @pytest.fixture(autouse=True)
    def _as_before(self) -> Iterator[None]:
        root = logging.getLogger()
        handlers, level = root.handlers[:], root.level
        yield
        structlog.reset_defaults()
        root.handlers[:] = handlers
        root.setLevel(level)

    @pytest.mark.parametrize("log_format", ["json", "auto"])
    def test_is_json_where_no_terminal_is(
        self, capsys: pytest.CaptureFixture[str], log_format: str
    ) -> None:
        configure_logging(log_format, "info")
        structlog.get_logger("test").info("happened", number=3)
        line = json.loads(capsys.readouterr().err)
        assert (line["event"], line["number"], line["level"]) == ("happened", 3, "info")
        assert line["timestamp"].endswith("Z")

    def test_is_readable_on_a_terminal(
        self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
        configure_logging("auto", "info")
        structlog.get_logger("test").info("happened", number=3)
        text = capsys.readouterr().err
        assert "happened" in text
        assert not text.startswith("{")

    def test_leaves_out_what_is_for_debugging(self, capsys: pytest.CaptureFixture[str]) -> None:
        configure_logging("text", "info")
        structlog.get_logger("test").debug("detail")
        assert capsys.readouterr().err == ""

    def test_has_what_is_for_debugging_where_asked(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        configure_logging("text", "debug")
        structlog.get_logger("test").debug("detail")
        assert "detail" in capsys.readouterr().err

    def test_a_logger_in_use_obeys_a_later_configuration(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        logger = structlog.get_logger("test")
        for level in ("info", "debug"):
            configure_logging("json", level)
            logger.debug("detail", level_asked=level)
        assert [
            json.loads(line)["level_asked"] for line in capsys.readouterr().err.splitlines()
        ] == ["debug"]
