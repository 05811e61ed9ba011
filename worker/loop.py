"""The loop: consume, recommend, publish, commit. A crash repeats work, it never loses it."""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog

from worker.answers import Answerer
from worker.cache import Cache
from worker.errors import RecordRejectedError, RetryLaterError
from worker.intake import Intake, Skipped
from worker.kafka import CommitRefusedError, Sink, Source, next_offsets
from worker.messages import (
    Output,
    Post,
    Record,
    Suggestion,
    dead_letter_output,
    suggestion_output,
)
from worker.predictor import ModelInput, Prediction
from worker.rejects import RejectLimit
from worker.settings import Settings
from worker.telemetry import Health, Metrics

SHORTEST_PAUSE, LONGEST_PAUSE = 0.1, 10.0  # seconds between two attempts
Answer = Prediction | RecordRejectedError

log = structlog.get_logger("worker")


@dataclass(frozen=True)
class Loop:
    """One worker's loop over its services; each is used through what it promises, no more."""

    source: Source
    sink: Sink
    intake: Intake
    cache: Cache
    answerer: Answerer
    rejects: RejectLimit
    settings: Settings
    metrics: Metrics
    health: Health

    def run(self, stop: threading.Event) -> None:
        """Step until told to stop; what fails for a while is tried again, from the commit on."""
        pause = SHORTEST_PAUSE
        while not stop.is_set():
            try:
                self.step()
                pause = SHORTEST_PAUSE
            except RetryLaterError as error:
                self._start_over(error, stop, pause)
                pause = min(2 * pause, LONGEST_PAUSE)

    def step(self) -> None:
        """Answer one batch of posts and commit it."""
        records = self.source.poll(self.settings.max_batch_size, self.settings.max_batch_time)
        self._note_lag()
        if not records:
            return
        started = time.monotonic()
        self.answerer.blocklist.refresh()
        outcomes = self.answer(records)
        outputs = [one for one in outcomes if isinstance(one, Output)]
        self.sink.publish(outputs, next_offsets(records))
        self._count(records, outcomes, time.monotonic() - started)

    def answer(self, records: Sequence[Record]) -> list[Output | Skipped]:
        """Return what is to be published for each record, or why nothing is."""
        decoded = [self.intake.read(record) for record in records]
        suggestions = iter(self._suggest([item for item in decoded if isinstance(item, Post)]))
        outcomes = [next(suggestions) if isinstance(item, Post) else item for item in decoded]
        self.rejects.check(isinstance(outcome, RecordRejectedError) for outcome in outcomes)
        return [
            outcome if isinstance(outcome, Skipped) else self._output(record, outcome)
            for record, outcome in zip(records, outcomes, strict=True)
        ]

    def _suggest(self, posts: Sequence[Post]) -> list[Suggestion | RecordRejectedError]:
        inputs = self.answerer.predictor.encode([post.text for post in posts])
        answers = self._infer([item for item in inputs if not item.empty])
        outcomes: list[Suggestion | RecordRejectedError] = []
        for post, item in zip(posts, inputs, strict=True):
            answer = answers.get(item.digest)
            if answer is None:
                self.metrics.without_words.inc()
                outcomes.append(self.answerer.without_words(post))
            elif isinstance(answer, Prediction):
                outcomes.append(self.answerer.suggest(post, answer))
            else:
                outcomes.append(answer)
        return outcomes

    def _infer(self, inputs: Sequence[ModelInput]) -> dict[bytes, Answer]:
        """Return an answer by digest: from the cache, else from the graph, each text once."""
        known = self.cache.get_many(inputs)
        missing = list({item.digest: item for item in inputs if item.digest not in known}.values())
        answers = predict_each(self.answerer.predictor.predict, missing)
        fresh = {item.digest: answer for item, answer in zip(missing, answers, strict=True)}
        self.metrics.inferred.inc(len(missing))
        self.cache.put_many({d: a for d, a in fresh.items() if isinstance(a, Prediction)})
        return {**known, **fresh}

    def _output(self, record: Record, outcome: Suggestion | RecordRejectedError) -> Output:
        if isinstance(outcome, RecordRejectedError):
            return dead_letter_output(self.settings.dead_letters, record, outcome)
        return suggestion_output(self.settings.output_topic, record, outcome)

    def _start_over(self, error: RetryLaterError, stop: threading.Event, pause: float) -> None:
        """Go back to the commit once the services answer; alive, but not ready, until then."""
        metric = self.metrics.refused_commits
        metric = metric if isinstance(error, CommitRefusedError) else self.metrics.retries
        metric.inc()
        log.warning("batch_to_be_read_again", reason=str(error))
        self.rejects.forget()
        while not stop.wait(pause):
            self.health.beat()
            try:
                self.source.rewind()
            except RetryLaterError as again:
                self.health.ready = False
                log.warning("still_unreachable", reason=str(again))
                pause = min(2 * pause, LONGEST_PAUSE)
            else:
                return

    def _count(
        self, records: Sequence[Record], outcomes: Sequence[Output | Skipped], seconds: float
    ) -> None:
        """Count a batch, once it is committed: a batch read again is not counted twice."""
        metrics, now = self.metrics, time.time()
        metrics.step_seconds.observe(seconds)
        metrics.batch_size.observe(len(records))
        metrics.consumed.inc(len(records))
        for outcome in outcomes:
            if isinstance(outcome, Skipped):
                metrics.skipped.labels(outcome).inc()
            elif outcome.rejected is None:
                metrics.published.inc()
            else:
                metrics.rejected.labels(outcome.rejected).inc()
        for record in records:
            if record.timestamp > 0:  # -1 where the producer gave none
                metrics.latency_seconds.observe(now - record.timestamp / 1_000)

    def _note_lag(self) -> None:
        """Alive, since the loop moved; ready once it has partitions of a broker it reached."""
        lags = self.source.lag()
        self.health.beat()
        self.health.ready = bool(lags)
        self.metrics.lag.clear()
        for partition, lag in lags.items():
            self.metrics.lag.labels(str(partition)).set(lag)


def predict_each(
    predict: Callable[[Sequence[ModelInput]], list[Prediction]], inputs: Sequence[ModelInput]
) -> list[Answer]:
    """Predict a batch; one that fails is halved until the bad posts stand alone.

    k bad posts among n cost about 2 k log n calls, and the rest is answered.
    """
    if not inputs:
        return []
    try:
        return [*predict(inputs)]
    except Exception as error:  # noqa: BLE001 - whatever one post provokes, the others go on
        if len(inputs) == 1:
            return [RecordRejectedError("inference_failed", f"{type(error).__name__}: {error}")]
    middle = len(inputs) // 2
    return [*predict_each(predict, inputs[:middle]), *predict_each(predict, inputs[middle:])]
