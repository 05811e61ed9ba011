import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.printable import printable, printable_json

anything = st.text(st.characters()) | st.text("\x1b[31m\x9b\x07\u202e\u2028\ta", min_size=1)


@given(anything)
def test_no_control_is_left_and_each_character_has_its_place(text: str) -> None:
    found = printable(text)
    assert len(found) == len(text)
    assert not {unicodedata.category(one) for one in found} & {"Cc", "Cs", "Zl", "Zp"}
    assert all(new in {old, " ", "\ufffd"} for old, new in zip(text, found, strict=True))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("red \x1b[31m alert\x07", "red \ufffd[31m alert\ufffd"),
        ("two\nlines", "two lines"),
        ("abc\u202edef", "abc\ufffddef"),
        ("family 👩‍👩‍👧 ü", "family 👩‍👩‍👧 ü"),
    ],
)
def test_the_rest_stays_as_it_was(text: str, found: str) -> None:
    assert printable(text) == found


@given(st.text())
def test_json_says_the_same(text: str) -> None:
    plain = json.dumps({"text": text}, ensure_ascii=False)
    found = printable_json(plain)
    assert json.loads(found) == {"text": text}
    assert printable(found) == found
