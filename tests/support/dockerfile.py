"""Follows a Dockerfile's steps in a folder, without Docker."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).parents[2]
QUICKER = {"PIP_NO_CACHE_DIR": "0", "PIP_NO_COMPILE": "1"}


def instructions(dockerfile: Path) -> list[tuple[str, str]]:
    """Return each instruction's keyword and arguments, as one line without comments."""
    lines = [line for line in dockerfile.read_text().splitlines() if not line.startswith("#")]
    joined = "\n".join(lines).replace("\\\n", " ")
    found = (line.partition(" ") for line in joined.splitlines() if line.strip())
    return [(keyword, " ".join(rest.split())) for keyword, _, rest in found]


def context(folder: Path) -> Path:
    """Copy what .dockerignore lets through; its patterns are of top entries, or start with **/."""
    patterns = [
        line
        for line in (ROOT / ".dockerignore").read_text().splitlines()
        if line and not line.startswith("#")
    ]

    def left_out(parent: str, names: list[str]) -> set[str]:
        inside = PurePosixPath(parent).relative_to(ROOT.as_posix())
        return {name for name in names if not _allowed(inside / name, patterns)}

    return Path(shutil.copytree(ROOT, folder, ignore=left_out))


def _allowed(path: PurePosixPath, patterns: list[str]) -> bool:
    allowed = True
    for line in patterns:
        pattern = line.removeprefix("!")
        whole = path.name if pattern.startswith("**/") else path.parts[0]
        if fnmatch(whole, pattern.removeprefix("**/")):
            allowed = line.startswith("!")
    return allowed


@dataclass
class Image:
    """What a Dockerfile makes, at `root`, where absolute paths of its steps lead.

    Each stage is built there and moved away, as venvs and scripts know their own paths.
    """

    dockerfile: Path
    folder: Path
    environment: dict[str, str] = field(default_factory=dict)
    said: dict[str, str] = field(default_factory=dict)
    _stage: str = ""

    @property
    def root(self) -> Path:
        return self.folder / "root"

    def build(self, *, run: bool = True) -> "Image":
        """Take every step; without `run`, all but the commands."""
        context(self.folder / "context")
        if run:
            command = [sys.executable, "-m", "venv", str(self.folder / "base")]
            subprocess.run(command, check=True)
        steps = {"FROM": self._begin, "WORKDIR": self._enter, "COPY": self._copy, "ENV": self._set}
        for keyword, arguments in instructions(self.dockerfile):
            self.said[keyword] = arguments
            if keyword == "RUN":
                self._run(arguments, run=run)
            elif keyword in steps:
                steps[keyword](arguments)
        return self

    def run(self, *command: str, cwd: Path) -> "subprocess.CompletedProcess[str]":
        """Run a command as the image would, found on its PATH."""
        program = shutil.which(command[0], path=self.environment["PATH"])
        return subprocess.run(
            [program or command[0], *command[1:]],
            env=self.environment,
            cwd=cwd,
            capture_output=True,
            text=True,
            check=False,
        )

    def health_command(self) -> list[str]:
        command: list[str] = json.loads(self.said["HEALTHCHECK"].partition("CMD ")[2])
        return command

    def _inside(self, text: str) -> str:
        return re.sub(r"(?<![\w.$}*])/(?=\w)", f"{self.root}/", text)

    def _begin(self, arguments: str) -> None:
        if self._stage:
            self.root.rename(self.folder / self._stage)
        base, _, self._stage = arguments.partition(" AS ")
        if (self.folder / base).is_dir():
            shutil.copytree(self.folder / base, self.root, symlinks=True)
        self.root.mkdir(exist_ok=True)
        self._cwd = self.root
        path = f"{self.folder / 'base/bin'}{os.pathsep}{os.environ['PATH']}"
        self.environment = os.environ | {"PATH": path, "HOME": str(self.root)} | QUICKER

    def _enter(self, arguments: str) -> None:
        self._cwd = Path(self._inside(arguments))
        self._cwd.mkdir(parents=True, exist_ok=True)

    def _set(self, arguments: str) -> None:
        for word in shlex.split(arguments):
            name, _, value = word.partition("=")
            old = self.environment.get(name, "")
            value = self._inside(value).replace(f"${{{name}}}", old)
            self.environment[name] = QUICKER.get(name, value)

    def _copy(self, arguments: str) -> None:
        *sources, target = arguments.split()
        origin = self.folder / "context"
        while sources[0].startswith("--"):
            option, _, value = sources.pop(0).partition("=")
            origin = self.folder / value if option == "--from" else origin
        to = self._cwd / self._inside(target)
        for source in sources:
            path = origin / source.lstrip("/")
            if path.is_dir():
                shutil.copytree(path, to, symlinks=True, dirs_exist_ok=True)
            else:
                (to if target.endswith("/") else to.parent).mkdir(parents=True, exist_ok=True)
                shutil.copy(path, to)

    def _run(self, arguments: str, *, run: bool) -> None:
        for name in re.findall(r"requirements/\S+", arguments):
            assert (self._cwd / name).is_file(), f"{name} was not copied"
        if run:
            command = ["sh", "-ec", self._inside(arguments)]
            done = subprocess.run(
                command,
                cwd=self._cwd,
                env=self.environment,
                capture_output=True,
                text=True,
                check=False,
            )
            assert done.returncode == 0, done.stdout + done.stderr
