"""What one model makes of a batch of records. It talks to the cache, and to nothing else."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from worker.answers import Answerer
from worker.cache import Cache
from worker.errors import RecordRejectedError
from worker.intake import Intake, Skipped
from worker.memory import Votes
from worker.messages import (
    Output,
    Post,
    Record,
    Suggestion,
    dead_letter_output,
    suggestion_output,
)
from worker.predictor import ModelInput, Prediction
from worker.recall import Recall
from worker.settings import Settings
from worker.telemetry import Metrics

Answer = Prediction | RecordRejectedError


@dataclass(frozen=True)
class Responder:
    """Turns records into outputs, with one model and the cache of its answers."""

    intake: Intake
    answerer: Answerer
    cache: Cache
    settings: Settings
    metrics: Metrics
    recall: Recall | None = None

    def respond(self, records: Sequence[Record]) -> list[Output | Skipped]:
        """Return what is to be published for each record, or why nothing is."""
        self.answerer.blocklist.refresh()
        read = [(record, self.intake.read(record)) for record in records]
        posts = [(record, item) for record, item in read if isinstance(item, Post)]
        answered = iter(self._answer(posts))
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

    def _answer(self, posts: Sequence[tuple[Record, Post]]) -> Iterator[Output]:
        """Yield what is published for each post; what it is remembered by goes along."""
        opinions = self.recall.look_up(posts) if self.recall else [None] * len(posts)
        suggested = self._suggest(
            [post for _, post in posts], [o.votes if o else None for o in opinions]
        )
        for (record, post), opinion, outcome in zip(posts, opinions, suggested, strict=True):
            if isinstance(outcome, RecordRejectedError):
                yield dead_letter_output(self.settings.dead_letters, record, outcome)
            else:
                also = self.recall.remember(post, opinion) if self.recall and opinion else ()
                yield suggestion_output(self.settings.output_topic, record, outcome, also)

    def _suggest(
        self, posts: Sequence[Post], votes: Sequence[Votes | None]
    ) -> list[Suggestion | RecordRejectedError]:
        inputs = self.answerer.predictor.encode([post.text for post in posts])
        answers = self._infer([item for item in inputs if not item.empty])
        outcomes: list[Suggestion | RecordRejectedError] = []
        for post, item, voted in zip(posts, inputs, votes, strict=True):
            answer = answers.get(item.digest)
            if answer is None:
                self.metrics.without_words.inc()
                outcomes.append(self.answerer.without_words(post, voted))
            elif isinstance(answer, Prediction):
                outcomes.append(self.answerer.suggest(post, answer, voted))
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
