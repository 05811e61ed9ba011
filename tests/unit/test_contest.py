"""Champion and challenger side by side: who answers what, what is published, what is scored."""

from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from export.bundle import Bundle
from export.registry import CHALLENGER, CHAMPION, Registry
from tests.support.inmemory import InMemoryCache, InMemoryTopic
from tests.support.loops import Bench, CountingPredictor, post
from tests.support.shelves import published, spoil, two_bundles
from worker.answers import Answerer
from worker.contest import Contest, challenged
from worker.errors import StartupFailedError
from worker.following import FollowedChallenger, FollowedModel
from worker.intake import Intake
from worker.predictor import Predictor
from worker.responder import Responder
from worker.service import serve
from worker.settings import Settings

SHARE = 0.3
IDS = [f"post-{number}" for number in range(60)]
ITS = {one for one in IDS if challenged(one, SHARE)}


class Duel(Bench):
    """A loop with both models of a registry; the challenger fails on the texts in `bad`."""

    def __init__(
        self,
        predictor: Predictor,
        shelf: Registry,
        *,
        shadow: bool = False,
        bad: Collection[str] = (),
    ) -> None:
        super().__init__(InMemoryTopic(), predictor, Settings(registry=str(shelf.root), warm_up=0))
        self.bad = bad
        champion = FollowedModel(self.settings, self.responder, self.metrics, 0.0)
        self.challenger = FollowedChallenger(self.settings, self.challenging, self.metrics, 0.0)
        self.champion = champion
        self.models = Contest(champion, self.challenger, SHARE, shadow)

    def responder(self, predictor: Predictor) -> Responder:
        parts = (InMemoryCache(), self.settings, self.metrics, self.scoreboard)
        return Responder(Intake(), Answerer(predictor), *parts)

    def challenging(self, predictor: Predictor) -> Responder:
        return self.responder(CountingPredictor(predictor, self.bad))

    def stream(self, texts: Collection[str], **more: object) -> dict[str, str]:
        """Answer all posts, each with one of the texts; return the model of each answer."""
        some = list(texts)
        for number, one in enumerate(IDS):
            self.topic.append(post(one, some[number % len(some)], **more))
        loop = replace(self.loop, models=self.models)
        before = len(self.outputs)
        loop.step()
        assert [answer.id for answer in self.answers[before:]] == IDS
        return {answer.id: answer.model for answer in self.answers[before:]}

    def counts(self) -> dict[tuple[object, ...], float]:
        """Return all counters and shares, by name and labels."""
        return {
            (sample.name, *sample.labels.items()): sample.value
            for family in self.metrics.registry.collect()
            for sample in family.samples
            if sample.name.endswith(("total", "ratio"))
        }

    def scored(self, digest: str) -> float:
        name = "tagstream_prequential_posts_total"
        return self.value(name, model_version=digest[:12]) or 0.0


@pytest.fixture
def texts(bundle: Bundle) -> list[str]:
    """As many texts as posts, no two alike."""
    topics = bundle.topics()
    return [" ".join([*topics[n % len(topics)], *(["w"] * n)]) for n in range(len(IDS))]


@pytest.fixture
def shelf(bundle: Bundle, tmp_path: Path) -> tuple[Registry, str, str]:
    """A registry, its champion and its challenger."""
    registry, first, second = two_bundles(bundle, tmp_path)
    registry.assign(CHALLENGER, second, "to begin with")
    return registry, first, second


Shelf = tuple[Registry, str, str]


class TestAPost:
    @given(st.text(st.characters(codec="utf-8")), st.floats(0, 1), st.floats(0, 1))
    def test_of_a_smaller_share_is_of_a_larger_one(
        self, one: str, some: float, other: float
    ) -> None:
        less, more = sorted((some, other))
        assert challenged(one, more) or not challenged(one, less)
        assert (challenged(one, 0), challenged(one, 1)) == (False, True)

    @pytest.mark.parametrize("share", [0.01, 0.1, 0.5])
    def test_is_the_challengers_as_often_as_asked(self, share: float) -> None:
        posts = 40_000
        found = sum(challenged(f"post {number}", share) for number in range(posts))
        assert abs(found - posts * share) < 4 * (posts * share * (1 - share)) ** 0.5

    def test_is_its_for_ever(self) -> None:
        assert [n for n in range(40) if challenged(str(n), 0.1)] == [5, 9, 23, 26, 32, 37]


