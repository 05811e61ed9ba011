"""What the commands of `trainer` have in common."""

from collections.abc import Callable, Mapping
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar, cast

import click
from click.core import ParameterSource

from export.errors import BundleError, ParityError, RegistryError
from export.manifest import CPU_VARIANTS, VARIANTS
from export.text import PROTOCOLS, Protocol
from trainer.errors import TrainerError
from worker.errors import StopError

_F = TypeVar("_F", bound=Callable[..., Any])
FOLDER = click.Path(file_okay=False, path_type=Path)
FILE = click.Path(dir_okay=False, path_type=Path)
CORPUS = click.Path(exists=True, file_okay=False, path_type=Path)
PROTOCOLS_HELP = f"Text that the model reads, by commas: {', '.join(PROTOCOLS)}."
MEMORY = click.option(
    "--memory", type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="How the memory votes: what `trainer fit-memory` wrote.",
)  # fmt: skip
SIGN_KEY = click.option(
    "--sign-key", type=FILE, help="Sign the bundle with this Ed25519 key, in PEM."
)
PARTS = click.option(
    "--parts",
    type=FOLDER,
    default=".parts",
    show_default=True,
    help="What was learned, by the digest of what made it; further commands go on from it.",
)
_NOT_GIVEN = (ParameterSource.DEFAULT, None)


def in_one_line(command: _F) -> _F:
    """Tell people what went wrong without a traceback."""

    @wraps(command)
    def guarded(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        try:
            return command(*args, **kwargs)
        except (TrainerError, BundleError, ParityError, RegistryError, StopError, OSError) as error:
            raise click.ClickException(str(error)) from error

    return cast("_F", guarded)


def given(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings that someone chose: by a flag, the environment or a file."""
    source = click.get_current_context().get_parameter_source
    return {name: value for name, value in values.items() if source(name) not in _NOT_GIVEN}


def protocols(names: str) -> list[Protocol]:
    """Return the text protocols of a flag; raises `click.BadParameter` on one that is none."""
    asked = [name for name in PROTOCOLS if name in names.split(",")]
    if len(asked) != len(names.split(",")):
        raise click.BadParameter(f"one or more of {', '.join(PROTOCOLS)}", param_hint="--protocol")
    return asked


def variants(names: str) -> list[str]:
    """Return the forms of a graph of a flag; raises `click.BadParameter` on one that is none."""
    asked = names.split(",")
    if unknown := set(asked) - set(VARIANTS):
        raise click.BadParameter(
            f"{', '.join(sorted(unknown))} is none of {', '.join(VARIANTS)}",
            param_hint="--variants",
        )
    return asked


def variants_option(command: _F) -> _F:
    """Give a command `--variants`."""
    return click.option(
        "--variants",
        default=",".join(CPU_VARIANTS),
        show_default=True,
        callback=lambda _, __, names: variants(names),
        help="Forms of the graph, by commas; a worker chooses one.",
    )(command)


def numbers(text: str | None) -> list[int]:
    """Return the numbers of a flag, by commas; raises `click.BadParameter`."""
    try:
        found = [int(part) for part in text.split(",")] if text else []
    except ValueError as error:
        raise click.BadParameter(f"{text!r} is no list of numbers such as 50,100") from error
    if any(number < 1 for number in found):
        raise click.BadParameter(f"{text!r} has a number below 1")
    return found


def told(arguments: list[str]) -> list[str]:
    """Return a command line fit for a result: of each path only its last part."""
    return [Path(part).name if part.startswith(("/", ".", "~")) else part for part in arguments]
