"""What the page lives on, read once for all viewers: answers, and how the workers do."""

import threading
import time
from collections.abc import Callable, Iterable, Sequence

from worker.errors import StartupFailedError, UnreachableError
from worker.glossary import Glossaries
from worker.settings import Settings
from worker.status import Observer
from worker.watch import Answered, Answers, Unreadable, watching
from worker.web.hub import WAITING, Hub
from worker.web.shown import Shown, shown
from worker.web.typed import Typed
from worker.web.vitals import PAUSE, Curves

AT_ONCE = 2_000  # answers that are read at once, most of which a fast stream shows nobody
ASK_EACH = 2.0  # seconds between two questions to the broker whether it is there
AGAIN_AFTER = 2.0  # seconds until a broker that was gone is tried again


class AnswerFeed:
    """Reads answers for all viewers; `notice` hears what is worth a line."""

    def __init__(
        self, settings: Settings, hub: Hub, typed: Typed, notice: Callable[[str], None]
    ) -> None:
        self._settings, self._hub, self._typed = settings, hub, typed
        self._notice, self._glossaries = notice, Glossaries(settings, self._note)
        self._was_there = False
        self._tell(reached=False)

    @property
    def reached(self) -> bool:
        """Whether the broker is there: what is asked now is answered here."""
        return self._reached

    def run(self, stop: threading.Event, *, from_beginning: bool) -> None:
        """Read until told to stop, and again where the broker went away.

        Raises `StartupFailedError` where the very start fails for good.
        """
        while not stop.is_set():
            try:
                begin = from_beginning and not self._was_there
                with watching(self._settings, from_beginning=begin) as answers:
                    self._read(answers, stop)
            except UnreachableError as error:
                self._tell(reached=False, reason=str(error))
            except StartupFailedError as error:
                if not self._was_there:
                    raise
                self._tell(reached=False, reason=str(error))
            stop.wait(AGAIN_AFTER)

    def _read(self, answers: Answers, stop: threading.Event) -> None:
        asked = time.monotonic() - ASK_EACH
        while not stop.is_set():
            found = answers.poll(AT_ONCE)
            if found:
                kept = self._kept(found)
                self._publish(answers.beside_posts(kept), lost=len(found) - len(kept))
            if time.monotonic() - asked >= ASK_EACH:
                self._tell(reached=answers.reached())
                asked = time.monotonic()

    def _kept(self, found: Sequence[Answered | Unreadable]) -> list[Answered | Unreadable]:
        """Return what viewers have room for, and what one of them waits for."""
        old = max(len(found) - WAITING, 0)
        return [
            one
            for at, one in enumerate(found)
            if at >= old or (isinstance(one, Answered) and self._typed.awaits(one.answer.id))
        ]

    def _publish(self, found: Iterable[Answered | Unreadable], lost: int) -> None:
        ready: list[Shown] = []
        for one in found:
            if isinstance(one, Answered):
                ready.append(shown(one, self._glossaries.of(one.answer)))
                self._typed.hear(ready[-1])
            else:
                self._note(f"{one.source} is no answer: {one.reason}")
        self._hub.publish(ready, lost)

    def _note(self, text: str) -> None:
        self._notice(text)
        self._hub.tell("note", text)

    def _tell(self, *, reached: bool, reason: str | None = None) -> None:
        self._reached = reached
        self._was_there |= reached
        self._hub.tell(
            "broker",
            {
                "reached": reached,
                "reason": reason,
                "was_there": self._was_there,
                "address": self._settings.bootstrap_servers,
                "input": self._settings.input_topic,
                "output": self._settings.output_topic,
            },
        )


def observe(urls: Sequence[str], hub: Hub, stop: threading.Event) -> None:
    """Look at the workers until told to stop."""
    curves = Curves()
    Observer(urls).follow(stop, PAUSE, lambda status: hub.tell("vitals", curves.add(status)))
