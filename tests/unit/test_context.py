"""What a post points at: whom it mentions, and the words of its links; never a hashtag."""

import pytest
from tokenizers import Tokenizer

from export.text import (
    MAX_CONTEXT,
    PROTOCOLS,
    SPECIAL_WORDS,
    UNKNOWN_ID,
    Protocol,
    find_hashtags,
    new_context_tokenizer,
    new_tokenizer,
)
from trainer.reading import Reader


def pointed(text: str) -> list[str]:
    """Return what a text points at, known or not."""
    tokenizer = new_context_tokenizer([])
    normalised = tokenizer.normalizer.normalize_str(text)
    return [token for token, _ in tokenizer.pre_tokenizer.pre_tokenize_str(normalised)]


def ids(tokenizer: Tokenizer, text: str) -> list[int]:
    return list(tokenizer.encode(text, add_special_tokens=False).ids)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("hi @me and @you_2!", ["@me", "@you_2"]),
        ("@SHOUTING @Mixed", ["@shouting", "@mixed"]),
        ("＠me @me", ["@me", "@me"]),
        ("(@in) '@quotes' @café @日本", ["@in", "@quotes", "@café", "@日本"]),
        ("@cafe\u0301", ["@café"]),
        ("❤️@love", ["@love"]),
        ("@one@two", ["@one"]),
        ("me@home.org &amp;@me @ @! ", []),
        ("&lt;@me", ["@me"]),
    ],
)
def test_mentions(text: str, found: list[str]) -> None:
    assert pointed(text) == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("http://t.co/abc https://t.co", ["t", "co", "abc", "t", "co"]),
        ("HTTPS://Example.ORG/Path?q=1 x", ["example", "org", "path", "q", "1"]),
        ("see https://example.org. (https://example.org), y", ["example", "org"] * 2),
        (
            "www.example.org/x https://www.example.org/y",
            ["example", "org", "x", *["example", "org", "y"]],
        ),
        ("https://a.org/one-two_three", ["a", "org", "one", "two", "three"]),
        ("https://a.org/@Me/you@me", ["a", "org", "@me", "you", "me"]),
        ("https://a.org/cut-of…", ["a", "org", "cut", "of"]),
        ("https://a.org/page#part", ["a", "org", "page"]),
        (
            "pic.twitter.com/abc https://pic.twitter.com/d",
            ["pic", "twitter", "com", "abc", *["pic", "twitter", "com", "d"]],
        ),
        ("http:// https://? no link, example.org neither", []),
        ("http://münchen.example/日本", ["münchen", "example", "日本"]),
    ],
)
def test_words_of_links(text: str, found: list[str]) -> None:
    assert pointed(text) == found


def test_both_come_in_their_order() -> None:
    text = "RT @a: see https://b.org/c via @d pic.twitter.com/e"
    assert pointed(text) == ["@a", "b", "org", "c", "@d", "pic", "twitter", "com", "e"]


def test_words_point_at_nothing() -> None:
    assert pointed("Off to the sea, 5 o'clock: 50% & more... #travel 😀") == []


SECRETS = [
    "#secret",
    "＃secret",
    "x #secret y",
    "#one#secret",
    "#secret#one",
    "#secret@one",
    "#one@secret",
    "@me#secret",
    "@me@you#secret",
    "https://a.org/#secret",
    "https://a.org/?q=#secret",
    "https://a.org#secret",
    "https://#secret",
    "https://a.org/hashtag/secret?src=hash",
    "https://a.org/explore/tags/secret/",
    "https://a.org/Tag/Secret",
    "https://a.org/search?q=%23secret&x=1",
    "www.a.org/?q=%EF%BC%83secret",
    "https://#secret.org/x",
    "http://www.#secret",
    "www.#secret",
    "pic.twitter.com/#secret",
    "#https://secret",
    "@#secret",
    "#secret…",
    "#secret...",
    "❤️#secret",
    "#se\u200dcret",
    "&lt;#secret",
]


@pytest.mark.parametrize("text", SECRETS)
def test_a_hashtag_is_never_among_it(text: str) -> None:
    assert not [token for token in pointed(text) if "secret" in token]


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("text", [text for text in SECRETS if find_hashtags(text)])
def test_nor_under_either_protocol_of_a_reader(text: str, protocol: Protocol) -> None:
    known = ["@secret", "secret", "#secret", "＃secret", "@me", "a", "org", "https"]
    reader = Reader(new_tokenizer(["secret"], protocol), new_context_tokenizer(known))
    assert find_hashtags(text) != []
    read = reader.read([text, text.replace("secret", "other").replace("se\u200dcret", "other")])
    assert read.context[0].tolist() == read.context[1].tolist()


def test_ids_follow_the_vocabulary() -> None:
    tokenizer = new_context_tokenizer(["@me", "a", "org"])
    assert ids(tokenizer, "@ME ＠me @other http://A.org/x") == [2, 2, UNKNOWN_ID, 3, 4, UNKNOWN_ID]
    assert ids(tokenizer, "plain words") == ids(tokenizer, "") == []


def test_a_post_cannot_spell_a_special_word() -> None:
    assert (
        ids(new_context_tokenizer([]), "[PAD] [UNK] @[PAD] http://[PAD]/[UNK]") == [UNKNOWN_ID] * 2
    )


def test_only_so_many_are_read() -> None:
    tokenizer = new_context_tokenizer(["@me"])
    assert len(ids(tokenizer, "@me " * (MAX_CONTEXT + 5))) == MAX_CONTEXT
    assert len(ids(tokenizer, "word " * 100 + "@me")) == 1
    assert len(ids(new_context_tokenizer(["@me"], max_context=2), "@me @me @me")) == 2


def test_a_token_cannot_have_two_ids() -> None:
    with pytest.raises(ValueError, match="repeats"):
        new_context_tokenizer(["@me", "@me"])
    with pytest.raises(ValueError, match="repeats"):
        new_context_tokenizer([SPECIAL_WORDS[0]])


def test_what_is_pointed_at_is_no_word() -> None:
    text = "see @me https://example.org/x www.other.net pic.twitter.com/y"
    tokenizer = new_tokenizer([], "stripped")
    pieces = tokenizer.pre_tokenizer.pre_tokenize_str(tokenizer.normalizer.normalize_str(text))
    assert [word for word, _ in pieces] == ["see"]
