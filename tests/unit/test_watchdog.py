import threading

from worker.telemetry import Health
from worker.watchdog import Watchdog

PATIENCE = 30.0


def test_a_loop_that_stalls_is_ended() -> None:
    ended = threading.Event()
    now = 100.0
    health = Health(5.0, lambda: now)
    with Watchdog(health, ended.set, pause=0.001):
        assert not ended.wait(0.05)
        now += 4.9
        assert not ended.wait(0.05)
        health.beat()
        now += 4.9
        assert not ended.wait(0.05)
        now += 0.2
        assert ended.wait(PATIENCE)


def test_the_time_before_it_does_not_count() -> None:
    ended = threading.Event()
    with Watchdog(Health(5.0, lambda: 1e6), ended.set, pause=0.001):
        assert not ended.wait(0.05)


def test_after_the_block_nothing_is_watched() -> None:
    ended = threading.Event()
    now = 0.0
    with Watchdog(Health(5.0, lambda: now), ended.set, pause=0.001):
        pass
    now = 100.0
    assert not ended.wait(0.05)
    assert not any(thread.name == "watchdog" for thread in threading.enumerate())
