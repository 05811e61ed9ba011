"""Commands of ours that stand in files of other tools, read as click reads them."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click


def written(
    name: str, group: click.Group, script: str, paths: dict[str, Path]
) -> Iterator[click.Context]:
    """Yield what click makes of each call of the program `name` in a shell script.

    `paths` says which path stands for one of the script's. A wrong flag raises `click.UsageError`.
    """
    for line in script.replace("\\\n", " ").splitlines():
        for call in re.findall(rf"^\s*(?:exec )?({name} .*?)$", line):
            _, command, *arguments = shlex.split(call)
            mapped = [str(paths.get(word, word)) for word in arguments]
            yield group.commands[command].make_context(command, mapped)
