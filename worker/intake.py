"""Which records become posts to answer, and why the others do not. Pure but for a clock."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from worker.errors import RecordRejectedError
from worker.event_time import event_time
from worker.formats import Format, decode_post
from worker.messages import Post, Record
from worker.settings import Settings


class Skipped(StrEnum):
    """Why a record is passed over, with neither an answer nor a dead letter."""

    DELETION = "deletion"
    LANGUAGE = "language"
    AGE = "age"


@dataclass(frozen=True)
class Intake:
    """Reads records.

    Arguments: `form`, how posts are written; `max_bytes`, of a text; `languages` answered, all
    where there are none named; `max_age`, seconds after which a post is too old, 0 for never.
    """

    form: Format = "post"
    max_bytes: int = 65_536
    languages: frozenset[str] = frozenset()
    max_age: float = 0.0
    clock: Callable[[], float] = time.time

    @classmethod
    def of(cls, settings: Settings) -> "Intake":
        """Return the intake that the settings ask for."""
        named = (name.strip().lower() for name in settings.languages.split(","))
        return cls(
            settings.format, settings.max_post_bytes, frozenset(filter(None, named)),
            settings.max_age,
        )  # fmt: skip

    def read(self, record: Record) -> Post | RecordRejectedError | Skipped:
        """Return the post, why it is none, or why it is passed over."""
        if record.value is None and record.key is not None:
            return Skipped.DELETION
        try:
            post = decode_post(record.value or b"", self.max_bytes, self.form)
        except RecordRejectedError as error:
            return error
        if self._foreign(post):
            return Skipped.LANGUAGE
        if self.max_age and self._age(post, record) > self.max_age:
            return Skipped.AGE
        return post

    def _foreign(self, post: Post) -> bool:
        """Say whether a post's language is told and none of those answered; "en-GB" is "en"."""
        if not self.languages or post.lang is None:
            return False
        lang = post.lang.lower()
        return not {lang, lang.partition("-")[0]} & self.languages

    def _age(self, post: Post, record: Record) -> float:
        """Return seconds since the post was written, or else since its record was."""
        written = event_time(post.created_at)
        if written is not None:
            return self.clock() - written.timestamp()
        # -1 where the producer gave no time: then nothing says that it is old.
        return self.clock() - record.timestamp / 1_000 if record.timestamp > 0 else 0.0
