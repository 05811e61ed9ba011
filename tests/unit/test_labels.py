"""Which hashtags a model can suggest, and how they are spelt."""

import pytest

from export.bundle import Hashtag
from trainer.corpus import LabelledPost
from trainer.errors import CorpusError
from trainer.labels import HashtagCounter, Labels, most_frequent


def post(*spellings: str) -> LabelledPost:
    return LabelledPost("1", "text", {spelling.casefold(): spelling for spelling in spellings})


def counted(*posts: LabelledPost) -> HashtagCounter:
    counter = HashtagCounter()
    for one in posts:
        counter.add(one)
    return counter


def test_the_most_frequent_come_first_and_equals_by_name() -> None:
    counter = counted(post("b", "a"), post("c"), post("c", "b"), post("a"), post("c"))
    names = [(hashtag.canonical, hashtag.count) for hashtag in counter.frequent(1)]
    assert names == [("c", 3), ("a", 2), ("b", 2)]


def test_rare_hashtags_cannot_be_suggested() -> None:
    counter = counted(post("a"), post("a"), post("b"), post("b"), post("a"))
    assert [hashtag.canonical for hashtag in counter.frequent(2)] == ["a", "b"]
    assert [hashtag.canonical for hashtag in counter.frequent(3)] == ["a"]


def test_people_s_favourite_spelling_is_suggested() -> None:
    counter = counted(post("NASA"), post("Nasa"), post("NASA"), post("nasa"))
    assert counter.frequent(1) == [Hashtag("nasa", "NASA", 4)]


def test_equally_frequent_spellings_are_told_apart_whatever_came_first() -> None:
    one, other = counted(post("Sea"), post("SEA")), counted(post("SEA"), post("Sea"))
    assert one.frequent(1) == other.frequent(1)


def test_no_frequent_hashtag_is_an_error_that_says_what_to_do() -> None:
    with pytest.raises(CorpusError, match=r"no hashtag occurs in 2 .* lower --min-count"):
        counted(post("a"), post("b")).frequent(2)


def test_labels_are_rows_without_the_unknown() -> None:
    labels = Labels([Hashtag("sea", "Sea", 5), Hashtag("sun", "SUN", 3)])
    assert labels.rows(post("SUN", "unknown", "sea")) == [1, 0]
    assert labels.rows(post("unknown")) == []
    assert labels.rows(post()) == []


def test_the_most_frequent_hashtags_of_posts_are_those_of_the_most_posts() -> None:
    posts = [post("b"), post("A", "b"), post("c"), post("b", "a")]
    assert most_frequent(posts, 2) == ["b", "a"]
    assert most_frequent(posts, 5) == ["b", "a", "c"]
