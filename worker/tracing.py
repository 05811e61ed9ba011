"""Spans of what a worker does, for those who ask for them; else nothing of it is even loaded."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext

from worker.errors import StartupFailedError
from worker.messages import Record
from worker.settings import Settings


class Traces:
    """No spans: what a worker has with `--traces off`."""

    def taken(self) -> bool:
        """Say whether whoever spans are sent to takes them; an empty message is sent to try."""
        return True

    def process(
        self, records: Sequence[Record], model: str, variant: str
    ) -> AbstractContextManager[object]:
        """Return a span of answering a batch, which this model answers."""
        del records, model, variant
        return nullcontext()

    def infer(self, posts: int) -> AbstractContextManager[object]:
        """Return a span of the graph's answers to so many posts, within that of their batch."""
        del posts
        return nullcontext()

    def publish(self, outputs: int) -> AbstractContextManager[object]:
        """Return a span of delivering so many records and committing, within that of a batch."""
        del outputs
        return nullcontext()


@contextmanager
def tracing(settings: Settings) -> Iterator[Traces]:
    """Give what makes the spans that the settings ask for; what is left of them is sent at the end.

    Raises `StartupFailedError` where OpenTelemetry is not installed, or set to what we have not.
    """
    if settings.traces == "off":
        yield Traces()
        return
    try:
        from worker.otel import exported  # noqa: PLC0415 - loads libraries of its own
    except ImportError as error:
        raise StartupFailedError(
            f"--traces on: {error}; install tagstream[otel], or leave them off"
        ) from error
    with exported(settings) as traces:
        yield traces
