"""The posts that pictures show are nobody's, and do not give their hashtags away."""

from deploy.invented_posts import LAST, SUBJECTS, TYPED, invented
from export.text import find_hashtags, without_hashtags

TAGS = {tag for tags in SUBJECTS for tag in tags.split()}


def test_they_are_the_same_each_time_and_all_have_hashtags() -> None:
    posts = list(invented(500, 7))
    assert posts == list(invented(500, 7))
    assert len({post["id"] for post in posts}) == 500
    assert {tag for post in posts for tag in find_hashtags(post["text"])} == TAGS
    assert all(find_hashtags(post["text"]) for post in posts)


def test_no_word_is_a_hashtag() -> None:
    texts = [without_hashtags(post["text"]) for post in invented(500, 7)]
    for text in (*texts, *LAST, TYPED, *SUBJECTS.values()):
        assert not TAGS & set(text.replace(",", " ").replace("?", " ").split())
