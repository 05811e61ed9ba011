"""Each rule of the gate, at its edge."""

import msgspec
import pytest

from trainer.gate import Evidence, Measured, gate
from trainer.settings import RetrainSettings

CHAMPION = Measured("c" * 64, f1=20.0, coverage=60.0, megabytes=150.0, microseconds=200.0)
CHALLENGER = msgspec.structs.replace(CHAMPION, digest="d" * 64)
BOTH = Evidence(
    posts=1_000,
    challenger=CHALLENGER,
    champion=CHAMPION,
    popularity=5.0,
    above_popularity=12.0,
    above_champion=-0.4,
)
RULES = RetrainSettings()


def refused(evidence: Evidence, rules: RetrainSettings = RULES) -> list[str]:
    return [one.rule for one in gate(evidence, rules) if not one.passed]


def challenger(**values: float) -> Evidence:
    one = msgspec.structs.replace(CHALLENGER, **values)
    return msgspec.structs.replace(BOTH, challenger=one)


def test_one_as_good_as_the_champion_passes_all_rules() -> None:
    rules = [one.rule for one in gate(BOTH, RULES)]
    assert rules == ["floor", "size", "champion", "coverage", "latency"]
    assert refused(BOTH) == []


def test_the_first_one_has_only_the_floor_and_its_size() -> None:
    first = msgspec.structs.replace(BOTH, champion=None, above_champion=None)
    assert [one.rule for one in gate(first, RULES)] == ["floor", "size"]
    assert refused(first) == []


@pytest.mark.parametrize(
    ("evidence", "rules", "rule"),
    [
        (msgspec.structs.replace(BOTH, above_popularity=0.0), {}, "floor"),
        (msgspec.structs.replace(BOTH, above_champion=-1.01), {}, "champion"),
        (msgspec.structs.replace(BOTH, above_champion=-0.4), {"margin": 0.3}, "champion"),
        (challenger(coverage=53.99), {}, "coverage"),
        (challenger(megabytes=150.0), {"max_megabytes": 149.0}, "size"),
        (challenger(microseconds=301.0), {}, "latency"),
        (challenger(f1=20.0), {"floor": 20.5}, "floor"),
    ],
)
def test_a_rule_that_is_broken_refuses_alone(
    evidence: Evidence, rules: dict[str, float], rule: str
) -> None:
    assert refused(evidence, RetrainSettings(**rules)) == [rule]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("evidence", "rules"),
    [
        (msgspec.structs.replace(BOTH, above_champion=-1.0), {}),
        (challenger(coverage=54.0), {}),
        (challenger(microseconds=300.0), {}),
        (challenger(), {"max_megabytes": 150.0}),
        (msgspec.structs.replace(BOTH, above_popularity=-3.0), {"floor": 20.0}),
    ],
)
def test_what_is_just_enough_passes(evidence: Evidence, rules: dict[str, float]) -> None:
    assert refused(evidence, RetrainSettings(**rules)) == []  # type: ignore[arg-type]


def test_a_refusal_tells_its_figures() -> None:
    told = {
        one.rule: one.told for one in gate(challenger(coverage=30.0, microseconds=900.0), RULES)
    }
    assert told["coverage"] == (
        "30.00 % of the answers can be suggested, 60.00 % by the champion: at least 54.00 %"
    )
    assert told["latency"] == "900 µs a post, 4.50 times the champion's, at most 1.5 times"
    assert told["champion"] == (
        "F1@1 20.00 %, the champion's 20.00 %: surely -0.40 points, at most 1 below"
    )
    assert told["floor"] == ("F1@1 20.00 %, popularity 5.00 %: surely +12.00 points, above 0")
