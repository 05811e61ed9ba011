"""A model is learned from a window of collected posts, split by time."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.support.cli import assert_one_line, squeezed, trainer
from tests.support.collecting import collect, collector
from tests.support.inmemory import InMemoryTopic
from tests.support.learning import planted_posts
from trainer import snapshot
from trainer.corpus import CorpusReader, LabelledPost, split
from trainer.post_files import PostFiles
from trainer.runs import Run
from trainer.snapshot import CARD, SPLITS, Snapshot

COUNT, DAYS = 600, 3
NOW = datetime.now(UTC)
TINY = ["--method", "popularity", "--min-count", 2, "--min-word-count", 1]


@pytest.fixture(scope="module")
def collected(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Posts of the last three days, that came in no order of time."""
    posts = planted_posts(COUNT, seed=3)
    for number, post in enumerate(posts):
        place = number * 7 % COUNT
        written = NOW - timedelta(days=DAYS * (place + 1) / COUNT)
        post |= {"created_at": written.isoformat(), "author": "me"}
    return collect(tmp_path_factory.mktemp("collected") / "posts", posts)


def posts_of(corpus: Path) -> dict[str, list[LabelledPost]]:
    return {name: list(split(corpus, name)) for name in SPLITS}


def times(posts: list[LabelledPost]) -> list[datetime]:
    return [datetime.fromisoformat(post.created_at or "") for post in posts]


def test_the_newest_tenth_is_test_and_the_tenth_before_it_dev(
    collected: Path, tmp_path: Path
) -> None:
    result = trainer("snapshot", collected, tmp_path / "corpus")
    assert result.exit_code == 0, result.output
    found = posts_of(tmp_path / "corpus")
    assert {name: len(posts) for name, posts in found.items()} == {
        "train": 480, "dev": 60, "test": 60,
    }  # fmt: skip
    assert max(times(found["train"])) < min(times(found["dev"]))
    assert max(times(found["dev"])) < min(times(found["test"]))
    assert len({post.id for posts in found.values() for post in posts}) == COUNT
    assert all(len(post.hashtags) == 1 and post.author == "me" for post in found["test"])
    assert "train, 480 posts, from" in result.output
    card = msgspec.json.decode((tmp_path / "corpus" / CARD).read_bytes(), type=Snapshot)
    assert card.posts == {"train": 480, "dev": 60, "test": 60}
    assert card.begin["test"] == min(times(found["test"]))


def test_a_window_is_the_last_hours_or_between_two_times(collected: Path, tmp_path: Path) -> None:
    assert trainer("snapshot", collected, tmp_path / "a", "--since", "24h").exit_code == 0
    first = min(time for posts in posts_of(tmp_path / "a").values() for time in times(posts))
    assert NOW - timedelta(hours=24) <= first <= NOW - timedelta(hours=23)
    a, b = NOW - timedelta(days=2), NOW - timedelta(days=1)
    between = ("--between", a.isoformat(), b.isoformat())
    assert trainer("snapshot", collected, tmp_path / "b", *between).exit_code == 0
    found = [time for posts in posts_of(tmp_path / "b").values() for time in times(posts)]
    assert len(found) == 200
    assert a <= min(found) <= max(found) < b


def test_fit_learns_from_its_own_snapshot_which_lasts(tmp_path: Path) -> None:
    url = collect(tmp_path / "posts", recent(200))
    result = trainer("fit", url, tmp_path / "run", "--since", "30d", *TINY)
    assert result.exit_code == 0, result.output
    before = posts_of(tmp_path / "run" / "corpus")
    assert sum(map(len, before.values())) == 200
    assert Run(tmp_path / "run").text.data.train_posts == len(before["train"])
    collect(url, recent(300))
    again = trainer("fit", url, tmp_path / "run", "--since", "30d", "--resume", *TINY)
    assert again.exit_code == 0, again.output
    assert posts_of(tmp_path / "run" / "corpus") == before


def recent(count: int) -> list[dict[str, str]]:
    posts = planted_posts(count, seed=5)
    for number, post in enumerate(posts):
        post["created_at"] = (NOW - timedelta(minutes=count - number)).isoformat()
    return posts


