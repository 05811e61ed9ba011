"""Whatever breaks, no post is lost; what is answered twice is counted."""

import random
from pathlib import Path

import pytest

from deploy.local.process import wait_until
from deploy.local.services import Services
from tests.support.crashing_worker import POINTS
from tests.support.kills import Load, at_random, group, judge, let_flow, until_gone
from tests.support.streams import Stream
from worker.errors import ExitCode
from worker.predictor import Predictor

KILLS = 1  # `make chaos` has a hundred


@pytest.mark.parametrize("point", sorted(POINTS["at-least-once"]))
def test_a_kill_at_a_named_point_loses_nothing(
    stream: Stream,
    bundle_path: Path,
    texts: dict[str, str],
    predictor: Predictor,
    point: str,
) -> None:
    survivor = group(stream, bundle_path, 1)[0]
    answers = stream.answers()
    with Load(stream, list(texts.values())) as load:
        let_flow(load, answers)
        crashing = stream.worker(
            "-m", "tests.support.crashing_worker", "crash", point, "3", bundle=str(bundle_path)
        )
        until_gone(crashing)
        let_flow(load, answers)
    answers.until_answered(load.sent)
    verdict = judge(answers, load.sent, predictor)
    assert survivor.stop() == 0
    assert crashing.exit_code == -9
    assert (verdict.lost, verdict.wrong) == (0, 0)
    # Answers that were flushed and not committed come twice: the window was hit.
    assert (verdict.doubled > 0) == (point != "before_send")


def test_a_call_that_never_returns_ends_the_worker(
    stream: Stream, bundle_path: Path, texts: dict[str, str]
) -> None:
    stream.produce_posts(texts)
    faulty = ("-m", "tests.support.crashing_worker", "hang", "after_flush", "2")
    settings: dict[str, str | float] = {"bundle": str(bundle_path), "max_batch_size": 50}
    hanging = stream.worker(*faulty, delivery_timeout=1, stall_timeout=37, **settings)
    until_gone(hanging)
    assert hanging.exit_code == ExitCode.STALLED
    log = hanging.log.read_text()
    assert "loop_stalled" in log
    assert 'crashing_worker.py", line' in log  # where it hung
    other = stream.worker(**settings).wait_ready()
    answers = stream.answers()
    answers.until_answered(texts)
    assert other.stop() == 0
    # The batch that was flushed and not committed comes twice.
    assert sum(count - 1 for count in answers.counts.values()) == 50


def test_a_worker_that_hangs_is_ended_when_it_is_told_to_stop(
    stream: Stream, bundle_path: Path, texts: dict[str, str]
) -> None:
    stream.produce_posts(texts)
    faulty = ("-m", "tests.support.crashing_worker", "hang", "after_flush", "1")
    hanging = stream.worker(*faulty, bundle=str(bundle_path), stop_timeout=1).wait_ready()
    answers = stream.answers()
    answers.until(lambda: len(answers.records) > 0)  # flushed, so it hangs
    assert hanging.stop() == ExitCode.STALLED
    assert "stop_took_too_long" in hanging.log.read_text()


def test_kills_at_random_moments_lose_nothing(
    stream: Stream,
    bundle_path: Path,
    texts: dict[str, str],
    predictor: Predictor,
) -> None:
    chance = random.Random(11)
    workers = group(stream, bundle_path)
    answers = stream.answers()
    with Load(stream, list(texts.values())) as load:
        for _ in range(KILLS):
            let_flow(load, answers)
            victim = chance.randrange(len(workers))
            at_random(chance, workers[victim].kill)
            workers[victim] = stream.worker(bundle=str(bundle_path)).wait_ready()
    answers.until_answered(load.sent)
    assert [worker.stop() for worker in workers] == [0, 0]
    verdict = judge(answers, load.sent, predictor)
    assert (verdict.lost, verdict.wrong) == (0, 0)


def test_a_broker_restart_and_a_redis_outage_lose_nothing(
    fragile: Stream,
    own_services: Services,
    bundle_path: Path,
    texts: dict[str, str],
    predictor: Predictor,
) -> None:
    workers = group(fragile, bundle_path)
    answers = fragile.answers()
    with Load(fragile, list(texts.values())) as load:
        let_flow(load, answers)
        own_services.redis.stop()
        let_flow(load, answers)
        assert sum(worker.metric("tagstream_cache_errors_total") for worker in workers) > 0
        own_services.redis.start()
        let_flow(load, answers)
        own_services.broker.restart()
        let_flow(load, answers)
    answers.until_answered(load.sent)
    assert [worker.stop() for worker in workers] == [0, 0]
    verdict = judge(answers, load.sent, predictor)
    assert (verdict.lost, verdict.wrong) == (0, 0)


def test_workers_without_posts_notice_that_the_broker_is_gone_and_back(
    fragile: Stream, own_services: Services, bundle_path: Path
) -> None:
    clients = ("kafka-python", "confluent-kafka")
    workers = [fragile.worker(bundle=str(bundle_path), client=client) for client in clients]
    for worker in workers:
        worker.wait_ready()
    own_services.broker.kill()
    assert wait_until(lambda: not any(worker.ready for worker in workers), 60)
    assert [worker.metric("tagstream_ready") for worker in workers] == [0, 0]
    own_services.broker.start()
    assert wait_until(lambda: all(worker.ready for worker in workers), 120)
    assert [worker.metric("tagstream_ready") for worker in workers] == [1, 1]
    assert [worker.stop() for worker in workers] == [0, 0]
