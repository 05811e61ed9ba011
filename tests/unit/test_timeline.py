"""Posts of all splits in one order of time, by one clock or a clock a source."""

from pathlib import Path
from typing import Any

import pytest

from tests.support.learning import write_splits
from trainer.errors import CorpusError
from trainer.timeline import IN_STEP, SIDE_BY_SIDE, joined, read_entries, timeline
from worker.messages import Post
from worker.signals import SIGNALS, Signals


def line(number: int, minute: int | None, source: str = "one", **more: Any) -> dict[str, Any]:  # noqa: ANN401
    time = {} if minute is None else {"created_at": f"2020-01-01T00:{minute:02}:00Z"}
    text = f"post {number} by @you at https://example.org #sea"
    return {"id": str(number), "text": text, "author": "me", "src": source, **time, **more}


def corpus(folder: Path, *tests: dict[str, Any]) -> Path:
    train = [line(1, 30), line(2, 10), line(3, 40, "two"), {**line(9, 1), "text": "no hashtag"}]
    return write_splits(folder, train=train, dev=[line(4, 20)], test=tests or [line(5, 50)])


def ids(folder: Path, **how: Any) -> list[str]:  # noqa: ANN401
    return [moment.post.id for moment in timeline(folder, **how)]


def test_posts_of_all_splits_are_in_the_order_of_time(tmp_path: Path) -> None:
    assert ids(corpus(tmp_path)) == ["2", "4", "1", "3", "5"]


def test_side_by_side_each_source_starts_at_the_same_time(tmp_path: Path) -> None:
    assert ids(corpus(tmp_path), clock=SIDE_BY_SIDE) == ["2", "3", "4", "1", "5"]


def test_in_step_every_stretch_of_time_has_the_same_mix_of_sources(tmp_path: Path) -> None:
    often = [line(number, number) for number in range(6)]
    once_late = [line(10 + number, 50 + number, "two") for number in range(3)]
    folder = write_splits(tmp_path, train=often[::-1], dev=[], test=once_late)
    moments = timeline(folder, clock=IN_STEP)
    assert [m.post.id for m in moments] == ["0", "10", "1", "2", "11", "3", "4", "12", "5"]
    assert moments[-1].time == pytest.approx(5 / 6 * 3.5 * 60)  # spans of 5 and 2 minutes


def test_sources_can_be_left_out(tmp_path: Path) -> None:
    assert ids(corpus(tmp_path), without=["two"]) == ["2", "4", "1", "5"]
    with pytest.raises(CorpusError, match="no test post"):
        timeline(tmp_path, without=["one"])


def test_a_post_without_a_time_has_no_place(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="post 6 has no `created_at`"):
        timeline(corpus(tmp_path, line(6, None)))


def test_ids_must_differ(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="ids repeat"):
        timeline(corpus(tmp_path, line(1, 50)))


def test_kinds_read_one_by_one_and_joined_are_those_read_together(tmp_path: Path) -> None:
    moments = timeline(corpus(tmp_path))
    read = read_entries(moments)
    for kinds in (SIGNALS, SIGNALS[:2], SIGNALS[:1]):
        together = Signals(kinds)
        assert joined(read, kinds) == [
            together.entry(Post(m.post.id, m.post.text, author="me"), m.time, m.post.hashtags)
            for m in moments
        ]
