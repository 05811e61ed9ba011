"""The text rules, composed of parts of Hugging Face `tokenizers`: data, not code.

A bundle's `tokenizer.json` holds these rules, so training and serving cannot differ. Hashtags
are found by the very expression that strips them, in the same engine: no model sees a hashtag
that counts as an answer. (One cut off by an ellipsis is stripped and is no answer, nor is what
another '#' or '@' glues to a hashtag or a mention: "#a#b" is the hashtag "a".)
"""

import unicodedata
from typing import Literal, get_args

from tokenizers import Regex, Tokenizer, normalizers, pre_tokenizers
from tokenizers.models import WordLevel

Protocol = Literal["stripped", "words-kept"]
"""`stripped` removes a hashtag whole; `words-kept` its '#' only, which leaves the answer in."""

PROTOCOLS: tuple[Protocol, ...] = get_args(Protocol)
PADDING_ID = 0
UNKNOWN_ID = 1
SPECIAL_WORDS = ("[PAD]", "[UNK]")
MAX_WORDS = 40  # paper, section 4.2.2
MAX_CONTEXT = 20  # mentions and words of links that are read of a post

# Oniguruma's \w depends on its build; these classes do not. Marks belong to the word they modify.
# The joiner of emoji and their two styles (marks, by their class) are looked through.
_WORD = "[\\p{L}\\p{M}\\p{N}_\u200d]"
_NOT_AFTER_WORD = "(?<![\\p{L}\\p{N}_&]|[\\p{M}&&[^\ufe0e\ufe0f]])"
# A sign below a keycap (U+20E3) is an emoji.
_HASHTAG_SIGN = _NOT_AFTER_WORD + "[#＃](?!\ufe0f?\u20e3)(?=[\\p{M}\\p{N}_\u200d]*\\p{L})"
_HASHTAG = _HASHTAG_SIGN + _WORD + "++"  # possessive: an ellipsis cannot shorten the match
_WHOLE_HASHTAG = _HASHTAG + r"(?!…|\.\.\.)"  # before an ellipsis it may have been cut
_LINK = r"(?i)(?:https?://|www\.|pic\.twitter\.com/)\S*"
_GLUED = "(?:[#＃@＠]" + _WORD + "++)*+"
_MENTIONED = _NOT_AFTER_WORD + "[@＠]" + _WORD + "++"
_MENTION = _MENTIONED + _GLUED
# Three or more of one letter become two: each letter of a run that two equal ones still follow
# goes. `Replace` has no back references in its replacement, so the rule is written as a removal.
_ELONGATION = r"(\p{L})\1*(?=\1\1)"
_ENTITIES = {
    "&lt;": "<",
    "&gt;": ">",
    "&quot;": '"',
    "&#39;": "'",
    "&apos;": "'",
    "&nbsp;": " ",
    "&amp;": "&",  # last, or "&amp;lt;" would be decoded twice
}
# A token is one ideograph or kana, a flag, one pictograph, a cashtag, or a word with its inner
# apostrophes. Alternatives are tried in this order.
_TOKEN = "|".join(
    [
        r"[\p{Han}\p{Hiragana}\p{Katakana}]",
        "[\U0001f1e6-\U0001f1ff]{2}",
        r"\p{So}",
        r"\$\p{L}+(?!" + _WORD + ")",
        r"(?:(?![\p{Han}\p{Hiragana}\p{Katakana}])" + _WORD + r")+(?:['’]\p{L}+)*",
    ]
)
# What a post points at beside its words: a mention, or a link. Of a link the words are read, those
# of its domain first, up to where it is cut or names a hashtag, as "/hashtag/sea" and "?q=%23sea".
_LINKED = r"(?:(?!%23|%ef%bc%83|/hashtag/|/tags?/)[^\s#＃…])+"
_POINTER = "|".join(
    [
        _MENTIONED,
        r"(?<=http://|https://)(?!www\.)" + _LINKED,
        r"(?<=www\.)" + _LINKED,
        r"pic\.twitter\.com/" + _LINKED,
    ]
)
_POINTER_WORD = _MENTIONED + r"|[\p{L}\p{M}\p{N}]++"

_STRIP_HASHTAGS = normalizers.Replace(Regex(_HASHTAG + _GLUED), " ")


