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

from export import rules

Protocol = Literal["stripped", "words-kept"]
"""`stripped` removes a hashtag whole; `words-kept` its '#' only, which leaves the answer in."""

PROTOCOLS: tuple[Protocol, ...] = get_args(Protocol)
PADDING_ID = 0
UNKNOWN_ID = 1
SPECIAL_WORDS = ("[PAD]", "[UNK]")
MAX_WORDS = 40  # paper, section 4.2.2
MAX_CONTEXT = 20  # mentions and words of links that are read of a post

_STRIP_HASHTAGS = normalizers.Replace(Regex(rules.HASHTAG + rules.GLUED), " ")


def _composed() -> list[normalizers.Normalizer]:
    """Decode entities and compose characters."""
    entities = [normalizers.Replace(entity, char) for entity, char in rules.ENTITIES.items()]
    return [
        *entities,
        normalizers.Replace(Regex(rules.EMOJI_STYLE), ""),
        normalizers.NFC(),  # after them, since they keep a letter from its accent
    ]


def _readable() -> list[normalizers.Normalizer]:
    """Take out what is neither word nor hashtag."""
    return [
        *_composed(),
        normalizers.Replace(Regex(rules.LINK), " "),
        normalizers.Replace(Regex(rules.MENTION), " "),
    ]


def _without_hashtags(protocol: Protocol) -> normalizers.Normalizer:
    if protocol == "stripped":
        return _STRIP_HASHTAGS
    return normalizers.Replace(Regex(rules.HASHTAG_SIGN), "")


def _pointing() -> normalizers.Normalizer:
    """Take out hashtags, and leave what a post points at."""
    return normalizers.Sequence(
        [
            *_composed(),
            # No space instead: a link that holds a hashtag goes on as if it held none.
            normalizers.Replace(Regex(rules.HASHTAG + rules.GLUED), ""),
            normalizers.Lowercase(),
            normalizers.Replace(rules.WIDE_AT, "@"),
        ]
    )


def _pieces(expression: str) -> pre_tokenizers.PreTokenizer:
    """Keep what matches and drop all else."""
    return pre_tokenizers.Split(Regex(expression), behavior="removed", invert=True)


_READABLE = normalizers.Sequence(_readable())
_FIND_HASHTAGS = _pieces(rules.WHOLE_HASHTAG)
_POINTING = _pointing()
_FIND_POINTERS = _pieces(rules.POINTER)
_AS_READ = {p: normalizers.Sequence([*_readable(), _without_hashtags(p)]) for p in PROTOCOLS}


def canonical_hashtag(hashtag: str) -> str:
    """Return the form under which spellings of one hashtag are the same: NFC and casefolded."""
    folded = unicodedata.normalize("NFC", hashtag.lstrip("#＃")).casefold()
    return unicodedata.normalize("NFC", folded)


def spelt_hashtag(hashtag: str) -> str:
    """Return a hashtag of a field as one in a text is: no sign, no tab and no end of line."""
    return " ".join(hashtag.split()).lstrip("#＃ ")


def find_hashtags(text: str) -> list[str]:
    """Return the hashtags of a post as its author spelt them, without '#', in order."""
    pieces = _FIND_HASHTAGS.pre_tokenize_str(_READABLE.normalize_str(text))
    return [piece[1:] for piece, _ in pieces]


def without_hashtags(text: str) -> str:
    """Return a post with its hashtags taken out and all else as it was, links included."""
    return _STRIP_HASHTAGS.normalize_str(text)


def pointers(text: str) -> list[str]:
    """Return the mentions of a post, with '@', and its links, without scheme, in lower case.

    None holds a hashtag.
    """
    return [piece for piece, _ in _FIND_POINTERS.pre_tokenize_str(_POINTING.normalize_str(text))]


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
            normalizers.Replace(Regex(rules.ELONGATION), ""),
        ]
    )
    tokenizer.pre_tokenizer = _pieces(rules.TOKEN)
    tokenizer.enable_truncation(max_words)
    return tokenizer


def new_context_tokenizer(vocabulary: list[str], max_context: int = MAX_CONTEXT) -> Tokenizer:
    """Build the tokenizer of mentions ("@someone") and of the words of links ("example", "org").

    Hashtags are taken out whole under every protocol: what a post points at is no answer.
    """
    tokenizer = _new_word_level(vocabulary)
    tokenizer.normalizer = _pointing()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([_FIND_POINTERS, _pieces(rules.POINTER_WORD)])
    tokenizer.enable_truncation(max_context)
    return tokenizer


def _new_word_level(vocabulary: list[str]) -> Tokenizer:
    words = [*SPECIAL_WORDS, *vocabulary]
    ids = {word: index for index, word in enumerate(words)}
    if len(ids) != len(words):
        raise ValueError("the vocabulary repeats a word")
    return Tokenizer(WordLevel(ids, unk_token=SPECIAL_WORDS[UNKNOWN_ID]))
