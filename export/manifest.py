"""What a bundle says of itself: `manifest.json`, as canonical JSON."""

import hashlib
from typing import Any

import msgspec

from export.errors import BundleCorruptError, BundleIncompatibleError
from export.memory_card import MemoryCard

# 2: golden examples tell their context; 3: weights apart, further text in the card; 4: the end of
# dev, and how the memory votes; 5: what a warm start began from
SCHEMA = 5
OLDEST_SCHEMA = 1
CPU_VARIANTS = CPU_FP32, CPU_INT8 = "cpu-fp32", "cpu-int8"
CUDA_VARIANTS = CUDA_FP32, CUDA_FP16 = "cuda-fp32", "cuda-fp16"
VARIANTS = (*CPU_VARIANTS, *CUDA_VARIANTS)
CPU, CUDA = "cpu", "cuda"  # devices
OUTPUTS = ("theta", "hashtags", "scores", "attention")
IDS = "ids"  # int64 [B, L], word ids by tokenizer.json
CONTEXT = "context"  # int64 [B, C], mentions and words of links by context.json


class FileCard(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One file: its SHA-256 in hexadecimal, and its size in bytes."""

    sha256: str
    size: int


class Tolerance(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The largest absolute differences from the reference that count as equal.

    `ties` is how near two scores are whose hashtags may change places, `best` the share of posts
    whose first hashtag is the same.
    """

    theta: float = 1e-5
    scores: float = 1e-4
    ties: float = 1e-6
    best: float = 1.0


class VariantCard(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One form of the graph: where it runs, how exact it is, and on what its answers depend.

    `weights` are the files beside the graph; variants share those with the same contents.
    """

    file: str
    device: str
    tolerance: Tolerance
    batch_dependent: bool
    weights: list[str] = []


class InputCard(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One named input of the graph; `rule` says what fills it."""

    name: str
    rule: str
    dtype: str
    shape: list[str]


class ModelCard(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The method, the text protocol it was trained under, and its sizes."""

    method: str
    protocol: str
    max_words: int
    vocabulary: int
    hashtags: int
    topics: int
    dimensions: int
    hidden: int
    ranked: int


class DataCard(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the model learned from: counts, window of `created_at`, SHA-256 of the posts.

    `further` is the SHA-256 of text without labels that word2vec and LDA learned from too. The
    window is that of train; dev, by which epochs and scales are chosen, ends at `dev_last`.
    `warm_start` is the digest of the bundle whose weights learning began with, if of any.
    """

    train_posts: int
    dev_posts: int
    first: str | None
    last: str | None
    fingerprint: str
    further: str | None = None
    dev_last: str | None = None
    warm_start: str | None = None


class MetricRow(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Quality at k in per cent, and on which split and text protocol it was measured."""

    split: str
    protocol: str
    k: int
    precision: float
    recall: float
    f1: float
    hit: float


class Manifest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All that is known of a bundle. No clock: equal contents have an equal digest.

    Without `memory`, the memory beside the model votes by the worker's defaults.
    """

    schema: int = SCHEMA
    digest: str = ""
    files: dict[str, FileCard]
    model: ModelCard
    data: DataCard
    metrics: list[MetricRow]
    inputs: list[InputCard]
    variants: dict[str, VariantCard]
    opset: int
    libraries: dict[str, str]
    revision: str
    memory: MemoryCard | None = None


def _canonical(fields: dict[str, Any]) -> bytes:
    return msgspec.json.format(msgspec.json.encode(fields, order="sorted"), indent=2) + b"\n"


def _digest(fields: dict[str, Any]) -> str:
    return hashlib.sha256(_canonical({**fields, "digest": ""})).hexdigest()


def seal(manifest: Manifest) -> tuple[Manifest, bytes]:
    """Return the manifest with its digest, and the bytes to be written.

    Raises `msgspec.ValidationError` where a field is out of its bounds: none is published.
    """
    fields = msgspec.to_builtins(manifest)
    fields["digest"] = _digest(fields)
    return msgspec.convert(fields, Manifest), _canonical(fields)


def parse(raw: bytes) -> Manifest:
    """Read what `seal` wrote.

    Raises `BundleCorruptError` when a byte was changed and `BundleIncompatibleError` when the
    schema is newer, or too old, for this version.
    """
    try:
        fields = msgspec.json.decode(raw, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BundleCorruptError(f"manifest.json is not readable: {error}") from error
    if raw != _canonical(fields) or fields.get("digest") != _digest(fields):
        raise BundleCorruptError("manifest.json was changed after it was published; export again")
    schema = fields.get("schema")
    if not isinstance(schema, int) or not OLDEST_SCHEMA <= schema <= SCHEMA:
        raise BundleIncompatibleError(
            f"the bundle has schema {schema}, this version reads {OLDEST_SCHEMA} to {SCHEMA}; "
            "install the version of tagstream that made it, or export again"
        )
    try:
        return msgspec.convert(fields, Manifest)
    except msgspec.ValidationError as error:
        raise BundleIncompatibleError(f"manifest.json: {error}; export again") from error
