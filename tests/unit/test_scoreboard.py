"""Posts tell by their own hashtags whether their answers were right, once these are committed."""

from collections.abc import Sequence

import pytest

from export.bundle import Bundle
from tests.support.inmemory import InMemoryTopic
from tests.support.loops import Bench, post
from worker.delivery import CommitRefusedError
from worker.predictor import Predictor
from worker.settings import Settings

Expected = list[list[str]]


@pytest.fixture
def texts(bundle: Bundle) -> list[str]:
    return [" ".join(words) for words in bundle.topics()]


@pytest.fixture
def expected(predictor: Predictor, texts: list[str]) -> Expected:
    """The spellings of the best hashtags of each text."""
    found = predictor.predict(predictor.encode(texts))
    return [[predictor.hashtags[row].spelling for row in one.hashtags] for one in found]


def bench(predictor: Predictor, posts: Sequence[bytes], settings: Settings | None = None) -> Bench:
    topic = InMemoryTopic()
    for value in posts:
        topic.append(value)
    return Bench(topic, predictor, settings or Settings())


def stepped(predictor: Predictor, posts: Sequence[bytes], **settings: int) -> Bench:
    made = bench(predictor, posts, Settings(**settings))  # type: ignore[arg-type]
    loop = made.loop
    while not made.topic.done:
        loop.step()
    return made


def counted(found: Bench, bundle: Bundle) -> tuple[float, float, float]:
    """Return posts scored, and those with hits at 1 and at 5."""
    labels = {"model_version": bundle.name}
    return (
        found.value("tagstream_prequential_posts_total", **labels) or 0.0,
        found.value("tagstream_prequential_hits_total", k="1", **labels) or 0.0,
        found.value("tagstream_prequential_hits_total", k="5", **labels) or 0.0,
    )


def test_hits_are_told_at_1_and_at_5(
    predictor: Predictor, bundle: Bundle, texts: list[str], expected: Expected
) -> None:
    found = stepped(
        predictor,
        [
            post("first", f"{texts[0]} #{expected[0][0]}"),
            post("fifth", texts[1], hashtags=[expected[1][4]]),
            post("sixth", texts[2], hashtags=[expected[2][5]]),
            post("not known", texts[3], hashtags=["neverSeen"]),
            post("none", texts[4]),
        ],
    )
    assert counted(found, bundle) == (4, 1, 2)
    for k, rate in (("1", 1 / 4), ("5", 2 / 4)):
        decayed = found.value("tagstream_prequential_decayed_hit_ratio", k=k)
        assert decayed == pytest.approx(rate, abs=0.001)
    assert found.value("tagstream_unknown_hashtags_ratio") == pytest.approx(1 / 4, abs=0.001)
    assert found.value("tagstream_unknown_words_ratio") == 0
    labels = {"k": "1", "source": "model", "model_version": bundle.name}
    assert found.value("tagstream_prequential_source_hits_total", **labels) == 1
    assert found.value("tagstream_suggested_hashtags_total", source="model") == 25


def test_what_a_post_carries_is_scored_and_not_suggested(
    predictor: Predictor, bundle: Bundle, texts: list[str], expected: Expected
) -> None:
    found = stepped(predictor, [post("1", texts[0], hashtags=expected[0][:1])], top=1)
    assert counted(found, bundle) == (1, 1, 1)
    assert [one.hashtag for one in found.answers[0].suggestions] == expected[0][1:2]


def test_hits_at_5_do_not_depend_on_how_many_are_suggested(
    predictor: Predictor, bundle: Bundle, texts: list[str], expected: Expected
) -> None:
    found = stepped(predictor, [post("1", texts[0], hashtags=expected[0][4:5])], top=2)
    assert counted(found, bundle) == (1, 0, 1)


def test_a_post_without_words_is_a_miss(predictor: Predictor, bundle: Bundle) -> None:
    assert counted(stepped(predictor, [post("1", "#sea"), post("2", "")]), bundle) == (1, 0, 0)


def test_words_that_the_model_does_not_know_are_told(
    predictor: Predictor, texts: list[str]
) -> None:
    some = " ".join(texts[0].split()[:3])
    found = stepped(predictor, [post("1", f"{some} qwertyuiop"), post("2", "...")])
    assert found.value("tagstream_unknown_words_ratio") == pytest.approx(1 / 4)


@pytest.mark.parametrize(
    ("again", "reason"),
    [
        ({"id": "1"}, "repeated_id"),
        ({"text": 0}, "repeated_text"),
        ({"original": "1"}, "retweet"),
        ({"accepted_suggestion": True}, "accepted_suggestion"),
    ],
)
def test_what_is_no_evidence_is_counted_apart(
    predictor: Predictor, bundle: Bundle, texts: list[str], expected: Expected,
    again: dict[str, object], reason: str,
) -> None:  # fmt: skip
    tags = expected[0][:1]
    fields = {"id": "2", "text": 1, **again}
    second = post(
        str(fields.pop("id")), texts[int(str(fields.pop("text")))], **fields, hashtags=tags
    )
    found = stepped(predictor, [post("1", texts[0], hashtags=tags), second], max_batch_size=1)
    assert counted(found, bundle) == (1, 1, 1)
    assert found.value("tagstream_prequential_posts_apart_total", reason=reason) == 1


def test_a_batch_that_is_not_committed_is_not_scored(
    predictor: Predictor, bundle: Bundle, texts: list[str], expected: Expected
) -> None:
    found = bench(predictor, [post("1", texts[0], hashtags=expected[0][:1])])
    found.source.refuse_commits()
    loop = found.loop
    with pytest.raises(CommitRefusedError):
        loop.step()
    assert counted(found, bundle) == (0, 0, 0)
    found.source.rewind()
    loop.step()
    assert counted(found, bundle) == (1, 1, 1)
