import pytest

from worker.errors import ExitCode, TooManyRejectsError
from worker.rejects import RejectLimit

GOOD, BAD = False, True


def test_a_run_may_be_as_long_as_the_limit_and_no_longer() -> None:
    limit = RejectLimit(ratio=1.0, run=3)
    limit.check([BAD, BAD, BAD, GOOD, BAD, BAD, BAD])
    with pytest.raises(TooManyRejectsError, match="more than 3 records rejected in a row"):
        limit.check([BAD])


def test_the_share_counts_once_the_window_is_full() -> None:
    limit = RejectLimit(ratio=0.5, window=4, run=0)
    limit.check([BAD, BAD, BAD])
    with pytest.raises(TooManyRejectsError, match="3 of the last 4 records rejected"):
        limit.check([GOOD])


def test_what_leaves_the_window_is_forgotten() -> None:
    limit = RejectLimit(ratio=0.5, window=4, run=0)
    for _ in range(50):
        limit.check([BAD, GOOD, GOOD, BAD])
    limit.check([GOOD] * 4)
    limit.check([BAD, BAD])
    with pytest.raises(TooManyRejectsError):
        limit.check([BAD])


def test_both_can_be_switched_off() -> None:
    RejectLimit(ratio=1.0, window=10, run=0).check([BAD] * 100)


def test_a_good_stream_is_never_stopped() -> None:
    RejectLimit(ratio=0.0, window=10, run=1).check([GOOD] * 100)


def test_the_exit_code_says_that_a_restart_would_not_help() -> None:
    assert TooManyRejectsError.exit_code == ExitCode.TOO_MANY_REJECTS


def test_a_batch_that_is_read_again_does_not_count_twice() -> None:
    limit = RejectLimit(run=3)
    for _ in range(5):
        limit.check([True, True])
        limit.forget()