def test_a_run_goes_on_with_the_window_it_was_begun_with(collected: Path, tmp_path: Path) -> None:
    assert trainer("fit", collected, tmp_path / "run", *TINY).exit_code == 0
    other = trainer("fit", collected, tmp_path / "run", "--since", "1d", "--resume", *TINY)
    assert_one_line(other, "was begun on", "all times", "go on as it was begun")
    anew = trainer("fit", collected, tmp_path / "run", *TINY)
    assert_one_line(anew, "holds a run; give --resume")


@pytest.mark.parametrize(
    ("window", "words"),
    [
        (["--between", "2001-01-01", "2001-02-01"], "has no posts, between 2001-01-01"),
        (["--since", "1h"], "too few moments"),
    ],
)
def test_a_window_without_enough_posts_is_told(
    collected: Path, tmp_path: Path, window: list[str], words: str
) -> None:
    if window[1] == "1h":
        collected = collect(tmp_path / "two", recent(2))
    result = trainer("fit", collected, tmp_path / "run", *window)
    assert_one_line(result, words, "window")
    assert not (tmp_path / "run" / "corpus").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--since", "a month"], "'a month' is no span of time such as 30d or 12h"),
        (["--since", "1d", "--between", "2026-01-01", "2026-02-01"], "not both"),
        (["--between", "2026-02-01", "2026-01-01"], "the first time is to be before the second"),
        (["--between", "soon", "2026-01-01"], "'soon' is no time"),
    ],
)
def test_a_window_that_is_none_is_refused(
    collected: Path, tmp_path: Path, arguments: list[str], words: str
) -> None:
    result = trainer("fit", collected, tmp_path / "run", *arguments)
    assert result.exit_code == 2
    assert words in squeezed(result.stderr)


def test_a_folder_with_splits_has_no_window(corpus: Path, tmp_path: Path) -> None:
    result = trainer("fit", corpus, tmp_path / "run", "--since", "1d")
    assert result.exit_code == 2
    assert "are for collected posts" in result.stderr


def test_a_url_without_posts_is_told(tmp_path: Path) -> None:
    result = trainer("fit", "memory://nothing", tmp_path / "run")
    assert_one_line(result, "memory://nothing has no posts; `trainer collect")
    result = trainer("fit", tmp_path / "nowhere", tmp_path / "run")
    assert result.exit_code == 2
    assert "does not exist" in result.stderr


def test_what_was_cut_short_is_taken_again(
    collected: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr("trainer.snapshot.write_durably", full)
        assert_one_line(trainer("fit", collected, tmp_path / "run", *TINY), "the disk is full")
    assert not (tmp_path / "run" / "corpus").exists()
    assert trainer("fit", collected, tmp_path / "run", *TINY).exit_code == 0
    train = CorpusReader(tmp_path / "run" / "corpus" / "train.jsonl.zst")
    assert len(list(train)) == 480


def test_a_post_that_comes_late_while_it_is_taken_is_put_by_its_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, begin = collect(tmp_path / "posts", recent(100)), snapshot._begin
    old = {"id": "late", "text": "#sea", "created_at": (NOW - timedelta(days=9)).isoformat()}

    def meanwhile(*given: Any) -> list[int]:  # noqa: ANN401
        # Of another topic: its offsets begin at 0 too.
        topic = InMemoryTopic("others")
        topic.append(msgspec.json.encode(old))
        one, _ = collector(topic, PostFiles(str(folder)))
        one.step()
        one.flush()
        return begin(*given)

    monkeypatch.setattr(snapshot, "_begin", meanwhile)
    assert trainer("snapshot", folder, tmp_path / "corpus").exit_code == 0
    assert next(iter(split(tmp_path / "corpus", "train"))).id == "late"
    assert "late" not in [post.id for post in split(tmp_path / "corpus", "test")]


def test_a_folder_that_is_there_is_not_written_to(collected: Path, tmp_path: Path) -> None:
    assert_one_line(trainer("snapshot", collected, tmp_path), "is there already")
