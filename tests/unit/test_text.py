import unicodedata

import pytest
from tokenizers import Tokenizer

from export.text import (
    MAX_WORDS,
    PADDING_ID,
    SPECIAL_WORDS,
    UNKNOWN_ID,
    Protocol,
    canonical_hashtag,
    find_hashtags,
    new_tokenizer,
    text_as_read,
    without_hashtags,
)

VOCABULARY = ["loud", "soo", "café", "it's", "tag"]


def words(text: str, protocol: Protocol = "stripped") -> list[str]:
    """Return what a text is split into, known or not."""
    tokenizer = new_tokenizer([], protocol)
    normalised = tokenizer.normalizer.normalize_str(text)
    return [word for word, _ in tokenizer.pre_tokenizer.pre_tokenize_str(normalised)]


def ids(tokenizer: Tokenizer, text: str) -> list[int]:
    return list(tokenizer.encode(text, add_special_tokens=False).ids)


@pytest.fixture
def tokenizer() -> Tokenizer:
    return new_tokenizer(VOCABULARY, "stripped")


class TestCanonicalForm:
    @pytest.mark.parametrize(
        ("one", "other"),
        [
            ("#Straße", "STRASSE"),
            ("＃NYC", "nyc"),
            ("cafe\u0301", "CAFÉ"),
            ("ΟΔΟΣ", "οδος"),
            ("ﬁsh", "FISH"),
            ("##double", "double"),
        ],
    )
    def test_spellings_of_one_hashtag_share_it(self, one: str, other: str) -> None:
        assert canonical_hashtag(one) == canonical_hashtag(other)

    def test_it_is_composed_even_where_casefolding_decomposes(self) -> None:
        folded = canonical_hashtag("\u01f0\u0390")  # both have decomposed casefoldings
        assert unicodedata.is_normalized("NFC", folded)
        assert canonical_hashtag(folded) == folded


class TestFindingHashtags:
    @pytest.mark.parametrize(
        ("text", "found"),
        [
            ("#one and ＃全角", ["one", "全角"]),
            ("(#in) 'and' \"#quotes\"", ["in", "quotes"]),
            ("#café and #cafe\u0301", ["café", "café"]),
            ("#snake_case #_a #1st", ["snake_case", "_a", "1st"]),
            ("##double", ["double"]),
            ("#Hindi #हिन्दी", ["Hindi", "हिन्दी"]),
            ("❤️#love ☀︎#sun", ["love", "sun"]),
        ],
    )
    def test_they_are_spelt_as_the_author_did_and_in_order(
        self, text: str, found: list[str]
    ) -> None:
        assert find_hashtags(text) == found

    @pytest.mark.parametrize("text", ["#1", "#2024", "#_", "# a", "#", "#!", "#❤"])
    def test_one_needs_a_letter(self, text: str) -> None:
        assert find_hashtags(text) == []

    @pytest.mark.parametrize("text", ["a#b", "1#b", "_#b", "é#b", "日#b", "e\u0301#b", "&#b"])
    def test_none_begins_after_a_word_character_or_an_ampersand(self, text: str) -> None:
        assert find_hashtags(text) == []

    @pytest.mark.parametrize(
        "text", ["https://a.b/#c", "HTTP://a.b/?x=#c", "www.a.b/#c", "pic.twitter.com/#c"]
    )
    def test_none_is_found_in_a_link(self, text: str) -> None:
        assert find_hashtags(text) == []

    @pytest.mark.parametrize("text", ["@me#tag", "@me@you#tag"])
    def test_none_is_found_behind_a_mention(self, text: str) -> None:
        assert find_hashtags(text) == []

    def test_of_hashtags_without_a_space_the_first_counts(self) -> None:
        assert find_hashtags("#one#two") == ["one"]

    @pytest.mark.parametrize("text", ["#\ufe0f\u20e3winner", "#\u20e3winner"])
    def test_a_keycap_is_an_emoji(self, text: str) -> None:
        assert find_hashtags(text) == []
        assert "winner" in without_hashtags(text)

    @pytest.mark.parametrize(
        ("text", "found"),
        [
            ("&lt;#a", ["a"]),
            ("&amp;#a", []),
            ("&#39;#a", ["a"]),
            ("&nbsp;#a", ["a"]),
            ("&amp;lt;#a", ["a"]),
        ],
    )
    def test_entities_are_decoded_first(self, text: str, found: list[str]) -> None:
        assert find_hashtags(text) == found

    @pytest.mark.parametrize("ellipsis", ["…", "..."])
    def test_one_cut_by_an_ellipsis_is_no_answer_and_is_not_read(self, ellipsis: str) -> None:
        text = f"loud #whole #hal{ellipsis}"
        assert find_hashtags(text) == ["whole"]
        assert words(text) == ["loud"]

    def test_two_full_stops_cut_nothing(self) -> None:
        assert find_hashtags("#whole..") == ["whole"]


