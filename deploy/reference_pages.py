"""Writes docs/reference of the commands and settings: `python -m deploy.reference_pages`."""

import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

import click
import msgspec

from trainer.cli import main as trainer
from trainer.settings import CollectSettings, RetrainSettings, StatusSettings
from worker.cli import main as worker
from worker.options import ENVIRONMENT_PREFIX, Option
from worker.settings import Settings

FOLDER = Path(__file__).parents[1] / "docs" / "reference"
WRITTEN = (
    "Written by `python -m deploy.reference_pages` from what the code declares; do not edit.\n"
)
SETTINGS = f"""\
# Settings

{WRITTEN}
A flag goes before its variable, that before the file of `--config` (TOML, named as the flags with
underscores), and that before the default. What is true or false has a flag `--no-…`, too.
"""
Declared = dict[str, tuple[Any, Option, object]]  # name → type, how it is shown, default
MODELS: dict[str, type[msgspec.Struct]] = {
    "Of workers, and of commands that use their model, broker or topics": Settings,
    "Of `trainer collect`, where they differ": CollectSettings,
    "Of `trainer fit`, `retrain`, `compare`, `sweep`, `ablate` and `simulate`": RetrainSettings,
    "Of `trainer status`": StatusSettings,
}


def pages() -> dict[str, str]:
    """Return the text of each page, by its file's name."""
    return {"cli.md": _commands(), "settings.md": _settings()}


def declared() -> Iterator[tuple[str, Declared]]:
    """Yield the settings by their headings."""
    for heading, model in MODELS.items():
        hints = get_type_hints(model, include_extras=True)
        own = model.__annotations__ if model is CollectSettings else hints
        yield (
            heading,
            {
                field.name: (*get_args(hints[field.name]), field.default)
                for field in msgspec.structs.fields(model)
                if field.name in own
            },
        )


def commands() -> Iterator[tuple[str, click.Command]]:
    """Yield every command by its whole name, as it is typed."""
    for name, group in (("worker", worker), ("trainer", trainer)):
        yield from _below(name, group)


def is_setting(parameter: click.Parameter) -> bool:
    """Say whether a parameter comes of a declared setting."""
    return str(parameter.envvar).startswith(f"{ENVIRONMENT_PREFIX}_")


def _below(name: str, command: click.Command) -> Iterator[tuple[str, click.Command]]:
    yield name, command
    if isinstance(command, click.Group):
        for part, inner in command.commands.items():
            yield from _below(f"{name} {part}", inner)


def _settings() -> str:
    text = SETTINGS
    for heading, found in declared():
        rows = "".join(_setting(name, *about) for name, about in found.items())
        text += f"\n## {heading}\n\n| flag | variable | default | |\n|---|---|---|---|\n{rows}"
    return text


def _setting(name: str, kind: Any, option: Option, default: object) -> str:  # noqa: ANN401
    variable = f"{ENVIRONMENT_PREFIX}_{name.upper()}"
    shown = (
        "" if default in {None, ""} else f"`{str(default).lower() if kind is bool else default}`"
    )
    values = ", ".join(f"`{one}`" for one in get_args(kind)) if get_origin(kind) is Literal else ""
    meaning = f"{option.help} One of {values}." if values else option.help
    return f"| `--{name.replace('_', '-')}` | `{variable}` | {shown} | {meaning} |\n"


def _commands() -> str:
    text = f"# Commands\n\n{WRITTEN}\nSETTINGS are listed in [settings.md](settings.md).\n"
    for name, command in commands():
        # As it is when people call it: click keeps the help option of the first context.
        context = click.Context(command, info_name=name, **worker.context_settings)
        arguments = " ".join(
            piece for piece in command.collect_usage_pieces(context) if piece != "[OPTIONS]"
        )
        settings = " [SETTINGS]" if any(map(is_setting, command.params)) else ""
        text += f"\n## {name}\n\n```text\n{f'{name} {arguments}'.strip()}{settings}\n```\n"
        text += f"\n{inspect.cleandoc(command.help or '')}\n"
        rows = "".join(_row(one, context) for one in command.params if not is_setting(one))
        text += f"\n| flag | |\n|---|---|\n{rows}" if rows else ""
    return text


def _row(parameter: click.Parameter, context: click.Context) -> str:
    record: Any = parameter.get_help_record(context)  # none of what is hidden
    if record is None or isinstance(parameter, click.Argument):
        return ""
    flag, meaning = (one.replace("|", "\\|") for one in record)
    return f"| `{flag}` | {meaning} |\n"


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for name, text in pages().items():
        (FOLDER / name).write_text(text, encoding="utf-8")
