"""What every method of the catalogue promises, on planted posts whose answer is known."""

import re
from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import pytest

from tests.support.learning import TINY, changed, planted_posts, write_splits
from trainer.catalogue import METHODS, settings_for
from trainer.corpus import split
from trainer.fitted import fitted
from trainer.material import Material
from trainer.methods.popularity import Popularity
from trainer.parts import Parts
from trainer.reading import Inputs
from trainer.recommender import Method, Recommender, Rows
from trainer.scoring import quality_of
from trainer.settings import FitSettings

KNOWN = {**msgspec.structs.asdict(TINY), "epochs": 20, "patience": 20}
RENAMED = {"sea": "日本語", "city": "Zyx_1", "wood": "wave"}  # the last is a word of the posts
# Where a hashtag can stand: between words, behind a mention or another hashtag, inside of a link.
PLACES = (
    "wave {} sand tide gull",
    "{} wave sand tide gull {}",
    "@bob{} wave sand, {}",
    "{}{} wave sand @bob",
    "wave https://example.org/{} sand",
    "wave http://www.example.org/a?q={}&r={} sand {}",
)
SWALLOWING = ("{}@bob wave sand", "wave sand http://{}.example.org/")  # what touches it goes too
OTHERS = ("#city", "#wave", "＃tram", "#neverSeen", "#日本語", "#Ünï_1")
# Shares of the posts: one large subject and many small ones, none of them worth a lucky hit.
SHARES = {"sea": 0.4, **{f"isle{n}": 0.6 * n / 276 for n in range(1, 24)}}
UNEVEN = {"train": 600, "dev": 100, "test": 200}
MARGIN = 0.1  # three standard errors of F1@1 on 200 posts; whoever sees the answers has all right


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_small(tmp_path_factory.mktemp("small"), {})


def write_small(folder: Path, renamed: dict[str, str]) -> Path:
    """Write planted posts, some with a mention and a link that tell nothing."""
    splits = {}
    for seed, (name, count) in enumerate({"train": 120, "dev": 40, "test": 40}.items(), 1):
        splits[name] = planted_posts(count, seed)
        for number, post in enumerate(splits[name]):
            text = re.sub(r"#(\w+)", lambda tag: "#" + renamed.get(tag[1], tag[1]), post["text"])
            post["text"] = text if number % 10 else f"{text} @bob https://example.org/x"
    return write_splits(folder, **splits)


@pytest.fixture(scope="module")
def material(small: Path, tmp_path_factory: pytest.TempPathFactory) -> Material:
    return Material(small, TINY, Parts(tmp_path_factory.mktemp("parts")))


@pytest.fixture(scope="module")
def renamed(tmp_path_factory: pytest.TempPathFactory) -> Material:
    """The same posts with other hashtags."""
    corpus = write_small(tmp_path_factory.mktemp("renamed"), RENAMED)
    return Material(corpus, TINY, Parts(tmp_path_factory.mktemp("renamed-parts")))


@pytest.fixture(scope="module")
def shuffled(tmp_path_factory: pytest.TempPathFactory) -> Material:
    """Posts of which those of train have each other's hashtags."""
    return uneven_material(tmp_path_factory.mktemp("shuffled"), shuffle=True)


def uneven_material(folder: Path, *, shuffle: bool) -> Material:
    """Write posts of five words of one subject, some subjects far more frequent than others."""
    random = np.random.default_rng(4)
    splits = {}
    for name, count in UNEVEN.items():
        subjects = random.choice(list(SHARES), size=count, p=list(SHARES.values()))
        words = [[f"{one}{i}" for i in random.choice(list("abcd"), size=5)] for one in subjects]
        tags = random.permutation(subjects) if shuffle and name == "train" else subjects
        texts = [" ".join([*some, f"#{tag}"]) for some, tag in zip(words, tags, strict=True)]
        splits[name] = [{"text": text} for text in texts]
    return Material(write_splits(folder / "corpus", **splits), TINY, Parts(folder / "parts"))


def settings_of(method: str) -> FitSettings:
    return settings_for(method, {k: v for k, v in KNOWN.items() if k != "method"})


