"""The synthetic corpus keeps its promises, and its optimum is one: tight, and never beaten."""

from __future__ import annotations

import io
import json
import re
from collections import Counter
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import zstandard

from trainer.synthetic import (
    SyntheticCorpus,
    SyntheticPost,
    SyntheticSettings,
    generate,
    optimum,
    write_corpus,
)
from trainer.tag_laws import Optimum, TagLaw, judge

if TYPE_CHECKING:
    from pathlib import Path

HASHTAG = re.compile(r"(?<![\w&])#(\w+)")
SMALL = SyntheticSettings(posts=6_000, subjects=40, topics=8, seed=7)
TINY = SyntheticSettings(posts=200, subjects=6, topics=2, seed=1)
LAW = TagLaw("main", ("a", "b", "c", "d", "e"), (("pair", 0.35), ("broad", 0.15)), 0.13)


@pytest.fixture(scope="module")
def corpus() -> SyntheticCorpus:
    return generate(SMALL)


def read_posts(path: Path) -> list[dict[str, Any]]:
    with zstandard.open(path, "rb") as file:
        return [json.loads(line) for line in io.TextIOWrapper(file, encoding="utf-8")]


def stripped_words(text: str) -> list[str]:
    return re.findall(r"\w+", HASHTAG.sub(" ", text).casefold())


def words_by_split(corpus: SyntheticCorpus, split: str) -> set[tuple[str, ...]]:
    return {tuple(stripped_words(corpus.posts[i].text)) for i in corpus.splits[split]}


def share(flags: list[bool]) -> float:
    return sum(flags) / len(flags)


def test_equal_settings_write_equal_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_corpus(TINY, tmp_path / name)
    names = sorted(path.name for path in (tmp_path / "one").iterdir())
    assert names == ["dev.jsonl.zst", "optimum.json", "test.jsonl.zst", "train.jsonl.zst"]
    for name in names:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_another_seed_writes_another_corpus() -> None:
    other = SyntheticSettings(posts=200, subjects=6, topics=2, seed=2)
    texts = {post.text for post in generate(TINY).posts}
    assert texts.isdisjoint(post.text for post in generate(other).posts)


def test_files_hold_the_posts_cut_by_time(tmp_path: Path) -> None:
    summary = write_corpus(TINY, tmp_path)
    splits = [read_posts(tmp_path / f"{name}.jsonl.zst") for name in ("train", "dev", "test")]
    assert [len(posts) for posts in splits] == [160, 20, 20] == list(summary.posts.values())
    posts = [post for split in splits for post in split]
    assert all(list(post) == ["id", "text", "tags", "created_at", "author"] for post in posts)
    assert all(
        re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", post["created_at"]) for post in posts
    )
    times = [post["created_at"] for post in posts]
    assert times == sorted(times)
    assert len({post["id"] for post in posts}) == len(posts)


def test_optimum_file_names_figures_and_settings(tmp_path: Path) -> None:
    summary = write_corpus(TINY, tmp_path)
    content = json.loads((tmp_path / "optimum.json").read_text())
    assert content["optimum"]["test"] == pytest.approx(summary.optimum["test"].figures())
    assert content["settings"]["noise"] == TINY.noise
    memory = content["optimum_with_memory"]["dev"]
    assert all(memory[name] >= figure for name, figure in content["optimum"]["dev"].items())


def test_tags_of_the_text_are_the_tags(corpus: SyntheticCorpus) -> None:
    for post in corpus.posts:
        assert tuple(tag.casefold() for tag in HASHTAG.findall(post.text)) == post.tags
        assert len(set(post.tags)) == len(post.tags)


def test_no_tag_is_a_plain_word(corpus: SyntheticCorpus) -> None:
    tags = {tag for post in corpus.posts for tag in post.tags}
    assert tags.isdisjoint(word for post in corpus.posts for word in stripped_words(post.text))


def test_no_text_of_one_split_is_in_another(corpus: SyntheticCorpus) -> None:
    for one, other in combinations(corpus.splits, 2):
        assert words_by_split(corpus, one).isdisjoint(words_by_split(corpus, other))


