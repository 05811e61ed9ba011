from worker import risks
from worker.topics import Replication


def test_topics_that_outlive_a_broker_are_no_risk() -> None:
    assert list(risks.of_topics({"tweets": Replication(3, 2)})) == []


def test_settings_that_may_not_be_read_are_said_so() -> None:
    (risk,) = risks.of_topics({"tweets": Replication(3, None), "suggestions": Replication(3, 2)})
    assert risk.startswith("min.insync.replicas (tweets) cannot be read")
