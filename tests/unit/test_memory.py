"""What a memory knows, and whom it does not believe."""

import itertools

import numpy as np
import pytest
from msgspec.structs import replace

from worker.memory import Memory, MemoryMismatchError
from worker.memory_entries import MAX_NAME_BYTES, MAX_TAG_BYTES, Entry
from worker.memory_names import Names
from worker.memory_room import Sizes
from worker.memory_state import Rules
from worker.messages import Post
from worker.signals import Signals
from worker.voting import rules_for

SIGNALS = Signals()
ROOM = Sizes(posts=2_000)
SEA = "waves over the harbour wall tonight"
NUMBERS = itertools.count()


def post(
    tag: str = "sea",
    text: str = SEA,
    *,
    author: str | None = None,
    time: float = 0.0,
    name: str | None = None,
    original: str | None = None,
) -> Entry:
    """Return a post of a writer of its own, if no author is named."""
    number = str(next(NUMBERS))
    written = Post(name or number, text, author=author or f"w{number}", original=original)
    return SIGNALS.entry(written, time, [tag] if tag else [])


def memory(*entries: Entry, most: int = 5) -> Memory:
    made = Memory(ROOM, most=most)
    made.add(entries)
    return made


def shares(found: Memory, asked: Entry) -> dict[str, float]:
    return found.look_up([asked])[0].shares


def test_an_empty_memory_suggests_nothing() -> None:
    assert shares(memory(), post()) == {}


def test_a_hashtag_is_known_from_its_first_use_on() -> None:
    assert shares(memory(post("storm")), post("")) == {"storm": 1.0}


def test_a_newer_post_has_the_stronger_vote() -> None:
    known = memory(post("old", time=0.0), post("new", time=86_400.0))
    assert list(shares(known, post("", time=90_000.0))) == ["new", "old"]


def test_no_post_of_the_future_gains_by_it() -> None:
    known = memory(post("now", time=0.0), post("later", time=86_400.0))
    found = shares(known, post("", time=0.0))
    assert found["now"] == pytest.approx(found["later"])


class TestAuthor:
    """One writes of the sea and of cats, others of boats in the very words that are asked."""

    known = (
        post("cats", "purring all day", author="ann"),
        *(post("boats") for _ in range(5)),
    )

    def test_own_posts_weigh_as_the_rules_say(self) -> None:
        found = []
        for weight in (0.0, 0.3, 3.0):
            by = memory(*self.known).voting_by(Rules(author=weight))
            found.append(shares(by, post("", author="ann")).get("cats", 0.0))
        assert found == sorted(set(found))
        assert found[-1] > 0.5

    def test_nobody_gains_who_has_no_author_or_another(self) -> None:
        asked = post("", "purring all day")
        of_all, of_author = (
            shares(memory(*self.known).voting_by(Rules(author=weight)), asked)
            for weight in (0.0, 3.0)
        )
        assert of_all == of_author

    def test_without_the_author_among_the_signals_no_author_is_asked(self) -> None:
        assert rules_for(("text", "context"), Rules(author=0.3)) == Rules(author=0.0)
        assert rules_for(("text", "context", "author"), Rules(author=0.3)) == Rules(author=0.3)


def spelt(*spellings: str, author: str | None = None, time: float = 0.0) -> list[Entry]:
    return [post(spelling, author=author, time=time) for spelling in spellings]


