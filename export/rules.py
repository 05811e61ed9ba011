"""The expressions of the text rules, in the dialect of Oniguruma, which `tokenizers` speaks."""

# Oniguruma's \w depends on its build; these classes do not. Marks belong to the word they modify.
# The joiner of emoji and their two styles (marks, by their class) are looked through.
WORD = "[\\p{L}\\p{M}\\p{N}_\u200d]"
NOT_AFTER_WORD = "(?<![\\p{L}\\p{N}_&]|[\\p{M}&&[^\ufe0e\ufe0f]])"
EMOJI_STYLE = "[\ufe0e\ufe0f\u200d]"  # and joiner
WIDE_AT = "＠"
# A sign below a keycap (U+20E3) is an emoji.
HASHTAG_SIGN = NOT_AFTER_WORD + "[#＃](?!\ufe0f?\u20e3)(?=[\\p{M}\\p{N}_\u200d]*\\p{L})"
HASHTAG = HASHTAG_SIGN + WORD + "++"  # possessive: an ellipsis cannot shorten the match
WHOLE_HASHTAG = HASHTAG + r"(?!…|\.\.\.)"  # before an ellipsis it may have been cut
LINK = r"(?i)(?:https?://|www\.|pic\.twitter\.com/)\S*"
GLUED = "(?:[#＃@＠]" + WORD + "++)*+"
MENTIONED = NOT_AFTER_WORD + "[@＠]" + WORD + "++"
MENTION = MENTIONED + GLUED
# Three or more of one letter become two: each letter of a run that two equal ones still follow
# goes. `Replace` has no back references in its replacement, so the rule is written as a removal.
ELONGATION = r"(\p{L})\1*(?=\1\1)"
ENTITIES = {
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
TOKEN = "|".join(
    [
        r"[\p{Han}\p{Hiragana}\p{Katakana}]",
        "[\U0001f1e6-\U0001f1ff]{2}",
        r"\p{So}",
        r"\$\p{L}+(?!" + WORD + ")",
        r"(?:(?![\p{Han}\p{Hiragana}\p{Katakana}])" + WORD + r")+(?:['’]\p{L}+)*",
    ]
)
# What a post points at beside its words: a mention, or a link. Of a link the words are read, those
# of its domain first, up to where it is cut or names a hashtag, as "/hashtag/sea" and "?q=%23sea".
LINKED = r"(?:(?!%23|%ef%bc%83|/hashtag/|/tags?/)[^\s#＃…])+"
POINTER = "|".join(
    [
        MENTIONED,
        r"(?<=http://|https://)(?!www\.)" + LINKED,
        r"(?<=www\.)" + LINKED,
        r"pic\.twitter\.com/" + LINKED,
    ]
)
POINTER_WORD = MENTIONED + r"|[\p{L}\p{M}\p{N}]++"
