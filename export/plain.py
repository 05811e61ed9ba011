"""A shorter way to read plain posts, which most are.

A tokenizer's time goes into rules for what plain text cannot hold (entities, accents, the styles of
emoji) and into classes of letters that span Unicode. `Encoder` reads plain posts by what the rules
of a `tokenizer.json` come to there, and all others by the rules themselves; the ids are the same.
"""

import json
import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from tokenizers import Tokenizer
from tokenizers.models import WordLevel

from export import rules
from export import text as text_rules

# ASCII and the punctuation of typesetters, which NFC leaves alone; no '&', which begins an entity.
_PLAIN = re.compile("[\x00-%'-\x7f‘’“”…–—]*")
# Plain text is put in lower case before all else, since no rule there tells cases apart.
_WORD = "[a-z0-9_]"
_NOT_AFTER_WORD = f"(?<!{_WORD})"
_HASHTAG_SIGN = _NOT_AFTER_WORD + "#(?=[0-9_]*[a-z])"
_GLUED = f"(?:[#@]{_WORD}++)*+"
_MENTIONED = f"{_NOT_AFTER_WORD}@{_WORD}++"
_PLAIN_FORMS: dict[str, str | None] = {  # none: nothing is left to do
    **dict.fromkeys(rules.ENTITIES),
    rules.EMOJI_STYLE: None,
    rules.WIDE_AT: None,
    rules.LINK: rules.LINK,
    rules.MENTION: _MENTIONED + _GLUED,
    rules.HASHTAG_SIGN: _HASHTAG_SIGN,
    rules.HASHTAG + rules.GLUED: f"{_HASHTAG_SIGN}{_WORD}++{_GLUED}",
    rules.ELONGATION: r"([a-z])(?=\1\1)",
    rules.TOKEN: rf"\$[a-z]+(?!{_WORD})|{_WORD}+(?:['’][a-z]+)*",
    rules.POINTER: rules.POINTER.replace(rules.MENTIONED, _MENTIONED),
    rules.POINTER_WORD: f"{_MENTIONED}|[a-z0-9]++",
}
_POINTING = ("@", "http", "www", "pic.")  # every pointer has one of them, hashtags or not
_NESTED = {"normalizers", "pretokenizers"}  # what a sequence of steps calls them

# The same in both cases, for hashtags as their authors spelt them. White space is Oniguruma's.
_ANY_WORD = "[A-Za-z0-9_]"
_NOT_AFTER_ANY_WORD = f"(?<!{_ANY_WORD})"
_LINK = re.compile(rules.LINK.replace(r"\S", "[^\t-\r ]"))
_MENTION = re.compile(f"{_NOT_AFTER_ANY_WORD}@{_ANY_WORD}++(?:[#@]{_ANY_WORD}++)*+")
_WHOLE_HASHTAG = re.compile(
    rf"{_NOT_AFTER_ANY_WORD}#(?=[0-9_]*[A-Za-z])({_ANY_WORD}++)(?!…|\.\.\.)"
)

IntArray = npt.NDArray[np.int64]


class Encoder:
    """Turns posts into the ids that `tokenizer` gives them."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self._plain = _for_plain_text(tokenizer)

    def __call__(self, texts: Sequence[str]) -> list[IntArray]:
        """Return the ids [n] of each text."""
        plain = [self._plain is not None and is_plain(text) for text in texts]
        lowered = [text.lower() for text, is_it in zip(texts, plain, strict=True) if is_it]
        others = [text for text, is_it in zip(texts, plain, strict=True) if not is_it]
        quick, slow = iter(_ids(self._plain, lowered)), iter(_ids(self._tokenizer, others))
        return [next(quick if is_it else slow) for is_it in plain]


class Splitter:
    """Turns a post into the words that `tokenizer` reads, before its vocabulary and truncation."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._split = _splitting(tokenizer)
        plain = _for_plain_text(tokenizer)
        self._split_plain = _splitting(plain) if plain else None

    def __call__(self, text: str) -> list[str]:
        """Return the words of a text, in its order."""
        if self._split_plain is not None and is_plain(text):
            return self._split_plain(text.lower())
        return self._split(text)


def is_plain(text: str) -> bool:
    """Say whether a text holds nothing that needs the rules in full."""
    return ("&" not in text) if text.isascii() else _PLAIN.fullmatch(text) is not None


def hashtags(text: str) -> list[str]:
    """Return what `export.text.find_hashtags` finds in a plain text, in a fraction of its time.

    Answers that models learn are found by the rules themselves.
    """
    if "#" not in text:
        return []
    if "." in text or ":" in text:  # as every link has
        text = _LINK.sub(" ", text)
    if "@" in text:
        text = _MENTION.sub(" ", text)
    return _WHOLE_HASHTAG.findall(text)


def pointers(text: str) -> list[str]:
    """Return what `export.text.pointers` does, at once where a plain text points at nothing."""
    lowered = text.lower()
    if is_plain(text) and not any(sign in lowered for sign in _POINTING):
        return []
    return text_rules.pointers(text)


def _splitting(tokenizer: Tokenizer) -> Callable[[str], list[str]]:
    normalise, split = tokenizer.normalizer.normalize_str, tokenizer.pre_tokenizer.pre_tokenize_str
    return lambda text: [piece for piece, _ in split(normalise(text))]


def _ids(tokenizer: Tokenizer | None, texts: list[str]) -> list[IntArray]:
    if tokenizer is None or not texts:
        return []
    encodings = tokenizer.encode_batch_fast(texts, add_special_tokens=False)
    return [np.array(encoding.ids, dtype=np.int64) for encoding in encodings]


def _for_plain_text(tokenizer: Tokenizer) -> Tokenizer | None:
    """Return a tokenizer that gives the same ids to plain text, or none if it has other rules."""
    without_words = Tokenizer(WordLevel({}, unk_token=""))
    without_words.normalizer = tokenizer.normalizer
    without_words.pre_tokenizer = tokenizer.pre_tokenizer
    steps = json.loads(without_words.to_str())
    try:
        if {"type": "Lowercase"} not in steps["normalizer"]["normalizers"]:
            return None
        for part in ("normalizer", "pre_tokenizer"):
            steps[part] = _plain_form(steps[part])
    except (KeyError, TypeError):
        return None
    short = Tokenizer.from_str(json.dumps(steps))
    plain = Tokenizer(tokenizer.model)
    plain.normalizer, plain.pre_tokenizer = short.normalizer, short.pre_tokenizer
    if tokenizer.truncation:
        plain.enable_truncation(tokenizer.truncation["max_length"])
    return plain


def _plain_form(step: dict[str, Any]) -> dict[str, Any] | None:
    """Return what a step comes to in plain text; raises `KeyError` for one that is not known."""
    if step["type"] in {"NFC", "Lowercase"}:
        return None
    for name in _NESTED & step.keys():
        forms = [_plain_form(one) for one in step[name]]
        return {**step, name: [form for form in forms if form is not None]}
    ((kind, pattern),) = step["pattern"].items()
    plain = _PLAIN_FORMS[pattern]
    return None if plain is None else {**step, "pattern": {kind: plain}}
