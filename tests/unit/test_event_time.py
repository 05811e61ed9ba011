import pytest

from worker.event_time import event_time


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("2016-03-14T13:24:16Z", "2016-03-14T13:24:16+00:00"),
        ("2016-03-14T13:24:16", "2016-03-14T13:24:16+00:00"),
        ("2016-03-14T15:24:16+02:00", "2016-03-14T13:24:16+00:00"),
        ("Wed Oct 10 20:19:24 +0000 2018", "2018-10-10T20:19:24+00:00"),
    ],
)
def test_the_time_of_a_post_is_read_in_both_notations(written: str, meant: str) -> None:
    time = event_time(written)
    assert time is not None
    assert time.isoformat() == meant


@pytest.mark.parametrize(
    "written", [None, "", "yesterday", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-01:00"]
)
def test_what_is_no_time_is_none(written: str | None) -> None:
    assert event_time(written) is None
