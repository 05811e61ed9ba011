"""The texts and tags of synthetic posts: what is planted first, and how each post grows from it.

Each topic holds several subjects and each subject has one main hashtag. A post is about one
latent subject, from which its words and its tags are drawn independently. Users, mentions, links,
emoji, letter case and the places of the tags depend on nothing.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import numpy as np

from trainer.pseudowords import (
    Urn,
    coin_hashtag,
    coin_words,
    elongate,
    misspell,
    pick,
    spell_hashtag,
    zipf_urn,
)
from trainer.tag_laws import TagLaw, main_leads

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from numpy.random import Generator

FUNCTION_WORDS, TOPIC_WORDS, SUBJECT_WORDS, USERS = 150, 30, 12, 2_000
FEWEST_WORDS, MOST_WORDS, FEWEST_SUBJECT_WORDS = 8, 16, 2
WORD_KINDS = Urn(("function", "topic", "subject"), (0.5, 0.25, 0.25))
TAG_PLACES = Urn(("end", "inline", "start"), (0.6, 0.25, 0.15))
EMOJI = ("😀", "😂", "😍", "😭", "👍", "👏", "🔥", "❤️", "🎉", "🙏🏽")
ENTITIES = ("&amp;", "&amp;", "&lt;3", "&gt;", "&#9829;")
LINK_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"


@dataclass(frozen=True, slots=True, kw_only=True)
class SyntheticSettings:
    """What the corpus is like. All but the first four are probabilities or shares."""

    posts: int = 24_000
    subjects: int = 120  # spread evenly over the topics
    topics: int = 20
    seed: int = 2016
    noise: float = 0.13  # a post leads with another main tag of its topic instead of its own
    companion: float = 0.35  # a post also carries its subject's second tag
    topic_tag: float = 0.15  # a post also carries its topic's broad tag
    repeats: float = 0.10  # a post repeats a recent one of its split, text and tags
    born_late: float = 0.10  # of the subjects: they, their tags and words start at half time
    slang: float = 0.08  # a topic's or subject's word is replaced by its one slang synonym
    misspellings: float = 0.03  # a topic's or subject's word has two letters swapped, or such
    elongations: float = 0.02  # a word is drawn out, as in `sooo`
    capitals: float = 0.02  # a word is all capitals
    mentions: float = 0.30  # a post addresses a user
    links: float = 0.25  # a post ends in a link
    emoji: float = 0.25  # a post holds an emoji
    entities: float = 0.10  # a post holds an HTML entity such as `&amp;`

    def __post_init__(self) -> None:
        if self.posts < 10 or not 1 <= self.topics <= self.subjects:
            raise ValueError("needs at least 10 posts, and 1 to `subjects` topics")
        whole = {"posts", "subjects", "topics", "seed"}
        for name, share in asdict(self).items():
            if name not in whole and not 0 <= share <= 1:
                raise ValueError(f"{name} must lie between 0 and 1, not {share}")
        if not main_leads(self.noise, (self.companion, self.topic_tag)):
            raise ValueError("the main tag must be likelier than noise and than any other tag")
        if self.late_subjects == self.subjects:
            raise ValueError("some subjects must exist from the start")

    @property
    def late_subjects(self) -> int:
        """The number of subjects that are born late."""
        return round(self.born_late * self.subjects)


@dataclass(frozen=True, slots=True)
class Origin:
    """What is hidden behind a post: its subject, the law of its tags, whether it is a repeat."""

    subject: int
    law: TagLaw
    repeat: bool = False


@dataclass(frozen=True, slots=True)
class Subject:
    """What posts of one subject draw from: words, and the law of the tags in either half."""

    index: int
    words: Urn[str]
    topic_words: Urn[str]
    early_law: TagLaw
    late_law: TagLaw


@dataclass(frozen=True, slots=True)
class World:
    """Everything that is planted before the first post is drawn."""

    early_subjects: Urn[Subject]
    late_subjects: Urn[Subject]
    function_words: Urn[str]
    slang: Mapping[str, str]
    camel_case: Mapping[str, str]
    users: Urn[str]


def plant(settings: SyntheticSettings, rng: Generator) -> World:
    """Coin all words and tags, and lay down which subject uses which."""
    taken: set[str] = set()
    function_words = coin_words(rng, FUNCTION_WORDS, (1,), taken)
    topics = [coin_words(rng, TOPIC_WORDS, (2, 3), taken) for _ in range(settings.topics)]
    words = [coin_words(rng, SUBJECT_WORDS, (2, 3), taken) for _ in range(settings.subjects)]
    content = [word for group in (*topics, *words) for word in group]
    tags = [coin_hashtag(rng, taken) for _ in range(2 * settings.subjects + settings.topics)]
    late = set(rng.permutation(settings.subjects)[: settings.late_subjects].tolist())
    subjects = [
        Subject(s, zipf_urn(words[s], 0.5), zipf_urn(topics[s % settings.topics]), *laws)
        for s, laws in enumerate(_laws(settings, [tag.lower() for tag in tags], late))
    ]
    popularity = (rng.permutation(np.arange(1.0, settings.subjects + 1)) ** -0.5).tolist()
    return World(
        early_subjects=Urn(subjects, [w * (s not in late) for s, w in enumerate(popularity)]),
        late_subjects=Urn(subjects, popularity),
        function_words=zipf_urn(function_words),
        slang=dict(zip(content, coin_words(rng, len(content), (2, 3), taken), strict=True)),
        camel_case={tag.lower(): tag for tag in tags},
        users=zipf_urn(coin_words(rng, USERS, (3,), taken), 0.5),
    )


def _laws(
    settings: SyntheticSettings, tags: Sequence[str], late: Collection[int]
) -> Iterator[tuple[TagLaw, TagLaw]]:
    """Lay down each subject's law for either half; in the first, no tag born late is noise."""
    mains, companions = tags[: settings.subjects], tags[settings.subjects :]
    topic_tags = tags[2 * settings.subjects :]
    for s, main in enumerate(mains):
        topic = s % settings.topics
        extras = ((companions[s], settings.companion), (topic_tags[topic], settings.topic_tag))
        peers = [p for p in range(topic, settings.subjects, settings.topics) if p != s]
        early = tuple(mains[p] for p in peers if p not in late)
        after = tuple(mains[p] for p in peers)
        yield (
            TagLaw(main, early, extras, settings.noise),
            TagLaw(main, after, extras, settings.noise),
        )


