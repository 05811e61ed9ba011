"""One collector, from its settings to its end."""

import os

import msgspec
import structlog

from trainer.collector import Collector
from trainer.errors import CorpusError
from trainer.post_files import PostFiles
from trainer.settings import CollectSettings
from worker.clients import reader
from worker.errors import StartupFailedError
from worker.lifecycle import stop_on_signal
from worker.telemetry import Health
from worker.topics import Shape, broker, ensure_topics, place_new_group
from worker.watchdog import Watchdog

log = structlog.get_logger("trainer")


def serve(url: str, settings: CollectSettings) -> None:
    """Collect posts until SIGTERM or SIGINT: what waits is written and committed, the group left.

    Raises `StopError` with the exit code that says whether a restart may help.
    """
    settings = msgspec.structs.replace(settings, group=settings.collect_group)
    files = _files(url)
    health = Health(settings.stall_timeout)
    with stop_on_signal(settings.stop_timeout) as stop:
        with broker(settings, stop) as admin:
            ensure_topics(admin, settings, {settings.input_topic: Shape(settings.partitions)})
            place_new_group(admin, settings)
        with Watchdog(health), reader(settings) as source:
            log.info("collector_started", group=settings.group, topic=settings.input_topic,
                     url=url, pid=os.getpid())  # fmt: skip
            Collector(source, files, settings, health).run(stop)
    log.info("collector_stopped")


def _files(url: str) -> PostFiles:
    """Return the files of a URL; raises `StartupFailedError` where none can be."""
    try:
        files = PostFiles(url)
        files.prepare()
    except (CorpusError, OSError) as error:
        raise StartupFailedError(f"posts cannot be written to {url}: {error}") from error
    return files
