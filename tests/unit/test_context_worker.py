"""A worker serves a network that reads mentions and links."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from tests.support.inmemory import InMemoryTopic
from tests.support.loops import Bench, CountingPredictor, post
from trainer.corpus import split
from worker import predictor as predictors
from worker.predictor import Predictor


class TestDigests:
    @staticmethod
    def digest(ids: Sequence[int], *further: Sequence[int]) -> bytes:
        arrays = [np.array(some, dtype=np.int64) for some in (ids, *further)]
        return predictors._digest(arrays[0], arrays[1:])

    def test_tell_words_and_context_apart_however_they_are_cut(self) -> None:
        cut = [((5, 6), ()), ((5,), (6,)), ((), (5, 6)), ((6, 5), ()), ((6,), (5,))]
        # Where one ends is told by no value that could be an id, such as a length in between.
        cut += [((5,), (16, 7)), ((5, 8), (7,)), ((5, 8, 16), (7,)), ((5,), (8, 16, 7))]
        cut += [((5,), (2, 7)), ((5, 1), (7,)), ((1, 5), (7,)), ((5, 2), (7,)), ((2, 5), (7,))]
        assert len({self.digest(ids, context) for ids, context in cut}) == len(cut)

    def test_of_words_alone_are_those_of_their_bytes(self) -> None:
        due = hashlib.blake2b(np.array([5, 6]).tobytes(), digest_size=16).digest()
        assert self.digest((5, 6)) == due
        assert self.digest((5, 6), ()) != due

    def test_tell_two_further_inputs_apart(self) -> None:
        cut = [((5,), (6,), (7,)), ((5,), (6, 7), ()), ((5,), (), (6, 7)), ((5, 6), (7,), ())]
        assert len({self.digest(*some) for some in cut}) == len(cut)


class TestTheWorker:
    @pytest.fixture
    def bench(self, plus_predictor: Predictor) -> Bench:
        return Bench(InMemoryTopic(), CountingPredictor(plus_predictor))

    def test_answers_what_the_predictor_does(
        self, bench: Bench, plus_predictor: Predictor, pointing: Path
    ) -> None:
        posts = list(split(pointing, "test"))
        for one in posts:
            bench.topic.append(post(one.id, one.text.partition("#")[0]))
        while not bench.topic.done:
            bench.loop.step()
        due = plus_predictor.predict(plus_predictor.encode([one.text for one in posts]))
        assert [answer.id for answer in bench.answers] == [one.id for one in posts]
        for answer, prediction in zip(bench.answers, due, strict=True):
            names = [plus_predictor.hashtags[row].spelling for row in prediction.hashtags]
            assert [scored.hashtag for scored in answer.suggestions] == names
            scores = [scored.score for scored in answer.suggestions]
            assert scores == pytest.approx(prediction.scores.tolist(), abs=2e-4)
            assert answer.reason is None
        right = [
            answer.suggestions[0].hashtag in one.spellings
            for answer, one in zip(bench.answers, posts, strict=True)
        ]
        assert np.mean(right) > 0.9

    def test_asks_once_for_equal_words_and_context_and_again_for_another(
        self, bench: Bench
    ) -> None:
        texts = ["wave @sea_club", "wave @city_club", "WAVE  @Sea_Club #tag", "wave"]
        for number, text in enumerate([*texts, *texts]):
            bench.topic.append(post(str(number), text))
        bench.loop.step()
        assert isinstance(bench.predictor, CountingPredictor)
        assert bench.predictor.calls == [3]
        best = [answer.suggestions[0].hashtag for answer in bench.answers]
        assert best[:3] == ["sea", "city", "sea"]
        assert best[4:] == best[:4]
        bench.topic.append(post("again", "wave @city_club"))
        bench.topic.append(post("other", "wave @wood_club"))
        bench.loop.step()
        assert bench.predictor.calls == [3, 1]
        assert [a.suggestions[0].hashtag for a in bench.answers[-2:]] == ["city", "wood"]

    def test_says_nothing_of_posts_that_are_context_alone(self, bench: Bench) -> None:
        bench.topic.append(post("1", "@sea_club https://www.sea.org/x"))
        bench.loop.step()
        [answer] = bench.answers
        assert (answer.suggestions, answer.reason) == ([], "no_words")
