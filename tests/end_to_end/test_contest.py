"""A challenger beside the champion on a real stream: its share, its shadow, and its end."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from deploy.local.process import wait_until
from export.bundle import Bundle
from export.registry import CHALLENGER
from tests.support.shelves import published, spoil, two_bundles
from tests.support.streams import Stream, post
from worker.cli import main
from worker.contest import challenged

SHARE, WAIT = 0.4, 60.0
ANSWERED = "messaging_client_sent_messages_total"
SCORED, APART = "tagstream_prequential_posts_total", "tagstream_prequential_posts_apart_total"


@pytest.mark.parametrize("shadow", [False, True])
def test_both_answer_or_are_scored_until_the_challenger_breaks(
    stream: Stream, bundle: Bundle, texts: dict[str, str], tmp_path: Path, *, shadow: bool
) -> None:
    shelf, first, second = two_bundles(bundle, tmp_path / "shelf")
    shelf.assign(CHALLENGER, second, "learned")
    worker = stream.worker(
        registry=str(shelf.root),
        model_refresh=0.2,
        challenger_share=SHARE,
        **({"shadow": True} if shadow else {}),
    ).wait_ready()
    answers = stream.answers()
    stream.produce(
        (one.encode(), post(one, text, hashtags=[f"tag{one}"])) for one, text in texts.items()
    )
    answers.until_answered(texts)
    assert wait_until(lambda: worker.metric(ANSWERED) == len(texts), WAIT)
    its = {one for one in texts if challenged(one, SHARE)}
    by_second = {answer.id for answer in answers if answer.model == second[:12]}
    assert by_second == (set() if shadow else its)
    first_scored = worker.metric(SCORED, model_version=first[:12])
    second_scored = worker.metric(SCORED, model_version=second[:12])
    published_scores = first_scored + (0 if shadow else second_scored)
    assert published_scores + worker.metric(APART) == len(texts)
    assert 0 < second_scored <= len(its)
    assert shown(worker.port) == {
        ("champion", first): first_scored,
        ("challenger", second): second_scored,
    }

    third = published(shelf, bundle, "third")
    spoil(shelf, third)
    shelf.assign(CHALLENGER, third, "broken")
    assert wait_until(lambda: worker.metric("tagstream_refused_models_total") == 1, WAIT)
    later = {f"later-{one}": text for one, text in texts.items()}
    stream.produce_posts(later)
    answers.until_answered(later)
    assert {answer.model for answer in answers if answer.id in later} == {first[:12]}
    assert [model for model, _ in shown(worker.port)] == ["champion"]
    assert worker.stop() == 0
    assert max(answers.counts.values()) == 1


def shown(port: int) -> dict[tuple[str, str], int]:
    """Return what `worker status` tells of the models that answer, and of how many posts."""
    url = f"http://127.0.0.1:{port}"
    result = CliRunner().invoke(main, ["status", "--json", "--interval", "0.1", "--url", url])
    told = json.loads(result.stdout)
    (one,) = told["workers"]
    counted = told["since_start"]["by_model"]
    return {
        (model["role"], model["model"]): counted[model["model"][:12]]["scored"]
        for model in one["models"]
    }
