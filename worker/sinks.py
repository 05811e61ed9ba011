"""How answers are delivered, at least once or exactly once, whichever client sends them."""

from collections.abc import Callable, Sequence
from typing import Protocol

from worker.delivery import Offsets, Source
from worker.errors import WorkerError
from worker.messages import Output


class MemberSource(Source, Protocol):
    """A source whose member of the group commits."""

    @property
    def membership(self) -> object:
        """The member as the group knew it at the last `poll`."""
        ...

    def commit(self, offsets: Offsets) -> None:
        """Commit; raises `CommitRefusedError` where the partitions are another member's now."""
        ...

    def close(self) -> None:
        """Leave the group."""
        ...


class Sender(Protocol):
    """A client's producer. Its methods raise `RetryLaterError` or `FatalError`."""

    def deliver(self, outputs: Sequence[Output]) -> None:
        """Send, flush, and return only if each record has arrived."""
        ...

    def begin(self) -> None:
        """Begin a transaction."""
        ...

    def commit(self, offsets: Offsets, membership: object) -> None:
        """Add the offsets of the group to the transaction, and commit it."""
        ...

    def abort(self) -> None:
        """Take back what was sent since `begin`."""
        ...

    def drop(self) -> None:
        """Let go at once, whatever is left in it."""
        ...


class _Sink:
    """Holds a sender, and makes another where one failed: what it still holds may come late."""

    def __init__(self, make: Callable[[], Sender], source: MemberSource) -> None:
        self._make, self._source = make, source
        self._kept: Sender | None = make()

    def _sender(self) -> Sender:
        if self._kept is None:
            self._kept = self._make()
        return self._kept

    def close(self) -> None:
        """Let go of the connections; everything was flushed by `publish`."""
        if self._kept is not None:
            self._kept.drop()
        self._kept = None


class AtLeastOnceSink(_Sink):
    """All is delivered, and only then the source commits."""

    def publish(self, outputs: Sequence[Output], offsets: Offsets) -> None:
        """Deliver, then commit; what comes to grief between the two is answered twice."""
        try:
            self._sender().deliver(outputs)
        except WorkerError:
            self.close()
            raise
        self._source.commit(offsets)


class ExactlyOnceSink(_Sink):
    """Answers and offsets are one transaction, which readers of committed records see whole.

    Some of these calls wait without a limit, whatever the client says; the watchdog ends a process
    that hangs in one, and the next sender of its name aborts what it left.
    """

    def publish(self, outputs: Sequence[Output], offsets: Offsets) -> None:
        """Deliver and commit as one, or take all of it back."""
        sender = self._sender()
        try:
            sender.begin()
            # Before the offsets: a commit says yes even where a record expired.
            sender.deliver(outputs)
            sender.commit(offsets, self._source.membership)
        except WorkerError:
            self._undo(sender)
            raise

    def _undo(self, sender: Sender) -> None:
        try:
            sender.abort()
        except WorkerError:
            self.close()
