"""Answers of the graph in Redis, shared by all workers. Never a reason to stop.

An entry is found by the bundle's digest, the variant and the digest of all the graph reads, so
an answer cannot outlive its model. A Redis that is down or slow is a miss after milliseconds.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol, TypeVar

import msgspec
import numpy as np
import redis

from worker.predictor import ModelInput, Prediction, Predictor
from worker.telemetry import Metrics

FORMAT = 1
_T = TypeVar("_T")


class Cache(Protocol):
    """What the loop asks of a cache."""

    def get_many(self, inputs: Sequence[ModelInput]) -> dict[bytes, Prediction]:
        """Return the known answers by the digest of their input."""
        ...

    def put_many(self, answers: Mapping[bytes, Prediction]) -> None:
        """Keep answers by the digest of their input."""
        ...


class NoCache:
    """`--cache none`: nothing is known, nothing is kept."""

    def get_many(self, inputs: Sequence[ModelInput]) -> dict[bytes, Prediction]:
        """Return nothing."""
        del inputs
        return {}

    def put_many(self, answers: Mapping[bytes, Prediction]) -> None:
        """Do nothing."""


class _Entry(msgspec.Struct, frozen=True, array_like=True):
    """An answer as bytes: int32 rows and float32 numbers, little endian."""

    hashtags: bytes
    scores: bytes
    theta: bytes = b""
    attention: bytes = b""


_ENTRY = msgspec.msgpack.Decoder(_Entry)
_encode = msgspec.msgpack.Encoder().encode


class RedisCache:
    """A cache in Redis.

    Arguments: `explain`, whether topics and attention are needed too (an entry without them is
    then a miss); `ttl`, seconds until an entry is forgotten; `pause`, seconds for which a Redis
    that failed is left alone, so that it does not cost its timeout every batch.
    """

    def __init__(  # noqa: PLR0913 - each is one setting
        self,
        client: redis.Redis,
        predictor: Predictor,
        metrics: Metrics,
        *,
        explain: bool = False,
        ttl: int = 86_400,
        prefix: str = "tagstream",
        pause: float = 1.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = client
        self._metrics = metrics
        self._explain = explain
        self._ttl = ttl
        self._pause = pause
        self._clock = clock
        self._blocked_until = 0.0
        self._ranked = predictor.bundle.manifest.model.ranked
        self._prefix = f"{prefix}:{FORMAT}:{predictor.bundle.digest}:{predictor.variant}:".encode()

    def get_many(self, inputs: Sequence[ModelInput]) -> dict[bytes, Prediction]:
        """Return the known answers by the digest of their input, in one round trip."""
        digests = list({item.digest for item in inputs})
        if not digests:
            return {}
        values = self._attempt(lambda: self._client.mget([self._prefix + d for d in digests]))
        known = {}
        for digest, value in zip(digests, values or [], strict=False):
            if isinstance(value, bytes) and (prediction := self._decode(value)) is not None:
                known[digest] = prediction
        self._metrics.cache_hits.inc(sum(item.digest in known for item in inputs))
        self._metrics.cache_misses.inc(sum(item.digest not in known for item in inputs))
        return known

    def put_many(self, answers: Mapping[bytes, Prediction]) -> None:
        """Keep answers by the digest of their input, in one round trip."""
        if not answers:
            return
        pipeline = self._client.pipeline(transaction=False)
        for digest, prediction in answers.items():
            pipeline.set(self._prefix + digest, self._encode(prediction), ex=self._ttl)
        self._attempt(pipeline.execute)

    def _attempt(self, call: Callable[[], _T]) -> _T | None:
        if self._clock() < self._blocked_until:
            return None
        try:
            return call()
        except (redis.RedisError, OSError):
            self._metrics.cache_errors.inc()
            self._blocked_until = self._clock() + self._pause
            return None

    def _encode(self, prediction: Prediction) -> bytes:
        parts = [prediction.hashtags.astype("<i4").tobytes(), prediction.scores.tobytes()]
        if self._explain:
            parts += [prediction.theta.tobytes(), prediction.attention.tobytes()]
        return _encode(_Entry(*parts))

    def _decode(self, value: bytes) -> Prediction | None:
        """Return an entry's answer, or nothing where it is not one of ours or lacks a part."""
        try:
            prediction = _parse(_ENTRY.decode(value), self._ranked)
        except ValueError:  # msgspec's errors are such, too
            self._metrics.cache_errors.inc()
            return None
        if self._explain and not len(prediction.attention):
            return None
        return prediction


def _parse(entry: _Entry, ranked: int) -> Prediction:
    parts = (entry.scores, entry.theta, entry.attention)
    prediction = Prediction(
        np.frombuffer(entry.hashtags, "<i4"), *(np.frombuffer(part, "<f4") for part in parts)
    )
    if not len(prediction.hashtags) == len(prediction.scores) == ranked:
        raise ValueError(f"an entry without {ranked} hashtags")
    return prediction
