"""The bundle: an immutable directory named by its digest, that trainer and worker agree on.

Every file is read once, checked against its SHA-256 and kept, so what was verified is what is
used. No file needs code to be read: no pickle anywhere.
"""

import hashlib
import shutil
import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar, cast

import msgspec
from tokenizers import Tokenizer

from export import manifest as manifests
from export.errors import BundleCorruptError, BundleIncompatibleError, BundleIncompleteError
from export.manifest import FileCard, Manifest, VariantCard
from export.memory_card import MemoryCard
from export.places import INCOMPLETE, Place, read, replace, sync_folder, write

MANIFEST = "manifest.json"
TOKENIZER = "tokenizer.json"
CONTEXT = "context.json"
HASHTAGS = "hashtags.tsv"
TOPICS = "topics.tsv"
GOLDEN = "golden.json"
SIGNATURE = "signature.json"  # beside the bundle, no part of it: `export/signatures.py`
LEARNED = "learned.json"  # by export.learned
_WEIGHTS = "weights-"
SHARED_FILES = (TOKENIZER, HASHTAGS, TOPICS, GOLDEN)
_T = TypeVar("_T")
_P = TypeVar("_P", bound=Place)


class Hashtag(msgspec.Struct, frozen=True, array_like=True):
    """One class of the model: canonical form, the spelling people use most, count in train."""

    canonical: str
    spelling: str
    count: int


class GoldenExample(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A text, and what gensim and torch made of it: the graph must repeat it at every load."""

    text: str
    ids: list[int]
    theta: list[float]
    hashtags: list[int]
    scores: list[float]
    context: list[int] = []


_GOLDEN = msgspec.json.Decoder(list[GoldenExample])


@dataclass(frozen=True)
class Bundle:
    """A verified bundle; its files are held as the bytes that were verified."""

    manifest: Manifest
    files: Mapping[str, bytes]

    @property
    def digest(self) -> str:
        """The name of the bundle: SHA-256 over its manifest, which names all its bytes."""
        return self.manifest.digest

    @property
    def name(self) -> str:
        """The first twelve digits of the digest, as suggestions carry it."""
        return self.manifest.digest[:12]

    def tokenizer(self) -> Tokenizer:
        """Return the text rules and the vocabulary."""
        return self._parsed(TOKENIZER, Tokenizer.from_buffer)

    def context(self) -> Tokenizer:
        """Return the rules and the vocabulary of mentions and words of links."""
        return self._parsed(CONTEXT, Tokenizer.from_buffer)

    def hashtags(self) -> list[Hashtag]:
        """Return the classes in the order of the graph's output rows."""
        return self._parsed(HASHTAGS, parse_hashtags)

    def topics(self) -> list[list[str]]:
        """Return the top words of each topic."""
        return [line.split("\t") for line in _lines(self.files[TOPICS])]

    def golden(self) -> list[GoldenExample]:
        """Return the examples that every load must repeat."""
        return self._parsed(GOLDEN, _GOLDEN.decode)

    def graph(self, variant: str) -> bytes:
        """Return the ONNX graph of a variant; raises `BundleIncompatibleError` without it."""
        return self.files[self._card(variant).file]

    def weights(self, variant: str) -> dict[str, bytes]:
        """Return the files of weights that the graph of a variant names."""
        return {name: self.files[name] for name in self._card(variant).weights}

    def without_graphs(self) -> "Bundle":
        """Return what is needed beside a graph that is loaded."""
        graphs = {card.file for card in self.manifest.variants.values()}
        kept = {
            name: data
            for name, data in self.files.items()
            if name not in graphs and not name.startswith(_WEIGHTS)
        }
        return Bundle(self.manifest, kept)

    def _card(self, variant: str) -> VariantCard:
        card = self.manifest.variants.get(variant)
        if card is None:
            raise BundleIncompatibleError(
                f"bundle {self.name} has no variant {variant!r}, "
                f"only {', '.join(sorted(self.manifest.variants))}"
            )
        return card

    def _parsed(self, name: str, parse: Callable[[bytes], _T]) -> _T:
        """Read a file that is as it was published, yet may be another version's."""
        try:
            return parse(self.files[name])
        except ValueError as error:  # `tokenizers`, msgspec and our own rows all raise it
            raise BundleIncompatibleError(
                f"bundle {self.name}: {name} is not readable here: {error}; "
                "install the versions in its manifest, or export again"
            ) from error


def weights_name(data: bytes) -> str:
    """Return the name of a file of weights: its contents'."""
    return f"{_WEIGHTS}{hashlib.sha256(data).hexdigest()[:16]}.bin"


def encode_hashtags(hashtags: list[Hashtag]) -> bytes:
    """Return `hashtags.tsv`: canonical form, spelling and count, a row a class."""
    for hashtag in hashtags:
        if {"\t", "\n"} & {*hashtag.canonical, *hashtag.spelling}:
            raise ValueError(f"{hashtag.spelling!r} is no hashtag: it has a tab or a line break")
    return "".join(f"{h.canonical}\t{h.spelling}\t{h.count}\n" for h in hashtags).encode()


def parse_hashtags(raw: bytes) -> list[Hashtag]:
    """Read what `encode_hashtags` wrote."""
    rows = (line.split("\t") for line in _lines(raw))
    return [Hashtag(canonical, spelling, int(count)) for canonical, spelling, count in rows]


def write_bundle(files: Mapping[str, bytes], card: Manifest, parent: _P) -> _P:
    """Write a bundle below `parent` and return its directory, which appears whole or not at all.

    `card.files` and `card.digest` are filled in here. Writing the same contents twice is one
    bundle. In a store that is no folder, a bundle is there when its manifest is: the last file.
    """
    entries = {name: FileCard(_sha256(data), len(data)) for name, data in files.items()}
    sealed, raw = manifests.seal(msgspec.structs.replace(card, files=entries))
    target = cast("_P", parent / sealed.digest)
    contents = [*files.items(), (MANIFEST, raw)]
    if isinstance(parent, Path):

        def fill(folder: Path) -> None:
            for name, data in contents:
                write(folder / name, data)

        _write_folder(fill, parent, sealed.digest)
    elif not (target / MANIFEST).exists():
        for name, data in contents:
            write(target / name, data)
    return target


def with_memory(source: Place, memory: MemoryCard) -> Place:
    """Write, beside a bundle, one that differs from it in how the memory votes alone.

    In a folder, its files are further links to the same where the file system has such. Raises what
    `read_bundle` does.
    """
    bundle = read_bundle(source)
    card = msgspec.structs.replace(bundle.manifest, schema=manifests.SCHEMA, memory=memory)
    if not isinstance(source, Path):
        return write_bundle(bundle.files, card, source.parent)
    sealed, raw = manifests.seal(card)

    def fill(folder: Path) -> None:
        for name in sealed.files:
            _link(source / name, folder / name)
        write(folder / MANIFEST, raw)

    parent = source.resolve().parent
    _write_folder(fill, parent, sealed.digest)
    return parent / sealed.digest


def _link(source: Path, target: Path) -> None:
    try:
        target.hardlink_to(source)
    except OSError:  # another file system, or one without links
        write(target, read(source))


def _write_folder(fill: Callable[[Path], None], parent: Path, digest: str) -> None:
    parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=INCOMPLETE, dir=parent))
    try:
        fill(temporary)
        temporary.chmod(0o755)
        sync_folder(temporary)
        if not (parent / digest).exists():
            temporary.rename(parent / digest)
            sync_folder(parent)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def copy_bundle(source: Place, parent: _P) -> _P:
    """Write a bundle below another parent too, once every byte of it is verified.

    A signature goes with it, unread: whoever serves the copy checks it.
    """
    bundle = read_bundle(source)
    target = write_bundle(bundle.files, bundle.manifest, parent)
    with suppress(FileNotFoundError):  # not every bundle is signed
        replace(target / SIGNATURE, read(source / SIGNATURE))
    return target


