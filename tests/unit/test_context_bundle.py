"""A bundle that reads mentions and links: made, checked, loaded and served like any other."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest

from export.bundle import CONTEXT, GOLDEN, Bundle, read_bundle, write_bundle
from export.errors import (
    BundleCorruptError,
    BundleIncompatibleError,
    BundleIncompleteError,
    GoldenMismatchError,
)
from export.manifest import SCHEMA, InputCard, Tolerance
from export.parity import compare
from export.text import PROTOCOLS
from tests.support.learning import POINTING
from trainer.corpus import split
from trainer.errors import RunError
from trainer.evaluate import evaluate, read
from trainer.methods.tab_lstm_plus import INGREDIENTS
from trainer.pipeline import fit
from trainer.release import Reference, release
from trainer.runs import Run
from worker.predictor import Predictor

NEAR = Tolerance(theta=1e-5, scores=1e-5)


def resealed(bundle: Bundle, parent: Path, files: Mapping[str, bytes], **card: Any) -> Path:  # noqa: ANN401
    """Write a bundle of other files or another manifest, as another exporter would."""
    manifest = msgspec.structs.replace(bundle.manifest, **card)
    return write_bundle({**bundle.files, **files}, manifest, parent)


def texts_of(corpus: Path) -> list[str]:
    return [post.text for post in split(corpus, "test")]


class TestWhatIsMade:
    def test_names_its_inputs_and_holds_the_rules_of_both(
        self, plus_bundle: Bundle, plus_run: Run
    ) -> None:
        manifest = plus_bundle.manifest
        assert [(card.name, card.shape) for card in manifest.inputs] == [
            ("ids", ["batch", "length"]),
            ("context", ["batch", "context_length"]),
        ]
        assert manifest.schema == SCHEMA
        assert manifest.model.method == "tab-lstm+"
        assert plus_bundle.context().to_str() == plus_run.text.reader.context.to_str()
        assert plus_bundle.context().get_vocab().keys() >= {"@sea_club", "city", "org"}

    def test_without_its_context_has_one_input_and_no_rules_for_it(
        self, pointing: Path, tmp_path: Path
    ) -> None:
        left_out = ",".join(set(INGREDIENTS) - {"mean"})
        settings = msgspec.structs.replace(POINTING, epochs=1, without=left_out)
        made = release(fit(pointing, tmp_path / "run", settings), tmp_path / "bundles")
        bundle = read_bundle(made.path)
        assert [card.name for card in bundle.manifest.inputs] == ["ids"]
        assert CONTEXT not in bundle.files
        predictor = Predictor(bundle)
        one, other = predictor.encode(["wave sand @sea_club", "wave sand @city_club"])
        assert (one.digest, one.further) == (other.digest, ())
        [alone] = predictor.predict(predictor.encode(["wave"]))
        assert alone.attention.tolist() == [1.0]

    def test_golden_examples_hold_no_post_and_every_kind_of_context(
        self, plus_bundle: Bundle, pointing: Path
    ) -> None:
        posts = [p.text for name in ("train", "dev", "test") for p in split(pointing, name)]
        examples = plus_bundle.golden()
        assert not {example.text for example in examples} & set(posts)
        lengths = {len(example.context) for example in examples if example.ids}
        assert lengths >= {0, 1, 2, 3}
        assert any(example.context and not example.ids for example in examples)

    def test_a_method_that_is_no_network_is_not_exported(
        self, pointing: Path, tmp_path: Path
    ) -> None:
        settings = msgspec.structs.replace(POINTING, method="popularity")
        run = fit(pointing, tmp_path / "run", settings)
        with pytest.raises(RunError, match=r"popularity is no network: only networks become"):
            release(run, tmp_path / "bundles")
        assert not (tmp_path / "bundles").exists()


class TestWhatIsRefused:
    def test_golden_context_that_the_tokenizer_does_not_repeat(
        self, plus_bundle: Bundle, tmp_path: Path
    ) -> None:
        examples = [msgspec.to_builtins(example) for example in plus_bundle.golden()]
        example = next(example for example in examples if example["context"])
        example["context"][0] += 1
        path = resealed(plus_bundle, tmp_path, {GOLDEN: msgspec.json.encode(examples)})
        with pytest.raises(GoldenMismatchError, match="tokenizers"):
            Predictor(read_bundle(path))

    def test_scores_that_a_context_does_not_repeat(
        self, plus_bundle: Bundle, tmp_path: Path
    ) -> None:
        examples = [msgspec.to_builtins(example) for example in plus_bundle.golden()]
        example = next(example for example in examples if example["context"] and example["ids"])
        example["scores"][0] += 0.01
        path = resealed(plus_bundle, tmp_path, {GOLDEN: msgspec.json.encode(examples)})
        with pytest.raises(GoldenMismatchError, match="a golden example differs"):
            Predictor(read_bundle(path))

    def test_rules_that_are_not_listed(self, plus_bundle: Bundle, tmp_path: Path) -> None:
        files = {name: data for name, data in plus_bundle.files.items() if name != CONTEXT}
        with pytest.raises(BundleIncompleteError, match=f"does not list .*{CONTEXT}"):
            read_bundle(write_bundle(files, plus_bundle.manifest, tmp_path))

    def test_rules_with_a_byte_changed(self, plus_bundle: Bundle, tmp_path: Path) -> None:
        path = resealed(plus_bundle, tmp_path, {})
        data = bytearray((path / CONTEXT).read_bytes())
        data[len(data) // 2] ^= 1
        (path / CONTEXT).write_bytes(data)
        with pytest.raises(BundleCorruptError, match=CONTEXT):
            read_bundle(path)

    def test_rules_of_another_version(self, plus_bundle: Bundle, tmp_path: Path) -> None:
        path = resealed(plus_bundle, tmp_path, {CONTEXT: b"{}"})
        with pytest.raises(BundleIncompatibleError, match=CONTEXT):
            Predictor(read_bundle(path))

    def test_an_input_that_nobody_knows(self, plus_bundle: Bundle, tmp_path: Path) -> None:
        inputs = [*plus_bundle.manifest.inputs, InputCard("weather", "the sky", "int64", ["batch"])]
        bundle = read_bundle(resealed(plus_bundle, tmp_path, {}, inputs=inputs))
        with pytest.raises(BundleIncompatibleError, match=r"wants an input 'weather' .*install"):
            Predictor(bundle)


class TestReading:
    def test_a_bundle_of_the_first_schema_is_served_as_before(
        self, bundle: Bundle, predictor: Predictor, tmp_path: Path
    ) -> None:
        examples = [msgspec.to_builtins(example) for example in bundle.golden()]
        for example in examples:
            del example["context"]
        files = {GOLDEN: msgspec.json.encode(examples)}
        older = read_bundle(resealed(bundle, tmp_path, files, schema=1))
        assert older.manifest.schema == 1
        assert [card.name for card in older.manifest.inputs] == ["ids"]
        again = Predictor(older)
        texts = [example.text for example in bundle.golden() if example.ids]
        asked = predictor.encode(texts)
        assert [item.digest for item in again.encode(texts)] == [item.digest for item in asked]
        compare(predictor.answers(asked), again.answers(again.encode(texts)), Tolerance(0, 0))

    def test_inputs_are_fed_by_their_names_whatever_their_order(
        self, plus_bundle: Bundle, plus_predictor: Predictor, pointing: Path, tmp_path: Path
    ) -> None:
        inputs = plus_bundle.manifest.inputs[::-1]
        other = Predictor(read_bundle(resealed(plus_bundle, tmp_path, {}, inputs=inputs)))
        due, found = (p.answers(p.encode(texts_of(pointing))) for p in (plus_predictor, other))
        compare(due, found, Tolerance(0, 0))

    def test_what_is_read_is_words_and_what_they_point_at(
        self, plus_predictor: Predictor, plus_run: Run, pointing: Path
    ) -> None:
        texts = texts_of(pointing)
        due = plus_run.text.reader.read(texts)
        for row, item in enumerate(plus_predictor.encode(texts)):
            [context] = item.further
            assert item.ids.tolist() == due.ids[row].tolist()
            assert context.tolist() == due.context[row].tolist()
            assert len(context) == (1 if "@" in texts[row] else 3)

    def test_a_post_of_nothing_but_context_is_empty(self, plus_predictor: Predictor) -> None:
        for item in plus_predictor.encode(["@sea_club", "https://www.sea.org/x #sea", ""]):
            assert item.empty


class TestAnswers:
    def test_are_those_of_gensim_and_torch(
        self, plus_predictor: Predictor, plus_run: Run, pointing: Path
    ) -> None:
        texts = texts_of(pointing)
        due = Reference.of(plus_run).answers(plus_run.text.reader.read(texts))
        compare(due, plus_predictor.answers(plus_predictor.encode(texts)), NEAR)

    def test_differ_where_the_context_does(self, plus_predictor: Predictor) -> None:
        pointers = ["", "@sea_club", "@city_club", "https://wood.org/", "@sea_club @city_club"]
        inputs = plus_predictor.encode([f"wave tram {pointer}" for pointer in pointers])
        assert len({item.digest for item in inputs}) == len(pointers)
        assert len({item.ids.tobytes() for item in inputs}) == 1
        scores = [answer.scores.tolist() for answer in plus_predictor.predict(inputs)]
        assert len({tuple(some) for some in scores}) == len(pointers)
        best = [plus_predictor.hashtags[a.hashtags[0]] for a in plus_predictor.predict(inputs)]
        assert [hashtag.canonical for hashtag in best[1:4]] == ["sea", "city", "wood"]

    def test_do_not_differ_where_only_hashtags_or_case_do(self, plus_predictor: Predictor) -> None:
        inputs = plus_predictor.encode(
            [
                "wave tram @sea_club",
                "wave tram @sea_club #sea",
                "#wood Wave #city TRAM ＠Sea_Club#wood",
            ]
        )
        assert len({item.digest for item in inputs}) == 1

    @pytest.mark.parametrize("text", ["wave", "wave @sea_club", "nonsenseword", "wave @nobody"])
    def test_to_one_post_alone_are_those_among_many(
        self, plus_predictor: Predictor, plus_run: Run, pointing: Path, text: str
    ) -> None:
        [alone] = plus_predictor.answers(plus_predictor.encode([text]))
        many = plus_predictor.answers(plus_predictor.encode([*texts_of(pointing), text]))
        compare([alone], many[-1:], NEAR)
        due = Reference.of(plus_run).answers(plus_run.text.reader.read([text]))
        compare(due, [alone], NEAR)

    @pytest.mark.parametrize("protocol", PROTOCOLS)
    def test_are_scored_with_the_context_under_either_protocol(
        self,
        plus_predictor: Predictor,
        pointing: Path,
        protocol: Any,  # noqa: ANN401
    ) -> None:
        # Words tell nothing here, so without mentions and links it would be one of three.
        found = evaluate(plus_predictor, pointing, "test", (protocol,))
        assert found["tab-lstm+", protocol].f1[0] > 0.9

    def test_are_scored_without_a_hashtag_in_the_context(self, plus_predictor: Predictor) -> None:
        texts = ["wave #sea @city_club http://x.org/#tram", "wave #city @city_club http://x.org/"]
        for protocol in PROTOCOLS:
            one, other = read(plus_predictor, texts, protocol)
            assert one.further[0].tolist() == other.further[0].tolist()
            assert len(one.further[0]) == 3
