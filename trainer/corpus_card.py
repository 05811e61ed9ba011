"""What a corpus is: Table 1 of the paper, and what tells how hard the corpus is."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from trainer.corpus import split
from trainer.results import EvidenceRow
from trainer.study import Case, Study

SPLITS = ("train", "dev", "test")


class CorpusRow(EvidenceRow, frozen=True, kw_only=True):
    """Counts over all three splits; `vocabulary` are the words that a model reads.

    `frequent` counts the hashtags that models suggest, those of at least `min_count` training
    posts; `unseen` is the share of the test posts' hashtags that no training post has, in per
    cent, and `reachable` that of test posts with one that models suggest.
    """

    tweets: list[int]
    hashtags: int
    vocabulary: int
    hashtags_per_tweet: float
    min_count: int
    frequent: int
    unseen: float
    reachable: float


def corpus_row(study: Study, case: Case, about: Mapping[str, Any]) -> CorpusRow:
    """Return the statistics of a study's corpus as a cell reads it; `about`, all rows' fields."""
    counts: dict[str, Counter[str]] = {}
    posts = {}
    reachable = 0
    material = study.material(case)
    for name in SPLITS:
        counts[name], posts[name] = Counter(), 0
        for post in split(study.corpus, name):
            counts[name].update(post.hashtags)
            posts[name] += 1
            reachable += name == "test" and bool(material.labels.rows(post))
    everything = sum(counts.values(), Counter())
    test = counts["test"]
    unseen = sum(count for tag, count in test.items() if tag not in counts["train"])
    return CorpusRow(
        **about,
        tweets=[posts[name] for name in SPLITS],
        hashtags=len(everything),
        vocabulary=material.words,
        hashtags_per_tweet=round(everything.total() / sum(posts.values()), 3),
        min_count=material.settings.min_count,
        frequent=len(material.text.hashtags),
        unseen=round(100 * unseen / max(1, test.total()), 2),
        reachable=round(100 * reachable / max(1, posts["test"]), 2),
    )


class TopicsRow(EvidenceRow, frozen=True, kw_only=True):
    """The top words of each topic, the topic that most posts of train lean to first."""

    topics: list[list[str]]


def topics_row(study: Study, case: Case, about: Mapping[str, Any]) -> TopicsRow:
    """Return the topics that the networks of a cell read; `about`, the fields of all rows."""
    material = study.material(case)
    ids = material.text.reader.words.get_vocab()
    words = material.topics.top_words(sorted(ids, key=ids.__getitem__))
    order = (-material.theta.train.mean(axis=0)).argsort(kind="stable")
    return TopicsRow(
        **about,
        topics=[words[topic] for topic in order],
    )