class TestNames:
    def test_a_hashtag_is_spelt_as_most_posts_spell_it(self) -> None:
        known = memory(*spelt("SeaSide", "seaside", "SeaSide", "SEASIDE"))
        assert shares(known, post("")) == {"seaside": 1.0}
        assert known.spelling("seaside") == "SeaSide"

    def test_of_equals_what_sorts_first_whatever_came_first(self) -> None:
        for spellings in (("Sea", "SEA"), ("SEA", "Sea")):
            assert memory(*spelt(*spellings)).spelling("sea") == "SEA"

    def test_a_spelling_is_forgotten_with_its_posts(self) -> None:
        known = Memory(Sizes(posts=3))
        known.add(spelt("Sea", "Sea", "SEA"))
        assert known.spelling("sea") == "Sea"
        known.add(spelt("SEA"))
        assert known.spelling("sea") == "SEA"
        known.add(spelt("hill", "Hill", "hill"))
        assert (known.spelling("sea"), known.spelling("hill")) == ("sea", "hill")

    def test_a_hashtag_that_comes_back_to_its_slots_has_its_name_again(self) -> None:
        names, slot = Names(Sizes(posts=2)), np.array([0], dtype=np.int32)
        for spelling, at in (("Sea", 0), ("Hill", 1), ("Sea", 0)):
            names.note(0, at, spelling)
            assert names.hashtags(slot) == [spelling.casefold()]

    def test_one_author_does_not_take_a_spelling_over(self) -> None:
        known = memory(*spelt(*["sEa"] * 9, author="bot", time=9.0), *spelt("Sea", "Sea"), most=1)
        assert known.spelling("sea") == "Sea"

    def test_the_most_similar_posts_are_named_the_most_similar_first(self) -> None:
        texts = {"far": "waves", "same": SEA, "near": "waves over the harbour", "none": "hills"}
        asked = post("", time=2.0)
        known = memory(*(post(text=text, name=name) for name, text in texts.items()))
        (votes,) = known.look_up([asked])
        assert list(votes.nearest) == ["same", "near", "far"]
        assert 1 > votes.nearest["same"] > votes.nearest["near"] > votes.nearest["far"] > 0

    def test_a_post_is_named_unless_its_id_is_too_long(self) -> None:
        fits, long = ("é" * (MAX_NAME_BYTES // 2), "é" * (MAX_NAME_BYTES // 2 + 1))
        (votes,) = memory(post(name=fits), post(name=long)).look_up([post("")])
        assert list(votes.nearest) == [fits]


HONEST = [post("sea", time=float(second)) for second in range(20)]


def raid(author: str | None) -> list[Entry]:
    return [post("spam", author=author, time=100.0 + second) for second in range(500)]


class TestGuards:
    def test_500_copies_by_one_author_do_not_take_a_hashtag_over(self) -> None:
        found = shares(memory(*HONEST, *raid("bot")), post("", time=700.0))
        assert list(found) == ["sea", "spam"]
        assert found["spam"] < 0.35

    def test_a_burst_by_many_authors_does(self) -> None:
        found = shares(memory(*HONEST, *raid(None)), post("", time=700.0))
        assert next(iter(found)) == "spam"

    def test_an_author_has_a_vote_again_an_hour_later(self) -> None:
        later = [post("spam", author="bot", time=3_600.0 * hour) for hour in range(4)]
        muted = [post("spam", author="bot", time=60.0 * minute) for minute in range(4)]
        honest = post("sea", time=0.0)
        asked = post("", time=20_000.0)
        heard, unheard = (shares(memory(honest, *m, most=1), asked) for m in (later, muted))
        assert heard["spam"] > 0.7
        assert unheard["spam"] < 0.6

    def test_one_hashtag_is_muted_and_another_of_the_post_is_not(self) -> None:
        first, second = (post(author="bot", time=time) for time in (0.0, 10.0))
        first = replace(first, hashtags=["spam", "rare"])
        second = replace(second, hashtags=["spam"])
        found = shares(memory(first, second, most=1), post("", time=20.0))
        assert found["rare"] == pytest.approx(found["spam"], rel=0.01)

    def test_a_post_has_no_vote_in_its_own_answer(self) -> None:
        asked = post("spam", name="again")
        assert shares(memory(asked, post("sea")), asked) == {"sea": 1.0}

    def test_retweets_of_one_post_do_not_vote_for_each_other(self) -> None:
        original = post("spam", name="first")
        retweets = [post("spam", original="first") for _ in range(3)]
        found = memory(original, *retweets[1:], post("sea"))
        assert shares(found, retweets[0]) == {"sea": 1.0}
        assert shares(found, original) == {"sea": 1.0}
        assert shares(found, post(""))["spam"] > 0.5

    def test_a_repeated_id_takes_the_place_of_the_earlier_post(self) -> None:
        known = memory(post("typo", name="7"), post("fixed", name="7"))
        assert len(known) == 1
        assert shares(known, post("")) == {"fixed": 1.0}


class TestBounds:
    def test_100_000_posts_fit_in_150_megabytes(self) -> None:
        assert Memory(Sizes(posts=100_000)).nbytes <= 150_000_000

    def test_the_first_leave(self) -> None:
        known = Memory(Sizes(posts=3))
        known.add([post(tag) for tag in "abcde"])
        assert [entry.hashtags for entry in known.entries()] == [["c"], ["d"], ["e"]]

    def test_a_hashtag_too_long_is_not_remembered(self) -> None:
        assert post("é" * MAX_TAG_BYTES).hashtags == []
        assert post("ŉ" * (MAX_TAG_BYTES // 2)).hashtags == []  # its canonical form is longer

    def test_a_post_without_a_hashtag_is_refused_and_none_beside_it_is_added(self) -> None:
        known = memory()
        with pytest.raises(ValueError, match="without a hashtag"):
            known.add([post("sea"), post("")])
        assert len(known) == 0


class TestSnapshot:
    @pytest.mark.parametrize("bad", [b"", b"no snapshot", b"\xc1"])
    def test_what_is_none_is_refused(self, bad: bytes) -> None:
        with pytest.raises(MemoryMismatchError, match="no snapshot"):
            memory().restore(bad)

    def test_one_of_other_signals_is_refused(self) -> None:
        made = Memory(ROOM, signals=Signals(["text"], b"one").name)
        for other in (Signals(["text"], b"another"), Signals(["text", "author"], b"one")):
            with pytest.raises(MemoryMismatchError, match="memory key"):
                Memory(ROOM, signals=other.name).restore(made.snapshot())
        Memory(ROOM, signals=Signals(["text"], b"one").name).restore(made.snapshot())