def read_bundle(path: Place) -> Bundle:
    """Read and verify a bundle; it is served only after every byte agrees.

    Raises `BundleIncompleteError`, `BundleCorruptError` or `BundleIncompatibleError`.
    """
    card = manifests.parse(_read(path, MANIFEST))
    if len(path.name) == len(card.digest) and path.name != card.digest:
        raise BundleCorruptError(f"{path} holds bundle {card.digest}; the directory was renamed")
    needed = {*SHARED_FILES}
    for variant in card.variants.values():
        needed |= {variant.file, *variant.weights}
    if any(entry.name == manifests.CONTEXT for entry in card.inputs):
        needed.add(CONTEXT)
    if missing := needed - card.files.keys():
        raise BundleIncompleteError(f"manifest.json of {path} does not list {sorted(missing)}")
    files = {name: _read(path, name) for name in card.files}
    for name, entry in card.files.items():
        if len(files[name]) != entry.size or _sha256(files[name]) != entry.sha256:
            raise BundleCorruptError(f"{path / name} differs from what was published; fetch again")
    return Bundle(card, files)


def _lines(raw: bytes) -> list[str]:
    """Split at line feeds and nothing else, as `str.splitlines` does not."""
    return raw.decode().split("\n")[:-1]


def _read(path: Place, name: str) -> bytes:
    try:
        return read(path / name)
    except OSError as error:
        why = error.strerror or type(error).__name__
        raise BundleIncompleteError(f"{path} has no readable {name}: {why}") from error


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
