"""What all viewers of the page see, and what waits for each of them; bounded, whoever is slow."""

import asyncio
import threading
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

import msgspec

WAITING = 30  # newest answers that wait for a viewer; how many older ones are lost, it is told
MOST_VIEWERS = 100


class Viewer:
    """One who looks: the newest answers, and the newest of each state, wait until they are taken.

    Made and taken from in the server's loop, filled by any thread.
    """

    def __init__(self, answers: Iterable[bytes], states: dict[str, bytes]) -> None:
        self._loop, self._news = asyncio.get_running_loop(), asyncio.Event()
        self._lock = threading.Lock()
        self._answers, self._states = deque(answers, WAITING), dict(states)
        self._lost, self._closed = 0, False
        self._news.set()

    def put(self, answers: Sequence[bytes], lost: int) -> None:
        """Let answers wait; `lost` are those before them that nobody is shown."""
        with self._lock:
            self._lost += lost + max(len(self._answers) + len(answers) - WAITING, 0)
            self._answers.extend(answers)
        self._loop.call_soon_threadsafe(self._news.set)

    def tell(self, name: str, state: bytes) -> None:
        """Let a state wait in place of the last one of its name."""
        with self._lock:
            self._states[name] = state
        self._loop.call_soon_threadsafe(self._news.set)

    def close(self) -> None:
        """Let `take` return None from now on."""
        self._closed = True
        self._loop.call_soon_threadsafe(self._news.set)

    async def take(self) -> bytes | None:
        """Wait for news, and return them as server-sent events (WHATWG HTML, section 9.2).

        Each state is an event of its name; `answers` has the answers, and how many were `lost`.
        """
        await self._news.wait()
        if self._closed:
            return None
        self._news.clear()
        with self._lock:
            answers, states, lost = list(self._answers), dict(self._states), self._lost
            self._answers.clear()
            self._states.clear()
            self._lost = 0
        events = [_event(name, value) for name, value in states.items()]
        if answers:
            found = {"answers": [msgspec.Raw(one) for one in answers], "lost": lost}
            events.append(_event("answers", msgspec.json.encode(found)))
        return b"".join(events)


class Hub:
    """Brings what is read once to all viewers."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._viewers: set[Viewer] = set()
        self._answers = deque[bytes](maxlen=WAITING)
        self._states: dict[str, bytes] = {}

    @property
    def full(self) -> bool:
        """Whether no further viewer is let in."""
        return len(self._viewers) >= MOST_VIEWERS

    def publish(self, answers: Sequence[object], lost: int = 0) -> None:
        """Show answers to all viewers, and the newest of them to those who come later.

        `lost` are those before them that there is no room for.
        """
        encoded = [msgspec.json.encode(one) for one in answers]
        with self._lock:
            self._answers.extend(encoded)
            for viewer in self._viewers:
                viewer.put(encoded, lost)

    def tell(self, name: str, state: object) -> None:
        """Show a state to all viewers, and to those who come later.

        The same state again is a sign of life.
        """
        encoded = msgspec.json.encode(state)
        with self._lock:
            self._states[name] = encoded
            for viewer in self._viewers:
                viewer.tell(name, encoded)

    @contextmanager
    def viewer(self) -> Iterator[Viewer]:
        """Be a viewer inside the block, which runs in the server's loop."""
        with self._lock:
            viewer = Viewer(self._answers, self._states)
            self._viewers.add(viewer)
        try:
            yield viewer
        finally:
            with self._lock:
                self._viewers.discard(viewer)

    def close(self) -> None:
        """Send all viewers away, so that the server can end; whatever comes later reaches none."""
        with self._lock:
            for viewer in self._viewers:
                viewer.close()
            self._viewers.clear()


def _event(name: str, data: bytes) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (name.encode(), data)
