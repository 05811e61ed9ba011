"""`trainer export`, `evaluate` and `synthesize` at the command line."""

from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from export.bundle import Bundle, read_bundle
from export.errors import ScoreParityError
from export.manifest import CPU_VARIANTS, MetricRow
from export.onnx_graph import OnnxGraph
from export.registry import Registry
from export.signatures import verify
from tests.support.cli import assert_one_line, squeezed, trainer
from trainer.memory_fit import MemoryChoice
from trainer.runs import Run
from worker.memory_state import Rules


def metric_rows(file: Path) -> list[dict[str, object]]:
    return msgspec.json.decode(file.read_bytes(), type=list[dict[str, object]])


@pytest.fixture
def exported(monkeypatch: pytest.MonkeyPatch, bundle: Bundle) -> None:
    """Spare the making of a graph that is there already."""
    graphs = iter([bundle.graph(name) for name in CPU_VARIANTS])
    monkeypatch.setattr("trainer.release.export_onnx", lambda _: OnnxGraph(next(graphs), {}))


@pytest.mark.usefixtures("exported")
def test_export_makes_a_bundle_and_assigns_an_alias(run: Run, tmp_path: Path) -> None:
    result = trainer("export", run.path, tmp_path, "--alias", "champion", "--reason", "a test")
    assert result.exit_code == 0, result.output
    registry = Registry(tmp_path)
    path = registry.resolve("champion")
    assert read_bundle(path).digest == path.name
    assert str(path) in result.stdout
    assert "against gensim and torch on 240 posts:\ncpu-fp32: θ within " in result.stdout
    assert "\ncpu-int8: θ within " in result.stdout
    assert [event.reason for event in registry.history()] == ["a test"]


