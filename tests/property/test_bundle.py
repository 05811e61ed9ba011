"""What is written is what is read, whatever it says."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from export import manifest as manifests
from export.bundle import (
    GOLDEN,
    HASHTAGS,
    TOKENIZER,
    TOPICS,
    Hashtag,
    encode_hashtags,
    parse_hashtags,
    read_bundle,
    write_bundle,
)
from export.manifest import (
    DataCard,
    InputCard,
    Manifest,
    MetricRow,
    ModelCard,
    Tolerance,
    VariantCard,
)
from export.memory_card import MOST_POSTS, MemoryCard, RulesCard

text = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
spelling = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\t\n"), max_size=12)
number = st.floats(allow_nan=False, allow_infinity=False)
count = st.integers(0, 2**53)
hashtags = st.lists(st.builds(Hashtag, spelling, spelling, count), max_size=8)


def variants(file: st.SearchStrategy[str]) -> st.SearchStrategy[VariantCard]:
    tolerance = st.builds(Tolerance, number, number)
    return st.builds(VariantCard, file, text, tolerance, st.booleans())


posts, exponent = st.integers(1, MOST_POSTS), st.floats(0, 100)
memories = st.builds(
    MemoryCard,
    st.builds(
        RulesCard, *[posts] * 4, exponent, st.floats(0, exclude_min=True, allow_infinity=False),
        *[exponent] * 2,
    ),
    posts,
    exponent,
    exponent,
)  # fmt: skip
manifest = st.builds(
    Manifest,
    files=st.just({}),
    model=st.builds(ModelCard, text, text, *[count] * 7),
    data=st.builds(DataCard, count, count, st.none() | text, st.none() | text, text),
    metrics=st.lists(st.builds(MetricRow, text, text, count, *[number] * 4), max_size=3),
    inputs=st.lists(st.builds(InputCard, text, text, text, st.lists(text)), max_size=2),
    variants=st.dictionaries(text, variants(st.just("graph")), max_size=3),
    opset=count,
    libraries=st.dictionaries(text, text, max_size=3),
    revision=text,
    memory=st.none() | memories,
)


@given(hashtags)
def test_hashtags(rows: list[Hashtag]) -> None:
    assert parse_hashtags(encode_hashtags(rows)) == rows


@given(manifest)
def test_manifests(card: Manifest) -> None:
    sealed, raw = manifests.seal(card)
    assert manifests.parse(raw) == sealed
    assert msgspec.structs.replace(sealed, digest="") == card


@given(manifest)
def test_a_manifest_has_one_digest(card: Manifest) -> None:
    shuffled: dict[str, Any] = dict(reversed(msgspec.to_builtins(card).items()))
    again = msgspec.convert(shuffled, Manifest)
    assert manifests.seal(again) == manifests.seal(card)
    assert manifests.seal(manifests.seal(card)[0]) == manifests.seal(card)


@given(manifest, hashtags, st.binary(max_size=20))
def test_bundles(card: Manifest, rows: list[Hashtag], other: bytes) -> None:
    files = {
        HASHTAGS: encode_hashtags(rows),
        TOKENIZER: other,
        TOPICS: "a\x85b\tc\n".encode(),
        GOLDEN: b"[]",
        "graph": other,
    }
    with TemporaryDirectory() as folder:
        bundle = read_bundle(write_bundle(files, card, Path(folder)))
    assert bundle.files == files
    assert bundle.hashtags() == rows
    assert bundle.topics() == [["a\x85b", "c"]]
