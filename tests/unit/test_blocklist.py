from pathlib import Path

import pytest
from structlog.testing import capture_logs

from worker.answers import Answerer
from worker.blocklist import SETTLED, Blocklist
from worker.errors import StartupFailedError
from worker.messages import Post
from worker.models import answerer, blocklist
from worker.predictor import Predictor
from worker.settings import ModelSettings


def test_its_hashtags_are_read_in_any_spelling(tmp_path: Path) -> None:
    file = tmp_path / "blocked.txt"
    file.write_text("\ufeff#Sea\n # hills \n\n＃CAFE\u0301\n", encoding="utf-8")
    blocked = Blocklist(file)
    assert all(name in blocked for name in ("sea", "hills", "café"))
    assert "" not in blocked
    assert "Sea" not in blocked


def test_without_a_file_nothing_is_blocked() -> None:
    blocked = Blocklist()
    blocked.refresh()
    assert "sea" not in blocked


class Clock:
    """Time that passes whenever somebody looks, or not at all."""

    def __init__(self, pace: float) -> None:
        self.now, self.pace = 0.0, pace

    def __call__(self) -> float:
        self.now += self.pace
        return self.now


def test_a_file_that_is_being_written_is_not_read(tmp_path: Path) -> None:
    file, clock = tmp_path / "blocked.txt", Clock(0.0)
    file.write_text("sea\n")
    blocked = Blocklist(file, clock)
    for content in ("hi", "hills\nda", "hills\ndales\n"):
        file.write_text(content)
        blocked.refresh()
        clock.now += 0.9 * SETTLED
        blocked.refresh()
        assert "sea" in blocked
    clock.now += 0.2 * SETTLED
    blocked.refresh()
    assert "sea" not in blocked
    assert all(name in blocked for name in ("hills", "dales"))


def test_a_change_is_seen_and_a_lost_file_changes_nothing(tmp_path: Path) -> None:
    file = tmp_path / "blocked.txt"
    file.write_text("sea\n")
    blocked = Blocklist(file, Clock(SETTLED))
    file.write_text("hills and dales\nhills\n")
    blocked.refresh()
    assert "sea" not in blocked
    assert "hills" in blocked
    file.unlink()
    with capture_logs() as logs:
        blocked.refresh()
        blocked.refresh()
    assert [line["event"] for line in logs] == ["blocklist_unreadable"]
    assert "hills" in blocked
    file.write_bytes(b"\xff\xfe")
    blocked.refresh()
    assert "hills" in blocked
    file.write_text("sea\n")
    blocked.refresh()
    assert "sea" in blocked
    assert "hills" not in blocked


@pytest.mark.parametrize("content", [None, b"\xff\xff"])
def test_one_that_cannot_be_read_stops_the_start(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "blocked.txt"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(StartupFailedError, match=r"--blocklist .*blocked\.txt cannot be read"):
        Blocklist(file)


def best(answerer: Answerer) -> dict[str, float]:
    (read,) = answerer.predictor.encode([" ".join(answerer.predictor.bundle.topics()[0])])
    answer = answerer.suggest(Post("1", ""), answerer.predictor.predict([read])[0])
    return {one.hashtag.casefold(): one.score for one in answer.suggestions}


def test_what_it_holds_is_not_suggested(predictor: Predictor, tmp_path: Path) -> None:
    first, *others = best(Answerer(predictor))
    (tmp_path / "blocked.txt").write_text(f"#{first.upper()}\n")
    found = list(best(Answerer(predictor, blocklist=Blocklist(tmp_path / "blocked.txt"))))
    assert found[:-1] == others
    assert first not in found


def test_nor_is_what_scores_too_little(predictor: Predictor) -> None:
    scores = sorted(best(Answerer(predictor, top=20)).values())
    enough = scores[len(scores) // 2]
    found = best(Answerer(predictor, top=20, min_score=enough - 1e-6))
    assert len(found) == len(scores) - len(scores) // 2
    assert best(Answerer(predictor, min_score=1.0)) == {}


def test_settings_reach_the_answers(predictor: Predictor, tmp_path: Path) -> None:
    (tmp_path / "blocked.txt").write_text("sea\n")
    path = str(tmp_path / "blocked.txt")
    settings = ModelSettings(min_score=0.25, blocklist=path)
    found = answerer(predictor, settings, blocklist(settings))
    assert found.min_score == 0.25
    assert "sea" in found.blocklist
