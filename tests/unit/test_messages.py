import hashlib

import msgspec
import pytest

from worker.errors import RecordRejectedError
from worker.formats import decode_post
from worker.messages import (
    MAX_DEAD_LETTER_BYTES,
    MAX_ID_BYTES,
    MAX_TRACE_BYTES,
    Post,
    Record,
    ScoredHashtag,
    Suggestion,
    dead_letter_output,
    decode_suggestion,
    suggestion_output,
)

MOST = 100
WRONG = RecordRejectedError("not_json", "no JSON — at all")


def record(value: bytes | None = b"{}", key: bytes | None = b"k", **more: bytes) -> Record:
    return Record("tweets", 3, 42, key, value, tuple(more.items()), 1_000)


def decode(value: bytes) -> Post:
    return decode_post(value, MOST)


class TestPosts:
    def test_need_an_id_and_a_text_only(self) -> None:
        assert decode(b'{"id": "1", "text": "hi"}') == Post("1", "hi")

    def test_carry_what_else_is_known(self) -> None:
        post = Post("1", "hi", "2024-01-01T00:00:00Z", "me", "en", ["one"])
        assert decode(msgspec.json.encode(post)) == post

    def test_may_have_fields_that_are_not_ours(self) -> None:
        assert decode(b'{"likes": {"n": [1, 2]}, "text": "", "id": "1"}') == Post("1", "")

    @pytest.mark.parametrize(
        ("value", "reason"),
        [
            (b'{"id": "1", "text": "\xff"}', "not_utf8"),
            (b"", "not_json"),
            (b"\xff\xfe", "not_json"),
            (b'{"id": "1", "text": "hi"', "not_json"),
            (b'{"id": "1", "text": "hi"} x', "not_json"),
            (b'{"id": "1", "text": "\\ud800"}', "not_json"),
            (b'{"id": "1", "text": "\\udc00\\ud800"}', "not_json"),
            (b'{"id": "1", "text": "hi", "n": NaN}', "not_json"),
            (b'{"id": "1", "text": "hi", "n": Infinity}', "not_json"),
            (b'{"id": "1", "text": "hi", "n": ' + b"[" * 100_000, "too_deep"),
            (b'{"id": "1", "text": "hi", "n": ' + b'{"n":' * 100_000, "too_deep"),
            (b"null", "not_a_post"),
            (b"[]", "not_a_post"),
            (b"{}", "not_a_post"),
            (b'{"id": "1"}', "not_a_post"),
            (b'{"id": 1, "text": "hi"}', "not_a_post"),
            (b'{"id": "1", "text": null}', "not_a_post"),
            (b'{"id": "1", "text": ["hi"]}', "not_a_post"),
            (b'{"id": "1", "text": "hi", "hashtags": "one"}', "not_a_post"),
            (b'{"id": "", "text": "hi"}', "bad_id"),
            (b'{"id": "' + b"1" * (MAX_ID_BYTES + 1) + b'", "text": "hi"}', "bad_id"),
            (b'{"id": "' + "é".encode() * 513 + b'", "text": "hi"}', "bad_id"),
            (b'{"id": "1", "text": "' + b"x" * (MOST + 1) + b'"}', "text_too_long"),
            (b'{"id": "1", "text": "' + "é".encode() * 51 + b'"}', "text_too_long"),
        ],
    )
    def test_that_are_none_are_rejected_with_a_reason(self, value: bytes, reason: str) -> None:
        with pytest.raises(RecordRejectedError) as error:
            decode(value)
        assert error.value.reason == reason
        assert str(error.value) == f"{reason}: {error.value.detail}"

    def test_may_be_as_long_as_the_limits(self) -> None:
        post = Post("i" * MAX_ID_BYTES, "x" * MOST)
        assert decode(msgspec.json.encode(post)) == post

    def test_may_be_written_with_escapes(self) -> None:
        assert decode(b'{"id": "1", "text": "\\ud83d\\ude00\\n"}').text == "😀\n"