@pytest.mark.usefixtures("exported")
def test_export_signs_what_it_makes(run: Run, tmp_path: Path) -> None:
    key, public = tmp_path / "signing.pem", tmp_path / "trusted.pem"
    pair = Ed25519PrivateKey.generate()
    key.write_bytes(pair.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    form = PublicFormat.SubjectPublicKeyInfo
    public.write_bytes(pair.public_key().public_bytes(Encoding.PEM, form))
    shelf = tmp_path / "registry"
    result = trainer("export", run.path, shelf, "--alias", "champion", "--sign-key", key)
    assert result.exit_code == 0, result.output
    path = Registry(shelf).resolve("champion")
    verify(path, path.name, public)


@pytest.mark.usefixtures("exported")
def test_export_without_an_alias_changes_none(run: Run, tmp_path: Path) -> None:
    assert trainer("export", run.path, tmp_path).exit_code == 0
    assert Registry(tmp_path).aliases() == {}
    assert len(list(Registry(tmp_path).bundles.iterdir())) == 1


@pytest.mark.usefixtures("exported")
def test_export_tells_how_the_memory_votes(run: Run, tmp_path: Path) -> None:
    choice = MemoryChoice(Rules(ring=7), weight=0.4, dev_f1_at_1=12.5)
    choice.save(tmp_path / "memory.json")
    result = trainer("export", run.path, tmp_path, "--memory", tmp_path / "memory.json")
    assert result.exit_code == 0, result.output
    [path] = Registry(tmp_path).bundles.iterdir()
    assert read_bundle(path).manifest.memory == choice.card


@pytest.mark.usefixtures("exported")
def test_export_makes_the_variants_that_are_asked_for(run: Run, tmp_path: Path) -> None:
    result = trainer("export", run.path, tmp_path, "--variants", "cpu-fp32")
    assert result.exit_code == 0, result.output
    [path] = Registry(tmp_path).bundles.iterdir()
    assert list(read_bundle(path).manifest.variants) == ["cpu-fp32"]
    result = trainer("export", run.path, tmp_path, "--variants", "cpu-fp32,tpu")
    assert result.exit_code == 2
    assert "tpu is none of cpu-fp32, cpu-int8" in squeezed(result.output)


def test_export_tells_what_is_wrong(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = trainer("export", tmp_path, tmp_path / "registry")
    assert_one_line(result, "is no finished run", "trainer fit CORPUS")

    def differing(*_: object) -> None:
        raise ScoreParityError("post 3: scores differ by 0.5 > 0.0001")

    monkeypatch.setattr("trainer.release.release", differing)
    assert_one_line(trainer("export", run.path, tmp_path / "registry"), "scores differ by 0.5")


def test_evaluate_prints_and_writes_the_figures(
    corpus: Path, registry: Registry, tmp_path: Path
) -> None:
    file = tmp_path / "new" / "figures.json"
    asked = ("--protocol", "words-kept,stripped", "--json", file)
    result = trainer("evaluate", corpus, "--registry", registry.root, *asked)
    assert result.exit_code == 0, result.output
    rows = metric_rows(file)
    methods = [(row["method"], row["protocol"]) for row in rows[::5]]
    assert methods == [("tab-lstm", "stripped"), ("tab-lstm", "words-kept"), ("popularity", "-")]
    assert [row["k"] for row in rows] == [1, 2, 3, 4, 5] * 3
    assert {row["split"] for row in rows} == {"test"}
    for row in rows:
        figures = msgspec.convert(
            {name: value for name, value in row.items() if name != "method"}, MetricRow
        )
        assert f"{figures.f1:.2f}" in result.stdout
        assert f"{figures.hit:.2f}" in result.stdout
    for head in ("P@k", "R@k", "F1@k", "Hit@k", "popularity"):
        assert head in result.stdout


def test_evaluate_scores_the_split_and_bundle_that_are_named(
    corpus: Path, bundle_path: Path, tmp_path: Path
) -> None:
    asked = ("--split", "dev", "--bundle", bundle_path, "--json", tmp_path / "figures.json")
    assert trainer("evaluate", corpus, *asked).exit_code == 0
    [first, *_] = metric_rows(tmp_path / "figures.json")
    reported = read_bundle(bundle_path).manifest.metrics[0]
    assert first["f1"] == pytest.approx(reported.f1, abs=0.05)


@pytest.mark.parametrize("protocol", ["kept", "stripped,kept", "", "stripped;words-kept"])
def test_an_unknown_protocol_is_a_usage_error(corpus: Path, protocol: str) -> None:
    result = trainer("evaluate", corpus, "--protocol", protocol)
    assert result.exit_code == 2
    assert "one or more of stripped, words-kept" in squeezed(result.stderr)


def test_evaluate_tells_what_is_wrong(corpus: Path, registry: Registry, tmp_path: Path) -> None:
    result = trainer("evaluate", corpus, "--registry", tmp_path)
    assert_one_line(result, "has no alias 'champion'", "trainer export RUN")
    result = trainer("evaluate", corpus, "--registry", registry.root, "--split", "held-out")
    assert_one_line(result, "has no held-out with one of .jsonl")


def test_synthesize_writes_three_splits_and_tells_the_optimum(tmp_path: Path) -> None:
    result = trainer("synthesize", tmp_path / "c", "--posts", 300, "--subjects", 20, "--seed", 1)
    assert result.exit_code == 0, result.output
    names = {path.name for path in (tmp_path / "c").iterdir()}
    assert names == {"train.jsonl.zst", "dev.jsonl.zst", "test.jsonl.zst", "optimum.json"}
    optimum = msgspec.json.decode((tmp_path / "c" / "optimum.json").read_bytes())
    best = 100 * optimum["optimum"]["test"]["F1@1"]
    assert f"300 posts, best possible F1@1 on test {best:.2f} %" in result.stdout


def test_a_corpus_that_cannot_be_made_is_a_usage_error(tmp_path: Path) -> None:
    result = trainer("synthesize", tmp_path / "corpus", "--posts", 5)
    assert result.exit_code == 2
    assert "at least 10 posts" in squeezed(result.stderr)
