"""Objects of the X API become posts; the shapes are those of its reference."""

import json

import pytest

from worker.errors import RecordRejectedError
from worker.formats import FORMATS, Format, decode_post
from worker.messages import Post

MOST = 500


def read(form: Format, value: object) -> Post:
    return decode_post(json.dumps(value).encode(), MOST, form)


TWEET = {
    "id": "1346889436626259968",
    "text": "Fish &amp; chips by the #Sea",
    "created_at": "2021-01-06T18:40:40.000Z",
    "author_id": "2244994945",
    "lang": "en",
    "edit_history_tweet_ids": ["1346889436626259968"],
    "public_metrics": {"like_count": 2},
    "entities": {"hashtags": [{"start": 24, "end": 28, "tag": "Sea"}], "urls": []},
}
POST = Post(
    "1346889436626259968",
    "Fish &amp; chips by the #Sea",
    "2021-01-06T18:40:40.000Z",
    "2244994945",
    "en",
    ["Sea"],
)


class TestV2:
    def test_a_tweet_is_read_as_a_stream_sends_it_or_alone(self) -> None:
        sent = {"data": TWEET, "includes": {"users": [{"id": "2244994945"}]}, "matching_rules": []}
        assert read("x-v2", sent) == read("x-v2", TWEET) == POST

    def test_a_long_one_is_read_whole(self) -> None:
        note = {"text": "The whole #story", "entities": {"hashtags": [{"tag": "story"}]}}
        post = read("x-v2", {"data": {**TWEET, "note_tweet": note}})
        assert (post.text, post.hashtags) == ("The whole #story", ["story"])

    @pytest.mark.parametrize("kind", ["retweeted", "quoted", "replied_to"])
    def test_of_a_retweet_alone_the_original_is_read(self, kind: str) -> None:
        repost = {
            "id": "9",
            "text": "RT @a: Fish &amp; …",
            "author_id": "7",
            "created_at": "2022-01-01T00:00:00.000Z",
            "referenced_tweets": [{"type": kind, "id": TWEET["id"]}],
        }
        other = {**TWEET, "id": "5", "text": "another"}
        post = read("x-v2", {"data": repost, "includes": {"tweets": [other, TWEET]}})
        assert (post.id, post.author, post.created_at) == ("9", "7", "2022-01-01T00:00:00.000Z")
        read_whole = (POST.text, POST.hashtags, "en")
        as_it_stands = ("RT @a: Fish &amp; …", None, None)
        expected = read_whole if kind == "retweeted" else as_it_stands
        assert (post.text, post.hashtags, post.lang) == expected

    def test_a_retweet_without_its_original_is_read_as_it_stands(self) -> None:
        alone = {
            "id": "9",
            "text": "RT @a: b",
            "referenced_tweets": [{"type": "retweeted", "id": "1"}],
        }
        assert read("x-v2", {"data": alone}) == Post("9", "RT @a: b", original="1")


STATUS = {
    "created_at": "Wed Oct 10 20:19:24 +0000 2018",
    "id": 1050118621198921728,
    "id_str": "1050118621198921728",
    "full_text": "Over the #Hills and far",
    "truncated": False,
    "display_text_range": [0, 23],
    "entities": {"hashtags": [{"text": "Hills", "indices": [9, 15]}], "user_mentions": []},
    "user": {"id": 6253282, "id_str": "6253282", "screen_name": "someone"},
    "lang": "en",
}


class TestV1:
    def test_a_status_is_read(self) -> None:
        assert read("x-v1.1", STATUS) == Post(
            "1050118621198921728",
            "Over the #Hills and far",
            "Wed Oct 10 20:19:24 +0000 2018",
            "someone",
            "en",
            ["Hills"],
        )

    def test_one_that_was_cut_is_read_whole(self) -> None:
        cut = {**STATUS, "text": "Over the…", "truncated": True, "entities": {"hashtags": []}}
        del cut["full_text"]
        assert read("x-v1.1", cut).text == "Over the…"
        whole = {"full_text": "Over the #Dales", "entities": {"hashtags": [{"text": "Dales"}]}}
        post = read("x-v1.1", {**cut, "extended_tweet": whole})
        assert (post.text, post.hashtags) == ("Over the #Dales", ["Dales"])

    def test_of_a_retweet_the_original_is_read(self) -> None:
        repost = {
            "id_str": "2",
            "text": "RT @someone: Over…",
            "user": {"screen_name": "other"},
            "lang": "en",
            "retweeted_status": STATUS,
        }
        post = read("x-v1.1", repost)
        assert (post.id, post.author, post.text) == ("2", "other", STATUS["full_text"])
        assert post.hashtags == ["Hills"]


@pytest.mark.parametrize(
    "value",
    [
        {},
        {"data": None},
        {"data": []},
        {"data": {"id": "1"}},
        {"errors": [{"title": "operational-disconnect"}]},
        {"delete": {"status": {"id_str": "1"}}},
        {"id_str": "1", "user": {}},
        {"id": 1, "text": "hi"},
        [],
        "hi",
    ],
)
@pytest.mark.parametrize("form", FORMATS)
def test_what_is_no_post_is_rejected_in_every_form(form: Format, value: object) -> None:
    with pytest.raises(RecordRejectedError, match="not_a_post"):
        read(form, value)


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (b"\xff", "not_json"),
        (b"{", "not_json"),
        (b'{"id": "", "id_str": "", "text": "hi"}', "bad_id"),
        (b'{"id": "1", "id_str": "1", "text": "' + b"x" * (MOST + 1) + b'"}', "text_too_long"),
    ],
)
def test_bounds_hold_in_every_form(form: Format, value: bytes, reason: str) -> None:
    with pytest.raises(RecordRejectedError, match=reason):
        decode_post(value, MOST, form)
