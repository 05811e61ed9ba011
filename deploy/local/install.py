"""Get what the local services need: java, redis-server and Kafka's jars.

As root on Debian or Ubuntu missing programs are installed; elsewhere one line names them. The
jars come from Maven into `.local/kafka`. When all is there, nothing is done.
"""

import fcntl
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from deploy.local.process import ServiceError

STATE = Path(__file__).resolve().parents[2] / ".local"
KAFKA = STATE / "kafka"
KAFKA_LIBS = KAFKA / "libs"
POM = Path(__file__).with_name("pom.xml")
POLICY = Path("/usr/sbin/policy-rc.d")


@dataclass(frozen=True)
class Tool:
    """A program on PATH, the Debian package that brings it, and the oldest version that will do."""

    command: str
    package: str
    oldest: int
    version_option: str
    version_pattern: str

    @property
    def is_usable(self) -> bool:
        """Whether the program is there and new enough."""
        if shutil.which(self.command) is None:
            return False
        answer = subprocess.run(
            [self.command, self.version_option], capture_output=True, text=True, check=False
        )
        found = re.search(self.version_pattern, answer.stdout + answer.stderr)
        return found is not None and int(found[1]) >= self.oldest

    def __str__(self) -> str:
        return f"{self.command} >= {self.oldest}"


JAVA = Tool("java", "default-jre-headless", 17, "-version", r'version "(\d+)')
MAVEN = Tool("mvn", "maven", 3, "--version", r"Apache Maven (\d+)")
REDIS = Tool("redis-server", "redis-server", 7, "--version", r"v=(\d+)")


def install() -> None:
    """Make sure that the services can start; raise ServiceError if they cannot."""
    with locked(STATE):
        ensure((JAVA, REDIS) if is_kafka_installed() else (JAVA, MAVEN, REDIS))
        if not is_kafka_installed():
            fetch_kafka()


def ensure(needed: Sequence[Tool]) -> None:
    """Install the tools that are missing; raise ServiceError naming those that still are."""
    missing = [tool for tool in needed if not tool.is_usable]
    if missing and os.geteuid() == 0 and shutil.which("apt-get"):
        install_packages([tool.package for tool in missing])
        missing = [tool for tool in missing if not tool.is_usable]
    if missing:
        tools = ", ".join(map(str, missing))
        packages = " ".join(tool.package for tool in missing)
        raise ServiceError(f"Please install {tools} (Debian's packages: {packages}).")


def is_kafka_installed() -> bool:
    """Whether all jars that pom.xml now asks for are there."""
    stamp = KAFKA / POM.name
    return stamp.exists() and stamp.read_bytes() == POM.read_bytes()


def fetch_kafka() -> None:
    """Copy Kafka's jars into place, all of them or none."""
    partial = KAFKA.with_suffix(".partial")
    shutil.rmtree(partial, ignore_errors=True)
    goal = ["dependency:copy-dependencies", f"-DoutputDirectory={partial / KAFKA_LIBS.name}"]
    run(["mvn", "--batch-mode", "--quiet", "--file", str(POM), *goal], "Fetching Apache Kafka")
    shutil.copy(POM, partial)
    shutil.rmtree(KAFKA, ignore_errors=True)
    partial.rename(KAFKA)


def install_packages(packages: Sequence[str]) -> None:
    """Install Debian packages without starting the services that they bring."""
    with services_held_back():
        run(["apt-get", "update"], "Updating the list of packages")
        command = ["apt-get", "install", "--yes", "--no-install-recommends", *packages]
        run(command, f"Installing {' '.join(packages)}")


@contextmanager
def services_held_back() -> Iterator[None]:
    """Tell Debian's package scripts to start no service, unless a policy exists already."""
    try:
        with POLICY.open("x", encoding="utf-8") as policy:
            policy.write("#!/bin/sh\nexit 101\n")
    except FileExistsError:
        yield
        return
    try:
        POLICY.chmod(0o755)
        yield
    finally:
        POLICY.unlink()


@contextmanager
def locked(directory: Path) -> Iterator[None]:
    """Let one process at a time work on a folder."""
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def run(command: Sequence[str], purpose: str) -> None:
    """Run a command quietly; if it fails, its last words are the error."""
    print(f"{purpose} ...", file=sys.stderr, flush=True)
    # RUNLEVEL=1 tells package scripts that the machine is in no state to run services.
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
    done = subprocess.run(
        command,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        tail = "\n".join(done.stdout.splitlines()[-10:])
        raise ServiceError(f"{purpose} failed: `{' '.join(command)}` said:\n{tail}")


if __name__ == "__main__":
    try:
        install()
    except ServiceError as error:
        sys.exit(str(error))
