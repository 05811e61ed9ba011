"""Settings as flags of a command: flags > environment > file > defaults."""

import tomllib
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

import click
import msgspec

ENVIRONMENT_PREFIX = "TAGSTREAM"
_F = TypeVar("_F", bound=Callable[..., Any])


class Option(msgspec.Struct, frozen=True):
    """How a setting is shown to people: its help, its bounds."""

    help: str
    least: float | None = None
    most: float | None = None
    secret: bool = False  # a URL that may have a password in it
    hidden: bool = False


def options(model: type[msgspec.Struct], left_out: Collection[str] = ()) -> Callable[[_F], _F]:
    """Give a command one flag a field of `model`, and `--config FILE` (TOML) for their values.

    Fields in `left_out` get none; a file may name them all the same, for another command.
    """

    def decorate(command: _F) -> _F:
        fields = msgspec.structs.fields(model)
        defaults = {f.name: f.default for f in fields if f.name not in left_out}
        hints = get_type_hints(model, include_extras=True)
        for name in reversed(defaults):
            command = _flag(name, hints[name], defaults[name])(command)
        return click.option(
            "--config",
            type=click.Path(exists=True, dir_okay=False, path_type=Path),
            envvar=f"{ENVIRONMENT_PREFIX}_CONFIG",
            callback=lambda ctx, _, path: _load_file(ctx, path, {f.name for f in fields}),
            is_eager=True,
            expose_value=False,
            help="TOML file of settings, named as the flags with underscores.",
        )(command)

    return decorate


def _flag(name: str, hint: Any, default: Any) -> Callable[[_F], _F]:  # noqa: ANN401 - any type
    value_type, option = get_args(hint)
    flag = f"--{name.replace('_', '-')}"
    kind: Any = str
    if get_origin(value_type) is Literal:
        kind = click.Choice(get_args(value_type))
    elif value_type is int:
        kind = click.IntRange(option.least, option.most)
    elif value_type is float:
        kind = click.FloatRange(option.least, option.most)
    return click.option(
        f"{flag}/--no-{flag[2:]}" if value_type is bool else flag,
        name,
        type=None if value_type is bool else kind,
        default=default,
        envvar=f"{ENVIRONMENT_PREFIX}_{name.upper()}",
        show_envvar=True,
        show_default=default is not None,
        help=option.help,
    )


def _load_file(context: click.Context, path: Path | None, known: set[str]) -> None:
    if path is None:
        return
    try:
        values = tomllib.loads(path.read_text())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise click.UsageError(f"{path} is not TOML: {error}") from error
    if unknown := sorted(values.keys() - known):
        raise click.UsageError(f"{path} sets {', '.join(unknown)}, which no setting is named")
    for name, value in values.items():
        if isinstance(value, list | dict):
            raise click.UsageError(
                f"{path}: {name} is one value; write several by commas, in quotes"
            )
    context.default_map = {**(context.default_map or {}), **values}
