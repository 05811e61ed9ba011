import errno
import os
import random
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest

from export import manifest as manifests
from export.bundle import (
    GOLDEN,
    HASHTAGS,
    MANIFEST,
    SHARED_FILES,
    TOKENIZER,
    Bundle,
    Hashtag,
    encode_hashtags,
    read_bundle,
    write_bundle,
)
from export.errors import (
    BundleCorruptError,
    BundleError,
    BundleIncompatibleError,
    BundleIncompleteError,
    GoldenMismatchError,
)
from export.manifest import SCHEMA
from worker.predictor import Predictor

GRAPH = "cpu-fp32.onnx"


@pytest.fixture
def copy(bundle_path: Path, tmp_path: Path) -> Path:
    """The bundle under its own name, to be damaged."""
    return Path(shutil.copytree(bundle_path, tmp_path / bundle_path.name))


def resealed(bundle: Bundle, parent: Path, files: Mapping[str, bytes], **card: Any) -> Path:  # noqa: ANN401
    """Write a bundle of other files or another manifest, as an exporter with a fault would."""
    manifest = msgspec.structs.replace(bundle.manifest, **card)
    return write_bundle({**bundle.files, **files}, manifest, parent)


def flip(path: Path, position: int) -> None:
    data = bytearray(path.read_bytes())
    data[position] ^= 1 << random.Random(position).randrange(8)
    path.write_bytes(data)


class TestReading:
    def test_gives_what_was_written(self, bundle: Bundle, bundle_path: Path) -> None:
        assert bundle.digest == bundle_path.name
        assert bundle.name == bundle_path.name[:12]
        assert len(bundle.hashtags()) == bundle.manifest.model.hashtags
        assert len(bundle.topics()) == bundle.manifest.model.topics
        assert bundle.tokenizer().get_vocab_size() == bundle.manifest.model.vocabulary
        assert {example.text for example in bundle.golden()} >= {"", "#OnlyAHashtag"}

    def test_an_unknown_variant_names_those_there_are(self, bundle: Bundle) -> None:
        with pytest.raises(BundleIncompatibleError, match="'tpu', only cpu-fp32"):
            bundle.graph("tpu")

    @pytest.mark.parametrize("name", [*SHARED_FILES, GRAPH])
    def test_any_flipped_byte_of_a_file_is_refused(self, copy: Path, name: str) -> None:
        intact = (copy / name).read_bytes()
        sample = random.Random(name).sample(range(len(intact)), 12)
        for position in {0, len(intact) - 1, *sample}:
            flip(copy / name, position)
            with pytest.raises(BundleCorruptError, match=name):
                read_bundle(copy)
            (copy / name).write_bytes(intact)
        read_bundle(copy)

    def test_any_flipped_byte_of_the_manifest_is_refused(self, copy: Path) -> None:
        intact = (copy / MANIFEST).read_bytes()
        for position in range(len(intact)):
            flip(copy / MANIFEST, position)
            with pytest.raises(BundleCorruptError):
                read_bundle(copy)
            (copy / MANIFEST).write_bytes(intact)

    @pytest.mark.parametrize("name", [*SHARED_FILES, GRAPH])
    def test_a_file_cut_short_or_grown_is_refused(self, copy: Path, name: str) -> None:
        intact = (copy / name).read_bytes()
        for changed in (intact[:-1], intact + b"\n", b""):
            (copy / name).write_bytes(changed)
            with pytest.raises(BundleCorruptError, match=name):
                read_bundle(copy)

    @pytest.mark.parametrize("name", [MANIFEST, *SHARED_FILES, GRAPH])
    def test_a_missing_file_is_named(self, copy: Path, name: str) -> None:
        (copy / name).unlink()
        with pytest.raises(BundleIncompleteError, match=name):
            read_bundle(copy)

    def test_a_directory_under_another_digest_is_refused(self, copy: Path) -> None:
        renamed = copy.rename(copy.with_name("0" * 64))
        with pytest.raises(BundleCorruptError, match="renamed"):
            read_bundle(renamed)

    def test_a_directory_with_a_name_for_people_is_read(self, copy: Path, bundle: Bundle) -> None:
        assert read_bundle(copy.rename(copy.with_name("model"))).digest == bundle.digest

    @pytest.mark.parametrize("name", [*SHARED_FILES, GRAPH])
    def test_a_manifest_that_does_not_list_a_needed_file_is_refused(
        self, bundle: Bundle, tmp_path: Path, name: str
    ) -> None:
        files = {other: data for other, data in bundle.files.items() if other != name}
        with pytest.raises(BundleIncompleteError, match=f"does not list .*{name}"):
            read_bundle(write_bundle(files, bundle.manifest, tmp_path))


