"""A signature is of one bundle, by one key; whoever asks for it serves nothing else."""

import shutil
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner

from export.bundle import SIGNATURE, Bundle, copy_bundle, write_bundle
from export.errors import BundleCorruptError, BundleIncompleteError, SignatureError
from export.registry import CHAMPION, Registry
from export.signatures import sign, verify
from tests.support.cli import assert_one_line, trainer
from tests.support.keys import Keys
from tests.unit.test_models import counted, followed, metrics, serving
from worker.cli import main
from worker.errors import ExitCode, StartupFailedError
from worker.telemetry import Metrics

__all__ = ["metrics"]  # a fixture


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Keys:
    return Keys(tmp_path_factory.mktemp("keys") / "ours")


@pytest.fixture(scope="module")
def theirs(tmp_path_factory: pytest.TempPathFactory) -> Keys:
    return Keys(tmp_path_factory.mktemp("keys") / "theirs")


@pytest.fixture
def shelf(bundle: Bundle, tmp_path: Path) -> Registry:
    """A registry of two bundles, of which the first is the champion."""
    shelf = Registry(tmp_path / "registry")
    for revision in ("second", "first"):
        card = msgspec.structs.replace(bundle.manifest, revision=revision)
        path = write_bundle(bundle.files, card, shelf.bundles)
        shelf.assign(CHAMPION, path.name, revision)
    return shelf


@pytest.fixture
def path(shelf: Registry) -> Path:
    return Path(str(shelf.resolve(CHAMPION)))


def other(shelf: Registry) -> Path:
    (found,) = {*shelf.digests()} - {shelf.resolve(CHAMPION).name}
    return Path(str(shelf.bundles / found))


def test_what_we_signed_is_ours_and_nobody_elses(path: Path, ours: Keys, theirs: Keys) -> None:
    sign(path, ours.private)
    verify(path, path.name, ours.public)
    with pytest.raises(SignatureError, match="none of the keys"):
        verify(path, path.name, theirs.public)


def test_a_signature_is_of_one_bundle(shelf: Registry, path: Path, ours: Keys) -> None:
    sign(path, ours.private)
    shutil.copy(path / SIGNATURE, other(shelf))
    with pytest.raises(SignatureError, match="none of the keys"):
        verify(other(shelf), other(shelf).name, ours.public)


def test_a_copy_is_signed_as_the_bundle_is(shelf: Registry, path: Path, ours: Keys) -> None:
    elsewhere = shelf.root / "elsewhere"
    copy = copy_bundle(path, elsewhere)
    assert not (copy / SIGNATURE).exists()
    sign(path, ours.private)
    assert copy_bundle(path, elsewhere) == copy
    verify(copy, copy.name, ours.public)


def test_while_keys_change_either_will_do(
    shelf: Registry, path: Path, ours: Keys, theirs: Keys, tmp_path: Path
) -> None:
    both = tmp_path / "both.pem"
    both.write_bytes(ours.public.read_bytes() + theirs.public.read_bytes())
    for bundle, keys in ((path, ours), (other(shelf), theirs)):
        sign(bundle, keys.private)
        verify(bundle, bundle.name, both)


@pytest.mark.parametrize(
    "raw", [b"", b"{}", b"\xff", b'{"algorithm":"none","signature":""}',
            b'{"algorithm":"ed25519","signature":"?"}'],
)  # fmt: skip
def test_what_is_no_signature_is_refused(path: Path, ours: Keys, raw: bytes) -> None:
    (path / SIGNATURE).write_bytes(raw)
    with pytest.raises(SignatureError):
        verify(path, path.name, ours.public)


def test_without_a_signature_one_may_be_still_coming(path: Path, ours: Keys) -> None:
    with pytest.raises(BundleIncompleteError, match="trainer sign"):
        verify(path, path.name, ours.public)


def test_a_bundle_that_was_altered_is_not_signed(path: Path, ours: Keys) -> None:
    (path / "topics.tsv").write_bytes(b"other words\n")
    with pytest.raises(BundleCorruptError):
        sign(path, ours.private)
    assert not (path / SIGNATURE).exists()


def test_keys_that_are_none_are_named(path: Path, ours: Keys, tmp_path: Path) -> None:
    rsa = Keys(tmp_path / "rsa", "rsa")
    for wrong in (rsa.private, ours.public, tmp_path / "none"):
        with pytest.raises(SignatureError, match=str(wrong)):
            sign(path, wrong)
    sign(path, ours.private)
    for wrong in (rsa.public, ours.private, tmp_path / "none"):
        with pytest.raises(SignatureError, match=str(wrong)):
            verify(path, path.name, wrong)


def test_a_worker_that_asks_for_a_signature_starts_with_no_other(
    shelf: Registry, path: Path, ours: Keys, theirs: Keys
) -> None:
    asked = ("suggest", "--registry", str(shelf.root), "--require-signature", str(ours.public))
    for private, said in ((None, "is not signed"), (theirs.private, "none of the keys")):
        if private is not None:
            sign(path, private)
        refused = CliRunner().invoke(main, [*asked, "off to the sea"])
        assert refused.exit_code == ExitCode.START_FAILED
        assert said in refused.stderr
        assert len(refused.stderr.splitlines()) == 1
    sign(path, ours.private)
    assert CliRunner().invoke(main, [*asked, "off to the sea"]).exit_code == ExitCode.DONE


def test_a_running_worker_refuses_it_counts_it_and_serves_on(
    shelf: Registry, path: Path, ours: Keys, theirs: Keys, metrics: Metrics
) -> None:
    with pytest.raises(StartupFailedError, match="is not signed"):
        followed(shelf, metrics, require_signature=str(ours.public))
    sign(path, ours.private)
    models = followed(shelf, metrics, require_signature=str(ours.public))
    second = other(shelf)
    sign(second, theirs.private)
    shelf.assign(CHAMPION, second.name, "not ours")
    models.look()
    models.look()
    assert serving(models) == path.name
    assert counted(metrics, "tagstream_refused_models_total") == 1


def test_one_that_is_signed_later_serves_then(
    shelf: Registry, path: Path, ours: Keys, metrics: Metrics
) -> None:
    sign(path, ours.private)
    models = followed(shelf, metrics, require_signature=str(ours.public))
    second = other(shelf)
    shelf.assign(CHAMPION, second.name, "better")
    models.look()
    assert serving(models) == path.name
    sign(second, ours.private)
    models.look()
    assert serving(models) == second.name


def test_signing_tells_what_is_wrong(shelf: Registry, tmp_path: Path, ours: Keys) -> None:
    assert_one_line(trainer("sign", shelf.root, "--sign-key", tmp_path / "none"), "private key")
    wrong = trainer("sign", shelf.root, "--alias", "none", "--sign-key", ours.private)
    assert_one_line(wrong, "has no alias 'none'")
