"""Predict, then add: no post is answered with what came after it."""

from collections.abc import Sequence

import numpy as np
import pytest

from tests.unit.test_memory import post
from trainer.corpus import LabelledPost
from trainer.replay import Delay, Scores, votes
from trainer.replay_ways import DELAYS, Way, subsets, ways
from trainer.timeline import SIDE_BY_SIDE, Moment
from worker.memory import Memory
from worker.memory_entries import MAX_TAG_BYTES, Entry
from worker.memory_room import Sizes

HOUR, DAY = 3_600.0, 86_400.0
STREAM = [post(tag, time=10.0 * number) for number, tag in enumerate(["a", "b", "c", "d"])]


def known_at(asked: int, delay: Delay, stream: Sequence[Entry] = STREAM) -> set[str]:
    [(found,)] = votes(stream, [asked], [Memory(Sizes(posts=10))], delay)
    return set(found.shares)


def test_a_post_is_answered_with_those_before_it() -> None:
    assert [known_at(row, Delay()) for row in range(4)] == [set(), {"a"}, {"a", "b"}, {*"abc"}]


@pytest.mark.parametrize(
    ("delay", "known"),
    [
        (Delay(posts=1), {"a", "b"}),
        (Delay(posts=9), set()),
        (Delay(seconds=10.0), {"a", "b", "c"}),
        (Delay(seconds=10.5), {"a", "b"}),
        (Delay(posts=2, seconds=10.0), {"a"}),
    ],
)
def test_what_comes_late_is_not_known_yet(delay: Delay, known: set[str]) -> None:
    assert known_at(3, delay) == known


def test_a_post_whose_hashtag_is_too_long_is_passed_over() -> None:
    stream = [post("é" * MAX_TAG_BYTES), *STREAM]
    assert known_at(2, Delay(), stream) == {"a"}


def test_scores_count_every_post() -> None:
    moments = [
        Moment(0.0, "test", LabelledPost(str(n), "", {"a": "A", "b": "b"})) for n in range(2)
    ]
    scores = Scores.of([["a"], []], moments)
    assert scores.hits.tolist() == [[True, *[False] * 4], [False] * 5]
    assert scores.quality.f1[0] == pytest.approx(2 * 0.5 * 0.25 / 0.75)
    assert scores.interval.low <= 100 * scores.quality.f1[0] <= scores.interval.high
    assert scores.take(np.array([0])).quality.hit[0] == 1.0


class TestWays:
    def test_every_signal_set_is_replayed_guarded_and_not_and_side_by_side(self) -> None:
        found = list(ways(("archive",)))
        assert len(found) == len(set(found)) == 6 + 9 + len(DELAYS)
        headline = Way(SIDE_BY_SIDE, without=("archive",))
        assert headline in found
        assert all(way.guards for way in found if way.protocol == SIDE_BY_SIDE)

    def test_without_sources_to_leave_out_there_are_fewer(self) -> None:
        assert len(list(ways(()))) == 6 + 3 + len(DELAYS)

    def test_posts_are_told_by_source_age_and_near_repeats(self) -> None:
        times = [0.0, HOUR / 2, DAY / 2, 2 * DAY, 2 * DAY]
        tags = ["a", "a", "a", "a", "new"]
        moments = [
            Moment(time, "test" if number else "train", LabelledPost(
                str(number), "", {tag: tag}, source="one" if number < 3 else "two"
            ))
            for number, (time, tag) in enumerate(zip(times, tags, strict=True))
        ]  # fmt: skip
        found = subsets(Way(), moments, [1, 2, 3, 4], frozenset(["2"]))
        told = {name: rows.tolist() for name, rows in found.items() if "part" not in name}
        assert told == {
            "all": [0, 1, 2, 3],
            "without near repeats": [0, 2, 3],
            "source one": [0, 1],
            "source two": [2, 3],
            "hashtag under an hour": [0],
            "hashtag under a day": [1],
            "hashtag older": [2],
            "hashtag unseen": [3],
        }
        assert list(subsets(Way(delay=DELAYS[0]), moments, [1], frozenset())) == ["all"]
