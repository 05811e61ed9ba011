"""A span of event time."""

from datetime import UTC, date, datetime
from typing import NamedTuple


class Window(NamedTuple):
    """Posts written from `since` on and before `until`."""

    since: datetime = datetime.min.replace(tzinfo=UTC)
    until: datetime = datetime.max.replace(tzinfo=UTC)

    def has_day(self, day: date) -> bool:
        """Say whether posts of a day may be meant."""
        return self.since.date() <= day <= self.until.date()
