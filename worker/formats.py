"""The forms in which posts come: our own, and objects of the X API, v2 and v1.1.

Of a retweet the original is read, whose text is whole; it keeps its own id. Pure.
"""

from collections.abc import Callable
from typing import Literal, get_args

import msgspec

from worker.errors import RecordRejectedError
from worker.messages import MAX_ID_BYTES, Post

Format = Literal["post", "x-v2", "x-v1.1"]
FORMATS: tuple[Format, ...] = get_args(Format)


class _Tag(msgspec.Struct, frozen=True):
    tag: str


class _Entities(msgspec.Struct, frozen=True):
    hashtags: list[_Tag] = []


class _Note(msgspec.Struct, frozen=True):
    """The whole of a post that is longer than its `text`."""

    text: str
    entities: _Entities = _Entities()


class _Reference(msgspec.Struct, frozen=True):
    type: str
    id: str


class _Tweet(msgspec.Struct, frozen=True):
    """A Tweet object of the X API v2."""

    id: str
    text: str
    created_at: str | None = None
    author_id: str | None = None
    lang: str | None = None
    entities: _Entities = _Entities()
    note_tweet: _Note | None = None
    referenced_tweets: list[_Reference] = []


class _Includes(msgspec.Struct, frozen=True):
    tweets: list[_Tweet] = []


class _Response(msgspec.Struct, frozen=True):
    """What the streams of the v2 API send: a Tweet and what it refers to."""

    data: _Tweet | None = None
    includes: _Includes = _Includes()


class _OldTag(msgspec.Struct, frozen=True):
    text: str


class _OldEntities(msgspec.Struct, frozen=True):
    hashtags: list[_OldTag] = []


class _Extended(msgspec.Struct, frozen=True):
    """The whole of a status that the compatibility mode of v1.1 cuts."""

    full_text: str
    entities: _OldEntities = _OldEntities()


class _User(msgspec.Struct, frozen=True):
    screen_name: str | None = None


class _Status(msgspec.Struct, frozen=True):
    """A status of the API v1.1."""

    id_str: str
    text: str | None = None
    full_text: str | None = None
    created_at: str | None = None
    lang: str | None = None
    user: _User = _User()
    entities: _OldEntities = _OldEntities()
    extended_tweet: _Extended | None = None
    retweeted_status: "_Status | None" = None


_POST = msgspec.json.Decoder(Post).decode
_RESPONSE = msgspec.json.Decoder(_Response).decode
_TWEET = msgspec.json.Decoder(_Tweet).decode
_STATUS = msgspec.json.Decoder(_Status).decode


def _v2(value: bytes) -> Post:
    """Read what a stream sends, or its Tweet alone."""
    response = _RESPONSE(value)
    tweet = response.data or _TWEET(value)
    reposted = {one.id for one in tweet.referenced_tweets if one.type == "retweeted"}
    read = next((one for one in response.includes.tweets if one.id in reposted), tweet)
    text, entities = read.text, read.entities
    if read.note_tweet is not None:
        text, entities = read.note_tweet.text, read.note_tweet.entities
    hashtags = [one.tag for one in entities.hashtags]
    original = next(iter(reposted), None)
    return Post(
        tweet.id, text, tweet.created_at, tweet.author_id, read.lang, hashtags or None, original
    )


def _v1(value: bytes) -> Post:
    status = _STATUS(value)
    read = status.retweeted_status or status
    text, entities = read.full_text, read.entities
    if read.extended_tweet is not None:
        text, entities = read.extended_tweet.full_text, read.extended_tweet.entities
    text = read.text if text is None else text
    if text is None:
        raise msgspec.ValidationError("Object missing required field `text` or `full_text`")
    hashtags = [one.text for one in entities.hashtags]
    return Post(
        status.id_str, text, status.created_at, status.user.screen_name, read.lang,
        hashtags or None, read.id_str if read is not status else None,
    )  # fmt: skip


_READ: dict[Format, Callable[[bytes], Post]] = {"post": _POST, "x-v2": _v2, "x-v1.1": _v1}


def decode_post(value: bytes, max_bytes: int, form: Format = "post") -> Post:
    """Read a post; `max_bytes` bounds its text in UTF-8.

    Raises `RecordRejectedError` with reason `not_utf8`, `not_json` (lone surrogates and NaN
    included), `too_deep`, `not_a_post`, `bad_id` or `text_too_long`.
    """
    try:
        post = _READ[form](value)
    except UnicodeDecodeError as error:
        raise RecordRejectedError("not_utf8", str(error)) from error
    except msgspec.ValidationError as error:
        raise RecordRejectedError("not_a_post", str(error)) from error
    except msgspec.DecodeError as error:
        raise RecordRejectedError("not_json", str(error)) from error
    except RecursionError as error:
        raise RecordRejectedError("too_deep", "the JSON is nested too deeply") from error
    if not 0 < len(post.id.encode()) <= MAX_ID_BYTES:
        raise RecordRejectedError("bad_id", f"`id` must have 1 to {MAX_ID_BYTES} bytes")
    if (size := len(post.text.encode())) > max_bytes:
        raise RecordRejectedError("text_too_long", f"`text` has {size} bytes, over {max_bytes}")
    return post
