"""Where packages are missing, a program names the extra to install."""

import subprocess
import sys

import pytest

from worker.errors import ExitCode

WITHOUT = """
import runpy, sys
from importlib.abc import MetaPathFinder

class Missing(MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name == {missing!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Missing())
sys.argv = [{program!r}, *{arguments!r}]
runpy.run_module({program!r}, run_name="__main__")
"""


def without(missing: str, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    code = WITHOUT.format(missing=missing, program=program, arguments=arguments)
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("missing", "program", "arguments"),
    [
        ("croniter", "trainer", ["--help"]),  # as with tagstream[worker] alone
        ("torch", "trainer", ["fit", "corpus", "run"]),  # loaded when it is needed
        ("click", "worker", ["--help"]),
    ],
)
def test_the_extra_is_named(missing: str, program: str, arguments: list[str]) -> None:
    ended = without(missing, program, *arguments)
    assert ended.returncode == ExitCode.START_FAILED
    assert ended.stderr == f"{program}: No module named {missing!r}; install tagstream[{program}]\n"


def test_a_module_of_our_own_is_no_package_to_install() -> None:
    ended = without("worker.cli", "worker", "--help")
    assert ended.returncode == 1
    assert "Traceback" in ended.stderr