class TestSchemas:
    @pytest.mark.parametrize("schema", [SCHEMA + 1, 0])
    def test_another_is_refused_with_what_to_do(
        self, bundle: Bundle, tmp_path: Path, schema: int
    ) -> None:
        path = resealed(bundle, tmp_path, {}, schema=schema)
        with pytest.raises(BundleIncompatibleError, match=f"schema {schema}.*install"):
            read_bundle(path)

    @pytest.mark.parametrize("change", [{"unheard_of": 1}, {"opset": "twenty"}, {"data": None}])
    def test_fields_of_another_version_are_refused(
        self, bundle: Bundle, change: dict[str, object]
    ) -> None:
        fields = {**msgspec.to_builtins(bundle.manifest), **change}
        fields["digest"] = manifests._digest(fields)
        with pytest.raises(BundleIncompatibleError, match=r"manifest\.json"):
            manifests.parse(manifests._canonical(fields))

    @pytest.mark.parametrize("raw", [b"", b"{}", b"[]", b'{"a":"\xff"}', b'{"schema": 1}', b"null"])
    def test_what_is_no_manifest_is_refused(self, raw: bytes) -> None:
        with pytest.raises(BundleCorruptError):
            manifests.parse(raw)


class TestSealedNonsense:
    """Published whole and yet wrong: each is refused by name before anything is served."""

    @pytest.mark.parametrize(
        ("name", "data"),
        [
            (TOKENIZER, b"{}"),
            (HASHTAGS, b"one\ttwo\n"),
            (HASHTAGS, b"one\tOne\tmany\n"),
            (GOLDEN, b"[{}]"),
            (GRAPH, b"no graph"),
        ],
    )
    def test_a_file_that_cannot_be_read(
        self, bundle: Bundle, tmp_path: Path, name: str, data: bytes
    ) -> None:
        path = resealed(bundle, tmp_path, {name: data})
        with pytest.raises(BundleIncompatibleError):
            Predictor(read_bundle(path))

    @pytest.mark.parametrize("field", ["scores", "theta"])
    def test_golden_numbers_that_the_graph_does_not_repeat(
        self, bundle: Bundle, tmp_path: Path, field: str
    ) -> None:
        examples = [msgspec.to_builtins(example) for example in bundle.golden()]
        examples[0][field][0] += 0.01
        path = resealed(bundle, tmp_path, {GOLDEN: msgspec.json.encode(examples)})
        with pytest.raises(GoldenMismatchError, match="cpu-fp32: a golden example differs"):
            Predictor(read_bundle(path))

    def test_golden_ids_that_the_tokenizer_does_not_repeat(
        self, bundle: Bundle, tmp_path: Path
    ) -> None:
        examples = [msgspec.to_builtins(example) for example in bundle.golden()]
        examples[0]["ids"][0] += 1
        path = resealed(bundle, tmp_path, {GOLDEN: msgspec.json.encode(examples)})
        with pytest.raises(GoldenMismatchError, match="tokenizers"):
            Predictor(read_bundle(path))

    def test_all_of_these_are_bundle_errors(self) -> None:
        for error in (BundleCorruptError, BundleIncompatibleError, GoldenMismatchError):
            assert issubclass(error, BundleError)


class TestWriting:
    def test_the_same_contents_are_one_bundle(
        self, bundle: Bundle, bundle_path: Path, tmp_path: Path
    ) -> None:
        first = write_bundle(bundle.files, bundle.manifest, tmp_path)
        second = write_bundle(dict(reversed(list(bundle.files.items()))), bundle.manifest, tmp_path)
        assert first == second
        assert first.name == bundle_path.name
        assert list(tmp_path.iterdir()) == [first]

    def test_other_contents_are_another(self, bundle: Bundle, tmp_path: Path) -> None:
        assert resealed(bundle, tmp_path, {}, revision="other").name != bundle.digest
        assert resealed(bundle, tmp_path, {"notes.txt": b"more"}).name != bundle.digest

    def test_others_may_read_it(self, bundle_path: Path) -> None:
        assert bundle_path.stat().st_mode & 0o777 == 0o755

    def test_nothing_is_left_behind_when_it_fails(
        self, bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def full(handle: int) -> None:
            raise OSError(errno.ENOSPC, f"no space for {handle}")

        monkeypatch.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="no space"):
            write_bundle(bundle.files, bundle.manifest, tmp_path)
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.parametrize("broken", ["a\tb", "a\nb"])
    def test_a_hashtag_that_would_break_its_row_is_refused(self, broken: str) -> None:
        with pytest.raises(ValueError, match="tab or a line break"):
            encode_hashtags([Hashtag(broken, "a", 1)])
        with pytest.raises(ValueError, match="tab or a line break"):
            encode_hashtags([Hashtag("a", broken, 1)])


class TestContents:
    def test_no_file_is_a_pickle_or_an_archive_of_one(self, bundle: Bundle) -> None:
        for data in bundle.files.values():
            assert not data.startswith((b"\x80", b"PK"))
            assert b".pkl" not in data

    def test_no_path_of_this_machine_is_in_it(self, bundle: Bundle, tmp_path: Path) -> None:
        here = Path(__file__).parents[2]
        paths = [here, here.parent, Path.home(), tmp_path.parents[1], Path(os.__file__).parent]
        for data in bundle.files.values():
            for path in filter(lambda path: len(path.parts) > 1, paths):
                assert str(path).encode() not in data
            assert b".py" not in data
