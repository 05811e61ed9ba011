"""What can go wrong while learning; each message says what to do."""

from enum import IntEnum


class RetrainCode(IntEnum):
    """How `trainer retrain` and `status` ended, beside 2 for usage; 3 to 7 are a worker's."""

    PROMOTED = 0
    FAILED = 1
    REFUSED = 8
    BUSY = 9
    RETRAIN_NOW = 10


class TrainerError(Exception):
    """An error of the trainer, told to people in one line."""


class CorpusError(TrainerError):
    """A corpus that cannot be read, or has nothing to learn from."""


class TooManyBadLinesError(CorpusError):
    """So many lines are no posts that the file is likely not what it should be."""


class DivergedError(TrainerError):
    """The loss is no longer a number."""


class RunError(TrainerError):
    """A run directory that does not fit what was asked."""


class AlreadyRunningError(TrainerError):
    """Another process does the same work now."""
