from dataclasses import replace

import msgspec
import pytest

from worker.errors import RecordRejectedError
from worker.intake import Intake, Skipped
from worker.messages import Post, Record
from worker.settings import Settings

NOW = 1_600_000_000.0
HOUR = 3_600.0


def record(post: Post, timestamp: float = NOW) -> Record:
    return Record("tweets", 0, 0, b"k", msgspec.json.encode(post), (), int(timestamp * 1_000))


def at_now(settings: Settings) -> Intake:
    return replace(Intake.of(settings), clock=lambda: NOW)


def test_a_record_is_a_post_a_deletion_or_a_dead_letter() -> None:
    read = at_now(Settings()).read
    assert read(record(Post("1", "hi"))) == Post("1", "hi")
    assert read(Record("tweets", 0, 0, b"1", None)) is Skipped.DELETION
    for value in (None, b"", b"{}"):
        assert isinstance(read(Record("tweets", 0, 0, None, value)), RecordRejectedError)


@pytest.mark.parametrize(
    ("lang", "answered"),
    [("en", True), ("EN", True), ("en-GB", True), ("es", True), ("pt", False), (None, True)],
)
def test_languages_that_are_not_named_are_passed_over(lang: str | None, *, answered: bool) -> None:
    post = Post("1", "hi", lang=lang)
    assert at_now(Settings()).read(record(post)) == post
    found = at_now(Settings(languages="en, ES")).read(record(post))
    assert found == (post if answered else Skipped.LANGUAGE)


@pytest.mark.parametrize(
    ("created_at", "timestamp", "answered"),
    [
        (None, NOW - 0.9 * HOUR, True),
        (None, NOW - 1.1 * HOUR, False),
        ("2020-09-13T11:30:00Z", NOW, True),  # an hour before now it was 11:26:40
        ("2020-09-13T11:20:00Z", NOW, False),
        ("2020-09-13T11:30:00Z", NOW - 9 * HOUR, True),  # the post's own time counts
        ("Sun Sep 13 11:20:00 +0000 2020", NOW, False),
        ("yesterday", NOW, True),
        ("yesterday", NOW - 2 * HOUR, False),
        (None, -0.001, True),  # -1 ms: no time was given
        ("2031-01-01T00:00:00Z", NOW, True),
    ],
)
def test_a_post_that_is_too_old_is_passed_over(
    created_at: str | None, timestamp: float, *, answered: bool
) -> None:
    post = Post("1", "hi", created_at)
    assert at_now(Settings()).read(record(post, timestamp)) == post
    found = at_now(Settings(max_age=HOUR)).read(record(post, timestamp))
    assert found == (post if answered else Skipped.AGE)


def test_posts_come_in_the_form_that_was_set() -> None:
    status = b'{"id_str": "1", "full_text": "hi"}'
    read = at_now(Settings(format="x-v1.1")).read
    assert read(Record("tweets", 0, 0, None, status)) == Post("1", "hi")