class TestBoth:
    def test_answer_the_same_posts_each_time(
        self, predictor: Predictor, shelf: Shelf, texts: list[str]
    ) -> None:
        registry, first, second = shelf
        expected = {one: (second if one in ITS else first)[:12] for one in IDS}
        for _ in range(2):
            duel = Duel(predictor, registry)
            assert duel.stream(texts) == expected
            assert duel.stream(texts) == expected

    def test_are_both_scored(self, predictor: Predictor, shelf: Shelf, texts: list[str]) -> None:
        registry, first, second = shelf
        duel = Duel(predictor, registry)
        duel.stream(texts, hashtags=["any"])
        assert (duel.scored(first), duel.scored(second)) == (len(IDS) - len(ITS), len(ITS))

    def test_posts_that_the_challenger_fails_on_are_the_champions(
        self, predictor: Predictor, shelf: Shelf, texts: list[str]
    ) -> None:
        registry, first, second = shelf
        lost = next(iter(sorted(ITS)))
        duel = Duel(predictor, registry, bad=[texts[IDS.index(lost)]])
        found = duel.stream(texts)
        assert {one for one, model in found.items() if model == second[:12]} == ITS - {lost}
        assert found[lost] == first[:12]
        assert duel.value("tagstream_challenger_failures_total") == 1


class TestAShadow:
    def test_is_scored_and_not_published(
        self, predictor: Predictor, shelf: Shelf, texts: list[str]
    ) -> None:
        registry, first, second = shelf
        duel = Duel(predictor, registry, shadow=True)
        assert set(duel.stream(texts, hashtags=["any"]).values()) == {first[:12]}
        assert (duel.scored(first), duel.scored(second)) == (len(IDS), len(ITS))

    def test_changes_nothing_else_that_is_counted(
        self, predictor: Predictor, shelf: Shelf, texts: list[str]
    ) -> None:
        registry, _, second = shelf
        duel, alone = Duel(predictor, registry, shadow=True), Duel(predictor, registry)
        alone.models = replace(alone.models, share=0.0)
        some = [*texts[:5], "..."]
        for one in (duel, alone):
            one.stream(some, hashtags=["any"])
        shadowed, plain = duel.counts(), alone.counts()
        differing = {key[0] for key in shadowed if shadowed[key] != plain.get(key)}
        assert differing == {"tagstream_prequential_posts_total", "tagstream_inferred_posts_total"}
        assert duel.scored(second) > 0

    def test_that_fails_costs_no_answer(
        self, predictor: Predictor, shelf: Shelf, texts: list[str]
    ) -> None:
        registry, first, _ = shelf
        duel = Duel(predictor, registry, shadow=True, bad=texts)
        assert set(duel.stream(texts).values()) == {first[:12]}
        assert duel.value("tagstream_challenger_failures_total") == len(ITS)


class TestTheChampionServesAll:
    def test_without_a_challenger(
        self, predictor: Predictor, bundle: Bundle, tmp_path: Path, texts: list[str]
    ) -> None:
        registry, first, second = two_bundles(bundle, tmp_path)
        duel = Duel(predictor, registry)
        assert set(duel.stream(texts).values()) == {first[:12]}
        registry.assign(CHALLENGER, second, "learned")
        duel.challenger.look()
        assert set(duel.stream(texts).values()) == {first[:12], second[:12]}

    def test_where_the_challenger_became_champion(
        self, predictor: Predictor, shelf: Shelf, texts: list[str]
    ) -> None:
        registry, _, second = shelf
        duel = Duel(predictor, registry)
        registry.assign(CHAMPION, second, "better")
        for one in (duel.champion, duel.challenger):
            one.look()
        assert set(duel.stream(texts).values()) == {second[:12]}
        assert duel.challenger.current() is None
        shown = {"method": "tab-lstm", "variant": "cpu-fp32", "device": "cpu"}
        name = "tagstream_model_info"
        assert duel.value(name, role="champion", model=second, **shown) == 1
        assert duel.value(name, role="challenger", model=second, **shown) is None

    def test_where_the_challenger_is_broken(
        self, predictor: Predictor, shelf: Shelf, texts: list[str]
    ) -> None:
        registry, first, second = shelf
        spoil(registry, second)
        duel = Duel(predictor, registry)
        duel.challenger.look()
        assert set(duel.stream(texts).values()) == {first[:12]}
        assert duel.value("tagstream_refused_models_total") == 1

    def test_where_the_next_challenger_is_broken(
        self, predictor: Predictor, shelf: Shelf, bundle: Bundle, texts: list[str]
    ) -> None:
        registry, first, second = shelf
        duel = Duel(predictor, registry)
        third = published(registry, bundle, "third")
        spoil(registry, third)
        registry.assign(CHALLENGER, third, "worse")
        duel.challenger.look()
        assert set(duel.stream(texts).values()) == {first[:12]}
        registry.assign(CHALLENGER, second, "back")
        duel.challenger.look()
        assert set(duel.stream(texts).values()) == {first[:12], second[:12]}


@pytest.mark.parametrize(
    ("chosen", "words"),
    [
        (Settings(shadow=True), "--shadow scores nothing"),
        (Settings(challenger_share=0.1, bundle="b"), "--bundle names none"),
    ],
)
def test_settings_that_mean_nothing_are_refused(chosen: Settings, words: str) -> None:
    alone = msgspec.structs.replace(chosen, http_port=0, cache="none", memory="off")
    with pytest.raises(StartupFailedError, match=words):
        serve(alone, None)
