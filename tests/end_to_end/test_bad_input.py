"""A thousand broken messages among a thousand posts: each gets what it deserves."""

import random
from pathlib import Path

from deploy.local.process import wait_until
from tests.support.fuzz import broken
from tests.support.streams import Stream, post

MESSAGES = 1_000


def test_good_posts_are_answered_and_bad_ones_dead_lettered_with_a_reason(
    stream: Stream, bundle_path: Path
) -> None:
    chance = random.Random(5)
    good = {f"good-{n}": f"a plain post number {n}" for n in range(MESSAGES - 2)}
    good |= {"empty": "", "only": "#OnlyAHashtag"}
    bad = {f"bad-{n}".encode(): broken(n, chance) for n in range(MESSAGES)}
    records = [(i.encode(), post(i, text)) for i, text in good.items()]
    records += list(bad.items())
    chance.shuffle(records)
    deletion: tuple[bytes, None] = (b"gone", None)

    worker = stream.worker(bundle=str(bundle_path), reject_limit="off")
    stream.produce([*records, deletion])
    answers = stream.answers()
    answers.until_answered(good)
    dead = stream.dead()
    dead.until(lambda: len(dead.records) >= MESSAGES)
    assert wait_until(lambda: worker.answered == len(good), 30)
    assert worker.metric("tagstream_skipped_records_total") == 1
    assert worker.stop() == 0

    assert answers.counts == dict.fromkeys(good, 1)
    reasons = {answer.id: answer.reason for answer in answers if not answer.suggestions}
    assert reasons == {"empty": "no_words", "only": "no_words"}
    assert {record.key for record in dead.records} == bad.keys()
    for record in dead.records:
        headers = dict(record.headers)
        assert headers["__connect.errors.exception.class.name"]
        assert headers["__connect.errors.exception.message"]
        assert headers["__connect.errors.topic"].decode() == stream.posts
        too_large = record.value is None
        assert too_large == (len(bad[record.key]) > 950_000)
        assert too_large or record.value == bad[record.key]
    assert sum(stream.committed().values()) == len(records) + 1


def test_too_many_bad_messages_stop_the_worker_and_nothing_is_lost(
    stream: Stream, bundle_path: Path
) -> None:
    stream.produce([(b"key", b"broken")] * 300)
    worker = stream.worker(bundle=str(bundle_path), max_batch_size=50)
    assert worker.process is not None
    assert worker.process.wait(60)
    assert worker.exit_code == 4
    assert "--reject-run" in worker.log.read_text()
    dead = stream.dead()
    dead.rest()
    assert len(dead.records) == sum(stream.committed().values()) == 100
