"""`worker status` and the log show what a real worker did."""

import json

from click.testing import CliRunner

from export.bundle import Bundle
from tests.support.streams import Stream
from worker.cli import main


def test_a_worker_is_shown_as_it_is(
    stream: Stream, bundle: Bundle, bundle_path: str, texts: dict[str, str]
) -> None:
    worker = stream.worker(bundle=str(bundle_path), slot=0, log_level="debug").wait_ready()
    stream.produce_posts(texts)
    stream.produce([(b"bad", b"no post")])
    stream.answers().until_answered(texts)
    stream.dead().until(lambda: worker.metric("tagstream_dead_letters_total") == 1)
    url = f"http://127.0.0.1:{worker.port}"
    result = CliRunner().invoke(main, ["status", "--json", "--interval", "0.1", "--url", url])
    told = json.loads(result.stdout)
    (one,) = told["workers"]
    assert one["state"] == "ready"
    shown = {"model": bundle.digest, "method": "tab-lstm", "variant": "cpu-fp32", "device": "cpu"}
    assert one["models"] == [{"role": "champion", **shown}]
    assert one["reading"]["topic"] == stream.posts
    assert told["partitions"] == {str(number): 0 for number in range(stream.partitions)}
    counted = told["since_start"]
    assert (counted["records"], counted["answers"]) == (len(texts) + 1, len(texts))
    assert counted["dead_letters"] == {"not_json": 1}
    assert counted["cache_hits"] + counted["cache_misses"] == len(texts)
    assert counted["latency_seconds"]["p50"] > 0
    assert worker.stop() == 0
    lines = [json.loads(line) for line in worker.log.read_text().splitlines()]
    batches = [line for line in lines if line["event"] == "batch"]
    assert sum(line["posts"] for line in batches) == len(texts) + 1
    assert {line["slot"] for line in batches} == {0}
