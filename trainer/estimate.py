"""`--estimate`: the hours of a study before they are spent, from a moment of each of its steps."""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
import numpy as np
from rich.console import Console
from rich.table import Table

from trainer.catalogue import method_card
from trainer.corpus import LabelledPost, split
from trainer.fitted import fitted_folder, is_fitted
from trainer.fitting import Examples, start, train
from trainer.material import Material
from trainer.network_method import Sizes, Vectors
from trainer.parts import Parts
from trainer.study import Case, Study
from trainer.topics import learn_topics
from trainer.vectors import learn_vectors

SAMPLED = 4_000  # posts from which a step is judged
_TRIAL_BATCHES = 20


@dataclass(frozen=True)
class Step:
    """One thing to learn: whether it is there already, and how many seconds it takes otherwise."""

    name: str
    seconds: float
    kept: bool


def show_estimate(study: Study, cells: Sequence[Case]) -> None:
    """Print what is to be learned, how long each takes, and the sum."""
    table = Table("step", "minutes", title=f"{study.corpus.name}, at most", show_footer=True)
    steps = estimate(study, cells)
    for step in steps:
        table.add_row(step.name, "done" if step.kept else f"{step.seconds / 60:.1f}")
    hours = sum(step.seconds for step in steps if not step.kept) / 3600
    table.columns[0].footer, table.columns[1].footer = "in all", f"{hours:.2f} hours"
    Console().print(table)


def estimate(study: Study, cells: Sequence[Case]) -> list[Step]:
    """Return every step of a study; networks with all epochs that their settings allow."""
    steps: dict[str, Step] = {}
    seconds: dict[tuple[object, ...], float] = {}
    for case in cells:
        material = study.material(case)
        if method_card(case.method).network:
            for step in _shared(material, case):
                steps.setdefault(step.name, step)
        kept = is_fitted(material, study.settings(case))
        name = f"{case.protocol}, {case.method} {_told(case)}seed {case.seed}"
        kind = (case.method, case.protocol, str(case.changes))
        if not kept and kind not in seconds:  # another seed takes as long
            timed = _network if method_card(case.method).network else _sampled
            seconds[kind] = timed(study, case)
        steps[name] = Step(name, seconds.get(kind, 0.0), kept)
    return list(steps.values())


def _told(case: Case) -> str:
    return "".join(f"{name} {value}, " for name, value in case.changes.items())


def _shared(material: Material, case: Case) -> list[Step]:
    """Return the steps that cells share: word vectors and topics."""
    settings = material.settings
    some = material.sentences.take(np.arange(min(SAMPLED, len(material.sentences))))
    share = len(material.sentences) / len(some)
    once = msgspec.structs.replace(settings, vector_epochs=1, topic_passes=1)

    def timed(kept: bool, epochs: int, learn: Callable[[], object]) -> float:  # noqa: FBT001
        return 0.0 if kept else share * epochs * _seconds(learn)

    vectors, topics = material.has_vectors, material.has_topics
    return [
        Step(
            f"{case.protocol}, word vectors, {settings.dimensions} dimensions",
            timed(
                vectors,
                settings.vector_epochs,
                lambda: learn_vectors(some, material.words, once),
            ),
            vectors,
        ),
        Step(
            f"{case.protocol}, {settings.topics} topics",
            timed(topics, settings.topic_passes, lambda: learn_topics(some, material.words, once)),
            topics,
        ),
    ]


def _network(study: Study, case: Case) -> float:
    """Time some batches of a network of full size that has learned nothing."""
    material, settings = study.material(case), study.settings(case)
    train_posts, count = material.train, settings.batch * _TRIAL_BATCHES
    some = train_posts.take(train_posts.learnable()[:count])
    sizes = Sizes(
        material.words,
        settings.dimensions,
        len(material.labels.hashtags),
        settings.topics,
        material.text.reader.context.get_vocab_size(),
    )
    theta = np.full((len(some), settings.topics), 1 / settings.topics, dtype=np.float32)
    examples = Examples(some.ids, theta, some.labels, some.gold, some.inputs.context)
    method = method_card(case.method).load()
    network = method.build(settings, sizes, Vectors.zeros(sizes))  # type: ignore[attr-defined]
    once = msgspec.structs.replace(settings, epochs=1)
    few = _first(examples, 1)
    spent = next(iter(train(start(network, once), examples, few, once))).seconds
    return spent / len(some) * len(train_posts) * settings.epochs


def _first(examples: Examples, count: int) -> Examples:
    """Return the first posts."""
    rows = np.arange(count)
    context = None if examples.context is None else examples.context.take(rows)
    return Examples(
        examples.ids.take(rows),
        examples.theta[rows],
        examples.labels.take(rows),
        examples.gold[rows],
        context,
    )


def _sampled(study: Study, case: Case) -> float:
    """Time a method on a sample of the corpus; its time grows with the posts."""
    with TemporaryDirectory() as folder:
        sample = Path(folder)
        counts = [
            _write_sample(split(study.corpus, name), sample / f"{name}.jsonl", SAMPLED)
            for name in ("train", "dev")
        ]
        given = {**study.given, "vector_epochs": 1, "topic_passes": 1, "epochs": 1}
        small = Study(sample, Parts(sample / "parts"), {**given, "further": None})
        material, settings = small.material(case), small.settings(case)
        for part in (material.train, material.dev, material.vectors, material.theta):
            del part  # what methods share is not their own time
        spent = _seconds(lambda: fitted_folder(material, settings))
    return spent * len(study.material(case).train) / max(1, counts[0])


def _write_sample(posts: Iterable[LabelledPost], file: Path, count: int) -> int:
    some = list(islice(posts, count))
    lines = [
        msgspec.json.encode({"id": post.id, "text": post.text, "tags": post.hashtags})
        for post in some
    ]
    file.write_bytes(b"\n".join(lines))
    return len(some)


def _seconds(call: Callable[[], object]) -> float:
    started = time.perf_counter()
    call()
    return time.perf_counter() - started