class TestTakingHashtagsOut:
    @pytest.mark.parametrize(
        "text", ["#a#b", "@me#b", "❤️#love", "#a\u200db", "#a@b#c", "＃全角 x ##y"]
    )
    def test_none_is_left(self, text: str) -> None:
        assert find_hashtags(without_hashtags(text)) == []

    def test_all_else_stays_as_it_was(self) -> None:
        text = "Loud &amp; clear  #tag @me https://a.b/c ❤️"
        assert without_hashtags(text) == text.replace("#tag", " ")

    def test_stripped_removes_it_whole_and_words_kept_its_sign_only(self) -> None:
        assert text_as_read("so #Loud, #1", "stripped").split() == ["so", ",", "#1"]
        assert text_as_read("so #Loud, #1", "words-kept") == "so Loud, #1"
        assert words("so #Loud", "words-kept") == ["so", "loud"]

    def test_links_and_mentions_are_not_read(self) -> None:
        text = "hi @me ＠you https://t.co/x www.a.b pic.twitter.com/x me@home"
        assert words(text) == ["hi", "me", "home"]

    def test_what_is_glued_to_a_hashtag_is_not_read(self) -> None:
        assert words("x #one#two@three y") == ["x", "y"]


class TestWords:
    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("SHOUTING Loud", ["shouting", "loud"]),
            ("soooooo YEEES haaaapyyy", ["soo", "yees", "haapyy"]),
            ("good 1000 ----", ["good", "1000"]),
            ("hahaha", ["hahaha"]),
            ("it's rock’n’roll 'quoted' dogs'", ["it's", "rock’n’roll", "quoted", "dogs"]),
            ("$AAPL $5 US$100 $TSLA_x", ["$aapl", "5", "us", "100", "tsla_x"]),
            ("日本語テスト", ["日", "本", "語", "テ", "ス", "ト"]),
            ("東京tower2", ["東", "京", "tower2"]),
            ("한국어 좋아요", ["한국어", "좋아요"]),
            ("हिन्दी", ["हिन्दी"]),
        ],
    )
    def test_are_split(self, text: str, expected: list[str]) -> None:
        assert words(text) == expected

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("😀😀", ["😀", "😀"]),
            ("❤️ ❤︎ ❤", ["❤", "❤", "❤"]),
            ("👩\u200d👧", ["👩", "👧"]),
            ("🇩🇪🇫🇷", ["🇩🇪", "🇫🇷"]),
            ("👍🏽", ["👍"]),
        ],
    )
    def test_a_pictograph_is_one(self, text: str, expected: list[str]) -> None:
        assert words(text) == expected

    def test_composed_and_decomposed_are_the_same(self, tokenizer: Tokenizer) -> None:
        assert ids(tokenizer, "café") == ids(tokenizer, "cafe\u0301")
        assert ids(tokenizer, "café") == ids(tokenizer, "cafe\ufe0f\u0301")
        assert UNKNOWN_ID not in ids(tokenizer, "café CAFÉ")

    def test_entities_are_decoded_once(self) -> None:
        assert words("a &lt;b&gt; &quot;c&quot;") == ["a", "b", "c"]
        assert words("&amp;lt;") == ["lt"]
        assert text_as_read("&amp;amp;", "stripped") == "&amp;"


class TestIds:
    def test_follow_the_vocabulary(self, tokenizer: Tokenizer) -> None:
        assert ids(tokenizer, "loud nonsense tag") == [2, UNKNOWN_ID, 6]

    def test_no_post_can_spell_padding(self, tokenizer: Tokenizer) -> None:
        assert PADDING_ID not in ids(tokenizer, "[PAD] [pad] PAD")
        assert ids(tokenizer, "[UNK]") == [UNKNOWN_ID]

    def test_are_cut_at_forty_words(self, tokenizer: Tokenizer) -> None:
        assert len(ids(tokenizer, "loud " * MAX_WORDS)) == MAX_WORDS
        assert len(ids(tokenizer, "loud " * (MAX_WORDS + 1))) == MAX_WORDS

    @pytest.mark.parametrize("text", ["", " ", "#OnlyAHashtag ＃全角", "@me https://a.b", "...!?"])
    def test_are_none_where_nothing_is_to_be_read(self, tokenizer: Tokenizer, text: str) -> None:
        assert ids(tokenizer, text) == []

    def test_a_word_cannot_have_two(self) -> None:
        with pytest.raises(ValueError, match="repeats"):
            new_tokenizer([SPECIAL_WORDS[0]], "stripped")
