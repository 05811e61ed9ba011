"""Compile ahead what the memory needs: `NUMBA_CACHE_DIR=directory python -m worker.compile`."""

import sys

from worker.compiled import cache_directory
from worker.memory import Memory
from worker.memory_entries import Entry
from worker.memory_room import Sizes


def main() -> None:
    """Use each step once; numba keeps what it compiles."""
    memory = Memory(Sizes(posts=1))
    for number in (1, 2):
        post = Entry(number, 0.0, 1, number, [1], [1], ["a"])
        memory.look_up([post])
        memory.add([post])
    sys.stdout.write(f"compiled, kept in {cache_directory() or 'the folder of the source'}\n")


if __name__ == "__main__":
    main()
