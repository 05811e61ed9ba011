"""Processes that answer posts side by side, one a core, each told what to do next."""

import multiprocessing
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NamedTuple

import torch

from benchmarks.made_up import MadeUp
from benchmarks.stacks import Floor, Libraries, Served, Side
from export.bundle import read_bundle
from export.manifest import CPU_VARIANTS

LIBRARIES, FLOOR = "libraries", "floor-"


class Task(NamedTuple):
    """A side, and the posts of one run of it: how many, how many at once, on how many threads."""

    side: str
    posts: int
    batch: int
    threads: int = 1


class Lane:
    """A process that has a core of its own, as long as it is asked for one thread."""

    def __init__(self, connection: Connection, core: int, made: MadeUp, bundle: Path) -> None:
        self._connection, self._core = connection, core
        opened, cores = read_bundle(bundle), os.cpu_count() or 1
        self._sides: dict[tuple[str, int], Side] = {}
        for threads in {1, cores} if core == 0 else {1}:
            _stay_on(core, threads)  # threads stay where they were begun
            self._sides[LIBRARIES, threads] = Libraries(made)
            for name in CPU_VARIANTS:
                self._sides[name, threads] = Served(opened, name, threads)
        for name in CPU_VARIANTS:
            self._sides[FLOOR + name, 1] = Floor(made.size, integers=name.endswith("int8"))
        self._posts = made.posts(2_048)

    def run(self) -> None:
        """Do what is asked and tell the seconds, until the other end closes."""
        self._connection.send(None)  # ready
        while True:
            try:
                task = self._connection.recv()
            except EOFError:
                return
            _stay_on(self._core, task.threads)
            torch.set_num_threads(task.threads)
            started = time.perf_counter()
            self._sides[task.side, task.threads](self._posts[: task.posts], task.batch)
            self._connection.send(time.perf_counter() - started)


def _stay_on(core: int, threads: int) -> None:
    """Keep this process on its core, or let it have all for more than one thread."""
    os.sched_setaffinity(0, {core} if threads == 1 else range(os.cpu_count() or 1))


def _lane(connection: Connection, core: int, made: MadeUp, bundle: Path) -> None:
    _stay_on(core, 1)
    torch.set_num_threads(1)
    Lane(connection, core, made, bundle).run()


class Lanes:
    """One lane a core."""

    def __init__(self, connections: list[Connection]) -> None:
        self._connections = connections

    def __len__(self) -> int:
        return len(self._connections)

    def seconds_a_post(self, task: Task, lanes: int) -> float:
        """Return the time of all of it by the posts that were answered, on so many lanes."""
        started = time.perf_counter()
        for connection in self._connections[:lanes]:
            connection.send(task)
        for connection in self._connections[:lanes]:
            connection.recv()
        return (time.perf_counter() - started) / (task.posts * lanes)


@contextmanager
def lanes(made: MadeUp, bundle: Path) -> Iterator[Lanes]:
    """Start a lane on every core, each with the model and all sides."""
    context = multiprocessing.get_context("spawn")
    pairs = [context.Pipe() for _ in range(os.cpu_count() or 1)]
    processes = [
        context.Process(target=_lane, args=(theirs, core, made, bundle), daemon=True)
        for core, (_, theirs) in enumerate(pairs)
    ]
    for process, (_, theirs) in zip(processes, pairs, strict=True):
        process.start()
        theirs.close()  # so that a lane that dies ends what waits for it
    ours = [mine for mine, _ in pairs]
    try:
        for connection in ours:
            connection.recv()
        yield Lanes(ours)
    finally:
        for connection, process in zip(ours, processes, strict=True):
            connection.close()
            process.join()
