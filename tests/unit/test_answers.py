from collections.abc import Sequence

import msgspec
import numpy as np
import pytest

from worker.answers import Answerer
from worker.memory import Votes
from worker.messages import (
    MAX_ID_BYTES,
    Post,
    Record,
    SimilarPost,
    Suggestion,
    suggestion_output,
)
from worker.predictor import Prediction, Predictor
from worker.voting import Voting


def prediction(rows: Sequence[int] = range(8)) -> Prediction:
    """Return a ranking of these rows of the bundle's hashtags."""
    return Prediction(
        np.array(rows, dtype=np.int32),
        np.linspace(0.9, 0.1, len(rows), dtype=np.float32),
        np.array([0.123456, 0.876544], dtype=np.float32),
        np.array([1 / 3, 2 / 3], dtype=np.float32),
    )


def suggested(answer: Suggestion) -> list[str]:
    return [scored.hashtag for scored in answer.suggestions]


def spellings(predictor: Predictor, rows: Sequence[int]) -> list[str]:
    return [predictor.hashtags[row].spelling for row in rows]


def test_the_best_come_first_in_the_spelling_people_use(predictor: Predictor) -> None:
    answer = Answerer(predictor).suggest(Post("1", "x"), prediction([4, 2, 0, 1, 3, 5]))
    assert suggested(answer) == spellings(predictor, [4, 2, 0, 1, 3])
    assert answer.id == "1"
    assert answer.model == predictor.bundle.digest[:12]
    assert answer.variant == predictor.variant
    assert answer.reason is None


@pytest.mark.parametrize("top", [1, 3, 8, 50])
def test_there_are_as_many_as_asked_for_and_known(predictor: Predictor, top: int) -> None:
    answer = Answerer(predictor, top=top).suggest(Post("1", "x"), prediction())
    assert suggested(answer) == spellings(predictor, range(min(top, 8)))


def test_scores_have_four_decimals(predictor: Predictor) -> None:
    answer = Answerer(predictor).suggest(Post("1", "x"), prediction())
    assert [scored.score for scored in answer.suggestions] == [0.9, 0.7857, 0.6714, 0.5571, 0.4429]


@pytest.mark.parametrize("sign", ["#", "＃"])
def test_a_hashtag_that_the_text_carries_is_not_suggested(predictor: Predictor, sign: str) -> None:
    first = predictor.hashtags[0].canonical.upper()
    answer = Answerer(predictor).suggest(Post("1", f"x {sign}{first}"), prediction())
    assert suggested(answer) == spellings(predictor, [1, 2, 3, 4, 5])


@pytest.mark.parametrize("sign", ["", "#"])
def test_nor_is_one_of_the_posts_field(predictor: Predictor, sign: str) -> None:
    post = Post("1", "x", hashtags=[sign + predictor.hashtags[1].spelling])
    answer = Answerer(predictor).suggest(post, prediction())
    assert suggested(answer) == spellings(predictor, [0, 2, 3, 4, 5])


def test_a_word_without_a_sign_is_no_hashtag(predictor: Predictor) -> None:
    answer = Answerer(predictor).suggest(
        Post("1", predictor.hashtags[0].canonical), prediction([0])
    )
    assert suggested(answer) == spellings(predictor, [0])


def test_one_carried_may_be_kept(predictor: Predictor) -> None:
    post = Post("1", f"x #{predictor.hashtags[0].canonical}")
    answer = Answerer(predictor, keep_present=True).suggest(post, prediction())
    assert suggested(answer) == spellings(predictor, range(5))


def test_a_post_that_carries_them_all_gets_none(predictor: Predictor) -> None:
    post = Post("1", "x", hashtags=spellings(predictor, range(8)))
    assert suggested(Answerer(predictor).suggest(post, prediction())) == []


def test_topics_and_attention_go_along_only_when_asked_for(predictor: Predictor) -> None:
    plain = Answerer(predictor).suggest(Post("1", "x"), prediction())
    assert (plain.topics, plain.attention) == (None, None)
    explained = Answerer(predictor, explain=True).suggest(Post("1", "x"), prediction())
    assert explained.topics == [0.1235, 0.8765]
    assert explained.attention == [0.3333, 0.6667]


VOTES = Votes({"brandnew": 0.6, "other": 0.4}, {"7": 0.98765, "8": 0.5})


def test_the_memory_spells_what_the_model_does_not_know(predictor: Predictor) -> None:
    known = predictor.hashtags[3]
    votes = Votes({"brandnew": 0.6, known.canonical: 0.4}, {})
    answerer = Answerer(predictor, top=2, voting=Voting(weight=0.0), spell=str.upper)
    assert suggested(answerer.suggest(Post("1", "x"), prediction(), votes)) == [
        "BRANDNEW",
        known.spelling,
    ]


def test_similar_posts_go_along_only_when_asked_for(predictor: Predictor) -> None:
    plain, explained = Answerer(predictor), Answerer(predictor, explain=True)
    similar = [SimilarPost("7", 0.9877), SimilarPost("8", 0.5)]
    post = Post("1", "x")
    assert plain.suggest(post, prediction(), VOTES).nearest is None
    assert explained.suggest(post, prediction(), VOTES).nearest == similar
    assert explained.suggest(post, None, VOTES).nearest == similar
    assert explained.suggest(post, prediction()).nearest is None


def test_without_the_memory_an_answer_has_nothing_of_it(predictor: Predictor) -> None:
    answer = Answerer(predictor, top=1, explain=True).suggest(Post("1", "x"), prediction())
    spelling = spellings(predictor, [0])[0]
    assert (
        msgspec.json.encode(answer)
        == (
            f'{{"id":"1","suggestions":[{{"hashtag":"{spelling}","score":0.9}}],'
            f'"model":"{answer.model}","variant":"cpu-fp32",'
            '"topics":[0.1235,0.8765],"attention":[0.3333,0.6667]}'
        ).encode()
    )


def test_a_post_without_words_is_told_so(predictor: Predictor) -> None:
    answer = Answerer(predictor, explain=True).suggest(Post("1", "..."), None)
    assert (answer.id, answer.suggestions, answer.reason) == ("1", [], "no_words")


def test_an_explained_answer_is_no_larger_for_a_longer_post(predictor: Predictor) -> None:
    card = predictor.bundle.manifest.model
    word = next(word for word in predictor.bundle.topics()[0] if word.isalpha())
    post = Post("i" * MAX_ID_BYTES, (f"{word} " * 65_536)[:65_536])
    (read,) = predictor.encode([post.text])
    answer = Answerer(predictor, top=50, explain=True).suggest(post, predictor.predict([read])[0])
    assert len(answer.attention or ()) == card.max_words
    assert len(answer.topics or ()) == card.topics
    longest = max(len(one.spelling.encode()) for one in predictor.hashtags)
    numbers = card.max_words + card.topics + card.ranked
    record = Record("tweets", 0, 0, None, b"")
    sent = suggestion_output("suggestions", record, answer).value or b""
    assert len(sent) < 2 * MAX_ID_BYTES + 40 * numbers + card.ranked * longest
