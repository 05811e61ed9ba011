"""Posts that viewers type: each goes through Kafka to a worker, and its answer is waited for."""

import asyncio
import secrets
import threading

import msgspec

from worker.errors import RetryLaterError, WorkerError
from worker.formats import Format
from worker.kafka_sender import KafkaSender
from worker.messages import Output
from worker.settings import Settings
from worker.web.shown import Shown

ANSWER_WITHIN = 15.0  # seconds
DELIVER_WITHIN = 5.0  # seconds for the broker to take a post
MOST_TYPED = 20  # posts whose answers are waited for at once
_ID: dict[Format, str] = {"post": "id", "x-v2": "id", "x-v1.1": "id_str"}


class CrowdedError(WorkerError):
    """Too many wait already."""


class Typed:
    """Sends what is typed, and hears the answers that come by."""

    def __init__(self, settings: Settings) -> None:
        self._settings = msgspec.structs.replace(settings, delivery_timeout=DELIVER_WITHIN)
        self._sending = threading.Lock()
        self._sender: KafkaSender | None = None
        self._waiting: dict[str, asyncio.Future[Shown]] = {}

    async def answer(self, text: str) -> Shown:
        """Send a post with an id of its own, and return its answer.

        Raises `CrowdedError`, `RetryLaterError` or `FatalError` where it was not sent, and
        `TimeoutError` where no answer came.
        """
        if len(self._waiting) >= MOST_TYPED:
            raise CrowdedError(f"{MOST_TYPED} posts wait for their answers; try again soon")
        identity = f"typed-{secrets.token_hex(8)}"
        future = self._waiting[identity] = asyncio.get_running_loop().create_future()
        try:
            await asyncio.to_thread(self._send, identity, text)
            return await asyncio.wait_for(future, ANSWER_WITHIN)
        finally:
            del self._waiting[identity]

    def awaits(self, identity: str) -> bool:
        """Say whether anybody waits for the answer to this post; called by any thread."""
        return identity in self._waiting

    def hear(self, answer: Shown) -> None:
        """Give an answer to who waits for it, if anybody does; called by any thread."""
        if (future := self._waiting.get(answer.id)) is not None:
            future.get_loop().call_soon_threadsafe(_resolve, future, answer)

    def close(self) -> None:
        """Let go of the connections."""
        if self._sender is not None:
            self._sender.drop()
        self._sender = None

    def _send(self, identity: str, text: str) -> None:
        value = written(identity, text, self._settings.format)
        if not self._sending.acquire(timeout=DELIVER_WITHIN):
            raise RetryLaterError("the broker is slow to take what was typed before")
        try:
            self._sender = self._sender or KafkaSender.plain(self._settings)
            self._sender.deliver([Output(self._settings.input_topic, identity.encode(), value)])
        except WorkerError:
            self.close()  # what is left in it could come late
            raise
        finally:
            self._sending.release()


def written(identity: str, text: str, form: Format) -> bytes:
    """Return a post as a producer of this form writes it."""
    return msgspec.json.encode({_ID[form]: identity, "text": text})


def _resolve(future: asyncio.Future[Shown], answer: Shown) -> None:
    if not future.done():
        future.set_result(answer)
