"""The command `worker`, also as `python -m worker`."""

from worker.extras import installed


def main() -> None:
    """Run the command; where a package is missing, say what to install."""
    with installed("worker"):
        from worker.cli import main as command  # noqa: PLC0415 - it needs packages

        command()


if __name__ == "__main__":
    main()
