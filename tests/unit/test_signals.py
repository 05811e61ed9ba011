"""Posts as keyed hashes: words new and old, mentions, domains, an author; never a hashtag."""

from hypothesis import given
from hypothesis import strategies as st

from export.text import find_hashtags
from worker.messages import Post
from worker.signals import SHORTENERS, SIGNALS, Signal, Signals, domain_of

EVERY = Signals()
TEXT, CONTEXT, AUTHOR = (Signals([kind]) for kind in SIGNALS)


def tokens(signals: Signals, text: str, author: str | None = None) -> dict[int, int]:
    entry = signals.entry(Post("1", text, author=author), 0.0, [])
    return dict(zip(entry.tokens, entry.counts, strict=True))


def test_words_are_counted_known_or_not_and_however_many() -> None:
    many = " ".join(f"word{number}" for number in range(60))
    assert len(tokens(TEXT, many)) == 60
    assert sorted(tokens(TEXT, "Ziggurat ziggurat tower").values()) == [1, 2]


def test_each_kind_can_be_left_out() -> None:
    text = "see @you at https://example.org/path"
    found = {kind: tokens(Signals([kind]), text, "me") for kind in SIGNALS}
    assert [len(found[kind]) for kind in SIGNALS] == [2, 2, 1]
    assert tokens(EVERY, text, "me") == {**found["author"], **found["context"], **found["text"]}
    assert tokens(AUTHOR, text) == {}


def test_a_mention_a_word_and_an_author_of_one_name_differ() -> None:
    found = [tokens(TEXT, "you"), tokens(CONTEXT, "@you"), tokens(AUTHOR, "", "you")]
    assert len({token for some in found for token in some}) == 3


def test_links_are_known_by_their_domain_and_shorteners_are_left_out() -> None:
    one, other = (tokens(CONTEXT, f"https://www.Example.org/{path}") for path in ("a", "b?c=1"))
    assert one == other == tokens(CONTEXT, "http://example.org:80")
    assert all(tokens(CONTEXT, f"https://{domain}/xyz") == {} for domain in SHORTENERS)
    assert domain_of("example.org/a:b") == "example.org"


@given(st.text("ab #@/.:1", max_size=30), st.sampled_from(SIGNALS))
def test_no_hashtag_is_among_the_tokens(text: str, kind: Signal) -> None:
    """Another hashtag in its place gives the same tokens."""
    if any(len(tag) > 1 for tag in find_hashtags(text)):
        return
    signals = Signals([kind])
    for tag in set(find_hashtags(text)):
        assert tokens(signals, text.replace(f"#{tag}", "#x")) == tokens(signals, text)


def test_equal_keys_give_equal_hashes_and_others_do_not() -> None:
    one, same, other = (Signals(["text"], key) for key in (b"a", b"a", b"b"))
    assert tokens(one, "word") == tokens(same, "word")
    assert not tokens(one, "word").keys() & tokens(other, "word").keys()
    assert one.name == same.name != other.name


def test_repeats_share_an_original_and_others_do_not() -> None:
    first, retweet, other = (
        EVERY.entry(Post(name, "a", original=original), 0.0, [])
        for name, original in (("1", None), ("2", "1"), ("3", None))
    )
    assert first.original == retweet.original != other.original
    assert len({first.id, retweet.id, other.id}) == 3
    assert first.author == 0