@pytest.fixture(params=METHODS, scope="module")
def method(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def folder(method: str, material: Material, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that the method has filled."""
    folder = tmp_path_factory.mktemp("method")
    METHODS[method].load().fit(material, settings_of(method), folder)
    return folder


@pytest.fixture(scope="module")
def recommender(method: str, material: Material, folder: Path) -> Recommender:
    """The method, read back from its folder."""
    return Recommender(material.text, METHODS[method].load().load(folder, settings_of(method)))


def texts(corpus: Path) -> list[str]:
    return [post.text for post in split(corpus, "test")]


def test_it_recommends_k_hashtags_and_none_twice(recommender: Recommender, small: Path) -> None:
    for k in (1, 2, 3):
        for ranked in recommender.recommend(texts(small), k):
            assert len(ranked) == len(set(ranked)) == k


def test_it_recommends_fewer_only_where_there_are_fewer(recommender: Recommender) -> None:
    assert set(recommender.recommend(["wave sand"], 9)[0]) == {"sea", "city", "wood"}


def test_it_finds_what_was_planted(method: str, recommender: Recommender, small: Path) -> None:
    posts = list(split(small, "test"))
    best = recommender.recommend([post.text for post in posts], 1)
    right = np.mean([post.hashtags == ranked for post, ranked in zip(posts, best, strict=True)])
    if method == "popularity":
        assert 0.2 < right < 0.5  # one subject of three
    else:
        assert right > 0.9


def test_a_text_with_nothing_to_read_gets_the_most_frequent(
    recommender: Recommender, material: Material
) -> None:
    frequent = [hashtag.canonical for hashtag in material.text.hashtags]
    assert recommender.recommend(["", "#sea", "!?"], 3) == [frequent] * 3


def test_an_unknown_word_is_no_error_and_changes_little(recommender: Recommender) -> None:
    assert len(set(recommender.recommend(["neverseen"], 3)[0])) == 3
    assert recommender.recommend(
        ["wave sand tide gull surf neverseen"], 1
    ) == recommender.recommend(["wave sand tide gull surf"], 1)


def test_no_texts_get_no_answers(recommender: Recommender) -> None:
    assert recommender.recommend([], 3) == []


def test_the_other_texts_change_nothing(recommender: Recommender, small: Path) -> None:
    some = texts(small)[:20]
    alone = [recommender.recommend([text], 3)[0] for text in some]
    assert recommender.recommend(some, 3) == alone


def test_equal_seeds_give_equal_models(
    method: str, recommender: Recommender, material: Material, small: Path, tmp_path: Path
) -> None:
    again = METHODS[method].load().fit(material, settings_of(method), tmp_path)
    some = texts(small)
    assert Recommender(material.text, again).recommend(some, 3) == recommender.recommend(some, 3)


def test_no_pickle_is_left_behind(folder: Path) -> None:
    for file in folder.rglob("*"):
        assert file.suffix not in {".pkl", ".pickle", ".joblib"}
        assert file.is_dir() or not file.read_bytes().startswith(b"\x80")


def bytes_of(posts: Inputs) -> tuple[bytes, ...]:
    """Return all that a method reads."""
    assert vars(posts).keys() == {"ids", "context"}
    parts = (posts.ids.values, posts.ids.offsets, posts.context.values, posts.context.offsets)
    return tuple(part.tobytes() for part in parts)


@pytest.fixture
def read(
    method: str, recommender: Recommender, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str], tuple[bytes, ...]]:
    """What the method gets to rank when it is asked with a text."""
    kind = METHODS[method].load()
    rank = kind.rank
    seen: list[Inputs] = []

    def watched(self: Method, posts: Inputs, k: int) -> Rows:
        seen.append(posts)
        return rank(self, posts, k)

    def read(text: str) -> tuple[bytes, ...]:
        recommender.recommend([text], 3)
        return bytes_of(seen.pop())

    monkeypatch.setattr(kind, "rank", watched)
    return read


def every_filling(place: str) -> list[str]:
    """Put each of the hashtags into the gaps of a text, beside others."""
    turns = [OTHERS[first:] + OTHERS[:first] for first in range(len(OTHERS))]
    return [place.format(*turn[: place.count("{}")]) for turn in turns]


def test_no_byte_of_what_a_method_reads_depends_on_the_hashtags(
    read: Callable[[str], tuple[bytes, ...]],
) -> None:
    for place in PLACES:
        without = read(place.replace("{}", ""))
        assert [read(text) for text in every_filling(place)] == [without] * len(OTHERS), place
    for place in SWALLOWING:
        assert len({read(text) for text in every_filling(place)}) == 1, place


def test_where_the_words_of_hashtags_are_kept_the_bytes_do_change(
    small: Path, tmp_path: Path
) -> None:
    reader = Material(small, changed(protocol="words-kept"), Parts(tmp_path)).text.reader
    for place in PLACES[:2]:
        assert len({bytes_of(reader.read([text])) for text in every_filling(place)}) > 1


def test_other_names_of_the_hashtags_change_no_byte_of_what_is_learned(
    material: Material, renamed: Material
) -> None:
    assert {hashtag.canonical for hashtag in renamed.text.hashtags} == {"日本語", "zyx_1", "wave"}
    for one, other in ((material.train, renamed.train), (material.dev, renamed.dev)):
        assert bytes_of(one.inputs) == bytes_of(other.inputs)
        assert one.labels.values.tobytes() == other.labels.values.tobytes()
    assert material.sentences.values.tobytes() == renamed.sentences.values.tobytes()
    readers = [some.text.reader for some in (material, renamed)]
    assert len({reader.words.to_str() for reader in readers}) == 1
    assert len({reader.context.to_str() for reader in readers}) == 1


def test_other_names_of_the_hashtags_change_no_answer(
    method: str, material: Material, renamed: Material, tmp_path: Path
) -> None:
    """A method that reads the names of what it can suggest is asked without that ingredient."""
    settings = msgspec.structs.replace(settings_of(method), without="names")
    ranked = []
    for number, some in enumerate((material, renamed)):
        folder = tmp_path / str(number)
        folder.mkdir()
        learned = METHODS[method].load().fit(some, settings, folder)
        posts = material.encoded("test").inputs
        ranked.append(Recommender(some.text, learned).rank(posts, 3).tolist())
    assert ranked[0] == ranked[1]


def f1_at_1(material: Material, method: Method) -> float:
    return quality_of(Recommender(material.text, method), material.encoded("test")).f1[0]


def test_with_shuffled_hashtags_nothing_beats_the_most_frequent_ones(
    method: str, shuffled: Material
) -> None:
    popularity = f1_at_1(shuffled, Popularity())
    assert popularity == pytest.approx(max(SHARES.values()), abs=MARGIN)
    settings = msgspec.structs.replace(settings_of(method), epochs=TINY.epochs)
    assert f1_at_1(shuffled, fitted(shuffled, settings)) <= popularity + MARGIN


def test_with_their_own_hashtags_the_same_posts_are_easy(tmp_path: Path) -> None:
    material = uneven_material(tmp_path, shuffle=False)
    assert f1_at_1(material, fitted(material, settings_of("neighbours"))) > 0.9
