"""Many workers are one consumer group."""

from pathlib import Path

from deploy.local.process import wait_until
from tests.support.streams import Stream, post


def test_two_workers_share_the_posts_and_one_leaving_hands_over(
    stream: Stream, bundle_path: Path, texts: dict[str, str]
) -> None:
    first = stream.worker(bundle=str(bundle_path))
    second = stream.worker(bundle=str(bundle_path))
    first.wait_ready()
    second.wait_ready()
    ids = list(texts)
    before, after = ids[: len(ids) // 2], ids[len(ids) // 2 :]
    answers = stream.answers()

    stream.produce_posts({i: texts[i] for i in before})
    answers.until_answered(before)
    # A batch is counted once it is committed, a moment after its answers can be read.
    assert wait_until(lambda: first.answered + second.answered == len(before), 30)
    assert min(first.answered, second.answered) >= len(before) / 5
    assert first.stop() == 0

    stream.produce_posts({i: texts[i] for i in after})
    answers.until_answered(after)
    assert second.stop() == 0
    answers.rest()
    assert set(answers.counts.values()) == {1}
    assert answers.counts.keys() == set(ids)
    assert sum(stream.committed().values()) == len(ids)


def test_a_supervisor_runs_several_workers_as_one(
    stream: Stream, bundle_path: Path, texts: dict[str, str]
) -> None:
    supervisor = stream.worker(bundle=str(bundle_path), processes=2)
    stream.produce_posts(texts)
    answers = stream.answers()
    answers.until_answered(texts)
    assert supervisor.stop() == 0
    assert "worker_stopped" in supervisor.log.read_text()


def test_a_new_group_that_starts_at_the_end_skips_what_was_there_once(
    stream: Stream, bundle_path: Path
) -> None:
    stream.produce([(b"old", post("old", "written before anybody listened"))])
    worker = stream.worker(bundle=str(bundle_path), start="latest").wait_ready()
    stream.produce([(b"new", post("new", "written after"))])
    answers = stream.answers()
    answers.until_answered(["new"])
    assert worker.stop() == 0

    stream.produce([(b"later", post("later", "written while nobody listened"))])
    stream.worker(bundle=str(bundle_path), start="latest")
    answers.until_answered(["later"])
    assert answers.counts.keys() == {"new", "later"}


def test_repeated_posts_are_answered_from_the_cache(stream: Stream, bundle_path: Path) -> None:
    worker = stream.worker(bundle=str(bundle_path)).wait_ready()
    answers = stream.answers()
    for identity in ("1", "2"):
        stream.produce([(None, post(identity, "the same words again"))])
        answers.until_answered([identity])
    assert wait_until(lambda: worker.metric("tagstream_cache_hits_total") == 1, 30)
    first, second = answers
    assert first.suggestions == second.suggestions


def test_workers_end_with_a_supervisor_that_was_killed(stream: Stream, bundle_path: Path) -> None:
    supervisor = stream.worker(bundle=str(bundle_path), processes=2)
    supervisor.wait_ready()
    supervisor.kill()
    assert wait_until(lambda: not supervisor.ready, 30)
    assert wait_until(lambda: supervisor.log.read_text().count("worker_stopped") == 2, 30)
