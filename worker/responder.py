"""What one model makes of a batch of records: with its memory, and the cache of its answers."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from worker.answers import Answerer
from worker.cache import Cache
from worker.errors import RecordRejectedError
from worker.intake import Intake, Skipped
from worker.messages import (
    Output,
    Post,
    Record,
    dead_letter_output,
    suggestion_output,
)
from worker.predictor import ModelInput, Prediction, Predictor
from worker.recall import Opinion, Recall
from worker.scoreboard import Scoreboard
from worker.settings import Settings
from worker.telemetry import Metrics
from worker.tracing import Traces

Answer = Prediction | RecordRejectedError
Posts = Sequence[tuple[Record, Post]]


class Responds(Protocol):
    """What the loop asks of whoever answers a batch."""

    @property
    def scoreboard(self) -> Scoreboard:
        """What counts how posts were answered, once that is committed."""
        ...

    @property
    def predictor(self) -> Predictor:
        """The model that answers, of two the champion."""
        ...

    def respond(self, records: Sequence[Record]) -> list[Output | Skipped]:
        """Return what is to be published for each record, or why nothing is."""
        ...

    def idle(self) -> None:
        """Use a moment without posts."""
        ...


@dataclass(frozen=True)
class Responder:
    """Turns records into outputs, with one model and the cache of its answers."""

    intake: Intake
    answerer: Answerer
    cache: Cache
    settings: Settings
    metrics: Metrics
    scoreboard: Scoreboard
    recall: Recall | None = None
    traces: Traces = field(default_factory=Traces)

    @property
    def predictor(self) -> Predictor:
        """The model."""
        return self.answerer.predictor

    def respond(self, records: Sequence[Record]) -> list[Output | Skipped]:
        """Return what is to be published for each record, or why nothing is."""
        return self.respond_by(self.answer, records)

    def respond_by(
        self, answer: Callable[[Posts], Sequence[Output]], records: Sequence[Record]
    ) -> list[Output | Skipped]:
        """Return the same, where posts are answered otherwise."""
        self.answerer.blocklist.refresh()
        read = [(record, self.intake.read(record)) for record in records]
        answered = iter(answer([(record, item) for record, item in read if isinstance(item, Post)]))
        return [
            next(answered)
            if isinstance(item, Post)
            else item
            if isinstance(item, Skipped)
            else dead_letter_output(self.settings.dead_letters, record, item)
            for record, item in read
        ]

    def idle(self) -> None:
        """Use a moment without posts."""
        if self.recall is not None:
            self.recall.follow()

    def answer(self, posts: Posts) -> list[Output]:
        """Return what is to be published for each post."""
        return list(self._answers(posts)) if posts else []

    def _answers(self, posts: Posts) -> Iterator[Output]:
        rules = self.answerer.voting.rules
        opinions = self.recall.look_up(posts, rules) if self.recall else [None] * len(posts)
        inputs = self.answerer.predictor.encode([post.text for _, post in posts])
        answers = self._infer([item for item in inputs if not item.empty])
        for (record, post), item, opinion in zip(posts, inputs, opinions, strict=True):
            found = answers.get(item.digest)
            if isinstance(found, RecordRejectedError):
                yield dead_letter_output(self.settings.dead_letters, record, found)
                continue
            yield self._suggestion(record, post, item, found, opinion)

    def _suggestion(
        self,
        record: Record,
        post: Post,
        item: ModelInput,
        prediction: Prediction | None,
        opinion: Opinion | None,
    ) -> Output:
        """Return an answer; what its post is remembered by, and how it was judged, go along."""
        answered = self.answerer.answer(post, prediction, opinion.votes if opinion else None)
        also = self.recall.remember(post, opinion) if self.recall and opinion else ()
        known = self.answerer.predictor.spellings
        judged = self.scoreboard.judge(post, item, answered, opinion, known)
        topic = self.settings.output_topic
        return suggestion_output(topic, record, answered.suggestion, also, (judged,))

    def _infer(self, inputs: Sequence[ModelInput]) -> dict[bytes, Answer]:
        """Return an answer by digest: from the cache, else from the graph, each text once."""
        known = self.cache.get_many(inputs)
        missing = list({item.digest: item for item in inputs if item.digest not in known}.values())
        with self.traces.infer(len(missing)):
            answers = predict_each(self.answerer.predictor.predict, missing)
        fresh = {item.digest: answer for item, answer in zip(missing, answers, strict=True)}
        self.metrics.inferred.inc(len(missing))
        self.cache.put_many({d: a for d, a in fresh.items() if isinstance(a, Prediction)})
        return {**known, **fresh}


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
