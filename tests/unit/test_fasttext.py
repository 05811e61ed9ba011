"""fastText: what it is given, what it keeps, and how its answers are filled up."""

from pathlib import Path
from typing import Any

import floret
import msgspec
import pytest

from tests.support.learning import TINY, changed, planted_posts, write_splits
from trainer.material import Material
from trainer.methods.fasttext import Choice, FastText
from trainer.parts import Parts
from trainer.recommender import Recommender
from trainer.scoring import quality_of

ORDERED = [{"text": "tea then milk #first"}, {"text": "milk then tea #second"}]


def material_of(folder: Path, train: list[dict[str, Any]], **settings: object) -> Material:
    corpus = write_splits(folder / "corpus", train=train, dev=train[:20], test=train[:20])
    return Material(corpus, changed(**settings), Parts(folder / "parts"))


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Material:
    return material_of(tmp_path_factory.mktemp("planted"), planted_posts(120, seed=1))


class StoppedError(Exception):
    """Nothing is to be learned here."""


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, dict[str, Any]]]:
    """The file and the settings that floret was given; it learns nothing."""
    seen: list[tuple[str, dict[str, Any]]] = []

    def stop(file: str, **settings: object) -> None:
        seen.append((Path(file).read_text(), settings))
        raise StoppedError

    monkeypatch.setattr(floret, "train_supervised", stop)
    return seen


def test_its_file_has_ids_and_rows_alone_and_goes_even_when_it_fails(
    given: list[tuple[str, dict[str, Any]]], tmp_path: Path
) -> None:
    posts = [
        {"text": "tea milk tea #one #two"},
        {"text": "milk rare #one"},  # one word is too rare to be known
        {"text": "tea milk milk #two"},
        {"text": "#one #two #three"},  # nothing to read
        {"text": "tea milk #three #one"},
    ]
    material = material_of(tmp_path, posts, min_word_count=2)
    with pytest.raises(StoppedError):
        FastText.fit(material, TINY, tmp_path)
    words = material.text.reader.words
    milk, tea = (words.token_to_id(word) for word in ("milk", "tea"))
    names = [hashtag.canonical for hashtag in material.text.hashtags]
    assert names == ["one", "two", "three"]  # of four posts, three and two
    one, two, three = (f"__label__{row}" for row in range(3))
    assert given[0][0].splitlines() == [
        f"{tea} {milk} {tea} {one} {two}",
        f"{milk} {one}",
        f"{tea} {milk} {milk} {two}",
        f"{tea} {milk} {three} {one}",
    ]
    assert not list(tmp_path.glob("*.txt"))


def test_one_thread_and_the_seed_make_it_repeatable(
    given: list[tuple[str, dict[str, Any]]], planted: Material, tmp_path: Path
) -> None:
    with pytest.raises(StoppedError):
        FastText.fit(planted, changed(seed=2**31 + 5), tmp_path)
    _, settings = given[0]
    assert (settings["thread"], settings["seed"], settings["loss"]) == (1, 5, "hs")
    assert (settings["wordNgrams"], settings["epoch"], settings["minCount"]) == (2, 10, 1)


def test_another_seed_gives_another_model(planted: Material, tmp_path: Path) -> None:
    models = []
    for number, seed in enumerate((1, 1, 2)):
        folder = tmp_path / str(number)
        folder.mkdir()
        FastText.fit(planted, changed(seed=seed), folder)
        assert sorted(file.name for file in folder.iterdir()) == ["choice.json", "model.bin"]
        models.append((folder / "model.bin").read_bytes())
    assert models[0] == models[1]
    assert models[0] != models[2]


def test_the_order_of_words_tells(tmp_path: Path) -> None:
    material = material_of(tmp_path, ORDERED * 60)
    found = Recommender(material.text, FastText.fit(material, TINY, tmp_path))
    assert found.recommend(["tea then milk", "milk then tea"], 1) == [["first"], ["second"]]


def test_all_ranks_are_by_probability(tmp_path: Path) -> None:
    often = [{"text": "tea pot cup #often"}] * 12 + [{"text": "tea pot cup #seldom"}] * 4
    other = [{"text": "milk cow grass #other"}] * 40 + [{"text": "milk cow grass #seldom"}] * 2
    material = material_of(tmp_path, often + other)
    found = Recommender(material.text, FastText.fit(material, TINY, tmp_path))
    assert found.recommend(["tea pot cup", "milk cow grass"], 3) == [
        ["often", "seldom", "other"],
        ["other", "seldom", "often"],
    ]


def test_hashtags_that_it_never_learned_fill_up_and_words_of_no_post_tell_nothing(
    tmp_path: Path,
) -> None:
    unread = [{"text": "#second #third #fourth"}] * 70 + [{"text": "#third #fourth"}] * 70
    material = material_of(tmp_path, ORDERED * 60 + unread)
    names = [hashtag.canonical for hashtag in material.text.hashtags]
    assert names == ["fourth", "third", "second", "first"]
    found = Recommender(material.text, FastText.fit(material, TINY, tmp_path))
    assert found.recommend(["tea then milk"], 4)[0][:2] == ["first", "second"]
    assert found.recommend(["tea then milk"], 4)[0][2:] == ["fourth", "third"]
    assert found.recommend(["neverseen", "neverseen at all"], 4) == [names] * 2


def test_the_rate_is_the_best_on_dev_and_noted(planted: Material, tmp_path: Path) -> None:
    found = FastText.fit(planted, TINY, tmp_path)
    noted = msgspec.json.decode((tmp_path / "choice.json").read_bytes(), type=Choice)
    f1 = 100 * quality_of(Recommender(planted.text, found), planted.dev).f1[0]
    assert noted.hashtags == 3
    assert noted.dev_f1_at_1 == pytest.approx(f1, abs=0.01)
    assert f1 > 90
