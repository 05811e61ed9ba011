"""Corpus → fit → export → Kafka → suggestions: what comes out is what gensim and torch said."""

from pathlib import Path

import pytest

from export.bundle import Bundle
from tests.support.streams import Stream


def test_suggestions_from_the_stream_equal_the_golden_examples(
    stream: Stream, bundle: Bundle, bundle_path: Path
) -> None:
    golden = {str(number): example for number, example in enumerate(bundle.golden())}
    stream.produce_posts({number: example.text for number, example in golden.items()})
    worker = stream.worker(bundle=str(bundle_path), keep_present=True, top=5).wait_ready()
    answers = stream.answers()
    answers.until_answered(golden)
    assert worker.stop() == 0

    hashtags = bundle.hashtags()
    for answer in answers:
        example = golden[answer.id]
        expected = [hashtags[row].spelling for row in example.hashtags[:5]]
        assert [suggestion.hashtag for suggestion in answer.suggestions] == expected
        scores = [suggestion.score for suggestion in answer.suggestions]
        assert scores == pytest.approx(example.scores[:5], abs=2e-4)
        assert answer.reason == (None if example.ids else "no_words")
        assert answer.model == bundle.name
