"""What holds of the text rules for any text; surrogates never get so far (see `decode_post`)."""

from hypothesis import assume, example, given
from hypothesis import strategies as st
from tokenizers import Tokenizer

from export.text import (
    MAX_CONTEXT,
    PROTOCOLS,
    Protocol,
    canonical_hashtag,
    find_hashtags,
    new_context_tokenizer,
    new_tokenizer,
    text_as_read,
    without_hashtags,
)

WORDS = ["a", "b", "é", "日", "http", "loud", "amp", "lt"]
TOKENIZERS = {protocol: new_tokenizer(WORDS, protocol) for protocol in PROTOCOLS}
CONTEXT = new_context_tokenizer(["@a", "a", "@loud", "b"])

any_text = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)
# What the rules are about, thrown together, finds more than letters from all of Unicode.
SIGNS = ["#", "＃", "@", "&", "&amp;", "&lt;", ";", ".", "...", "…", "/", ":", "'", "’", "$", "_"]
LETTERS = ["1", "a", "B", "é", "e\u0301", "\u0301", "日", "loud", "aaa", "ß", "#a", "#b", "@c", " "]
OTHERS = ["\ufe0f", "\ufe0e", "\u200d", "\u200c", "\u20e3", "❤", "😀", "http://", "www.", "\n"]
pieces = st.sampled_from([*SIGNS, *LETTERS, *OTHERS])
tricky_text = st.lists(pieces, max_size=12).map("".join)
texts = st.one_of(any_text, tricky_text)
names = st.from_regex(r"[a-z0-9_é日]{0,8}[a-zé日][a-z0-9_é日]{0,8}", fullmatch=True)


def ids(text: str, protocol: Protocol = "stripped") -> list[int]:
    return list(TOKENIZERS[protocol].encode(text, add_special_tokens=False).ids)


@given(st.lists(st.tuples(texts, names, names), min_size=1, max_size=4), texts)
@example([("x ", "loud", "a"), ("… ", "b", "loud")], "")
def test_no_hashtag_changes_what_a_stripped_tokenizer_reads(
    parts: list[tuple[str, str, str]], end: str
) -> None:
    one = "".join(f"{text} #{name} " for text, name, _ in parts) + end
    other = "".join(f"{text} #{name} " for text, _, name in parts) + end
    assert ids(one) == ids(other)


@given(tricky_text, tricky_text, st.sampled_from(["okapi", "日", "1é", "_a_"]))
def test_nor_does_one_that_counts_as_an_answer_whatever_stands_around_it(
    before: str, after: str, name: str
) -> None:
    if "zebra" in find_hashtags(f"{before}#zebra{after}"):
        assert ids(f"{before}#zebra{after}") == ids(f"{before}#{name}{after}")


def pointed(text: str) -> list[str]:
    """Return what a text points at: mentions, and words of links."""
    normalised = CONTEXT.normalizer.normalize_str(text)
    return [token for token, _ in CONTEXT.pre_tokenizer.pre_tokenize_str(normalised)]


@given(st.lists(st.tuples(texts, names, names), min_size=1, max_size=4), texts)
@example([("x http://", "loud", "a"), ("@", "b", "loud")], "@c")
def test_no_hashtag_changes_what_a_post_points_at(
    parts: list[tuple[str, str, str]], end: str
) -> None:
    one = "".join(f"{text} #{name} " for text, name, _ in parts) + end
    other = "".join(f"{text} #{name} " for text, _, name in parts) + end
    assert pointed(one) == pointed(other)


@given(tricky_text, tricky_text, st.sampled_from(["okapi", "日", "1é", "_a_"]))
@example("http://", "", "日")
@example("@c", "@c", "okapi")
@example("", "http://a", "okapi")
def test_nor_does_one_that_is_glued_to_whatever_stands_around_it(
    before: str, after: str, name: str
) -> None:
    if "zebra" in find_hashtags(f"{before}#zebra{after}"):
        assert pointed(f"{before}#zebra{after}") == pointed(f"{before}#{name}{after}")


@given(tricky_text, tricky_text, st.sampled_from("#＃"))
def test_nor_does_a_link_tell_one(before: str, after: str, sign: str) -> None:
    text = f"{before}http://{sign}zebra{after}"
    assert not [token for token in pointed(text) if "zebra" in token]


@given(texts)
def test_what_a_post_points_at_is_read_the_same_after_saving_and_loading(text: str) -> None:
    loaded = Tokenizer.from_str(CONTEXT.to_str())
    ids = loaded.encode(text, add_special_tokens=False).ids
    assert ids == CONTEXT.encode(text, add_special_tokens=False).ids
    assert len(ids) == min(len(pointed(text)), MAX_CONTEXT)


@given(texts)
def test_no_hashtag_is_left_once_they_are_taken_out(text: str) -> None:
    assert find_hashtags(without_hashtags(text)) == []
    assert find_hashtags(text_as_read(text, "stripped")) == []


@given(texts)
def test_a_text_read_already_is_read_the_same(text: str) -> None:
    """Not where an ampersand stands: "&amp;lt;" is "&lt;" is "<"."""
    assume("&" not in text)
    once = text_as_read(text, "stripped")
    assert text_as_read(once, "stripped") == once
    assert ids(once) == ids(text)


@given(texts, st.sampled_from(PROTOCOLS))
def test_a_tokenizer_reads_the_same_after_saving_and_loading(text: str, protocol: Protocol) -> None:
    loaded = Tokenizer.from_str(TOKENIZERS[protocol].to_str())
    assert loaded.encode(text, add_special_tokens=False).ids == ids(text, protocol)


@given(texts)
def test_a_canonical_form_is_its_own(text: str) -> None:
    canonical = canonical_hashtag(text)
    assert canonical_hashtag(canonical) == canonical


@given(texts)
def test_a_hashtag_has_no_space_and_no_line_break(text: str) -> None:
    for spelling in find_hashtags(text):
        assert spelling.split() == [spelling]
        assert spelling.splitlines() == [spelling]
        assert canonical_hashtag(spelling).splitlines() == [canonical_hashtag(spelling)]
