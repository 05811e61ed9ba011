"""The shorter way through plain posts comes to the very ids that the whole rules give."""

from collections.abc import Callable
from functools import partial

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from tokenizers import Regex, Tokenizer, normalizers, pre_tokenizers

from export import text as text_rules
from export.plain import Encoder, Splitter, hashtags, is_plain, pointers
from export.text import (
    PROTOCOLS,
    UNKNOWN_ID,
    find_hashtags,
    new_context_tokenizer,
    new_tokenizer,
)
from tests.property.test_text import texts as tricky

PLAIN = "aAbBzZ019_ \x0b\x1c#@$'’‘“”…–—.,/:;%?-\n\t\0"
PIECES = ["#a", "@b", "#1", "http://", "HTTPS://", "www.", "pic.twitter.com/", "/hashtag/", "%23"]
PIECES += ["aaa", "...", "$cash", "don't", "we’re", "#a#b", "@a#b", "a@b", "www", "ﬁ"]
pieces = st.one_of(st.sampled_from(PIECES), st.text(PLAIN, max_size=4))
plain = st.lists(pieces, max_size=10).map("".join).filter(is_plain)
KINDS: dict[str, Callable[[list[str]], Tokenizer]] = {
    **{protocol: partial(new_tokenizer, protocol=protocol) for protocol in PROTOCOLS},
    "context": new_context_tokenizer,
}


def with_words_of(kind: str, text: str) -> Tokenizer:
    """Return a tokenizer that knows every word of a text, so that no two look alike."""
    rules = KINDS[kind]([])
    cut = rules.pre_tokenizer.pre_tokenize_str(rules.normalizer.normalize_str(text))
    return KINDS[kind](list(dict.fromkeys(word for word, _ in cut)))


@pytest.mark.parametrize("kind", KINDS)
@given(text=plain)
@example(text="Oh #NoWay@me http://a.b/#c … www.X.y $AAA $a1 don't we’re RT @b#c: #1 #1a sooo")
@example(text="#ahttp://b @chttps://d/hashtag/e www.f.g/%23h?i=j k_l _#m n#o @" + " p" * 50)
def test_plain_text_is_read_as_by_the_whole_rules(kind: str, text: str) -> None:
    whole = with_words_of(kind, text)
    ids = whole.encode(text, add_special_tokens=False).ids
    assert UNKNOWN_ID not in ids
    assert [read.tolist() for read in Encoder(whole)([text])] == [ids]


@pytest.mark.parametrize("kind", KINDS)
@given(texts=st.lists(st.one_of(plain, tricky), max_size=5))
def test_and_so_is_any_batch_in_its_order(kind: str, texts: list[str]) -> None:
    whole = with_words_of(kind, " ".join(texts))
    expected = [whole.encode(text, add_special_tokens=False).ids for text in texts]
    assert [read.tolist() for read in Encoder(whole)(texts)] == expected


@pytest.mark.parametrize("kind", KINDS)
@given(text=st.one_of(plain, tricky))
@example(text="Oh #NoWay@me http://a.b/#c … www.X.y $AAA $a1 don't we’re RT @b#c: #1 #1a sooo")
def test_words_are_split_as_by_the_whole_rules(kind: str, text: str) -> None:
    whole = KINDS[kind]([])
    cut = whole.pre_tokenizer.pre_tokenize_str(whole.normalizer.normalize_str(text))
    assert Splitter(whole)(text) == [word for word, _ in cut]


@given(text=st.one_of(plain, tricky))
@example(text="http:#a//b.c www#d.e .#fwww.g pic#h.twitter.com/i pic.#jtwitter.com/k @#l @m#n")
def test_pointers_are_those_of_the_whole_rules(text: str) -> None:
    assert pointers(text) == text_rules.pointers(text)


@given(text=plain)
@example(
    text="#A@b #c#d x#e #f... #g… @h#i WWW.j#k http://l\x1c#m\x1f #n\x0b#o #1 #1p _#q #r.s @@t#u"
)
def test_the_hashtags_of_plain_text_are_those_of_the_whole_rules(text: str) -> None:
    assert hashtags(text) == find_hashtags(text)


@given(tricky)
def test_what_needs_more_is_not_plain(text: str) -> None:
    assume(is_plain(text))
    assert normalizers.NFC().normalize_str(text) == text
    assert not set(text) & set("&\ufe0e\ufe0f\u200d＃＠")


@pytest.mark.parametrize("text", ["a &amp; b", "é", "e\u0301", "❤\ufe0f", "＃a", "日", "😀"])
def test_such_as_these(text: str) -> None:
    assert not is_plain(text)


@pytest.mark.parametrize(
    "normalizer",
    [
        None,
        normalizers.NFC(),
        normalizers.Sequence([normalizers.NFC()]),  # tells cases apart
        normalizers.Sequence([normalizers.Lowercase(), normalizers.Replace(Regex("a+"), "b")]),
    ],
)
def test_a_tokenizer_of_other_rules_is_read_by_them(
    normalizer: normalizers.Normalizer | None,
) -> None:
    other = new_tokenizer(["Ab", "ab", "bb"], "stripped")
    other.normalizer = normalizer
    other.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    texts = ["Ab ab bb c", "a b"]
    expected = [other.encode(text).ids for text in texts]
    assert [read.tolist() for read in Encoder(other)(texts)] == expected
