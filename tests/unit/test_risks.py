import pytest

from worker import risks
from worker.topics import Replication


def test_topics_that_outlive_a_broker_are_no_risk() -> None:
    assert list(risks.of_topics({"tweets": Replication(3, 2)})) == []


def test_settings_that_may_not_be_read_are_said_so() -> None:
    (risk,) = risks.of_topics({"tweets": Replication(3, None), "suggestions": Replication(3, 2)})
    assert risk.startswith("min.insync.replicas (tweets) cannot be read")


@pytest.mark.parametrize(
    ("protocol", "servers", "risky"),
    [
        ("PLAINTEXT", "127.0.0.1:9092,localhost:9093", False),
        ("PLAINTEXT", "localhost:9092,kafka:9092", True),
        ("SASL_PLAINTEXT", "kafka:9092", True),
        ("SASL_SSL", "kafka:9093", False),
        ("SSL", "kafka:9093", False),
    ],
)
def test_a_connection_without_tls_is_a_risk_but_on_loopback(
    protocol: str, servers: str, *, risky: bool
) -> None:
    found = [str(risk) for risk in risks.of_connection(protocol, servers)]
    assert bool(found) is risky
    assert all(servers in risk for risk in found)
