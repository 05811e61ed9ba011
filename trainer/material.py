"""What every method learns from: posts as numbers, word vectors and topics, each made once."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt

from export.text import new_context_tokenizer, new_tokenizer
from trainer.corpus import CorpusReader, LabelledPost, digests, file_digest, split
from trainer.labels import Labels
from trainer.names import name_vectors
from trainer.parts import Parts
from trainer.progress import counted, progress
from trainer.ragged import Ragged
from trainer.reading import EncodedPosts, encode_posts, infer_topics, word_ids
from trainer.settings import FitSettings
from trainer.text import Text, learn_text
from trainer.topics import TopicModel, learn_topics
from trainer.vectors import WordVectors, learn_vectors
from trainer.warm_start import Learned, warm_topics, warm_vectors

TEXT_SEED = 1  # of word vectors and topics: they are shared, whatever the seed of a method


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
    def text_of_run(self) -> "Text":
        """The same with a card that says what learning started from."""
        text, started = self.text, self.warm.digest if self.warm else None
        return replace(text, data=msgspec.structs.replace(text.data, warm_start=started))

    @cached_property
    def warm(self) -> Learned | None:
        """What learning starts from, if from anything; raises a `BundleError`."""
        return Learned.open(self.settings.warm_start) if self.settings.warm_start else None

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
                return word_ids(self.text.reader.words, counted(texts, advance))

        return self.parts.kept("sentences", self._words_of, read, Ragged)

    @cached_property
    def vectors(self) -> WordVectors:
        """The word vectors."""

        def learn() -> WordVectors:
            if self.warm:
                return warm_vectors(self.warm, self.text.words, self.sentences)
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
            if self.warm:
                return warm_topics(self.warm, self.text.words, self.sentences, self.settings)
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
        chosen = _chosen(
            self.settings,
            *("dimensions", "vector_epochs", "topics", "topic_passes", "max_post_share", "seed"),
        )
        return {**self._text_of, **chosen, **self._warm_of}

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
        chosen = _chosen(self.settings, "dimensions", "vector_epochs", "seed")
        return {**self._words_of, **chosen, **self._warm_of}

    @property
    def _topics_of(self) -> dict[str, object]:
        chosen = _chosen(self.settings, "topics", "topic_passes", "max_post_share", "seed")
        return {**self._words_of, **chosen, **self._warm_of}

    @property
    def _warm_of(self) -> dict[str, object]:
        return {"warm_start": self.warm.digest} if self.warm else {}

    def _further(self) -> Iterable[LabelledPost]:
        further = self.settings.further
        return () if further is None else CorpusReader(Path(further))

    def _learn_text(self, folder: Path) -> None:
        made = learn_text(self.corpus, self.settings, self._further(), self.sources.get("further"))
        made.save(folder)


@dataclass(frozen=True)
class Theta:
    """θ [posts, K] of train and dev."""

    train: npt.NDArray[np.float32]
    dev: npt.NDArray[np.float32]


def _chosen(settings: FitSettings, *names: str) -> dict[str, object]:
    return {name: getattr(settings, name) for name in names}
