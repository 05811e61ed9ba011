"""Times on the command line."""

from datetime import datetime
from typing import Any

import click

from worker.event_time import event_time


class Time(click.ParamType[datetime]):
    """A time in UTC, as posts tell theirs."""

    name = "time"

    def convert(self, value: Any, param: Any, ctx: Any) -> datetime:  # noqa: ANN401 - click's
        """Read a time in UTC."""
        found = event_time(str(value))
        if found is None:
            self.fail(f"{value!r} is no time; write 2026-01-31T12:00:00Z", param, ctx)
        return found
