"""A desk at which a document is followed: its blocks are typed in a directory, one by one."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from deploy.local.process import Process, wait_until
from tests.support.documents import ROOT, Block, blocks
from tests.support.retraining import NEW
from worker.options import ENVIRONMENT_PREFIX

PATIENCE = 120.0  # seconds for what goes on for ever to say that it works
_POSTS = re.compile(r'"posts": ?(\d+)')
SCRIPT = "block.py"  # code that is to be written into no file of a name
# Commands that go on until they are stopped, and what of their words says that they work; of two
# that fit, the first.
LASTING: dict[str, Callable[[str], bool]] = {
    "worker run": lambda told: "model_serves" in told,
    "worker watch --web": lambda told: "Ctrl-C ends it" in told,
    "worker watch": lambda told: "#" in told,
    "trainer collect": lambda told: sum(map(int, _POSTS.findall(told))) >= len(NEW),
    "trainer schedule": lambda told: "schedule_started" in told,
    f"python {SCRIPT}": lambda told: "suggestions" in told,
}
STAYING = "worker run"  # to the end of the document: what follows needs it
OF_THE_FIXTURES = {"deploy/local/up", "deploy/local/down"}  # tests/integration/test_local_services
# Codes that tell what was found, and are no failure.
FINDINGS = {"trainer retrain": {8}, "trainer status": {10}}


@dataclass
class Desk:
    """A directory, its environment, and what stands there for what stands in the documents.

    `meanwhile` is done again and again while something that goes on waits for posts.
    """

    folder: Path
    environment: dict[str, str]
    instead: dict[str, str]
    meanwhile: Callable[[], None]
    said: dict[str, str] = field(default_factory=dict)  # by what was typed
    _staying: list[tuple[str, Process]] = field(default_factory=list)

    def assume(self, settings: Mapping[str, object]) -> None:
        """Set variables, by the names of settings."""
        self.environment |= {_variable(name): str(value) for name, value in settings.items()}

    def leave_out(self, *names: str) -> None:
        """Leave settings to what is typed."""
        for name in names:
            del self.environment[_variable(name)]

    def follow(self, document: Path) -> None:
        """Do what a document says, in its order."""
        for block in blocks(document, "sh", "python", "toml"):
            self._take(block)

    def leave(self) -> None:
        """Stop what goes on, which is to end well."""
        for _, process in self._staying:
            process.stop()
        ended = {line: process.exit_code for line, process in self._staying}
        assert set(ended.values()) <= {0}, ended

    def type_in(self, line: str) -> None:
        """Type a line, and wait until it is done, or does what it goes on with."""
        command = re.sub(r"^([A-Z_]+=\S* )*", "", line)
        for words, works in LASTING.items():
            if command.startswith(words):
                self._start(line, works, stays=words == STAYING)
                return
        if command not in OF_THE_FIXTURES:
            fine = [codes for words, codes in FINDINGS.items() if command.startswith(words)]
            self._run(line, {0}.union(*fine))

    def _take(self, block: Block) -> None:
        if block.file is not None:
            (self.folder / block.file).write_text(self._here(block.text))
        elif block.language == "python":
            (self.folder / SCRIPT).write_text(self._here(block.text))
            self.type_in(f"python {SCRIPT}")
        elif block.language == "sh" and not block.info:
            for line in block.lines:
                self.type_in(line)

    def _run(self, line: str, fine: set[int]) -> None:
        done = subprocess.run(
            ["sh", "-c", self._here(line)], cwd=self.folder, env={**os.environ, **self._own()},
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        self.said[line] = done.stdout
        assert done.returncode in fine, f"{line}: {done.returncode}\n{done.stdout}{done.stderr}"

    def _start(self, line: str, works: Callable[[str], bool], *, stays: bool) -> None:
        log = self.folder / f"log-{len(self.said)}"
        variables = [f"{name}={value}" for name, value in self._own().items()]
        shell = ["sh", "-c", f"cd '{self.folder}' && exec env {self._here(line)}"]
        with log.open("ab") as opened:
            process = Process.spawn(["env", *variables, *shell], opened, tethered=True)
        if stays:
            self._staying.append((line, process))

        def done() -> bool:
            self.meanwhile()
            return not process.alive or works(log.read_text())

        in_time = wait_until(done, PATIENCE)
        ended, self.said[line] = process.exit_code, log.read_text()
        if not stays:
            process.stop()
            assert process.exit_code in {ended, 0, -signal.SIGTERM}, f"{line}: stops badly"
        assert in_time, f"{line}:\n{self.said[line]}"
        assert ended in {None, 0}, f"{line}: {ended}\n{self.said[line]}"

    def _here(self, text: str) -> str:
        for there, here in self.instead.items():
            text = text.replace(there, here)
        return text

    def _own(self) -> dict[str, str]:
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        one_thread = {"OMP_NUM_THREADS": "1"}  # for small matrices others only get in the way
        return {**self.environment, **one_thread, "PATH": path, "PYTHONPATH": str(ROOT)}


def _variable(name: str) -> str:
    return f"{ENVIRONMENT_PREFIX}_{name.upper()}"
