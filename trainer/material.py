"""What every method learns from: posts as numbers, word vectors and topics, each made once."""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from itertools import chain
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt
from tokenizers import Tokenizer
from tokenizers.trainers import WordLevelTrainer

from export.bundle import HASHTAGS, Hashtag, encode_hashtags, parse_hashtags
from export.manifest import DataCard
from export.text import new_context_tokenizer, new_tokenizer
from trainer.checkpoints import write_durably
from trainer.corpus import CorpusReader, LabelledPost, digests, event_time, file_digest, split
from trainer.errors import CorpusError
from trainer.labels import HashtagCounter, Labels
from trainer.names import name_vectors
from trainer.parts import Parts
from trainer.progress import console, progress
from trainer.ragged import Ragged
from trainer.reading import EncodedPosts, Reader, encode_posts, infer_topics, word_ids
from trainer.settings import FitSettings
from trainer.topics import TopicModel, learn_topics
from trainer.vectors import WordVectors, learn_vectors

DATA = "data.json"
TEXT_SEED = 1  # of word vectors and topics: they are shared, whatever the seed of a method
LEAST_CONTEXT = 2  # posts that a mention or a word of a link needs


@dataclass(frozen=True)
class Material:
    """A corpus made ready for learning under one protocol.

    What takes long is kept in `parts`, and made when it is first asked for. The text of the file
    `settings.further` joins that of train for word2vec and LDA; its hashtags are no labels.
    """

    corpus: Path
    settings: FitSettings
    parts: Parts

    @cached_property
    def sources(self) -> dict[str, str]:
        """The SHA-256 of every file that is learned from."""
        found = digests(self.corpus, ("train", "dev"))
        if self.settings.further is not None:
            found["further"] = file_digest(Path(self.settings.further))
        return found

    @cached_property
    def text(self) -> "Text":
        """Vocabulary, hashtags, and what the posts were."""
        return Text.load(self.text_folder)

    @property
    def text_folder(self) -> Path:
        """Where the vocabulary and the hashtags are kept."""
        return self.parts.folder("text", self._text_of, self._learn_text)

    @cached_property
    def labels(self) -> Labels:
        """The hashtags that a model can suggest."""
        return Labels(self.text.hashtags)

    @property
    def words(self) -> int:
        """The size of the vocabulary, padding and unknown word included."""
        return self.text.reader.words.get_vocab_size()

    @cached_property
    def train(self) -> EncodedPosts:
        """The training posts that have a hashtag."""
        return self.encoded("train")

    @cached_property
    def dev(self) -> EncodedPosts:
        """The posts on which choices are made."""
        return self.encoded("dev")

    def encoded(self, name: str) -> EncodedPosts:
        """Return the posts of a split that have a hashtag."""
        reader = split(self.corpus, name)
        return self.parts.kept(
            name,
            {**self._text_of, "posts": file_digest(reader.path)},
            lambda: encode_posts(reader, self.text.reader, self.labels),
            EncodedPosts,
        )

    @cached_property
    def sentences(self) -> Ragged:
        """The word ids of all text: what word2vec and LDA learn from."""

        def read() -> Ragged:
            posts = chain(split(self.corpus, "train"), self._further())
            texts = (post.text for post in posts)
            with progress("reading, posts") as advance:
                return word_ids(self.text.reader.words, _counted(texts, advance))

        return self.parts.kept("sentences", self._words_of, read, Ragged)

    @cached_property
    def vectors(self) -> WordVectors:
        """The word vectors."""

        def learn() -> WordVectors:
            with progress("word vectors, epochs", self.settings.vector_epochs) as advance:
                return learn_vectors(self.sentences, self.words, self.settings, advance)

        return self.parts.kept("vectors", self._vectors_of, learn, WordVectors)

    @cached_property
    def names(self) -> npt.NDArray[np.float32]:
        """The word vectors of the hashtags' names [M, dimensions]."""
        ids = self.text.reader.words.get_vocab()
        words = sorted(ids, key=ids.__getitem__)
        hashtags = [hashtag.canonical for hashtag in self.labels.hashtags]
        return name_vectors(hashtags, words, self.vectors.matrix)

    @cached_property
    def topics(self) -> TopicModel:
        """The topic model."""

        def learn() -> TopicModel:
            posts = self.settings.topic_passes * len(self.sentences)
            with progress("topics, posts", posts) as advance:
                return learn_topics(self.sentences, self.words, self.settings, advance)

        return self.parts.kept("topics", self._topics_of, learn, TopicModel)

    @cached_property
    def theta(self) -> "Theta":
        """The topics of the posts of train and dev."""
        return self.parts.kept(
            "theta",
            {**self._topics_of, "sources": self.sources},
            lambda: Theta(*(infer_topics(self.topics, p.ids) for p in (self.train, self.dev))),
            Theta,
        )

    @property
    def of(self) -> dict[str, object]:
        """All that the material was made of, settings and files, for naming what is learned."""
        return self._text_of | _chosen(
            self.settings,
            *("dimensions", "vector_epochs", "topics", "topic_passes", "max_post_share", "seed"),
        )

    @cached_property
    def _words_of(self) -> dict[str, object]:
        """What the vocabulary, the word vectors and the topics are made of."""
        sources = {name: digest for name, digest in self.sources.items() if name != "dev"}
        rules = new_tokenizer([], self.settings.protocol).to_str()
        chosen = _chosen(self.settings, "protocol", "min_word_count", "max_words")
        return {"sources": sources, "word_rules": rules, **chosen}

    @cached_property
    def _text_of(self) -> dict[str, object]:
        """What all that is read of posts is made of, and the count of dev's posts."""
        rules = {"sources": self.sources, "context_rules": new_context_tokenizer([]).to_str()}
        return {**self._words_of, **rules, **_chosen(self.settings, "min_count")}

    @property
    def has_vectors(self) -> bool:
        """Whether the word vectors were learned already."""
        return self.parts.has("vectors", self._vectors_of)

    @property
    def has_topics(self) -> bool:
        """Whether the topics were learned already."""
        return self.parts.has("topics", self._topics_of)

    @property
    def _vectors_of(self) -> dict[str, object]:
        return {**self._words_of, **_chosen(self.settings, "dimensions", "vector_epochs", "seed")}

    @property
    def _topics_of(self) -> dict[str, object]:
        chosen = _chosen(self.settings, "topics", "topic_passes", "max_post_share", "seed")
        return {**self._words_of, **chosen}

    def _further(self) -> Iterable[LabelledPost]:
        further = self.settings.further
        return () if further is None else CorpusReader(Path(further))

    def _learn_text(self, folder: Path) -> None:
        settings, train = self.settings, split(self.corpus, "train")
        with progress("vocabulary, posts") as advance:
            reading = _Reading()
            texts = chain(reading.texts(train), (post.text for post in self._further()))
            words = _frequent(
                new_tokenizer([], settings.protocol, settings.max_words),
                _counted(texts, advance),
                settings.min_word_count,
            )
            pointed = _frequent(
                new_context_tokenizer([]),
                _counted((post.text for post in train), advance),
                LEAST_CONTEXT,
            )
        if not words:
            raise CorpusError(f"{train.path} has no word {settings.min_word_count} times")
        if train.bad_lines:
            console.print(f"[yellow]{train.complaint()}[/]")
        data = DataCard(
            reading.posts,
            sum(1 for _ in split(self.corpus, "dev")),
            _written(reading.first),
            _written(reading.last),
            reading.fingerprint.hexdigest(),
        )
        reader = Reader(
            new_tokenizer(words, settings.protocol, settings.max_words),
            new_context_tokenizer(pointed),
        )
        Text(reader, reading.hashtags.frequent(settings.min_count), data).save(folder)


@dataclass(frozen=True)
class Theta:
    """θ [posts, K] of train and dev."""

    train: npt.NDArray[np.float32]
    dev: npt.NDArray[np.float32]


@dataclass(frozen=True)
class Text:
    """How posts are read, the hashtags that a model can suggest, and what the posts were."""

    reader: Reader
    hashtags: list[Hashtag]
    data: DataCard

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


def _counted(texts: Iterable[str], advance: Callable[[int], None]) -> Iterator[str]:
    for text in texts:
        advance(1)
        yield text


def _frequent(tokenizer: Tokenizer, texts: Iterable[str], least: int) -> list[str]:
    """Return the tokens that occur at least so often, the most frequent first."""
    counter = WordLevelTrainer(vocab_size=2**31 - 1, min_frequency=least, show_progress=False)
    tokenizer.train_from_iterator(texts, counter)
    ids = tokenizer.get_vocab()
    return sorted(ids, key=ids.__getitem__)


def _written(time: datetime | None) -> str | None:
    return None if time is None else time.isoformat().replace("+00:00", "Z")


def _chosen(settings: FitSettings, *names: str) -> dict[str, object]:
    return {name: getattr(settings, name) for name in names}
