"""A champion is replaced while posts come in: each is answered by one of the two, none is lost."""

from itertools import count
from pathlib import Path

from deploy.local.process import wait_until
from export.bundle import Bundle
from export.registry import CHAMPION
from tests.support.cli import trainer
from tests.support.shelves import two_bundles
from tests.support.streams import Stream

WAIT = 60.0


def test_a_new_champion_takes_over_without_a_restart(
    stream: Stream, bundle: Bundle, texts: dict[str, str], tmp_path: Path
) -> None:
    shelf, *digests = two_bundles(bundle, tmp_path / "shelf")
    broken = shelf.bundles / ("0" * 64)
    broken.mkdir()
    (broken / "manifest.json").write_bytes(b"{}")
    worker = stream.worker(registry=str(shelf.root), model_refresh=0.2).wait_ready()

    parts = [dict(list(texts.items())[at::3]) for at in range(3)]
    answers = stream.answers()
    stream.produce_posts(parts[0])
    answers.until_answered(parts[0])
    shelf.assign(CHAMPION, broken.name, "by mistake")
    assert wait_until(lambda: worker.metric("tagstream_refused_models_total") == 1, WAIT)
    stream.produce_posts(parts[1])
    answers.until_answered(parts[1])
    assert {answer.model for answer in answers} == {digests[0][:12]}
    shelf.assign(CHAMPION, digests[1], "better")
    number = 0
    while worker.metric("tagstream_model_swaps_total") < 1:  # it takes over with the next batch
        number += 1
        stream.produce_posts({f"more-{number}": "anything"})
        answers.until_answered([f"more-{number}"])
    stream.produce_posts(parts[2])
    answers.until_answered(parts[2])
    assert {a.model for a in answers if a.id in parts[2]} == {digests[1][:12]}
    assert worker.stop() == 0
    assert max(answers.counts.values()) == 1


def test_a_rollback_under_load_gives_the_first_one_back(
    stream: Stream, bundle: Bundle, tmp_path: Path
) -> None:
    shelf, first, second = two_bundles(bundle, tmp_path / "shelf")
    worker = stream.worker(registry=str(shelf.root), model_refresh=0.2).wait_ready()
    answers, numbers, sent = stream.answers(), count(), list[str]()

    def load_until(swaps: int) -> None:
        """Send faster than it answers."""
        while worker.metric("tagstream_model_swaps_total") < swaps:
            posts = {str(next(numbers)): "by the sea" for _ in range(200)}
            stream.produce_posts(posts)
            sent.extend(posts)

    shelf.assign(CHAMPION, second, "better")
    load_until(1)
    assert trainer("rollback", shelf.root).exit_code == 0
    load_until(2)
    stream.produce_posts({"last": "by the sea"})
    answers.until_answered([*sent, "last"])
    assert {answer.id: answer.model for answer in answers}["last"] == first[:12]
    assert {answer.model for answer in answers} == {first[:12], second[:12]}
    assert worker.stop() == 0
    assert max(answers.counts.values()) == 1
