"""What the loop may expect of a cache, on a real Redis; and of a Redis that is none."""

import copy
import socket
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import redis

from export.bundle import Bundle, read_bundle, write_bundle
from tests.conftest import Addresses
from tests.support.redis_forms import HangingServer
from worker.breaker import Breaker
from worker.cache import Cache, NoCache, RedisCache
from worker.predictor import ModelInput, Prediction, Predictor
from worker.stores import RedisStore, open_store
from worker.telemetry import Metrics

MakeCache = Callable[..., RedisCache]
Answers = dict[bytes, Prediction]


class Clock:
    """Time that passes when a test says so."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture
def client(addresses: Addresses) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(addresses.redis) as client:
        yield client


@pytest.fixture
def cache(client: redis.Redis, predictor: Predictor, metrics: Metrics, unique: str) -> MakeCache:
    """A cache of this test's own; what is given goes before what is usual."""

    def make(**other: Any) -> RedisCache:  # noqa: ANN401
        usual = {
            "store": RedisStore(client),
            "predictor": predictor,
            "metrics": metrics,
            "prefix": unique,
        }
        return RedisCache(**{**usual, **other})

    return make


@pytest.fixture
def inputs(predictor: Predictor, bundle: Bundle) -> list[ModelInput]:
    return predictor.encode([" ".join(words) for words in bundle.topics()[:3]])


@pytest.fixture
def answers(predictor: Predictor, inputs: list[ModelInput]) -> Answers:
    digests = (item.digest for item in inputs)
    return dict(zip(digests, predictor.predict(inputs), strict=True))


@pytest.fixture
def first_key(
    cache: MakeCache, inputs: list[ModelInput], answers: Answers, client: redis.Redis, unique: str
) -> bytes:
    """The key of the first input's entry, once all are put."""
    cache().put_many(answers)
    keys: list[bytes] = list(client.scan_iter(f"{unique}:*"))
    (key,) = [key for key in keys if key.endswith(inputs[0].digest)]
    return key


def counted(metrics: Metrics, what: str) -> float | None:
    return metrics.registry.get_sample_value(f"tagstream_cache_{what}_total")


def assert_same(one: Prediction, other: Prediction, *, explained: bool) -> None:
    np.testing.assert_array_equal(one.hashtags, other.hashtags)
    np.testing.assert_array_equal(one.scores, other.scores)
    if explained:
        np.testing.assert_array_equal(one.theta, other.theta)
        np.testing.assert_array_equal(one.attention, other.attention)


class TestEntries:
    def test_what_was_never_put_is_a_miss(
        self, cache: MakeCache, inputs: list[ModelInput], metrics: Metrics
    ) -> None:
        assert cache().get_many(inputs) == {}
        assert (counted(metrics, "hits"), counted(metrics, "misses")) == (0, 3)
        assert counted(metrics, "errors") == 0

    @pytest.mark.parametrize("explain", [False, True])
    def test_what_was_put_comes_back_bit_by_bit(
        self,
        cache: MakeCache,
        inputs: list[ModelInput],
        answers: Answers,
        metrics: Metrics,
        *,
        explain: bool,
    ) -> None:
        cache(explain=explain).put_many(answers)
        found = cache(explain=explain).get_many(inputs)
        assert found.keys() == answers.keys()
        for digest, answer in answers.items():
            assert_same(found[digest], answer, explained=explain)
        assert (counted(metrics, "hits"), counted(metrics, "misses")) == (3, 0)

    def test_some_may_be_known_and_others_not(
        self, cache: MakeCache, inputs: list[ModelInput], answers: Answers, metrics: Metrics
    ) -> None:
        known, unknown = inputs[0].digest, inputs[1:]
        cache().put_many({known: answers[known]})
        assert cache().get_many([inputs[0], *unknown, inputs[0]]).keys() == {known}
        assert (counted(metrics, "hits"), counted(metrics, "misses")) == (2, 2)

    def test_nothing_asked_for_and_nothing_put_is_nothing(self, cache: MakeCache) -> None:
        cache().put_many({})
        assert cache().get_many([]) == {}

    def test_explaining_needs_an_entry_with_topics_and_attention(
        self, cache: MakeCache, inputs: list[ModelInput], answers: Answers, metrics: Metrics
    ) -> None:
        cache(explain=False).put_many(answers)
        assert cache(explain=True).get_many(inputs) == {}
        assert counted(metrics, "errors") == 0
        cache(explain=True).put_many(answers)
        assert len(cache(explain=False).get_many(inputs)) == 3

    def test_an_entry_is_forgotten_in_time(
        self, cache: MakeCache, answers: Answers, client: redis.Redis, unique: str
    ) -> None:
        cache(ttl=1_000).put_many(answers)
        keys = list(client.scan_iter(f"{unique}:*"))
        assert len(keys) == len(answers)
        lives = [int(client.ttl(key)) for key in keys]
        assert all(890 < life <= 1_000 for life in lives)
        assert len(set(lives)) > 1  # not all at once

    @pytest.mark.parametrize(
        "garbage",
        [
            b"",
            b"garbage",
            b"\xc1\xff",
            msgspec.msgpack.encode([]),
            msgspec.msgpack.encode([b"", b""]),
            msgspec.msgpack.encode([b"\x00" * 4, b"\x00" * 4]),
            msgspec.msgpack.encode([b"odd", b"odd"]),
            msgspec.msgpack.encode(["text", 1]),
        ],
    )
    def test_one_that_is_garbage_is_a_counted_miss(
        self,
        cache: MakeCache,
        inputs: list[ModelInput],
        first_key: bytes,
        client: redis.Redis,
        garbage: bytes,
    ) -> None:
        client.set(first_key, garbage)
        metrics = Metrics()
        found = cache(metrics=metrics).get_many(inputs)
        assert found.keys() == {item.digest for item in inputs[1:]}
        assert (counted(metrics, "misses"), counted(metrics, "errors")) == (1, 1)

    @pytest.mark.parametrize("row", [-1, 2**31 - 1])
    def test_nor_is_one_with_a_hashtag_that_is_none_believed(
        self,
        cache: MakeCache,
        inputs: list[ModelInput],
        first_key: bytes,
        client: redis.Redis,
        predictor: Predictor,
        row: int,
    ) -> None:
        ranked = predictor.bundle.manifest.model.ranked
        numbers = np.full(ranked, row, "<i4"), np.zeros(ranked, "<f4")
        client.set(first_key, msgspec.msgpack.encode([part.tobytes() for part in numbers]))
        assert cache().get_many(inputs).keys() == {item.digest for item in inputs[1:]}

    def test_one_of_another_type_is_a_miss(
        self, cache: MakeCache, inputs: list[ModelInput], first_key: bytes, client: redis.Redis
    ) -> None:
        client.delete(first_key)
        client.rpush(first_key, "not", "ours")
        assert len(cache().get_many(inputs)) == 2


