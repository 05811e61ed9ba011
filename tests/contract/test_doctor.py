"""`worker doctor` beside real services."""

from click.testing import CliRunner, Result

from export.registry import Registry
from tests.conftest import Addresses
from worker.cli import main
from worker.errors import ExitCode


def doctor(addresses: Addresses, registry: Registry, unique: str, *flags: str) -> Result:
    settings = {
        "--registry": str(registry.root),
        "--bootstrap-servers": addresses.kafka,
        "--cache": addresses.redis,
        "--input-topic": f"{unique}-tweets",
        "--output-topic": f"{unique}-suggestions",
        "--partitions": "2",
    }
    pairs = [word for pair in settings.items() for word in pair]
    return CliRunner().invoke(main, ["doctor", *pairs, *flags])


def findings(result: Result) -> str:
    return " ".join(result.output.split())


def test_all_is_there(addresses: Addresses, registry: Registry, unique: str) -> None:
    result = doctor(addresses, registry, unique, "--create-topics")
    assert result.exit_code == ExitCode.DONE
    assert "FAIL" not in result.output
    for name in ("tweets", "suggestions", "tweets.dead-letter"):
        assert f"{unique}-{name} (2 partitions)" in findings(result)
    assert "ok cache: Redis" in findings(result)


def test_a_missing_topic_is_named_with_what_to_do(
    addresses: Addresses, registry: Registry, unique: str
) -> None:
    result = doctor(addresses, registry, unique)
    assert result.exit_code == ExitCode.START_FAILED
    assert f"FAIL broker and topics: no topic {unique}-tweets" in findings(result)
    assert "--create-topics" in findings(result)
