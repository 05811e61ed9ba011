"""Compile ahead what the memory needs: `NUMBA_CACHE_DIR=directory python -m worker.compile`."""

import os
import sys

from worker.compiled import cache_directory
from worker.memory import Memory
from worker.memory_entries import Entry
from worker.memory_room import Sizes


def use_each_step() -> None:
    """Use each compiled step once; numba compiles what it finds nowhere, and keeps it."""
    memory = Memory(Sizes(posts=1))
    for number in (1, 2):
        post = Entry(number, 0.0, 1, number, [1], [1], ["a"])
        memory.look_up([post])
        memory.add([post])


def main() -> None:
    """Compile, or end with status 1 where nothing could be kept."""
    kept = cache_directory()
    if kept and not os.access(kept, os.W_OK):
        sys.exit(f"worker.compile: nothing can be kept in {kept}; make that directory, writable")
    use_each_step()
    sys.stdout.write(f"compiled, kept in {kept or 'the folder of the source'}\n")


if __name__ == "__main__":
    main()
