"""Joining the consumer group with the client and the delivery that the settings ask for."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager

from worker.delivery import Sink, Source, transactional_id
from worker.errors import RetryLaterError, StartupFailedError, UnreachableError
from worker.settings import Settings
from worker.sinks import AtLeastOnceSink, ExactlyOnceSink, MemberSource, Sender

AT_LEAST_ONCE, CONFLUENT = "at-least-once", "confluent-kafka"
Parts = tuple[MemberSource, Callable[[], Sender]]


@contextmanager
def member(settings: Settings, slot: int = 0) -> Iterator[tuple[Source, Sink]]:
    """Be a member of the group inside the block.

    Raises `UnreachableError` where the broker goes away meanwhile, `StartupFailedError` where the
    client is not installed, or transactions have no name.
    """
    if settings.delivery != AT_LEAST_ONCE:
        transactional_id(settings, slot)
    kind = AtLeastOnceSink if settings.delivery == AT_LEAST_ONCE else ExactlyOnceSink
    with ExitStack() as stack:
        with _reached():
            source, make = _parts(settings, slot)
            stack.enter_context(closing(source))
            sink = stack.enter_context(closing(kind(make, source)))
        yield source, sink


@contextmanager
def reader(settings: Settings) -> Iterator[MemberSource]:
    """Be a member of the group that only reads; what commits is the source. Raises as `member`."""
    with _reached():
        source, _ = _parts(settings, 0)
    with closing(source):
        yield source


@contextmanager
def _reached() -> Iterator[None]:
    try:
        yield
    except RetryLaterError as error:
        raise UnreachableError(f"{error}; check that the broker runs") from error


def _parts(settings: Settings, slot: int) -> Parts:
    return (_librdkafka if settings.client == CONFLUENT else _kafka_python)(settings, slot)


def _kafka_python(settings: Settings, slot: int) -> Parts:
    from worker.kafka import KafkaSource, consumer, mapped  # noqa: PLC0415 - one client is enough
    from worker.kafka_sender import KafkaSender  # noqa: PLC0415

    def make() -> Sender:
        if settings.delivery == AT_LEAST_ONCE:
            return KafkaSender.plain(settings)
        return KafkaSender.transactional(settings, slot)

    with mapped("connect"):
        joined = consumer(settings, slot)
    return KafkaSource(joined, static=settings.instance_id is not None), make


def _librdkafka(settings: Settings, slot: int) -> Parts:
    try:
        from worker.librdkafka import RdSource  # noqa: PLC0415
        from worker.librdkafka_sender import RdSender  # noqa: PLC0415
    except ImportError as error:
        raise StartupFailedError(
            f"--client {CONFLUENT}: {error}; install tagstream[fast], or choose kafka-python"
        ) from error

    def make() -> Sender:
        if settings.delivery == AT_LEAST_ONCE:
            return RdSender.plain(settings)
        return RdSender.transactional(settings, slot)

    return RdSource(settings, slot), make
