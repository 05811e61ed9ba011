"""A model that starts from another keeps its rows of what stays; all else is new, or gone."""

import shutil
from collections import Counter
from pathlib import Path

import msgspec
import numpy as np
import pytest
import torch

from export.bundle import LEARNED, read_bundle, write_bundle
from export.errors import BundleIncompatibleError
from export.learned import read_learned
from export.registry import CHAMPION
from tests.support.collecting import collect
from tests.support.drifting import drifting_posts
from tests.support.learning import POINTING, TINY, write_splits
from tests.support.retraining import NEW, OLD, registry_of, retrain
from trainer import network_method
from trainer.catalogue import method_card
from trainer.checkpoints import Checkpoints
from trainer.errors import TrainerError
from trainer.material import Material
from trainer.networks import Network
from trainer.parts import Parts
from trainer.pipeline import fit
from trainer.release import release
from trainer.runs import Run
from trainer.settings import FitSettings
from trainer.text import by_id
from trainer.warm_start import ALPHA, BETA, HASHTAGS, NETWORK, WORDS, Learned, kept

POSTS = 400
SETTINGS = {
    "tab-lstm": msgspec.structs.replace(TINY, epochs=8, patience=8, rate=0.02),
    "tab-lstm+": POINTING,
}


class BegunError(Exception):
    """The network is about to learn."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network


@pytest.fixture(scope="module")
def ages(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """A corpus an age, with someone to mention in each, and someone in both."""
    posts = drifting_posts(2 * POSTS, ages=2)
    for number, post in enumerate(posts):
        post["text"] += f" @friend{number * 2 // len(posts)} @everyone"
    folder, found = tmp_path_factory.mktemp("ages"), []
    for age in range(2):
        own = posts[age * POSTS : (age + 1) * POSTS]
        splits = {"train": own[:300], "dev": own[300:350], "test": own[350:]}
        found.append(write_splits(folder / str(age), **splits))
    return found


@pytest.fixture(scope="module", params=list(SETTINGS))
def settings(request: pytest.FixtureRequest) -> FitSettings:
    return SETTINGS[request.param]


@pytest.fixture(scope="module")
def run(ages: list[Path], settings: FitSettings, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return fit(ages[0], tmp_path_factory.mktemp("cold") / "run", settings)


@pytest.fixture(scope="module")
def cold(run: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundle of the first age."""
    return Path(str(release(run, tmp_path_factory.mktemp("bundles"), ["cpu-fp32"]).path))


@pytest.fixture
def warm(settings: FitSettings, cold: Path) -> FitSettings:
    return msgspec.structs.replace(settings, warm_start=str(cold))


