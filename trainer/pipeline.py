"""`trainer fit` on one page: posts → vocabulary → word vectors → topics → network."""

import hashlib
import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import msgspec
from tokenizers.trainers import WordLevelTrainer

from export.manifest import DataCard
from export.text import new_tokenizer
from trainer.corpus import LabelledPost, digests, event_time, split
from trainer.encoding import EncodedPosts, encode_posts, infer_topics
from trainer.errors import CorpusError
from trainer.fitting import Examples, check_device, start, train
from trainer.labels import HashtagCounter, Labels
from trainer.progress import console, progress
from trainer.ragged import Ragged
from trainer.runs import EpochRow, Run, build_network
from trainer.settings import FitSettings
from trainer.topics import TopicModel, learn_topics
from trainer.vectors import WordVectors, learn_vectors


def fit(corpus: Path, path: Path, settings: FitSettings, *, resume: bool = False) -> Run:
    """Learn a model from a corpus and leave it in a run directory.

    Every step is kept when it is done, so an interrupted run goes on from there.
    """
    run = Run(path)
    check_device(settings.device)
    run.begin(settings, digests(corpus, ("train", "dev")), resume=resume)
    if run.finished:
        return run
    learn_text(corpus, run, settings)
    tokenizer, labels = run.tokenizer(), Labels(run.hashtags())
    posts = encode_posts(split(corpus, "train"), tokenizer, labels)
    dev = encode_posts(split(corpus, "dev"), tokenizer, labels)
    learnable = posts.learnable()
    _check_enough(corpus, learnable, dev)
    run.kept("dev", lambda: dev.ids, Ragged)
    words = tokenizer.get_vocab_size()
    with progress("word vectors, epochs", settings.vector_epochs) as advance:
        vectors = run.kept(
            "vectors", lambda: learn_vectors(posts.ids, words, settings, advance), WordVectors
        )
    with progress("topics, posts", settings.topic_passes * len(posts.ids)) as advance:
        topics = run.kept(
            "topics", lambda: learn_topics(posts.ids, words, settings, advance), TopicModel
        )
    learn_network(run, vectors, _examples(learnable, topics), _examples(dev, topics))
    run.finish()
    return run


def _check_enough(corpus: Path, learnable: EncodedPosts, dev: EncodedPosts) -> None:
    """Raise `CorpusError` where nothing can be learned, or no epoch be told from another."""
    for name, ids in (("train", learnable.ids), ("dev", dev.ids)):
        if not ids.lengths.any():
            raise CorpusError(f"{split(corpus, name).path} has no post with a hashtag and a word")


def _examples(posts: EncodedPosts, topics: TopicModel) -> Examples:
    return Examples(posts.ids, infer_topics(topics, posts.ids), posts.labels, posts.gold)


@dataclass
class _Reading:
    """What one pass over the training posts gathers beside the vocabulary."""

    advance: Callable[[int], None]
    hashtags: HashtagCounter = field(default_factory=HashtagCounter)
    posts: int = 0
    first: datetime | None = None
    last: datetime | None = None
    fingerprint: "hashlib._Hash" = field(default_factory=hashlib.sha256)

    def texts(self, posts: Iterable[LabelledPost]) -> Iterator[str]:
        """Yield the texts, and note all else on the way."""
        for post in posts:
            self.advance(1)
            self.posts += 1
            self.hashtags.add(post)
            self.fingerprint.update(f"{post.id}\0{post.text}\0{post.hashtags}\n".encode())
            if (time := event_time(post.created_at)) is not None:
                self.first = min(self.first or time, time)
                self.last = max(self.last or time, time)
            yield post.text


def _written(time: datetime | None) -> str | None:
    return None if time is None else time.isoformat().replace("+00:00", "Z")


def learn_text(corpus: Path, run: Run, settings: FitSettings) -> None:
    """Read the training posts once: vocabulary, hashtags, and what the posts were."""
    if run.has_text:
        return
    reader = split(corpus, "train")
    tokenizer = new_tokenizer([], settings.protocol, settings.max_words)
    counter = WordLevelTrainer(
        vocab_size=2**31 - 1, min_frequency=settings.min_word_count, show_progress=False
    )
    with progress("vocabulary, posts") as advance:
        reading = _Reading(advance)
        tokenizer.train_from_iterator(reading.texts(reader), counter)
    ids = tokenizer.get_vocab()
    if not ids:
        raise CorpusError(f"{reader.path} has no word {settings.min_word_count} times")
    if reader.bad_lines:
        console.print(f"[yellow]{reader.complaint()}[/]")
    run.save_text(
        new_tokenizer(sorted(ids, key=ids.__getitem__), settings.protocol, settings.max_words),
        reading.hashtags.frequent(settings.min_count),
        DataCard(
            reading.posts,
            sum(1 for _ in split(corpus, "dev")),
            _written(reading.first),
            _written(reading.last),
            reading.fingerprint.hexdigest(),
        ),
    )


def learn_network(run: Run, vectors: WordVectors, examples: Examples, dev: Examples) -> None:
    """Train until dev no longer gets better; the best epoch is kept, each one is a checkpoint."""
    settings, history = run.settings, run.epochs()
    training = start(build_network(settings, vectors.matrix, len(run.hashtags())), settings)
    if run.has_checkpoint:
        training.restore(run.load_state("checkpoint"))
        settings = msgspec.structs.replace(settings, precision=history[-1].precision)
    history = history[: training.epoch]  # an epoch without its checkpoint is learned again
    best = max((row.merit(settings.select) for row in history), default=-math.inf)
    if _over(history, settings):
        return
    with progress("network, posts", (settings.epochs - training.epoch) * len(examples)) as advance:
        for epoch in train(training, examples, dev, settings, advance):
            row = EpochRow(
                epoch.number,
                epoch.loss,
                100 * epoch.dev.f1[0],
                epoch.dev_loss,
                epoch.seconds,
                epoch.precision,
            )
            history = [*history, row]
            if row.merit(settings.select) > best:
                best = row.merit(settings.select)
                run.save_state("network", training.network.state_dict())
                run.save_metrics(epoch.dev.rows("dev", settings.protocol))
            run.save_epochs(history)
            run.save_state("checkpoint", training.state())
            console.print(
                f"epoch {row.epoch}: loss {row.loss:.3f}, dev {row.dev_loss:.3f}, "
                f"dev F1@1 {row.dev_f1_at_1:.2f} %, "
                f"{row.seconds:.0f} s in {row.precision}"
            )
            if _over(history, settings):
                return


def _over(history: list[EpochRow], settings: FitSettings) -> bool:
    """Tell whether dev has not become better for as many epochs as patience allows."""
    figures = [row.merit(settings.select) for row in history]
    return len(figures) > settings.patience and max(figures[: -settings.patience]) >= max(
        figures[-settings.patience :]
    )
