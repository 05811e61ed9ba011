"""How the posts of a corpus are read: vocabulary, hashtags that can be learned, and a card."""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain
from pathlib import Path

import msgspec
from tokenizers import Tokenizer
from tokenizers.trainers import WordLevelTrainer

from export.bundle import HASHTAGS, Hashtag, encode_hashtags, parse_hashtags
from export.manifest import DataCard
from export.text import new_context_tokenizer, new_tokenizer
from trainer.checkpoints import write_durably
from trainer.corpus import LabelledPost, split
from trainer.errors import CorpusError
from trainer.labels import HashtagCounter
from trainer.progress import console, counted, progress
from trainer.reading import Reader
from trainer.settings import FitSettings
from worker.event_time import event_time

DATA = "data.json"
LEAST_CONTEXT = 2  # posts that a mention or a word of a link needs


@dataclass(frozen=True)
class Text:
    """How posts are read, the hashtags that a model can suggest, and what the posts were."""

    reader: Reader
    hashtags: list[Hashtag]
    data: DataCard

    @property
    def words(self) -> list[str]:
        """The vocabulary by id."""
        return by_id(self.reader.words)

    def save(self, folder: Path) -> None:
        """Write all of it."""
        self.reader.save(folder)
        write_durably(folder / HASHTAGS, encode_hashtags(self.hashtags))
        write_durably(folder / DATA, msgspec.json.encode(self.data))

    @classmethod
    def load(cls, folder: Path) -> "Text":
        """Read what `save` wrote."""
        return cls(
            Reader.load(folder),
            parse_hashtags((folder / HASHTAGS).read_bytes()),
            msgspec.json.decode((folder / DATA).read_bytes(), type=DataCard),
        )


def learn_text(
    corpus: Path,
    settings: FitSettings,
    further: Iterable[LabelledPost],
    further_digest: str | None,
) -> Text:
    """Gather the vocabulary, of `further` posts too, and the hashtags of the training posts.

    Raises `CorpusError` where no word is frequent enough.
    """
    train, reading = split(corpus, "train"), _Reading()
    texts = chain(reading.texts(train), (post.text for post in further))
    pointing = (post.text for post in train)
    new = new_tokenizer([], settings.protocol, settings.max_words)
    with progress("vocabulary, posts") as advance:
        words = _frequent(new, counted(texts, advance), settings.min_word_count)
        pointed = _frequent(new_context_tokenizer([]), counted(pointing, advance), LEAST_CONTEXT)
    if not words:
        raise CorpusError(f"{train.path} has no word {settings.min_word_count} times")
    if train.bad_lines:
        console.print(f"[yellow]{train.complaint()}[/]")
    dev = _Reading()
    for _ in dev.texts(split(corpus, "dev")):
        pass
    reader = Reader(
        new_tokenizer(words, settings.protocol, settings.max_words),
        new_context_tokenizer(pointed),
    )
    hashtags = reading.hashtags.frequent(settings.min_count)
    return Text(reader, hashtags, reading.card(dev, further_digest))


@dataclass
class _Reading:
    """What one pass over the training posts gathers beside the vocabulary."""

    hashtags: HashtagCounter = field(default_factory=HashtagCounter)
    posts: int = 0
    first: datetime | None = None
    last: datetime | None = None
    fingerprint: "hashlib._Hash" = field(default_factory=hashlib.sha256)

    def texts(self, posts: Iterable[LabelledPost]) -> Iterator[str]:
        """Yield the texts, and note all else on the way."""
        for post in posts:
            self.posts += 1
            self.hashtags.add(post)
            self.fingerprint.update(f"{post.id}\0{post.text}\0{post.hashtags}\n".encode())
            if (time := event_time(post.created_at)) is not None:
                self.first = min(self.first or time, time)
                self.last = max(self.last or time, time)
            yield post.text

    def card(self, dev: "_Reading", further: str | None) -> DataCard:
        """Return what the posts were, and those of dev."""
        return DataCard(
            self.posts,
            dev.posts,
            _written(self.first),
            _written(self.last),
            self.fingerprint.hexdigest(),
            further,
            _written(dev.last),
        )


def _frequent(tokenizer: Tokenizer, texts: Iterable[str], least: int) -> list[str]:
    """Return the tokens that occur at least so often, the most frequent first."""
    counter = WordLevelTrainer(vocab_size=2**31 - 1, min_frequency=least, show_progress=False)
    tokenizer.train_from_iterator(texts, counter)
    return by_id(tokenizer)


def by_id(tokenizer: Tokenizer) -> list[str]:
    """Return the vocabulary of a tokenizer in the order of its ids."""
    ids = tokenizer.get_vocab()
    return sorted(ids, key=ids.__getitem__)


def _written(time: datetime | None) -> str | None:
    return None if time is None else time.isoformat().replace("+00:00", "Z")
