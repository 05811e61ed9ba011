"""Text that others wrote, fit for a terminal."""

import re

# C0 and C1 controls, which begin a terminal's commands (ECMA-48), surrogates, which no terminal
# takes, and the signs that turn or break a line: the bidirectional ones (UAX 9), U+2028 and U+2029.
_HARMFUL = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)
_BLANK = re.compile(r"[\t\n\r\u2028\u2029]")


def printable(text: str) -> str:
    """Return a text of the same length without what a terminal would obey."""
    return _HARMFUL.sub("\N{REPLACEMENT CHARACTER}", _BLANK.sub(" ", text))


def printable_json(text: str) -> str:
    """Return JSON that says the same without what a terminal would obey: such signs escaped."""
    return _HARMFUL.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
