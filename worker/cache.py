"""Answers of the graph in Redis, shared by all workers. Never a reason to stop.

An entry is found by the bundle's digest, the variant and the digest of all the graph reads, so
an answer cannot outlive its model. A Redis that is down or slow is a miss after milliseconds.
"""

import random
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol, TypeVar

import msgspec
import numpy as np

from worker.breaker import Breaker
from worker.predictor import ModelInput, Prediction, Predictor
from worker.stores import FAILURES, Store
from worker.telemetry import Metrics

FORMAT = 1
SHORTEST_LIFE = 0.9  # of the time until an entry is forgotten
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
    then a miss); `ttl`, the most seconds until an entry is forgotten: entries of one moment shall
    not all expire in another; `breaker`, which leaves a store alone that fails.
    """

    def __init__(  # noqa: PLR0913 - each is one setting
        self,
        store: Store,
        predictor: Predictor,
        metrics: Metrics,
        *,
        explain: bool = False,
        ttl: int = 86_400,
        prefix: str = "tagstream",
        breaker: Breaker | None = None,
    ) -> None:
        self._store = store
        self._metrics = metrics
        self._explain = explain
        self._ttl = ttl
        self._breaker = breaker or Breaker()
        model = predictor.bundle.manifest.model
        self._ranked, self._hashtags = model.ranked, model.hashtags
        self._prefix = f"{prefix}:{FORMAT}:{predictor.bundle.digest}:{predictor.variant}:".encode()

    def get_many(self, inputs: Sequence[ModelInput]) -> dict[bytes, Prediction]:
        """Return the known answers by the digest of their input, in one round trip."""
        digests = list({item.digest for item in inputs})
        if not digests:
            return {}
        values = self._attempt(lambda: self._store.get([self._prefix + d for d in digests]))
        known = {}
        for digest, value in zip(digests, values or [], strict=False):
            if value is not None and (prediction := self._decode(value)) is not None:
                known[digest] = prediction
        self._metrics.cache_hits.inc(sum(item.digest in known for item in inputs))
        self._metrics.cache_misses.inc(sum(item.digest not in known for item in inputs))
        return known

    def put_many(self, answers: Mapping[bytes, Prediction]) -> None:
        """Keep answers by the digest of their input, in one round trip."""
        if answers:
            # Encoded within the attempt: where the store is left alone, that costs nothing either.
            self._attempt(lambda: self._store.put(self._entries(answers)))

    def _entries(self, answers: Mapping[bytes, Prediction]) -> dict[bytes, tuple[bytes, int]]:
        return {
            self._prefix + digest: (self._encode(prediction), self._lifetime())
            for digest, prediction in answers.items()
        }

    def _lifetime(self) -> int:
        share = random.uniform(SHORTEST_LIFE, 1.0)  # noqa: S311 - no secret
        return max(1, round(self._ttl * share))

    def _attempt(self, call: Callable[[], _T]) -> _T | None:
        found, error = self._breaker.attempt(call, FAILURES)
        if error is not None:
            self._metrics.cache_errors.inc()
        self._metrics.cache_open.set(self._breaker.open)
        return found

    def _encode(self, prediction: Prediction) -> bytes:
        parts = [prediction.hashtags.astype("<i4").tobytes(), prediction.scores.tobytes()]
        if self._explain:
            parts += [prediction.theta.tobytes(), prediction.attention.tobytes()]
        return _encode(_Entry(*parts))

    def _decode(self, value: bytes) -> Prediction | None:
        """Return an entry's answer, or nothing where it is not one of ours or lacks a part."""
        try:
            prediction = _parse(_ENTRY.decode(value), self._ranked, self._hashtags)
        except ValueError:  # msgspec's errors are such, too
            self._metrics.cache_errors.inc()
            return None
        if self._explain and not len(prediction.attention):
            return None
        return prediction


def _parse(entry: _Entry, ranked: int, hashtags: int) -> Prediction:
    parts = (entry.scores, entry.theta, entry.attention)
    prediction = Prediction(
        np.frombuffer(entry.hashtags, "<i4"), *(np.frombuffer(part, "<f4") for part in parts)
    )
    if not len(prediction.hashtags) == len(prediction.scores) == ranked:
        raise ValueError(f"an entry without {ranked} hashtags")
    if not ((prediction.hashtags >= 0) & (prediction.hashtags < hashtags)).all():
        raise ValueError("an entry with a hashtag that is none")
    return prediction
