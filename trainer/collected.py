"""Collected posts read once each, whatever collectors, kills and compaction left.

The offset is what makes two rows one post: files whose offsets overlap are merged by it. Nothing is
concluded from the range in a file's name, which may have gaps, where its collector lost a partition
and got it back. Compaction may remove a file while it is read; another has its rows by then, and
reading goes on there behind the last offset.
"""

from collections.abc import Iterator, Sequence
from datetime import date

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from trainer.errors import CorpusError
from trainer.post_files import ROW_GROUP, SCHEMA, PostFile, PostFiles
from trainer.window import Window

Columns = Sequence[str]
_ORDER = ("created_at", "offset")  # what is read in any case


def read(files: PostFiles, window: Window, columns: Columns = SCHEMA.names) -> Iterator[pa.Table]:
    """Yield the posts of a window by day, topic, partition and offset, some thousands at once.

    Raises `CorpusError` where a file is none of `trainer collect`, or is removed unread.
    """
    for day in filter(window.has_day, files.days()):
        for log in sorted({file.log for file in files.of(day)}):
            for posts in read_log(files, day, log, columns):
                times = posts["created_at"]
                inside = pc.and_(
                    pc.greater_equal(times, pa.scalar(window.since)),
                    pc.less(times, pa.scalar(window.until)),
                )
                yield posts.filter(inside).select(columns)


def read_log(
    files: PostFiles, day: date, log: tuple[str, int], columns: Columns = SCHEMA.names
) -> Iterator[pa.Table]:
    """Yield the posts of a partition that are of one day, by offset."""
    position = -1
    while True:
        listed = [file for file in files.of(day) if file.log == log and file.last > position]
        try:
            for cluster in clusters(listed):
                for posts in merged(files, cluster, columns, position):
                    position = posts["offset"][-1].as_py()
                    yield posts
        except FileNotFoundError as error:
            _check_replaced(listed, files.of(day), error)
        else:
            return


def _check_replaced(
    listed: list[PostFile], present: list[PostFile], error: FileNotFoundError
) -> None:
    """Raise `CorpusError` unless each file that is gone is replaced by one with its offsets."""
    gone = set(listed) - set(present)
    if not gone or not all(any(one.covers(file) for one in present) for file in gone):
        raise CorpusError(
            f"{error.filename or error}: the file was removed while it was read; "
            "choose a window within what is kept, and try again"
        ) from error


def clusters(files: Sequence[PostFile]) -> Iterator[list[PostFile]]:
    """Yield the files of one partition in runs whose offsets overlap, by offset."""
    cluster: list[PostFile] = []
    for file in sorted(files):
        if cluster and file.first > max(one.last for one in cluster):
            yield cluster
            cluster = []
        cluster.append(file)
    if cluster:
        yield cluster


def merged(
    files: PostFiles, cluster: Sequence[PostFile], columns: Columns = SCHEMA.names, after: int = -1
) -> Iterator[pa.Table]:
    """Yield the rows of files by offset, each once, from behind the offset `after` on.

    Of each file one row group is held: what lies up to the least of their last offsets is complete.
    """
    wanted = list(dict.fromkeys([*columns, *_ORDER]))
    streams = [_row_groups(files, file, wanted) for file in cluster]
    heads = {number: head for number, it in enumerate(streams) if (head := next(it, None))}
    while heads:
        bound = min(_offsets(head)[-1] for head in heads.values())
        parts = []
        for number, head in list(heads.items()):
            cut = int(np.searchsorted(_offsets(head), bound, side="right"))
            parts.append(head.slice(0, cut))
            rest = head.slice(cut) if cut < len(head) else next(streams[number], None)
            if rest is None:
                del heads[number]
            else:
                heads[number] = rest
        posts = _each_once(pa.concat_tables(parts), after)
        if len(posts):
            yield posts


def _row_groups(files: PostFiles, file: PostFile, columns: Columns) -> Iterator[pa.Table]:
    with files.open(file) as opened:
        for batch in opened.iter_batches(ROW_GROUP, columns=list(columns)):
            rows = pa.Table.from_batches([batch])
            if not (np.diff(_offsets(rows)) > 0).all():
                raise CorpusError(f"{file.path} is not sorted by offset; take it away")
            yield rows


def _each_once(rows: pa.Table, after: int) -> pa.Table:
    offsets, index = np.unique(_offsets(rows), return_index=True)
    return rows.take(index[offsets > after])


def _offsets(rows: pa.Table) -> npt.NDArray[np.int64]:
    found: npt.NDArray[np.int64] = rows["offset"].to_numpy()
    return found