class TestSuggestions:
    ANSWER = Suggestion("7", [ScoredHashtag("One", 0.1234)], "abc", "cpu-fp32")

    def test_say_no_more_than_what_depends_on_post_and_model(self) -> None:
        output = suggestion_output("suggestions", record(), self.ANSWER)
        assert output.value == (
            b'{"id":"7","suggestions":[{"hashtag":"One","score":0.1234}],'
            b'"model":"abc","variant":"cpu-fp32"}'
        )
        assert output == suggestion_output("suggestions", record(), self.ANSWER)
        assert output.rejected is None

    def test_are_keyed_by_the_posts_id_not_by_the_records_key(self) -> None:
        output = suggestion_output("suggestions", record(key=b"other"), self.ANSWER)
        assert (output.topic, output.key) == ("suggestions", b"7")

    def test_are_cloud_events(self) -> None:
        headers = dict(suggestion_output("suggestions", record(), self.ANSWER).headers)
        assert headers == {
            "content-type": b"application/json",
            "ce_specversion": b"1.0",
            "ce_type": b"tagstream.suggestion.v1",
            "ce_source": b"/topics/tweets",
            "ce_id": b"tweets-3-42",
            "ce_subject": b"7",
        }

    def test_pass_on_a_trace_and_nothing_else(self) -> None:
        came = record(traceparent=b"00-1-2-3", tracestate=b"a=b", cookie=b"secret")
        headers = dict(suggestion_output("suggestions", came, self.ANSWER).headers)
        assert headers["traceparent"] == b"00-1-2-3"
        assert headers["tracestate"] == b"a=b"
        assert "cookie" not in headers

    def test_pass_on_no_trace_without_bound(self) -> None:
        came = record(tracestate=b"x" * (MAX_TRACE_BYTES + 1))
        assert "tracestate" not in dict(suggestion_output("s", came, self.ANSWER).headers)

    def test_are_read_as_they_were_written(self) -> None:
        answer = Suggestion("7", [], "abc", "v", "no_words", [0.5, 0.5], [1.0])
        value = suggestion_output("suggestions", record(), answer).value
        assert value is not None
        assert decode_suggestion(value) == answer


class TestDeadLetters:
    def test_keep_bytes_key_and_headers_and_say_what_was_wrong(self) -> None:
        came = record(b"\xff\x00", b"\xfe", cookie=b"\xfd")
        letter = dead_letter_output("dead", came, WRONG)
        assert (letter.topic, letter.key, letter.value) == ("dead", b"\xfe", b"\xff\x00")
        assert letter.rejected == "not_json"
        assert letter.headers == [
            ("cookie", b"\xfd"),
            ("__connect.errors.topic", b"tweets"),
            ("__connect.errors.partition", b"3"),
            ("__connect.errors.offset", b"42"),
            ("__connect.errors.exception.class.name", b"not_json"),
            ("__connect.errors.exception.message", "no JSON — at all".encode()),
        ]

    def test_of_neither_key_nor_value_keep_both_away(self) -> None:
        letter = dead_letter_output("dead", record(None, None), WRONG)
        assert (letter.key, letter.value) == (None, None)
        assert "tagstream-value-bytes" not in dict(letter.headers)

    def test_whose_detail_has_a_lone_surrogate_are_written(self) -> None:
        letter = dead_letter_output("dead", record(), RecordRejectedError("bad_id", "\ud800"))
        assert dict(letter.headers)["__connect.errors.exception.message"] == b"?"

    def test_may_be_as_large_as_the_limit(self) -> None:
        value = b"x" * (MAX_DEAD_LETTER_BYTES - len(b"k"))
        assert dead_letter_output("dead", record(value), WRONG).value == value

    def test_too_large_go_without_value_with_its_size_and_digest(self) -> None:
        value = b"x" * MAX_DEAD_LETTER_BYTES
        letter = dead_letter_output("dead", record(value, cookie=b"c"), WRONG)
        headers = dict(letter.headers)
        assert (letter.key, letter.value) == (b"k", None)
        assert headers["tagstream-value-bytes"] == str(len(value)).encode()
        assert headers["tagstream-value-sha256"] == hashlib.sha256(value).hexdigest().encode()
        assert headers["cookie"] == b"c"
        assert headers["__connect.errors.offset"] == b"42"

    @pytest.mark.parametrize("where", ["key", "header"])
    def test_with_too_large_a_key_or_header_go_with_coordinates_only(self, where: str) -> None:
        large = b"x" * (MAX_DEAD_LETTER_BYTES + 1)
        came = record(b"v", large) if where == "key" else record(b"v", cookie=large)
        letter = dead_letter_output("dead", came, WRONG)
        assert (letter.key, letter.value) == (None, None)
        assert "cookie" not in dict(letter.headers)
        assert dict(letter.headers)["tagstream-value-bytes"] == b"1"


def test_a_header_without_a_value_is_passed_on() -> None:
    record = Record("tweets", 0, 0, b"key", b"value", (("kept", None), ("traceparent", None)))
    letter = dead_letter_output("dead", record, RecordRejectedError("not_json", "why"))
    assert ("kept", None) in letter.headers
    answer = suggestion_output("out", record, Suggestion("1", [], "model", "cpu-fp32"))
    assert "traceparent" not in dict(answer.headers)


def test_of_several_trace_headers_one_is_passed_on() -> None:
    record = Record("tweets", 0, 0, b"key", b"value", (("traceparent", b"00"),) * 3_000)
    answer = suggestion_output("out", record, Suggestion("1", [], "model", "cpu-fp32"))
    assert [name for name, _ in answer.headers].count("traceparent") == 1
