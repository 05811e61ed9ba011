"""What a second model is worth on a stream: `python -m benchmarks.freshness CORPUS`.

CORPUS is one stream, its sources in step. Half of it is sent to a real broker and collected, a
first model is learned from it and served. After another quarter a second one is learned from as
many posts, up to that moment, and takes over while posts come in; another worker keeps the first
one on. All posts from the middle on are answered by both sides, and scored by their own hashtags,
which no model has read. What is learned stays in `--work`, so a run that was interrupted, or is
repeated, learns only what is missing.
"""

import shlex
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np

from benchmarks.fresh_stream import FreshStream, Retraining
from benchmarks.record import record
from deploy.demo.stream import Received
from deploy.local.install import install
from deploy.local.process import ServiceError
from deploy.local.services import Services
from deploy.local.worker import WorkerProcess
from export.text import canonical_hashtag
from trainer.line_picture import GREY, Line, picture
from trainer.replay import Scores, figures
from trainer.replay_ways import PARTS
from trainer.significance import difference
from trainer.timeline import IN_STEP, Moment, timeline

PICTURE = Path(__file__).parents[1] / "docs/pictures/freshness.svg"
FIRST, SECOND, LAST = 0.5, 0.75, 0.85  # shares before: the first model, the second, the last part
WORKERS = 2
LEARNING, TAKING_OVER = 1.0, 0.1  # seconds between two posts meanwhile
SERVED, KEPT = "served", "kept"
_UNKNOWN = {"ignore_unknown_options": True}


@dataclass(frozen=True)
class Lived:
    """What became of a stream: two models, the row from which on the second answers, all answers.

    `counted` has the share of right first answers that the workers themselves counted.
    """

    first: str
    second: str
    replaced: int
    received: Mapping[str, Received]
    counted: Mapping[str, float]


