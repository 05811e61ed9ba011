"""The page of times says what the results say."""

from benchmarks.performance import DOCS, pages


def test_the_page_is_made_of_the_results() -> None:
    for name, text in pages().items():
        assert (DOCS / name).read_text() == text, "run `python -m benchmarks.performance`"