class TestWhoseEntries:
    def test_another_bundles_are_not_seen(
        self,
        cache: MakeCache,
        inputs: list[ModelInput],
        answers: Answers,
        bundle: Bundle,
        tmp_path: Path,
    ) -> None:
        other = msgspec.structs.replace(bundle.manifest, revision="another")
        path = write_bundle(bundle.files, other, tmp_path)
        cache().put_many(answers)
        assert cache(predictor=Predictor(read_bundle(path))).get_many(inputs) == {}

    def test_another_variants_are_not_seen(
        self, cache: MakeCache, inputs: list[ModelInput], answers: Answers, predictor: Predictor
    ) -> None:
        other = copy.copy(predictor)
        other.variant = "cpu-int8"
        cache().put_many(answers)
        assert cache(predictor=other).get_many(inputs) == {}

    def test_another_prefixs_are_not_seen(
        self, cache: MakeCache, inputs: list[ModelInput], answers: Answers, unique: str
    ) -> None:
        cache().put_many(answers)
        assert cache(prefix=f"{unique}-other").get_many(inputs) == {}


@pytest.fixture
def hanging() -> Iterator[HangingServer]:
    server = HangingServer()
    yield server
    server.close()


@pytest.fixture
def refusing() -> str:
    """The address of a port where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return f"redis://127.0.0.1:{listener.getsockname()[1]}/0"


def breaker(clock: Clock) -> Breaker:
    """Return one that opens at once and always for five seconds."""
    return Breaker(failures=1, shortest=5.0, longest=5.0, clock=clock)


class TestWithoutRedis:
    def test_one_that_refuses_is_left_alone_for_a_while(
        self, cache: MakeCache, inputs: list[ModelInput], answers: Answers, metrics: Metrics,
        refusing: str,
    ) -> None:  # fmt: skip
        clock = Clock()
        with closing(open_store(refusing, 0.05)) as store:
            self._check(cache(store=store, breaker=breaker(clock)), clock, inputs, answers)
        assert (counted(metrics, "errors"), counted(metrics, "misses")) == (3, 9)

    def test_one_that_hangs_costs_one_timeout_then_none_until_the_pause_is_over(
        self, cache: MakeCache, inputs: list[ModelInput], answers: Answers, metrics: Metrics,
        hanging: HangingServer,
    ) -> None:  # fmt: skip
        clock = Clock()
        with closing(open_store(f"redis://{hanging.address}/0", 0.05)) as store:
            self._check(cache(store=store, breaker=breaker(clock)), clock, inputs, answers)
        assert (counted(metrics, "errors"), counted(metrics, "misses")) == (3, 9)
        assert hanging.connections == 3

    def _check(
        self, cache: RedisCache, clock: Clock, inputs: list[ModelInput], answers: Answers
    ) -> None:
        """Ask and put, thrice in a pause; the third pause is begun by a put."""
        for _ in range(2):
            assert cache.get_many(inputs) == {}
            cache.put_many(answers)
            clock.now += 4.9
            cache.put_many(answers)
            clock.now += 0.2
        cache.put_many(answers)
        assert cache.get_many(inputs) == {}

    def test_none_at_all_knows_nothing(self, inputs: list[ModelInput], answers: Answers) -> None:
        none: Cache = NoCache()
        none.put_many(answers)
        assert none.get_many(inputs) == {}
