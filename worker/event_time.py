"""When a post was written, by its own account."""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime


def event_time(created_at: str | None) -> datetime | None:
    """Return when a post was written, in UTC: ISO 8601, or as X's API v1.1 writes it."""
    for parse in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            time = parse(created_at or "")
            if time.tzinfo is UTC:
                return time
            return time.replace(tzinfo=time.tzinfo or UTC).astimezone(UTC)
        except (ValueError, OverflowError):  # the second where UTC has no such year
            continue
    return None
