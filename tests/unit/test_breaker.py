from worker.breaker import Breaker


class Clock:
    """Time that passes when a test says so."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Service:
    """Counts calls, and fails while it is down."""

    def __init__(self) -> None:
        self.calls, self.down = 0, False

    def __call__(self) -> str:
        self.calls += 1
        if self.down:
            raise OSError("down")
        return "answer"


def test_what_works_is_let_through() -> None:
    breaker, service = Breaker(), Service()
    assert breaker.attempt(service, (OSError,)) == ("answer", None)
    assert not breaker.open


def test_it_opens_after_failures_in_a_row_only() -> None:
    breaker, service = Breaker(failures=3, clock=Clock()), Service()
    for _ in range(4):
        service.down = True
        for _ in range(2):
            _, error = breaker.attempt(service, (OSError,))
            assert isinstance(error, OSError)
        service.down = False
        assert breaker.attempt(service, (OSError,)) == ("answer", None)
    service.down = True
    for _ in range(3):
        breaker.attempt(service, (OSError,))
    assert breaker.open
    calls = service.calls
    assert breaker.attempt(service, (OSError,)) == (None, None)
    assert service.calls == calls


def test_its_pauses_grow_to_a_bound_and_a_success_forgets_them() -> None:
    clock = Clock()
    breaker, service = Breaker(1, shortest=1.0, longest=5.0, clock=clock), Service()
    for _ in range(2):
        service.down = True
        for pause in (1.0, 2.0, 4.0, 5.0, 5.0):
            calls = service.calls
            breaker.attempt(service, (OSError,))  # the trial
            assert service.calls == calls + 1
            clock.now += pause - 0.01
            breaker.attempt(service, (OSError,))  # spared
            assert service.calls == calls + 1
            clock.now += 0.02
        service.down = False
        assert breaker.attempt(service, (OSError,)) == ("answer", None)


def test_what_it_does_not_expect_is_raised() -> None:
    def broken() -> None:
        raise KeyError("ours")

    try:
        Breaker().attempt(broken, (OSError,))
    except KeyError:
        return
    raise AssertionError("a mistake of ours was taken for the service's")
