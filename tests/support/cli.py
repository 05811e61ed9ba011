"""The command `trainer`, run as a user would."""

from click.testing import CliRunner, Result

from trainer.cli import main


def trainer(*arguments: object, environment: dict[str, str] | None = None) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments], env=environment)


def assert_one_line(result: Result, *words: str) -> None:
    """The command failed and said why, without a traceback."""
    assert result.exit_code == 1
    assert isinstance(result.exception, SystemExit)
    assert "Traceback" not in result.output
    told = result.stderr.strip().splitlines()[-1]
    assert told.startswith("Error: ")
    for word in words:
        assert word in told


def squeezed(text: str) -> str:
    return " ".join(text.split())
