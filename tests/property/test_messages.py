"""A decoder in front of a stream that anybody writes to: a post, or a reason, whatever comes."""

import json

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from worker.errors import RecordRejectedError
from worker.formats import decode_post
from worker.messages import (
    MAX_DEAD_LETTER_BYTES,
    MAX_ID_BYTES,
    Post,
    Record,
    ScoredHashtag,
    Suggestion,
    dead_letter_output,
    decode_suggestion,
    suggestion_output,
)

MOST = 200
REASONS = {"not_utf8", "not_json", "too_deep", "not_a_post", "bad_id", "text_too_long"}

text = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
identity = text.filter(bool)
optional = st.none() | text
posts = st.builds(
    Post, identity, text, optional, optional, optional, st.none() | st.lists(text, max_size=3)
)
score = st.floats(0, 1).map(lambda number: round(number, 4))
shares = st.none() | st.lists(score, max_size=5)
answers = st.builds(
    Suggestion,
    identity,
    st.lists(st.builds(ScoredHashtag, text, score), max_size=5),
    text,
    text,
    optional,
    shares,
    shares,
)
headers = st.lists(st.tuples(text, st.binary(max_size=20)), max_size=3)
records = st.builds(
    Record,
    text,
    st.integers(0, 2**31 - 1),
    st.integers(0, 2**63 - 1),
    st.none() | st.binary(max_size=20),
    st.none() | st.binary(max_size=200),
    headers,
)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=6,
)
fields = st.sampled_from(["id", "text", "hashtags", "author", "lang", "created_at", "more"])
# Near a post, with lone surrogates, NaN and integers of any size among it.
nearly = st.dictionaries(fields, values).map(lambda value: json.dumps(value).encode())


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A good post with a few bytes replaced."""
    raw = bytearray(msgspec.json.encode(draw(posts)))
    for _ in range(draw(st.integers(1, 4))):
        raw[draw(st.integers(0, len(raw) - 1))] = draw(st.integers(0, 255))
    return bytes(raw)


@given(st.one_of(st.binary(max_size=100), nearly, damaged()))
def test_any_bytes_are_a_post_or_rejected(value: bytes) -> None:
    outcome = post_or_reason(value)
    if isinstance(outcome, Post):
        assert 0 < len(outcome.id.encode()) <= MAX_ID_BYTES
        assert len(outcome.text.encode()) <= MOST
    else:
        assert outcome in REASONS


def post_or_reason(value: bytes) -> Post | str:
    try:
        return decode_post(value, MOST)
    except RecordRejectedError as error:
        return error.reason


@given(posts)
def test_a_post_is_read_as_it_was_written(post: Post) -> None:
    assert decode_post(msgspec.json.encode(post), MOST) == post
    assert decode_post(json.dumps(msgspec.to_builtins(post)).encode(), MOST) == post


@given(records, answers)
def test_an_answer_is_read_as_it_was_written(record: Record, answer: Suggestion) -> None:
    output = suggestion_output("suggestions", record, answer)
    assert output.value is not None
    assert decode_suggestion(output.value) == answer
    assert suggestion_output("suggestions", record, answer) == output
    assert json.loads(output.value)["id"] == answer.id


@given(records, st.sampled_from(sorted(REASONS)), st.text(max_size=20))
def test_a_dead_letter_keeps_what_came(record: Record, reason: str, detail: str) -> None:
    letter = dead_letter_output("dead", record, RecordRejectedError(reason, detail))
    assert (letter.key, letter.value) == (record.key, record.value)
    assert letter.headers[: len(record.headers)] == list(record.headers)
    assert letter.rejected == reason


@given(st.integers(0, MAX_DEAD_LETTER_BYTES * 2), st.integers(0, MAX_DEAD_LETTER_BYTES * 2))
def test_no_dead_letter_is_larger_than_its_topic_takes(key: int, value: int) -> None:
    record = Record("tweets", 0, 0, bytes(key), bytes(value))
    letter = dead_letter_output("dead", record, RecordRejectedError("not_json", "zeros"))
    size = len(letter.key or b"") + len(letter.value or b"")
    assert size + sum(len(name) + len(data or b"") for name, data in letter.headers) < 1_000_000
