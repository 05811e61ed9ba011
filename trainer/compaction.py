"""Few large files instead of many small ones, and no posts older than is asked for.

Safe beside collectors and readers: what is removed lies in a file that is there already, and what a
kill leaves behind is merged by readers, and by the next compaction.
"""

from collections.abc import Iterator
from datetime import date, timedelta
from itertools import groupby

from trainer.collected import clusters, merged
from trainer.post_files import PostFile, PostFiles

LARGE = 67_108_864  # bytes that merged files have together at most; so many are held


def expire(files: PostFiles, keep_days: int, today: date) -> list[date]:
    """Remove the days before the last `keep_days`, today among them; returns which they were."""
    expired = [day for day in files.days() if day <= today - timedelta(days=keep_days)]
    for day in expired:
        files.remove_day(day)
    return expired


def compact(files: PostFiles) -> tuple[int, int]:
    """Merge small files; returns how many were merged, and into how many."""
    before = after = 0
    for day in files.days():
        files.remove_abandoned(day)
        for run in _runs(files.of(day)):
            try:
                _replace(files, day, run)
            except FileNotFoundError:
                continue  # another compaction was faster, or the day expired
            before += len(run)
            after += 1
    return before, after


def _replace(files: PostFiles, day: date, run: list[PostFile]) -> None:
    whole = files.write(day, (rows for one in clusters(run) for rows in merged(files, one)))
    for file in run:
        if file.path != whole.path:  # it is, where one of them had all rows of the others
            files.remove(file)


def _runs(present: list[PostFile]) -> Iterator[list[PostFile]]:
    """Yield the files to be merged: neighbours up to a size together, and all that overlap."""
    for _, log in groupby(present, key=lambda file: file.log):
        run: list[PostFile] = []
        for cluster in clusters(list(log)):
            if sum(file.size for file in [*run, *cluster]) > LARGE:
                yield from _worth(run)
                run = []
            run += cluster
        yield from _worth(run)


def _worth(run: list[PostFile]) -> Iterator[list[PostFile]]:
    if len(run) > 1:
        yield run
