"""One look at a running worker, over HTTP: its metrics and its health."""

import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from enum import StrEnum
from http import HTTPStatus
from http.client import HTTPException

from prometheus_client.parser import text_string_to_metric_families

from worker.samples import Labels, Samples, labels

ANSWERS_WITHIN = 2.0  # seconds
# No proxy: what is asked for is a worker, mostly on this machine.
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class State(StrEnum):
    """How a worker is."""

    READY = "ready"
    NOT_READY = "not ready"
    STALLED = "stalled"
    UNREACHABLE = "unreachable"


@dataclass(frozen=True)
class Look:
    """What one worker told, `at` in seconds of the monotonic clock; `reason` where it told nothing.

    `counts` only grow, `gauges` go up and down.
    """

    url: str
    at: float
    state: State
    counts: Samples = field(default_factory=dict)
    gauges: Samples = field(default_factory=dict)
    reason: str | None = None


def look(url: str) -> Look:
    """Ask a worker; one that does not answer is a finding, too."""
    try:
        counts, gauges = _parsed(_get(f"{url}/metrics")[1])
        live, ready = (_get(f"{url}/v2/health/{name}")[0] for name in ("live", "ready"))
    except (OSError, HTTPException) as error:
        reason = str(getattr(error, "reason", error)) or type(error).__name__
    except ValueError as error:
        reason = f"no worker: {error}"
    else:
        state = State.READY if ready else State.NOT_READY if live else State.STALLED
        return Look(url, time.monotonic(), state, counts, gauges)
    return Look(url, time.monotonic(), State.UNREACHABLE, reason=reason)


def _get(url: str) -> tuple[bool, str]:
    """Return whether the answer is a yes, and its text."""
    try:
        with _OPENER.open(url, timeout=ANSWERS_WITHIN) as answer:
            return True, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            if error.code == HTTPStatus.SERVICE_UNAVAILABLE:
                return False, ""
            raise ValueError(str(error)) from error


def _parsed(text: str) -> tuple[Samples, Samples]:
    counts: dict[tuple[str, Labels], float] = {}
    gauges: dict[tuple[str, Labels], float] = {}
    for family in text_string_to_metric_families(text):
        # Times of creation, which the text format tells as gauges, are of no use here.
        kept = gauges if family.type == "gauge" else counts
        for sample in family.samples:
            kept[sample.name, frozenset(sample.labels.items())] = sample.value
    if not labels(gauges, "worker"):
        raise ValueError("its metrics lack ours")
    return counts, gauges
