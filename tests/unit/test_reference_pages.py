"""docs/reference says what commands and settings there are."""

import click
import pytest

from deploy.reference_pages import FOLDER, commands, declared, is_setting, pages


@pytest.mark.parametrize("name", ["cli.md", "settings.md"])
def test_it_is_current(name: str) -> None:
    text = (FOLDER / name).read_text(encoding="utf-8")
    assert text == pages()[name], "run `python -m deploy.reference_pages`"


@pytest.mark.parametrize(("name", "command"), [pytest.param(*one, id=one[0]) for one in commands()])
def test_each_flag_of_a_command_is_in_it(name: str, command: click.Command) -> None:
    told = pages()["cli.md"].partition(f"\n## {name}\n")[2].partition("\n## ")[0]
    settings = {setting for _, found in declared() for setting in found} | {"config"}
    for parameter in command.params:
        if is_setting(parameter):
            assert parameter.name in settings
        elif isinstance(parameter, click.Option) and not parameter.hidden:
            assert parameter.opts[0] in told


def test_a_setting_with_few_values_names_them() -> None:
    (row,) = [line for line in pages()["settings.md"].splitlines() if "`--traces`" in line]
    assert row.endswith("One of `on`, `off`. |")