def test_repeats_copy_text_tags_and_subject_of_an_earlier_post(corpus: SyntheticCorpus) -> None:
    assert share([origin.repeat for origin in corpus.origins]) == pytest.approx(0.10, abs=0.015)
    for split in corpus.splits.values():
        earlier: dict[str, tuple[tuple[str, ...], int]] = {}
        for post, origin in zip(
            corpus.posts[split.start : split.stop],
            corpus.origins[split.start : split.stop],
            strict=True,
        ):
            assert (post.text in earlier) == origin.repeat
            assert earlier.setdefault(post.text, (post.tags, origin.subject)) == (
                post.tags,
                origin.subject,
            )


def test_a_tenth_of_the_subjects_is_born_late(corpus: SyntheticCorpus) -> None:
    half = len(corpus.posts) // 2
    early = {origin.subject for origin in corpus.origins[:half]}
    late = {origin.subject for origin in corpus.origins[half:]} - early
    assert len(late) == 4
    old_tags = {tag for post in corpus.posts[:half] for tag in post.tags}
    old_words = {word for post in corpus.posts[:half] for word in stripped_words(post.text)}
    mains = {origin.law.main for origin in corpus.origins if origin.subject in late}
    assert len(mains) == 4
    assert mains.isdisjoint(old_tags)
    new = Counter(
        word
        for post, origin in zip(corpus.posts[half:], corpus.origins[half:], strict=True)
        if origin.subject in late
        for word in set(stripped_words(post.text)) - old_words
    )
    # Each subject has twelve words of its own, and some are rare.
    assert sum(count >= 5 for count in new.values()) >= 4 * 8


def test_posts_have_the_promised_shape(corpus: SyntheticCorpus) -> None:
    texts = [post.text for post in corpus.posts]
    sizes = Counter(len(post.tags) for post in corpus.posts)
    assert set(sizes) == {1, 2, 3}
    assert share([len(post.tags) > 1 for post in corpus.posts]) == pytest.approx(0.45, abs=0.03)
    assert share(["@" in text for text in texts]) == pytest.approx(0.30, abs=0.03)
    assert share(["http://t.co/" in text for text in texts]) == pytest.approx(0.25, abs=0.03)
    assert share(["&" in text for text in texts]) == pytest.approx(0.10, abs=0.02)
    assert share([text.startswith("#") for text in texts]) > 0.1
    assert share([text.split()[-1].startswith("#") for text in texts]) > 0.3
    plain = [sum(token.isalpha() and token.isascii() for token in text.split()) for text in texts]
    assert min(plain) == 8
    assert max(plain) == 16


def test_leading_tag_is_noise_at_the_promised_rate(corpus: SyntheticCorpus) -> None:
    noisy = [
        origin.law.main not in post.tags
        for post, origin in zip(corpus.posts, corpus.origins, strict=True)
    ]
    assert share(noisy) == pytest.approx(SMALL.noise, abs=0.02)


@pytest.mark.parametrize("noise", [0.0, 0.13, 0.4])
@pytest.mark.parametrize("peers", [0, 2, 5, 8])
@pytest.mark.parametrize("shares", [(0.35, 0.15), (0.5, 0.01), (0.02, 0.0)])
def test_best_answers_are_the_best_of_all(
    noise: float, peers: int, shares: tuple[float, float]
) -> None:
    others = tuple("abcdefgh"[:peers])
    law = TagLaw("main", others, tuple(zip(("pair", "broad"), shares, strict=True)), noise)
    every = ["main", *others, "pair", "broad"]
    best = max(law.hit_rate(chosen) for chosen in combinations(every, min(5, len(every))))
    assert law.best_one == ("main",)
    assert law.hit_rate(law.best_five) == pytest.approx(best)


def test_the_likeliest_five_are_not_the_best_five() -> None:
    # The five likeliest tags miss .13 * .65 * .85 * 3/5 of the posts; main and four others, 1/5.
    assert LAW.hit_rate(LAW.ranking[:5]) == pytest.approx(1 - 0.13 * 0.65 * 0.85 * 0.6)
    assert LAW.hit_rate(LAW.best_five) == pytest.approx(1 - 0.13 * 0.2)


