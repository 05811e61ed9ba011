"""The loop: consume, recommend, publish, commit. A crash repeats work, it never loses it."""

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from worker.delivery import CommitRefusedError, Sink, Source, next_offsets
from worker.errors import RetryLaterError
from worker.intake import Skipped
from worker.journal import Journal
from worker.messages import Output, Record
from worker.models import Models
from worker.rejects import RejectLimit
from worker.retries import keep_stepping
from worker.settings import Settings
from worker.telemetry import Health, Metrics
from worker.tracing import Traces


@dataclass(frozen=True)
class Loop:
    """One worker's loop over its services; each is used through what it promises, no more."""

    source: Source
    sink: Sink
    models: Models
    rejects: RejectLimit
    settings: Settings
    metrics: Metrics
    health: Health
    traces: Traces = field(default_factory=Traces)

    def run(self, stop: threading.Event) -> None:
        """Step until told to stop; what fails for a while is tried again, from the commit on."""
        journal = Journal(self.metrics)

        def step() -> None:
            try:
                self.step()
            finally:
                journal.note()

        keep_stepping(step, self._failed, self.source, self.health, stop)

    def step(self) -> None:
        """Answer one batch of posts and commit it."""
        records = self.source.poll(self.settings.max_batch_size, self.settings.max_batch_time)
        self._note_lag()
        if not records:
            self.models.current().idle()
            return
        started = time.monotonic()
        responder = self.models.current()
        predictor = responder.predictor
        with self.traces.process(records, predictor.bundle.name, predictor.variant):
            outcomes = responder.respond(records)
            self.rejects.check(isinstance(one, Output) and bool(one.rejected) for one in outcomes)
            outputs = [o for one in outcomes if isinstance(one, Output) for o in (one, *one.also)]
            with self.traces.publish(len(outputs)):
                self.sink.publish(outputs, next_offsets(records))
        self._count(records, outcomes, time.monotonic() - started)
        responder.scoreboard.count(
            [judged for one in outcomes if isinstance(one, Output) for judged in one.judged]
        )

    def _failed(self, error: RetryLaterError) -> None:
        """Count a batch that is to be read again, and forget what was made of it."""
        metric = self.metrics.refused_commits
        metric = metric if isinstance(error, CommitRefusedError) else self.metrics.retries
        metric.inc()
        self.metrics.lag.clear()  # unknown until the next poll
        self.rejects.forget()

    def _count(
        self, records: Sequence[Record], outcomes: Sequence[Output | Skipped], seconds: float
    ) -> None:
        """Count a batch, once it is committed: a batch read again is not counted twice."""
        metrics, now = self.metrics, time.time()
        metrics.step_seconds.observe(seconds)
        metrics.batch_size.observe(len(records))
        metrics.consumed.inc(len(records))
        outputs = [one for one in outcomes if isinstance(one, Output)]
        metrics.published.inc(sum(one.rejected is None for one in outputs))
        for one in outputs:
            if one.rejected is not None:
                metrics.rejected.labels(one.rejected).inc()
        for outcome in outcomes:
            if isinstance(outcome, Skipped):
                metrics.skipped.labels(outcome).inc()
        for record in records:
            if record.timestamp > 0:  # -1 where the producer gave none
                metrics.latency_seconds.observe(now - record.timestamp / 1_000)

    def _note_lag(self) -> None:
        """Alive, since the loop moved; ready once it has partitions of a broker it reached."""
        lags = self.source.lag()
        self.health.beat()
        self.health.ready = bool(lags) and self.source.connected()
        self.metrics.lag.clear()
        for partition, lag in lags.items():
            self.metrics.lag.labels(str(partition)).set(lag)
