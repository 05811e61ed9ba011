"""A window of collected posts as a corpus: train, dev and test, split by event time.

Learning takes hours, while collecting, compaction and retention go on, and `--since 30d` means
other posts each minute: so what is learned from is written down first, once.
"""

import shutil
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import zstandard

from trainer.checkpoints import write_durably
from trainer.collected import read
from trainer.errors import CorpusError, RunError
from trainer.post_files import PostFiles
from trainer.runs import Run
from trainer.window import Window

CARD = "snapshot.json"
DEV, TEST = 0.1, 0.1  # shares of the newest posts
SPLITS = ("train", "dev", "test")
_COLUMNS = ("id", "text", "hashtags", "created_at", "author", "lang")


class Snapshot(msgspec.Struct, frozen=True):
    """What a snapshot was asked for, and what it is: posts of each split, and where they begin."""

    url: str
    asked: str
    posts: dict[str, int]
    begin: dict[str, datetime]


def take(url: str, asked: str, window: Window, corpus: Path) -> Snapshot:
    """Write the posts of a window to a corpus folder, which appears whole or not at all.

    The newest tenth is test, the tenth before it dev; posts of one moment are never parted. `asked`
    are the words of the window. Raises `CorpusError` where the window has too few posts.
    """
    if corpus.exists():
        raise CorpusError(f"{corpus} is there already; take another directory")
    files = PostFiles(url)
    begin = _begin(_times(files, window), files, asked)
    incomplete = corpus.with_name(f".{corpus.name}.incomplete")
    shutil.rmtree(incomplete, ignore_errors=True)
    incomplete.mkdir(parents=True)
    posts = _write(files, window, begin, incomplete)
    moments = {name: _moment(time) for name, time in zip(SPLITS, begin, strict=True)}
    made = Snapshot(url, asked, posts, moments)
    write_durably(incomplete / CARD, msgspec.json.format(msgspec.json.encode(made)))
    incomplete.rename(corpus)
    return made


def of_run(url: str, asked: str, window: Window, run: Run, *, resume: bool) -> Path:
    """Return the corpus of a run: its own snapshot, taken anew unless the run is to go on."""
    corpus = run.path / "corpus"
    run.check_new(resume=resume)
    if not resume:
        shutil.rmtree(corpus, ignore_errors=True)
    if not corpus.exists():
        take(url, asked, window, corpus)
    found = msgspec.json.decode((corpus / CARD).read_bytes(), type=Snapshot)
    if (found.url, found.asked) != (url, asked):
        raise RunError(f"{run.path} was begun on {found.url}, {found.asked}: go on as it was begun")
    return corpus


def is_collected(url: str) -> bool:
    """Say whether a URL is one of collected posts; a folder with splits is none."""
    return "://" in url or any(Path(url).glob("day=*"))


def _times(files: PostFiles, window: Window) -> npt.NDArray[np.int64]:
    """Return the event times in µs [posts], sorted; all that is held of the posts at once."""
    if not files.days():
        raise CorpusError(f"{files.url} has no posts; `trainer collect {files.url}` collects them")
    times = [_microseconds(posts) for posts in read(files, window, ("created_at",))]
    return np.sort(np.concatenate([np.empty(0, np.int64), *times]))


def _begin(times: npt.NDArray[np.int64], files: PostFiles, asked: str) -> list[int]:
    """Return the first moment of each split, in µs; raises `CorpusError` where one is empty."""
    if not len(times):
        days = files.days()
        raise CorpusError(
            f"{files.url} has no posts, {asked}, but from {days[0]} to {days[-1]}; "
            "choose another window"
        )
    places = [0, int(len(times) * (1 - DEV - TEST)), int(len(times) * (1 - TEST))]
    begin = [int(times[place]) for place in places]
    if len(set(begin)) < len(begin):
        raise CorpusError(
            f"{files.url} has {len(times)} posts, {asked}, of too few moments to tell train, dev "
            "and test apart; choose a longer window"
        )
    return begin


def _write(files: PostFiles, window: Window, begin: list[int], corpus: Path) -> dict[str, int]:
    counts = dict.fromkeys(SPLITS, 0)
    encoder = msgspec.json.Encoder()
    with ExitStack() as stack:
        sinks = [
            stack.enter_context(zstandard.open(corpus / f"{name}.jsonl.zst", "wb"))
            for name in SPLITS
        ]
        for row, time in _rows(files, window):
            number = bisect_right(begin[1:], time)  # what came late may be older than all others
            sinks[number].write(encoder.encode(row) + b"\n")
            counts[SPLITS[number]] += 1
    return counts


def _rows(files: PostFiles, window: Window) -> Iterator[tuple[Mapping[str, Any], int]]:
    for posts in read(files, window, _COLUMNS):
        yield from zip(posts.to_pylist(), _microseconds(posts).tolist(), strict=True)


def _microseconds(posts: pa.Table) -> npt.NDArray[np.int64]:
    times: npt.NDArray[np.int64] = posts["created_at"].cast(pa.int64()).to_numpy()
    return times


def _moment(microseconds: int) -> datetime:
    return datetime.fromtimestamp(microseconds / 1e6, UTC)
