import io
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from export.bundle import Bundle
from worker.explained import weighed
from worker.glossary import Glossary
from worker.messages import ScoredHashtag, Suggestion
from worker.watch import Answered
from worker.watch_screen import block


@pytest.fixture(scope="module")
def glossary(bundle: Bundle) -> Glossary:
    return Glossary(bundle.tokenizer(), bundle.topics())


@pytest.fixture
def words(glossary: Glossary) -> list[str]:
    return glossary.topics[0][:3]


def answered(text: str | None, *attention: float, **more: str) -> Answered:
    suggestions = [ScoredHashtag("travel", 0.5), ScoredHashtag("sea", 0.125)]
    theta = [0.2, 0.05, 0.75]
    answer = Suggestion("7", suggestions, "abc", "cpu-fp32", None, theta, list(attention) or None)
    return Answered("tweets-0-1", answer, text, **more)


def drawn(
    one: Answered, glossary: Glossary | None, width: int = 80, *, colour: bool = False
) -> str:
    console = Console(
        width=width,
        file=io.StringIO(),
        force_terminal=colour,
        color_system="256" if colour else None,
    )
    with console.capture() as capture:
        console.print(block(one, glossary))
    return capture.get()


def test_words_are_weighed_as_the_graph_reads_them(glossary: Glossary, words: list[str]) -> None:
    text = f"@me {words[0].upper()} #{words[1]} {words[1]}, {words[2]} https://a.b"
    one = answered(text, 0.1, 0.2, 0.7)
    assert [text[start:end] for start, end, *_ in weighed(one, glossary)] == [
        words[0].upper(), words[1], words[2],
    ]  # fmt: skip
    assert [word.attention for word in weighed(one, glossary)] == [0.1, 0.2, 0.7]


def test_they_are_shaded_in_the_text_and_named_below(glossary: Glossary, words: list[str]) -> None:
    one = answered(" ".join(words), 0.05, 0.35, 0.6)
    shown = Text.from_ansi(drawn(one, glossary, colour=True))
    text = str(shown)
    assert f"attention  {words[2]} 0.60 · {words[1]} 0.35 · {words[0]} 0.05" in text
    line = text.index(" ".join(words))
    looks = {
        word: {str(span.style) for span in shown.spans if span.start == text.index(word, line)}
        for word in words
    }
    assert not looks[words[0]]
    assert any("underline" in style for style in looks[words[1]])
    assert any("reverse" in style for style in looks[words[2]])


@pytest.mark.parametrize("attention", [(), (0.5,), (0.1, 0.2, 0.3, 0.4)])
def test_weights_that_do_not_fit_the_words_shade_nothing(
    glossary: Glossary, words: list[str], attention: tuple[float, ...]
) -> None:
    assert weighed(answered(" ".join(words), *attention), glossary) == []


def test_without_a_bundle_all_else_is_shown(words: list[str]) -> None:
    text = drawn(answered(" ".join(words), 0.1, 0.2, 0.7), None)
    assert " ".join(words) in text
    assert "attention" not in text
    assert "#travel 0.5000 ██████████" in text
    assert "#sea    0.1250 ██▌" in text
    assert "topic 2  0.75" in text
    assert "topic 0  0.20" in text
    assert "topic 1" not in text


def test_topics_have_their_words(glossary: Glossary, words: list[str]) -> None:
    assert f"topic 0  0.20  {' '.join(words)}" in drawn(answered("hi", 1.0), glossary)


def test_what_is_not_there_is_said() -> None:
    assert "no post: it is gone" in drawn(answered(None, missing="it is gone"), None)
    answer = Suggestion("7", [], "abc", "cpu-fp32", "no_words")
    assert "no suggestions: no_words" in drawn(Answered("tweets-0-1", answer, "..."), None)


anything = st.text(st.characters(exclude_categories=["Cs"])) | st.text("\x1b[31m\x9b\x07\u202e[/]a")


@given(anything, anything, anything, st.sampled_from([80, 120]))
def test_nothing_that_others_wrote_steers_the_terminal(
    text: str, hashtag: str, name: str, width: int
) -> None:
    answer = Suggestion(name, [ScoredHashtag(hashtag, 0.5)], name, name, None, [1.0], [1.0])
    shown = drawn(Answered(name, answer, text), None, width)
    assert not [one for one in shown if one != "\n" and unicodedata.category(one) == "Cc"]
    assert "\u202e" not in shown
    assert max(map(cell_len, shown.splitlines())) <= width
