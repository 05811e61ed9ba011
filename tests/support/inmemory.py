"""A topic, a source and a sink in memory, which promise what `worker.delivery` asks, no more."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from worker.delivery import CommitRefusedError, Offsets
from worker.messages import Output, Record
from worker.predictor import ModelInput, Prediction


@dataclass
class InMemoryTopic:
    """The input topic, and what its consumer group committed; outlives the workers."""

    name: str = "tweets"
    partitions: int = 1
    records: dict[int, list[Record]] = field(default_factory=dict)
    committed: dict[int, int] = field(default_factory=dict)

    def append(self, value: bytes | None, key: bytes | None = None, partition: int = 0) -> Record:
        """Add one record."""
        log = self.records.setdefault(partition, [])
        log.append(Record(self.name, partition, len(log), key, value))
        return log[-1]

    def __iter__(self) -> Iterator[Record]:
        return (record for log in self.records.values() for record in log)

    def delivered(self) -> Iterator[Record]:
        """Return the records before the committed offsets: those never read again."""
        return (r for r in self if r.offset < self.committed.get(r.partition, 0))

    @property
    def done(self) -> bool:
        """Whether all of it is committed."""
        return len(list(self.delivered())) == len(list(self))


class InMemorySource:
    """Reads all partitions, each in its order."""

    reached = True

    def __init__(self, topic: InMemoryTopic) -> None:
        self._topic = topic
        self._positions = dict(topic.committed)
        self._refused: set[int] = set()

    def poll(self, max_records: int, timeout: float) -> list[Record]:
        """Return the next records at once, however long one might wait."""
        del timeout
        batch: list[Record] = []
        for partition, log in self._topic.records.items():
            start = self._positions.get(partition, 0)
            taken = log[start : start + max_records - len(batch)]
            self._positions[partition] = start + len(taken)
            batch += taken
        return batch

    def rewind(self) -> None:
        """Go back to what is committed."""
        self._positions = dict(self._topic.committed)
        self._refused.clear()

    def lag(self) -> dict[int, int]:
        """Return the records not yet read, by partition."""
        return {
            partition: len(self._topic.records.get(partition, ()))
            - self._positions.get(partition, 0)
            for partition in range(self._topic.partitions)
        }

    def connected(self) -> bool:
        """Return whether the source was told to be."""
        return self.reached

    def refuse_commits(self) -> None:
        """Let the partitions be another member's until the source rewinds."""
        self._refused.update(range(self._topic.partitions))

    def commit(self, offsets: Offsets) -> None:
        """Commit; raises `CommitRefusedError` where a partition is another member's."""
        if self._refused & {partition for _, partition in offsets}:
            raise CommitRefusedError("the partitions are another member's")
        self._topic.committed.update({number: offset for (_, number), offset in offsets.items()})


class InMemorySink:
    """Keeps what was published; commits through the source."""

    def __init__(self, source: InMemorySource, outputs: list[Output] | None = None) -> None:
        self._source = source
        self.outputs: list[Output] = [] if outputs is None else outputs

    def publish(self, outputs: Sequence[Output], offsets: Offsets) -> None:
        """Keep the outputs, then commit."""
        self.outputs.extend(outputs)
        self._source.commit(offsets)


class InMemoryCache:
    """Keeps every answer for ever."""

    def __init__(self) -> None:
        self.answers: dict[bytes, Prediction] = {}

    def get_many(self, inputs: Sequence[ModelInput]) -> dict[bytes, Prediction]:
        """Return the known answers by the digest of their input."""
        return {i.digest: self.answers[i.digest] for i in inputs if i.digest in self.answers}

    def put_many(self, answers: Mapping[bytes, Prediction]) -> None:
        """Keep answers by the digest of their input."""
        self.answers.update(answers)
