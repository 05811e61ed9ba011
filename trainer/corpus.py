"""Posts from files of JSON lines, plain or compressed, one at a time.

A corpus is a folder with `train`, `dev` and `test` as `.jsonl`, `.jsonl.gz` or `.jsonl.zst`.
"""

import gzip
import hashlib
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path

import msgspec
import zstandard

from export.text import canonical_hashtag, find_hashtags, spelt_hashtag
from trainer.errors import CorpusError, TooManyBadLinesError

ALIASES = {"dev": ("dev", "valid", "validation")}
SUFFIXES = (".jsonl", ".jsonl.gz", ".jsonl.zst")
MAX_BAD_SHARE = 0.01
FEW_BAD_LINES = 10  # never too many, however short the file
_READ_AT_ONCE = 65_536  # bytes


class _Line(msgspec.Struct, frozen=True, omit_defaults=True):
    text: str
    id: str | int | None = None
    tags: list[str] | None = None
    hashtags: list[str] | None = None
    created_at: str | None = None
    author: str | None = None
    src: str | None = None


@dataclass(frozen=True, slots=True)
class LabelledPost:
    """A post with its answers.

    `spellings` maps the canonical form of each hashtag to how the author wrote it; `source` names
    where the post was collected, by the line's `src`.
    """

    id: str
    text: str
    spellings: dict[str, str]
    created_at: str | None = None
    author: str | None = None
    source: str | None = None

    @property
    def hashtags(self) -> list[str]:
        """The answers in canonical form, each once."""
        return list(self.spellings)


@dataclass
class CorpusReader:
    """Iterates over the posts of one file; a line that is none is noted and passed over.

    Raises `CorpusError` when the file cannot be read, `TooManyBadLinesError` when more than one
    line in a hundred is bad.
    """

    path: Path
    bad_lines: list[tuple[int, str]] = field(default_factory=list)

    def __iter__(self) -> Iterator[LabelledPost]:
        """Read the file once more from its start."""
        self.bad_lines.clear()
        number = 0
        decoder = msgspec.json.Decoder(_Line)
        try:
            for number, line in enumerate(_lines(self.path), 1):
                if not line.strip():
                    continue
                try:
                    yield _labelled(decoder.decode(line), number)
                except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
                    self._note(number, error)
        except (OSError, EOFError, zlib.error, zstandard.ZstdError) as error:
            raise CorpusError(f"{self.path}, after line {number}: {error}") from error
        if len(self.bad_lines) > max(FEW_BAD_LINES, MAX_BAD_SHARE * number):
            raise TooManyBadLinesError(self.complaint())

    def complaint(self) -> str:
        """Say which lines were bad, and why."""
        some = "; ".join(f"line {number}: {error}" for number, error in self.bad_lines[:3])
        return f"{self.path}: {len(self.bad_lines)} bad lines ({some})"

    def _note(self, number: int, error: Exception) -> None:
        self.bad_lines.append((number, str(error)))
        if len(self.bad_lines) > FEW_BAD_LINES and len(self.bad_lines) > number / 2:
            raise TooManyBadLinesError(self.complaint())


def split(corpus: Path, name: str) -> CorpusReader:
    """Return a reader of one split of a corpus folder; dev may also be called valid."""
    for spelling, suffix in product(ALIASES.get(name, (name,)), SUFFIXES):
        if (path := corpus / f"{spelling}{suffix}").is_file():
            return CorpusReader(path)
    raise CorpusError(f"{corpus} has no {name} with one of {', '.join(SUFFIXES)}")


def write_posts(file: Path, posts: Iterable[LabelledPost]) -> None:
    """Write posts as a file of a corpus, `.jsonl.zst`; their answers become its gold labels."""
    encoder = msgspec.json.Encoder()
    with zstandard.open(file, "wb") as sink:
        for post in posts:
            tags, written = list(post.spellings), list(post.spellings.values())
            line = _Line(
                post.text, post.id, tags, written, post.created_at, post.author, post.source
            )
            sink.write(encoder.encode(line) + b"\n")


def digests(corpus: Path, names: Iterable[str]) -> dict[str, str]:
    """Return the SHA-256 of the file of each split."""
    return {name: file_digest(split(corpus, name).path) for name in names}


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _lines(path: Path) -> Iterator[bytes]:
    if path.suffix == ".zst":
        yield from _split_into_lines(_zstd_chunks(path))
        return
    with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as file:
        yield from file


def _zstd_chunks(path: Path) -> Iterator[bytes]:
    """Decompress a file, of several frames too; raises `EOFError` where the last one is cut off.

    zstandard's own reader takes a truncated file for a whole one.
    """
    frame = None
    with path.open("rb") as file:
        while chunk := file.read(_READ_AT_ONCE):
            while chunk:
                frame = frame or zstandard.ZstdDecompressor().decompressobj()
                yield frame.decompress(chunk)
                chunk, frame = (frame.unused_data, None) if frame.eof else (b"", frame)
    if frame is not None:
        raise EOFError("Compressed file ended before the end of its last frame")


def _split_into_lines(chunks: Iterable[bytes]) -> Iterator[bytes]:
    rest = b""
    for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        yield from lines
    if rest:
        yield rest


def _labelled(line: _Line, number: int) -> LabelledPost:
    """Return the post with the answers it was given, or else those found in it.

    `tags` are a corpus's own gold labels and final; otherwise the answers are the union of the
    post's `hashtags` and those in its text.
    """
    written = [*find_hashtags(line.text), *map(spelt_hashtag, line.hashtags or [])]
    spelt = {canonical_hashtag(h): h for h in reversed(written)}
    if line.tags is None:
        spellings = dict(reversed(spelt.items()))
    else:
        names = (canonical_hashtag(spelt_hashtag(tag)) for tag in line.tags)
        spellings = {name: spelt.get(name, name) for name in names}
    spellings.pop("", None)
    identity = str(number) if line.id is None else str(line.id)
    return LabelledPost(identity, line.text, spellings, line.created_at, line.author, line.src)
