"""The worker's loop over things in memory."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import msgspec

from tests.support.inmemory import InMemoryCache, InMemorySink, InMemorySource, InMemoryTopic
from worker.answers import Answerer
from worker.cache import Cache
from worker.intake import Intake
from worker.loop import Loop
from worker.messages import Output, Suggestion, decode_suggestion
from worker.models import OneModel
from worker.predictor import ModelInput, Prediction, Predictor
from worker.rejects import RejectLimit
from worker.responder import Responder
from worker.scoreboard import Scoreboard
from worker.settings import Settings
from worker.telemetry import Health, Metrics
from worker.tracing import Traces


class CountingPredictor(Predictor):
    """A predictor that tells what it was asked, and fails on a batch with a bad post in it."""

    def __init__(self, inner: Predictor, bad: Iterable[str] = ()) -> None:
        vars(self).update(vars(inner))
        self.calls: list[int] = []
        self._bad = {item.digest for item in inner.encode(list(bad))}

    def predict(self, inputs: Sequence[ModelInput]) -> list[Prediction]:
        """Count the call, then predict."""
        self.calls.append(len(inputs))
        if any(item.digest in self._bad for item in inputs):
            raise RuntimeError("a bad post")
        return super().predict(inputs)


@dataclass
class Bench:
    """A loop, and what a test looks at while it runs."""

    topic: InMemoryTopic
    predictor: Predictor
    settings: Settings = field(default_factory=Settings)
    rejects: RejectLimit = field(default_factory=lambda: RejectLimit(ratio=1.0, run=0))
    cache: Cache = field(default_factory=InMemoryCache)
    outputs: list[Output] = field(default_factory=list)
    metrics: Metrics = field(default_factory=Metrics)
    health: Health = field(default_factory=Health)
    traces: Traces = field(default_factory=Traces)

    def __post_init__(self) -> None:
        self.source = InMemorySource(self.topic)
        self.sink = InMemorySink(self.source, self.outputs)
        self.scoreboard = Scoreboard(self.metrics)

    @property
    def loop(self) -> Loop:
        """The loop over the parts as they are now."""
        answerer = Answerer(self.predictor, self.settings.top)
        intake = Intake.of(self.settings)
        responder = Responder(
            intake,
            answerer,
            self.cache,
            self.settings,
            self.metrics,
            self.scoreboard,
            traces=self.traces,
        )
        services = (self.source, self.sink, OneModel(responder), self.rejects)
        return Loop(*services, self.settings, self.metrics, self.health, self.traces)

    def value(self, name: str, **labels: str) -> float | None:
        """Return what a metric counted."""
        return self.metrics.registry.get_sample_value(name, labels)

    @property
    def answers(self) -> list[Suggestion]:
        """The suggestions among the outputs."""
        values = (output.value for output in self.outputs if output.rejected is None)
        return [decode_suggestion(value) for value in values if value is not None]


def post(identity: str, text: str, **more: object) -> bytes:
    """Return a post as a producer writes it."""
    return msgspec.json.encode({"id": identity, "text": text, **more})


def coordinates(output: Output) -> str:
    """Return the name of the record that an output answers."""
    headers = {name: (value or b"").decode() for name, value in output.headers}
    if output.rejected is None:
        return headers["ce_id"]
    names = ("topic", "partition", "offset")
    return "-".join(headers[f"__connect.errors.{name}"] for name in names)