def _composed() -> list[normalizers.Normalizer]:
    """Decode entities and compose characters."""
    entities = [normalizers.Replace(entity, char) for entity, char in _ENTITIES.items()]
    return [
        *entities,
        normalizers.Replace(Regex("[\ufe0e\ufe0f\u200d]"), ""),  # emoji style and joiner
        normalizers.NFC(),  # after them, since they keep a letter from its accent
    ]


def _readable() -> list[normalizers.Normalizer]:
    """Take out what is neither word nor hashtag."""
    return [
        *_composed(),
        normalizers.Replace(Regex(_LINK), " "),
        normalizers.Replace(Regex(_MENTION), " "),
    ]


def _without_hashtags(protocol: Protocol) -> normalizers.Normalizer:
    if protocol == "stripped":
        return _STRIP_HASHTAGS
    return normalizers.Replace(Regex(_HASHTAG_SIGN), "")


_READABLE = normalizers.Sequence(_readable())
_FIND_HASHTAGS = pre_tokenizers.Split(Regex(_WHOLE_HASHTAG), behavior="removed", invert=True)
_AS_READ = {p: normalizers.Sequence([*_readable(), _without_hashtags(p)]) for p in PROTOCOLS}


def canonical_hashtag(hashtag: str) -> str:
    """Return the form under which spellings of one hashtag are the same: NFC and casefolded."""
    folded = unicodedata.normalize("NFC", hashtag.lstrip("#＃")).casefold()
    return unicodedata.normalize("NFC", folded)


def find_hashtags(text: str) -> list[str]:
    """Return the hashtags of a post as its author spelt them, without '#', in order."""
    pieces = _FIND_HASHTAGS.pre_tokenize_str(_READABLE.normalize_str(text))
    return [piece[1:] for piece, _ in pieces]


def without_hashtags(text: str) -> str:
    """Return a post with its hashtags taken out and all else as it was, links included."""
    return _STRIP_HASHTAGS.normalize_str(text)


def text_as_read(text: str, protocol: Protocol) -> str:
    """Return what a model reads of a post under a protocol, whatever tokenizer comes after."""
    return _AS_READ[protocol].normalize_str(text)


def new_tokenizer(
    vocabulary: list[str], protocol: Protocol, max_words: int = MAX_WORDS
) -> Tokenizer:
    """Build a tokenizer whose ids follow the order of `vocabulary`, after padding and unknown.

    The two special words are plain vocabulary entries, not `AddedToken`s: those would be matched
    in a post that spells "[PAD]".
    """
    tokenizer = _new_word_level(vocabulary)
    tokenizer.normalizer = normalizers.Sequence(
        [
            *_readable(),
            _without_hashtags(protocol),
            normalizers.Lowercase(),
            normalizers.Replace(Regex(_ELONGATION), ""),
        ]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(_TOKEN), behavior="removed", invert=True)
    tokenizer.enable_truncation(max_words)
    return tokenizer


def new_context_tokenizer(vocabulary: list[str], max_context: int = MAX_CONTEXT) -> Tokenizer:
    """Build the tokenizer of mentions ("@someone") and of the words of links ("example", "org").

    Hashtags are taken out whole under every protocol: what a post points at is no answer.
    """
    tokenizer = _new_word_level(vocabulary)
    tokenizer.normalizer = normalizers.Sequence(
        [
            *_composed(),
            # No space instead: a link that holds a hashtag goes on as if it held none.
            normalizers.Replace(Regex(_HASHTAG + _GLUED), ""),
            normalizers.Lowercase(),
            normalizers.Replace("＠", "@"),
        ]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(pointed), behavior="removed", invert=True)
            for pointed in (_POINTER, _POINTER_WORD)
        ]
    )
    tokenizer.enable_truncation(max_context)
    return tokenizer


def _new_word_level(vocabulary: list[str]) -> Tokenizer:
    words = [*SPECIAL_WORDS, *vocabulary]
    ids = {word: index for index, word in enumerate(words)}
    if len(ids) != len(words):
        raise ValueError("the vocabulary repeats a word")
    return Tokenizer(WordLevel(ids, unk_token=SPECIAL_WORDS[UNKNOWN_ID]))
