"""Services that stay up in the background: what the scripts `up` and `down` do.

One JSON file says which processes run and where they listen.
"""

import argparse
import json
import shutil
import signal
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import TypedDict

from deploy.local.install import STATE, install, locked
from deploy.local.process import Process, ServiceError
from deploy.local.service import Service
from deploy.local.services import DEFAULT_KAFKA_PORT, DEFAULT_REDIS_PORT, Services

STATE_FILE = "services.json"


class Record(TypedDict):
    """A service that `up` started."""

    pid: int
    started: str | None
    address: str


def up(directory: Path, kafka_port: int, redis_port: int) -> None:
    """Start what is not up yet and say where to find it; if one fails, leave none behind."""
    install()
    services = Services(directory, kafka_port=kafka_port, redis_port=redis_port, tethered=False)
    with locked(directory), ExitStack() as undo:
        records = read_running(directory)
        for service in services.all:
            if service.name in records:
                service.port = int(records[service.name]["address"].rpartition(":")[2])
                print(f"{service.name} is already up at {service.address}.")
                continue
            undo.callback(service.stop)
            service.start()
            records[service.name] = record_of(service)
            write(directory, records)
            print(f"{service.name} {service.version} is up at {service.address}.")
        undo.pop_all()
    for name, value in services.environment.items():
        print(f"export {name}={value}")


def down(directory: Path, *, purge: bool) -> None:
    """Stop what `up` started, and delete its data if asked to."""
    with locked(directory):
        records = read_running(directory)
        for name, record in reversed(records.items()):
            Process(record["pid"], record["started"]).stop()
            print(f"{name} is down.")
        if not records:
            print("Nothing is up.")
        write(directory, {})
        if purge:  # and nothing else: the folder may be anyone's
            for service in Services(directory).all:
                shutil.rmtree(service.directory, ignore_errors=True)
            print("The data are deleted.")


def record_of(service: Service) -> Record:
    """Describe a service that has just started."""
    process = service.process
    if process is None:
        raise ServiceError(f"{service.name} was stopped while it started: try again.")
    return {"pid": process.pid, "started": process.started, "address": service.address}


def read_running(directory: Path) -> dict[str, Record]:
    """Read which of the services that `up` started are still there."""
    try:
        text = (directory / STATE_FILE).read_text(encoding="utf-8")
    except FileNotFoundError:
        return {}
    records: dict[str, Record] = json.loads(text)
    return {
        name: record
        for name, record in records.items()
        if Process(record["pid"], record["started"]).alive
    }


def write(directory: Path, records: dict[str, Record]) -> None:
    """Replace the state file in one step."""
    partial = directory / f"{STATE_FILE}.partial"
    partial.write_text(json.dumps(records, indent=2) + "\n", encoding="utf-8")
    partial.rename(directory / STATE_FILE)


def main_up() -> None:
    """Read the command line of `up`."""
    parser = _parser("Start Kafka and Redis in the background.")
    parser.add_argument("--kafka-port", type=int, default=DEFAULT_KAFKA_PORT)
    parser.add_argument("--redis-port", type=int, default=DEFAULT_REDIS_PORT)
    arguments = parser.parse_args()
    _guard(lambda: up(arguments.state, arguments.kafka_port, arguments.redis_port))


def main_down() -> None:
    """Read the command line of `down`."""
    parser = _parser("Stop what `up` started.")
    parser.add_argument("--purge", action="store_true", help="delete the data as well")
    arguments = parser.parse_args()
    _guard(lambda: down(arguments.state, purge=arguments.purge))


def _parser(description: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    default = STATE / "services"
    parser.add_argument("--state", type=Path, default=default, help="folder of data and logs")
    return parser


def _guard(action: Callable[[], None]) -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        action()
    except ServiceError as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)
