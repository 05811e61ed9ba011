"""Examples that a bundle carries, for every load to repeat: made from words, never from posts."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from export.bundle import GoldenExample
from export.parity import Answer
from export.text import SPECIAL_WORDS
from trainer.reading import Inputs
from trainer.text import Text, by_id

LENGTHS = (1, 2, 3, 5, 8, 13, 20, 40, 60)
EDGE_CASES = (
    "",
    "#OnlyAHashtag",
    "https://example.org/path @someone",
    "[PAD] [UNK] &amp; &lt;3",
    "SHOUTING sooooo loud, cafe\u0301 ＃全角 \U0001f1e9\U0001f1ea\u2764\ufe0f",
)


@dataclass(frozen=True)
class Golden:
    """Texts, and what the model reads of them."""

    texts: list[str]
    posts: Inputs

    @classmethod
    def of(cls, text: Text) -> "Golden":
        """Return texts of random words, some that point at something, and fixed edge cases."""
        random, words = np.random.default_rng(0), text.words
        texts = [" ".join(random.choice(words, size=length)) for length in LENGTHS]
        texts += [*_pointing(text, words), *EDGE_CASES]
        return cls(texts, text.reader.read(texts))

    @property
    def asked(self) -> Inputs:
        """What is read of the texts that have words."""
        return self.posts.take(np.flatnonzero(self.posts.ids.lengths))

    def examples(self, answers: Iterable[Answer]) -> list[GoldenExample]:
        """Return the texts with the answers to those that have words; the others have none."""
        left = iter(answers)
        examples = []
        for row, text in enumerate(self.texts):
            ids, context = self.posts.ids[row].tolist(), self.posts.context[row].tolist()
            if not ids:
                examples.append(GoldenExample(text, ids, [], [], [], context))
                continue
            answer = next(left)
            arrays = (answer.theta, answer.hashtags, answer.scores)
            theta, hashtags, scores = (array.tolist() for array in arrays)
            examples.append(GoldenExample(text, ids, theta, hashtags, scores, context))
        return examples


def _pointing(text: Text, words: list[str]) -> list[str]:
    """Return texts with what `context.json` knows: mentions, and links of its words."""
    random = np.random.default_rng(1)
    known = [token for token in by_id(text.reader.context) if token not in SPECIAL_WORDS]
    links = [token if token.startswith("@") else f"https://{token}/" for token in known[:100]]
    some = random.choice(links, size=min(len(links), 4), replace=False).tolist()
    return [" ".join([str(random.choice(words)), *some[:count]]) for count in range(len(some))]
