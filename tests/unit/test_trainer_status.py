"""`trainer status` says whether a champion still fits what is collected."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import Result

from export.bundle import Bundle, write_bundle
from export.registry import CHAMPION, Registry
from tests.support.cli import assert_one_line, squeezed, trainer
from tests.support.collecting import collect
from worker.telemetry import Health, HealthServer, Metrics

NOW = datetime.now(UTC)
FEW = 20  # posts of each kind
EACH = timedelta(minutes=1)


class Place:
    """A registry, and what is collected beside it: posts of when the champion was new, and new."""

    def __init__(self, folder: Path, bundle: Bundle, days: float) -> None:
        self.registry, self.posts = Registry(folder / "registry"), folder / "posts"
        self.ended = NOW - timedelta(days=days)
        self.dev_ended = self.ended + FEW * EACH
        data = msgspec.structs.replace(
            bundle.manifest.data,
            last=self.ended.isoformat(),
            dev_last=self.dev_ended.isoformat(),
        )
        card = msgspec.structs.replace(bundle.manifest, data=data)
        self.digest = write_bundle(bundle.files, card, self.registry.bundles).name
        self.registry.assign(CHAMPION, self.digest, "made for the test")
        self.known = bundle.hashtags()[0].spelling
        self.words = " ".join(bundle.topics()[0])

    def collect(self, words: str, hashtag: str) -> None:
        """Collect posts of when it was new, all of it known, and new ones of these."""
        seen = [("seen", "nobody knows these", "neverHeard", self.ended - number * EACH)
                for number in range(FEW)]  # fmt: skip
        old = [("old", self.words, self.known, self.ended + (1 + number) * EACH)
               for number in range(FEW)]  # fmt: skip
        new = [("new", words, hashtag, self.dev_ended + (1 + number) * EACH)
               for number in range(FEW)]  # fmt: skip
        collect(self.posts, [
            {"id": f"{kind}-{number}", "text": f"{text} #{tag}", "created_at": at.isoformat()}
            for number, (kind, text, tag, at) in enumerate([*seen, *old, *new])
        ])  # fmt: skip

    def status(self, *more: object, **flags: object) -> Result:
        chosen = {"drift-posts": FEW, **flags}
        options = [part for name, value in chosen.items() for part in (f"--{name}", value)]
        return trainer("status", self.posts, self.registry.root, *options, *more)

    def told(self, *more: object, **flags: object) -> dict[str, Any]:
        result = self.status("--json", *more, **flags)
        found: dict[str, Any] = json.loads(result.stdout)
        assert result.exit_code == (10 if found["retrain"] else 0)
        return found


@pytest.fixture
def place(tmp_path: Path, bundle: Bundle) -> Place:
    return Place(tmp_path, bundle, days=2)


def refused(told: dict[str, Any]) -> set[str]:
    return {one["rule"] for one in told["findings"] if not one["passed"]}


def test_a_champion_that_knows_what_comes_is_well(place: Place) -> None:
    place.collect(place.words, place.known)
    told = place.told()
    assert refused(told) == set()
    assert told["new"] == told["before"] == {"posts": FEW, "hashtags": 0.0, "words": 0.0}
    assert told["age_days"] == pytest.approx(2, abs=0.1)


def test_new_hashtags_and_new_words_are_told_apart(place: Place) -> None:
    place.collect(place.words, "neverHeard")
    assert refused(place.told()) == {"hashtags"}


def test_new_words_are_a_reason(place: Place) -> None:
    place.collect("qwertyuiop asdfghjkl", place.known)
    told = place.told()
    assert (refused(told), told["new"]["words"]) == ({"words"}, 100.0)
    assert refused(place.told(**{"drift-words": 100})) == set()


def test_age_is_a_reason(tmp_path: Path, bundle: Bundle) -> None:
    place = Place(tmp_path, bundle, days=31)
    place.collect(place.words, place.known)
    assert refused(place.told()) == {"age"}
    assert refused(place.told(**{"max-age-days": 0})) == set()


def test_since_leaves_older_posts_out(place: Place) -> None:
    place.collect("qwertyuiop asdfghjkl", "neverHeard")
    told = place.told("--since", "1h")
    assert (told["new"]["posts"], refused(told)) == (0, set())
    assert "too few to tell" in next(o["told"] for o in told["findings"] if o["rule"] == "drift")


def test_workers_tell_of_quality(place: Place) -> None:
    place.collect(place.words, place.known)
    metrics, digits = Metrics(), place.digest[:12]
    metrics.worker.labels("tweets", "readers", "kafka-python", "at-least-once").set(1)
    metrics.scored.labels(digits).inc(40)
    metrics.hits.labels("1", digits).inc(10)
    with HealthServer("127.0.0.1", 0, metrics, Health()) as server:
        url = f"http://127.0.0.1:{server.port}"
        told = place.told("--worker", url)
        (live,) = told["live"]
        assert (live["role"], live["scored"], live["hit_1"]) == ("champion", 40, 25.0)
        assert refused(told) == set()
        assert refused(place.told("--worker", url, **{"least-hits": 30})) == {"quality"}
    silent = place.told("--worker", url)
    assert (silent["live"], len(silent["silent"])) == ([], 1)


def test_it_is_shown_to_people(place: Place) -> None:
    place.collect("qwertyuiop asdfghjkl", "neverHeard")
    result = place.status()
    assert result.exit_code == 10
    assert "retrain now: hashtags, words" in squeezed(result.output)


def test_without_a_champion_it_is_time(place: Place, tmp_path: Path) -> None:
    result = trainer("status", place.posts, tmp_path / "empty")
    assert result.exit_code == 10
    assert "retrain now: champion" in squeezed(result.output)


def test_nothing_collected_is_told(place: Place) -> None:
    result = place.status()
    assert_one_line(result, "has no posts")