def test_a_law_draws_what_it_says() -> None:
    rng = np.random.default_rng(0)
    drawn = [LAW.draw(rng) for _ in range(20_000)]
    for chosen in (("main",), ("pair",), ("a", "broad"), LAW.best_five):
        hits = share([not set(chosen).isdisjoint(tags) for tags in drawn])
        assert hits == pytest.approx(LAW.hit_rate(chosen), abs=0.01)


def test_a_tag_alone_in_its_topic_has_no_noise() -> None:
    law = TagLaw("main", (), (("pair", 0.35),), 0.13)
    assert law.hit_rate(("main",)) == 1


def test_figures_by_hand() -> None:
    five = ("x", "y")
    best = judge([(("x",), five, ("x",)), (("x",), five, ("y", "x")), (("x",), five, ("y",))])
    assert best == Optimum(precision_at_1=2 / 3, recall_at_1=0.5, hit_at_5=1.0)
    assert best.f1_at_1 == pytest.approx(2 * (2 / 3) * 0.5 / (2 / 3 + 0.5))
    assert judge([(("x",), five, ("z",))]).f1_at_1 == 0


def test_optimum_is_what_the_settings_imply() -> None:
    corpus = generate(SyntheticSettings(posts=12_000, subjects=20, topics=4, repeats=0.0))
    best = optimum(corpus, "train")
    # The number of tags is 1 + two coins of .35 and .15, whichever tag leads.
    inverse = 0.65 * 0.85 + (0.35 * 0.85 + 0.65 * 0.15) / 2 + 0.35 * 0.15 / 3
    assert best.precision_at_1 == pytest.approx(0.87, abs=0.01)
    assert best.recall_at_1 == pytest.approx(0.87 * inverse, abs=0.01)
    assert best == optimum(corpus, "train", memory=True)


def test_one_who_remembers_the_stream_can_beat_the_optimum(corpus: SyntheticCorpus) -> None:
    remembering = optimum(corpus, "test", memory=True)
    assert remembering.f1_at_1 > optimum(corpus, "test").f1_at_1


@pytest.mark.parametrize(
    "wrong",
    [
        {"posts": 9},
        {"topics": 0},
        {"topics": 121},
        {"slang": 1.5},
        {"noise": 0.7},
        {"born_late": 1.0},
    ],
)
def test_impossible_settings_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        SyntheticSettings(**wrong)


class NaiveBayes:
    """Multinomial, over tags, with add-a-tenth smoothing."""

    def __init__(self, posts: list[SyntheticPost]) -> None:
        self.tags = sorted({tag for post in posts for tag in post.tags})
        vocabulary = sorted({word for post in posts for word in stripped_words(post.text)})
        self.column = {word: column for column, word in enumerate(vocabulary)}
        row = {tag: number for number, tag in enumerate(self.tags)}
        counts = np.full((len(self.tags), len(vocabulary)), 0.1)
        carried = np.zeros(len(self.tags))
        for post in posts:
            columns = self.columns(post)
            for tag in post.tags:
                carried[row[tag]] += 1
                np.add.at(counts[row[tag]], columns, 1)
        self.prior = np.log(carried / carried.sum())
        self.likelihood = np.log(counts / counts.sum(axis=1, keepdims=True))

    def columns(self, post: SyntheticPost) -> list[int]:
        words = stripped_words(post.text)
        return [self.column[word] for word in words if word in self.column]

    def five(self, post: SyntheticPost) -> list[str]:
        scores = self.prior + self.likelihood[:, self.columns(post)].sum(axis=1)
        return [self.tags[number] for number in np.argsort(-scores)[:5]]


def test_naive_bayes_comes_close_to_the_optimum(corpus: SyntheticCorpus) -> None:
    train, test = (
        [corpus.posts[index] for index in corpus.splits[split]] for split in ("train", "test")
    )
    model = NaiveBayes(train)
    answers = [model.five(post) for post in test]
    reached = judge((five[:1], five, post.tags) for five, post in zip(answers, test, strict=True))
    best = optimum(corpus, "test")
    assert 0.65 < best.f1_at_1 < 0.80
    assert 0.9 <= reached.f1_at_1 / best.f1_at_1 <= 1.0
    assert reached.hit_at_5 <= best.hit_at_5