class Composer:
    """Draws the texts and tags of posts; no two texts are the same, even without their tags."""

    def __init__(self, settings: SyntheticSettings, world: World, rng: Generator) -> None:
        self._settings, self._world, self._rng = settings, world, rng
        self._written: set[str] = set()

    def user(self) -> str:
        """Draw a user to write or to be mentioned."""
        return self._world.users.draw(self._rng)

    def compose(self, *, late: bool) -> tuple[str, tuple[str, ...], Origin]:
        """Draw a subject, its tags and its words: a text, the tags in their order, the origin."""
        subjects = self._world.late_subjects if late else self._world.early_subjects
        subject = subjects.draw(self._rng)
        law = subject.late_law if late else subject.early_law
        tags = law.draw(self._rng)
        tokens = self._with_tags(self._new_tokens(subject), tags)
        in_order = tuple(token[1:].lower() for token in tokens if token.startswith("#"))
        return " ".join(tokens), in_order, Origin(subject.index, law)

    def _new_tokens(self, subject: Subject) -> list[str]:
        while True:
            tokens = self._decorated(self._words(subject))
            text = " ".join(tokens)
            if text not in self._written:
                self._written.add(text)
                return tokens

    def _words(self, subject: Subject) -> list[str]:
        """Draw 8 to 16 words, at least two of them the subject's own so that it shows."""
        count = int(self._rng.integers(FEWEST_WORDS, MOST_WORDS + 1))
        urns = [subject.words] * FEWEST_SUBJECT_WORDS
        urns += [self._urn(subject) for _ in range(count - FEWEST_SUBJECT_WORDS)]
        return [self._typed(urns[at].draw(self._rng)) for at in self._rng.permutation(count)]

    def _urn(self, subject: Subject) -> Urn[str]:
        kind = WORD_KINDS.draw(self._rng)
        if kind == "function":
            return self._world.function_words
        return subject.words if kind == "subject" else subject.topic_words

    def _typed(self, word: str) -> str:
        """Turn a word into what a hasty person types for it."""
        synonym = self._world.slang.get(word)
        if synonym is not None and self._happens(self._settings.slang):
            word = synonym
        if synonym is not None and self._happens(self._settings.misspellings):
            word = misspell(self._rng, word)
        if self._happens(self._settings.elongations):
            word = elongate(self._rng, word)
        return word.upper() if self._happens(self._settings.capitals) else word

    def _decorated(self, tokens: list[str]) -> list[str]:
        """Add what tells nothing of the subject: a mention, an emoji, an entity, a link."""
        if self._happens(self._settings.emoji):
            tokens.insert(self._place(tokens), pick(self._rng, EMOJI))
        if self._happens(self._settings.entities):
            tokens.insert(self._place(tokens), pick(self._rng, ENTITIES))
        if self._happens(self._settings.mentions):
            tokens.insert(0, "@" + self.user())
        if self._happens(self._settings.links):
            path = "".join(pick(self._rng, LINK_LETTERS) for _ in range(10))
            tokens.append("http://t.co/" + path)
        return tokens

    def _with_tags(self, tokens: list[str], tags: Sequence[str]) -> list[str]:
        """Set most tags at the end, some inside and some in front."""
        for tag in tags:
            where = TAG_PLACES.draw(self._rng)
            at = {"start": 0, "inline": self._place(tokens), "end": len(tokens)}[where]
            tokens.insert(at, spell_hashtag(self._rng, self._world.camel_case[tag]))
        return tokens

    def _place(self, tokens: Sequence[str]) -> int:
        """Pick a place between two tokens."""
        return int(self._rng.integers(1, len(tokens)))

    def _happens(self, share: float) -> bool:
        return self._rng.random() < share