@click.command(context_settings=_UNKNOWN)
@click.argument("corpus", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("flags", nargs=-1, type=click.UNPROCESSED)
@click.option("--work", default=".freshness", type=click.Path(file_okay=False, path_type=Path))
@click.option("--scale", default=1.0, show_default=True, help="Of how many posts are sent.")
def main(corpus: Path, flags: tuple[str, ...], work: Path, scale: float) -> None:
    """Measure it on CORPUS; FLAGS are those of `trainer retrain`."""
    moments = timeline(corpus, clock=IN_STEP)[:: round(1 / scale)]
    install()
    with tempfile.TemporaryDirectory() as folder, Services(Path(folder)) as services:
        stream = FreshStream(
            services.broker.address, "fresh", work.resolve(), [moment.post for moment in moments]
        )
        lived = live_through(stream, flags)
    found = told(lived, moments)
    asked = [corpus.name, *flags, *(["--scale", f"{scale:g}"] if scale < 1 else [])]
    command = shlex.join(["python", "-m", "benchmarks.freshness", *asked])
    click.echo(record("freshness", command, {"corpus": corpus.name, **found}))
    PICTURE.write_text(draw(lived, moments))
    click.echo(PICTURE)


def live_through(stream: FreshStream, flags: Sequence[str]) -> Lived:
    """Send, collect, learn, serve, and learn again while serving; raises `ServiceError`."""
    count = len(stream.posts)
    first, second, last = (round(share * count) for share in (FIRST, SECOND, LAST))
    stream.begin()
    with ExitStack() as stack:
        stack.enter_context(stream.collecting())
        stream.send(range(first))
        stream.until_collected(first)
        one = stream.retraining(range(first), flags).champion()
        path = str(stream.registry.bundles / one)
        kept = stack.enter_context(stream.workers(1, KEPT, bundle=path))
        followed: dict[str, str | float] = {
            "registry": str(stream.registry.root),
            "model_refresh": 0.2,
        }
        served = stack.enter_context(stream.workers(WORKERS, SERVED, **followed))
        stream.send(range(first, second))
        stream.until_collected(second)
        learning = stream.retraining(range(second - first, second), flags)
        replaced = _replaced(stream, learning, served, range(second, last))
        stream.send(range(replaced, count))
        received = {side: stream.received(side, range(first, count)) for side in (KEPT, SERVED)}
        two = learning.champion()
        counted = {KEPT: _counted(kept, one), SERVED: _counted(served, two)}
    return Lived(one, two, replaced, received, counted)


def _replaced(
    stream: FreshStream, learning: Retraining, workers: Sequence[WorkerProcess], rows: range
) -> int:
    """Send posts while the second model is learned and takes over; return the first row after it.

    A third of them at most is sent while it learns.
    """
    at = rows.start
    while learning.runs:
        if at < rows.start + len(rows) // 3:
            stream.send(range(at, at + 1))
            at += 1
        time.sleep(LEARNING)
    learning.champion()
    while any(worker.metric("tagstream_model_swaps_total") < 1 for worker in workers):
        if at == rows.stop:
            raise ServiceError("the posts that were to come in the meantime are all sent")
        stream.send(range(at, at + 1))
        at += 1
        time.sleep(TAKING_OVER)
    return at


def _counted(workers: Sequence[WorkerProcess], model: str) -> float:
    """Return the share of right first answers that workers counted of a model, in per cent."""
    known = {"model_version": model[:12]}
    posts = sum(one.metric("tagstream_prequential_posts_total", **known) for one in workers)
    hits = sum(one.metric("tagstream_prequential_hits_total", k="1", **known) for one in workers)
    return round(100 * hits / posts, 2)


def told(lived: Lived, moments: Sequence[Moment]) -> dict[str, Any]:
    """Return the figures: both models on the last part, and what was lost or answered twice."""
    count = len(moments)
    begin, last = round(FIRST * count), round(LAST * count)
    scores = {side: _scores(lived.received[side], moments[last:]) for side in (KEPT, SERVED)}
    more = difference(scores[SERVED].first, scores[KEPT].first)
    sent = {moment.post.id for moment in moments[begin:]}
    answers = lived.received[SERVED].answers
    return {
        "posts": {"in all": count, "answered": count - begin, "scored": count - last},
        "models": {KEPT: lived.first[:12], SERVED: lived.second[:12]},
        "answered_by_second": sum(one.model == lived.second[:12] for one in answers.values()),
        "last_part": {side: figures(some) for side, some in scores.items()},
        "more_f1_at_1": asdict(more.interval),
        "p": more.p_bootstrap,
        "hit_at_1_that_workers_counted": lived.counted,
        "lost": {side: len(sent - got.answers.keys()) for side, got in lived.received.items()},
        "answered_twice": {
            side: got.messages - len(got.answers) for side, got in lived.received.items()
        },
        "dead_letters": len(lived.received[SERVED].dead),
    }


def draw(lived: Lived, moments: Sequence[Moment]) -> str:
    """Return an SVG of both sides over the posts that they answered."""
    begin = round(FIRST * len(moments))
    posts = moments[begin:]
    parts = np.array_split(np.arange(len(posts)), PARTS)
    scores = {side: _scores(lived.received[side], posts) for side in (KEPT, SERVED)}
    values = {
        side: [100 * some.take(rows).quality.f1[0] for rows in parts]
        for side, some in scores.items()
    }
    lines = [
        Line("first, kept on", values[KEPT], GREY, dashed=True),
        Line("learned again", values[SERVED]),
    ]
    replaced = (lived.replaced - begin) / len(posts)
    head = "F1@1 in per cent; at the thin line, a second model has taken over"
    return picture(head, "posts, sources in step, in equal parts", lines, [replaced])


def _scores(received: Received, moments: Sequence[Moment]) -> Scores:
    """Score the answers to posts; what was not answered is not right."""
    suggested = [
        [canonical_hashtag(one.hashtag) for one in answer.suggestions] if answer else []
        for answer in (received.answers.get(moment.post.id) for moment in moments)
    ]
    return Scores.of(suggested, moments)


if __name__ == "__main__":
    main()
