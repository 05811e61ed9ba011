"""Every method by name: what it is, where it comes from, and where its code is."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Any, cast

from trainer.errors import TrainerError
from trainer.settings import FitSettings

if TYPE_CHECKING:  # it brings torch and gensim along, which a list of methods does not need
    from trainer.material import Material
    from trainer.recommender import Method

PAPER = "Li, Liu, Jiang and Zhang 2016"
PLUS: dict[str, object] = {
    "hidden": 256,
    "batch": 200,
    "rate": 2e-3,
    "rate_left": 0.05,
    "smoothing": 0.1,
    "discount": 0.5,
    "epochs": 5,
    "patience": 5,
}


@dataclass(frozen=True)
class MethodCard:
    """A method: where its class is, what it is, its source, and how it differs from the rest.

    `repeated` tells whether a study learns it with several seeds; `network` whether it can become
    a bundle; `defaults` are settings that differ from the paper's. `version` is to be raised when
    the method comes to learn or to answer otherwise: what was learned before is then learned
    again, as it is for a change of a method that it is `made_of`. `shared` names what it takes of
    the `Material` that takes long to learn.
    """

    place: str
    summary: str
    source: str
    repeated: bool = False
    network: bool = False
    defaults: Mapping[str, object] = field(default_factory=dict)
    version: int = 1
    made_of: tuple[str, ...] = ()
    shared: tuple[str, ...] = ()

    @property
    def versions(self) -> list[int]:
        """Its own version, and those of what it is made of."""
        return [self.version, *(METHODS[name].version for name in self.made_of)]

    def prepare(self, material: "Material") -> None:
        """Let the material have all that takes long to learn."""
        for name in self.shared:
            getattr(material, name)

    def load(self) -> "type[Method]":
        """Import the method; its libraries are loaded only now."""
        module, name = self.place.split(":")
        return cast("type[Method]", getattr(import_module(module), name))


def _network(summary: str) -> MethodCard:
    return MethodCard(
        "trainer.methods.lstm_family:LstmFamily",
        summary,
        PAPER,
        repeated=True,
        network=True,
        shared=("vectors", "theta"),
    )


METHODS: dict[str, MethodCard] = {
    "popularity": MethodCard(
        "trainer.methods.popularity:Popularity", "the most frequent hashtags", "a yardstick"
    ),
    "lda": MethodCard(
        "trainer.methods.lda:Lda",
        "LDA over words and hashtags together",
        "Krestel, Fankhauser and Nejdl 2009",
    ),
    "svm": MethodCard(
        "trainer.methods.svm:Svm",
        "linear SVM, one against the rest, on the mean of the word vectors",
        f"{PAPER}; Fan et al. 2008 (LIBLINEAR)",
        shared=("vectors",),
    ),
    "ttm": MethodCard(
        "trainer.methods.ttm:Ttm",
        "topical translation model by collapsed Gibbs sampling",
        "Ding, Qiu, Zhang and Huang 2013",
    ),
    "lstm": _network("LSTM, its last state"),
    "avg-lstm": _network("LSTM, the mean of its states"),
    "vab-lstm": _network("LSTM, attention by its last state"),
    "tab-lstm": _network("LSTM, attention by the post's topics"),
    "neighbours": MethodCard(
        "trainer.methods.neighbours:Neighbours",
        "the hashtags of the most similar training posts, TF-IDF and cosine",
        "a yardstick",
    ),
    "fasttext": MethodCard(
        "trainer.methods.fasttext:FastText",
        "the mean of word and bigram vectors, hierarchical softmax",
        "Joulin et al. 2017, a yardstick",
    ),
    "tab-lstm+": MethodCard(
        "trainer.methods.tab_lstm_plus:TabLstmPlus",
        "TAB-LSTM that reads mentions, links and hashtags' names, and is kept from overfitting",
        "tagstream",
        repeated=True,
        network=True,
        defaults=PLUS,
        shared=("vectors", "theta"),
        version=2,
    ),
    "blend": MethodCard(
        "trainer.methods.blend:Blend",
        "tab-lstm+ times neighbours, with a floor and a weight from dev",
        "tagstream",
        repeated=True,
        defaults=PLUS,
        made_of=("tab-lstm+", "neighbours"),
    ),
}


def method_card(name: str) -> MethodCard:
    """Return a method; raises `TrainerError` where there is none of that name."""
    try:
        return METHODS[name]
    except KeyError:
        raise TrainerError(
            f"there is no method {name!r}; `trainer methods` lists {', '.join(METHODS)}"
        ) from None


def settings_for(method: str, given: Mapping[str, Any]) -> FitSettings:
    """Return the settings of a method: those given, then its own defaults, then the paper's."""
    values = {**method_card(method).defaults, **given, "method": method}
    return FitSettings(**values)