@pytest.fixture
def begun(
    ages: list[Path], warm: FitSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[Material, Network]:
    """The second age, and the network before its first step."""

    def stop(network: Network, *_: object) -> None:
        raise BegunError(network)

    monkeypatch.setattr(network_method, "learn", stop)
    material = Material(ages[1], warm, Parts(tmp_path / "parts"))
    with pytest.raises(BegunError) as caught:
        method_card(warm.method).load().fit(material, warm, tmp_path)
    return material, caught.value.network


def test_a_bundle_tells_all_that_was_learned(run: Run, cold: Path) -> None:
    tensors, state = read_learned(read_bundle(cold)), Checkpoints(run.path).load_state("network")
    assert tensors.keys() == {BETA, ALPHA, *(f"{NETWORK}{name}" for name in state)}
    for name, values in state.items():
        assert np.array_equal(tensors[f"{NETWORK}{name}"], values.numpy())


def test_what_stays_keeps_its_rows_to_the_bit(begun: tuple[Material, Network], cold: Path) -> None:
    material, network = begun
    learned = Learned.open(str(cold))
    names = {
        WORDS: material.text.words,
        HASHTAGS: [hashtag.canonical for hashtag in material.text.hashtags],
        "context": by_id(material.text.reader.context),
    }
    rows_of = {
        "embedding.weight": WORDS, "output.weight": HASHTAGS, "output.bias": HASHTAGS,
        "match.names.weight": HASHTAGS, "context.weight": "context",
    }  # fmt: skip
    beta = {BETA: torch.from_numpy(material.topics.exp_elog_beta)}
    state = {f"{NETWORK}{name}": values for name, values in network.state_dict().items()} | beta
    for name, values in state.items():
        old = learned.tensors[name]
        kind = WORDS if name == BETA else rows_of.get(name.removeprefix(NETWORK))
        if kind is None:
            assert np.array_equal(values.numpy(), old), name
            continue
        before, now = learned.names[kind], names[kind]
        assert len(values) == len(now)
        assert all((set(before) & set(now), set(before) - set(now), set(now) - set(before)))
        for row, one in enumerate(now):
            if one in before:
                assert np.array_equal(values[row].numpy(), old[before.index(one)]), (name, one)


def test_new_words_begin_as_the_company_they_keep(
    begun: tuple[Material, Network], cold: Path
) -> None:
    material, _ = begun
    learned, words = Learned.open(str(cold)), material.text.words
    new = [row for row, word in enumerate(words) if word not in learned.names[WORDS]]
    assert len(new) > 10
    beta, vectors = material.topics.exp_elog_beta, material.vectors.matrix
    assert (beta[new] > 0).all()
    assert beta.sum(axis=0).max() < 2  # the rows of a topic are about a distribution still
    assert np.isfinite(vectors).all()


def test_from_the_same_posts_it_is_no_worse(
    ages: list[Path], run: Run, warm: FitSettings, tmp_path: Path
) -> None:
    again = fit(ages[0], tmp_path / "run", warm)
    cold, warmed = (Checkpoints(one.path).epochs() for one in (run, again))
    assert warmed[0].loss < cold[0].loss / 2
    assert max(row.dev_f1_at_1 for row in warmed) >= max(row.dev_f1_at_1 for row in cold)
    started = Path(warm.warm_start or "").name  # a bundle's folder has its digest's name
    assert (again.text.data.warm_start, run.text.data.warm_start) == (started, None)
    first = {tag.canonical for tag in again.text.hashtags}
    assert first == {"sea", "city0", "wood0"}


def test_in_another_age_what_left_cannot_be_suggested(
    ages: list[Path], warm: FitSettings, tmp_path: Path
) -> None:
    again = fit(ages[1], tmp_path / "run", warm)
    assert {tag.canonical for tag in again.text.hashtags} == {"sea", "city1", "wood1"}
    assert max(row.dev_f1_at_1 for row in Checkpoints(again.path).epochs()) > 90


def test_what_is_read_is_the_same_with_and_without(
    ages: list[Path], settings: FitSettings, warm: FitSettings, tmp_path: Path
) -> None:
    made = [Material(ages[1], some, Parts(tmp_path)) for some in (settings, warm)]

    for material in made:
        assert len(material.vectors.matrix) == len(material.topics.exp_elog_beta)
    names = Counter(path.name.rpartition("-")[0] for path in tmp_path.glob("[!.]*"))
    assert names == {"text": 1, "sentences": 1, "vectors": 2, "topics": 2}
    assert made[0].of != made[1].of


def test_other_sizes_and_other_ingredients_are_refused(
    ages: list[Path], warm: FitSettings, tmp_path: Path
) -> None:
    other = msgspec.structs.replace(warm, hidden=9)
    with pytest.raises(TrainerError, match="was learned with --hidden 8, not 9"):
        fit(ages[1], tmp_path / "sizes", other)
    if warm.method == "tab-lstm+":
        other = msgspec.structs.replace(warm, without="names")
        with pytest.raises(TrainerError, match=r"has other ingredients.*match\.names\.weight"):
            fit(ages[1], tmp_path / "pieces", other)


@pytest.mark.parametrize(("content", "told"), [(None, "does not tell"), (b"[]", "not readable")])
def test_a_bundle_that_does_not_tell_is_refused(
    cold: Path, tmp_path: Path, content: bytes | None, told: str
) -> None:
    bundle = read_bundle(cold)
    files = {name: data for name, data in bundle.files.items() if name != LEARNED}
    files |= {} if content is None else {LEARNED: content}
    older = write_bundle(files, bundle.manifest, tmp_path)
    with pytest.raises(BundleIncompatibleError, match=told):
        Learned.open(str(older))
    shutil.rmtree(older)


def test_a_retraining_starts_from_the_champion_where_there_is_one(tmp_path: Path) -> None:
    for posts, topic in ((OLD, "old"), (NEW, "new")):
        collect(tmp_path / "posts", posts, topic)
        result = retrain(tmp_path, "--warm-start")
        assert result.exit_code == 0, result.output
    registry = registry_of(tmp_path)
    before, now = (Learned.open(str(registry.bundles / one)) for one in registry.line(CHAMPION))
    own, theirs = kept(now.names[WORDS], before.names[WORDS])
    assert len(own) > 10
    assert np.array_equal(now.tensors[BETA][own], before.tensors[BETA][theirs])
