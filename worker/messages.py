"""Bytes ↔ posts, suggestions and dead letters. Pure: nothing here talks to a service."""

import hashlib
from collections.abc import Sequence
from typing import Annotated

import msgspec
from msgspec import Meta

from worker.errors import RecordRejectedError
from worker.quality import Judged

SCORE_DECIMALS = 4
MAX_ID_BYTES = 1_024  # the id is key, header and body of the answer
TRACE_HEADERS = ("traceparent", "tracestate")  # W3C Trace Context
MAX_TRACE_BYTES = 512
MAX_DEAD_LETTER_BYTES = 950_000  # below a topic's usual limit of 1 MiB, with room for headers
ERRORS = "__connect.errors."  # Kafka Connect's headers on dead letters (KIP-298)
Header = tuple[str, bytes | None]


class Record(msgspec.Struct, frozen=True):
    """One record as the input topic holds it; `timestamp` in ms since the epoch."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[Header] = ()
    timestamp: int = 0

    @property
    def coordinates(self) -> str:
        """The record's own name, equal however often it is read."""
        return f"{self.topic}-{self.partition}-{self.offset}"


class Output(msgspec.Struct, frozen=True):
    """One record to be published; `rejected` is the reason where it is a dead letter.

    `also` is published with it, in the same flush or transaction; `judged` is counted with it.
    """

    topic: str
    key: bytes | None
    value: bytes | None
    headers: list[Header] = []
    rejected: str | None = None
    also: tuple["Output", ...] = ()
    judged: tuple[Judged, ...] = ()


class Post(msgspec.Struct, frozen=True):
    """A post to be answered. Fields that are not listed here are ignored."""

    id: Annotated[
        str,
        Meta(
            description=f"Name of the post, of at most {MAX_ID_BYTES} bytes in UTF-8.",
            extra_json_schema={"minLength": 1, "maxLength": MAX_ID_BYTES},
        ),
    ]
    text: Annotated[str, Meta(description="The post as it was written, hashtags included.")]
    created_at: Annotated[
        str | None, Meta(description="When it was written: ISO 8601; UTC where it names no zone.")
    ] = None
    author: Annotated[str | None, Meta(description="Any name of its author.")] = None
    lang: Annotated[str | None, Meta(description="Its language, as en or en-GB.")] = None
    hashtags: Annotated[
        list[str] | None, Meta(description="Its hashtags, beside those in its text.")
    ] = None
    original: Annotated[
        str | None, Meta(description="Id of the post that this one repeats, as a retweet does.")
    ] = None
    accepted_suggestion: Annotated[
        bool, Meta(description="Its hashtags were suggested to its author, who took them.")
    ] = False


class ScoredHashtag(msgspec.Struct, frozen=True, omit_defaults=True):
    """A suggested hashtag and how likely it is."""

    hashtag: Annotated[str, Meta(description="The spelling most used, without '#'.")]
    score: Annotated[float, Meta(description="Its probability; with the memory, of both together.")]
    sources: Annotated[
        list[str] | None, Meta(description="With the memory: who knows of it, model or memory.")
    ] = msgspec.field(default=None, name="from")


class SimilarPost(msgspec.Struct, frozen=True):
    """A post that is remembered, and how similar it is."""

    id: str
    similarity: Annotated[float, Meta(description="The cosine, from 0 to 1.")]


class Suggestion(msgspec.Struct, frozen=True, omit_defaults=True):
    """The answer to one post.

    No clock and no sign of the cache: the same post, bundle and variant give the same bytes.
    """

    id: Annotated[str, Meta(description="That of the post.")]
    suggestions: Annotated[list[ScoredHashtag], Meta(description="Best first; may be empty.")]
    model: Annotated[str, Meta(description="First twelve digits of the bundle's digest.")]
    variant: Annotated[str, Meta(description="Form of its graph, as cpu-fp32.")]
    reason: Annotated[str | None, Meta(description="Why there are no suggestions: no_words.")] = (
        None
    )
    topics: Annotated[
        list[float] | None, Meta(description="With --explain: the share of each topic.")
    ] = None
    attention: Annotated[
        list[float] | None, Meta(description="With --explain: the weight of each word read.")
    ] = None
    nearest: Annotated[
        list[SimilarPost] | None,
        Meta(description="With --explain and the memory: the three posts most similar, or fewer."),
    ] = None


_ENCODER = msgspec.json.Encoder()
_SUGGESTION_DECODER = msgspec.json.Decoder(Suggestion)


def decode_suggestion(value: bytes) -> Suggestion:
    """Read an answer, as a consumer downstream does."""
    return _SUGGESTION_DECODER.decode(value)


def suggestion_output(
    topic: str,
    record: Record,
    answer: Suggestion,
    also: tuple[Output, ...] = (),
    judged: tuple[Judged, ...] = (),
) -> Output:
    """Return an answer as a CloudEvent in binary mode, keyed by the post's id."""
    headers: list[Header] = [
        ("content-type", b"application/json"),
        ("ce_specversion", b"1.0"),
        ("ce_type", b"tagstream.suggestion.v1"),
        ("ce_source", f"/topics/{record.topic}".encode()),
        ("ce_id", record.coordinates.encode()),
        ("ce_subject", answer.id.encode()),
        *trace_headers(record).items(),
    ]
    return Output(topic, answer.id.encode(), _ENCODER.encode(answer), headers, None, also, judged)


def dead_letter_output(topic: str, record: Record, error: RecordRejectedError) -> Output:
    """Return the record as it came, with Kafka Connect's headers on what was wrong (KIP-298).

    One too large for the topic goes with a null value; its size and SHA-256 stand for it.
    """
    reasons: list[Header] = [
        (f"{ERRORS}topic", record.topic.encode()),
        (f"{ERRORS}partition", str(record.partition).encode()),
        (f"{ERRORS}offset", str(record.offset).encode()),
        (f"{ERRORS}exception.class.name", error.reason.encode()),
        (f"{ERRORS}exception.message", error.detail.encode("utf-8", "replace")),
    ]
    value = record.value or b""
    kept = len(record.key or b"") + sum(
        len(name) + len(data or b"") for name, data in record.headers
    )
    if kept + len(value) <= MAX_DEAD_LETTER_BYTES:
        return Output(topic, record.key, record.value, [*record.headers, *reasons], error.reason)
    reasons += [
        ("tagstream-value-bytes", str(len(value)).encode()),
        ("tagstream-value-sha256", hashlib.sha256(value).hexdigest().encode()),
    ]
    if kept > MAX_DEAD_LETTER_BYTES:
        return Output(topic, None, None, reasons, error.reason)
    return Output(topic, record.key, None, [*record.headers, *reasons], error.reason)


def trace_headers(record: Record) -> dict[str, bytes]:
    """Return the headers of a record that say in which trace it was sent; of several, the last."""
    return {
        name: value
        for name, value in record.headers
        if name in TRACE_HEADERS and value is not None and len(value) <= MAX_TRACE_BYTES
    }
