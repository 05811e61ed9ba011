"""A second model, learned from what came meanwhile, is better than the first one kept on."""

from itertools import chain
from pathlib import Path
from xml.etree import ElementTree as ET

from benchmarks.fresh_stream import FreshStream
from benchmarks.freshness import KEPT, SERVED, draw, live_through, told
from tests.conftest import Addresses
from tests.support.drifting import drifting_corpus
from tests.support.retraining import FLAGS
from trainer.timeline import timeline

POSTS = 1_200


def test_a_model_learned_again_is_surely_better_than_the_first_kept_on(
    addresses: Addresses, unique: str, tmp_path: Path
) -> None:
    moments = timeline(drifting_corpus(tmp_path / "corpus", POSTS, ages=2))
    posts = [moment.post for moment in moments]
    stream = FreshStream(addresses.kafka, unique, tmp_path / "work", posts)
    flags = chain.from_iterable((f"--{name}", str(value)) for name, value in FLAGS.items())
    lived = live_through(stream, list(flags))
    found = told(lived, moments)
    assert found["lost"] == found["answered_twice"] == {KEPT: 0, SERVED: 0}
    assert found["dead_letters"] == 0
    assert lived.first != lived.second
    models = {
        post.id: one.model for post in posts if (one := lived.received[SERVED].answers.get(post.id))
    }
    answered = [models[post.id] for post in posts[POSTS // 2 :]]
    assert set(answered) == {lived.first[:12], lived.second[:12]}
    assert set(answered[lived.replaced - POSTS // 2 :]) == {lived.second[:12]}
    assert {one.model for one in lived.received[KEPT].answers.values()} == {lived.first[:12]}
    assert found["more_f1_at_1"]["low"] > 0
    assert lived.counted[SERVED] > lived.counted[KEPT]  # as the workers themselves counted
    lines = [one for one in ET.fromstring(draw(lived, moments)).iter() if one.get("points")]  # noqa: S314
    assert len(lines) == 2
