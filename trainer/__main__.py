"""The command `trainer`, also as `python -m trainer`."""

from worker.extras import installed


def main() -> None:
    """Run the command; where a package is missing, say what to install."""
    with installed("trainer"):
        from trainer.cli import main as command  # noqa: PLC0415 - it needs packages

        command()


if __name__ == "__main__":
    main()
