"""Where does a network look? Heat maps of texts (Figure 4), and what it does with the answer.

Under `words-kept` the answer often stands in the text: how much attention it gets, and whether
it is suggested, depends on how far from the end it stands, since an LSTM forgets.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from trainer.catalogue import method_card
from trainer.compare import Writer
from trainer.fitted import fitted, kept_settings
from trainer.network_method import NetworkMethod
from trainer.provenance import Provenance
from trainer.results import EvidenceRow
from trainer.study import Case, Study
from trainer.text import Text

# Figure 4 of the paper, its hashtags taken out at the end of the text as its words are.
_INFLUENZA = (
    "H1N1 taking hold on Istanbul. Many children got infected in last few days my son included. "
    "But there are no vaccines at my doc's office and there's a Tamiflu shortage. #H1N1"
)
_FRIDAY = (
    "I should not forget to mention another great people ff cancerwarrior. @onetaiya gotta keep "
    "getting people to be aware that she is a great advocate. #cancerwarrior #ff"
)
PAPER_TEXTS = (_INFLUENZA, _FRIDAY)
ATTENTIVE = ("tab-lstm", "vab-lstm")
_SUGGESTED = 5
DISTANCES = ((0, 0), (1, 2), (3, 5), (6, 10), (11, 40))  # words between the answer and the end


class AttentionRow(EvidenceRow, frozen=True, kw_only=True):
    """One heat map: words with their weights, and what is suggested.

    `network` and `reading` name the folders in the parts of the study.
    """

    text: str
    words: list[str]
    weights: list[float]
    suggestions: list[str]
    network: str
    reading: str

    @property
    def key(self) -> tuple[object, ...]:
        """What a later run of the same cell replaces."""
        return (self.corpus, self.protocol, self.method, self.text)


class DistanceRow(EvidenceRow, frozen=True, kw_only=True):
    """What becomes of an answer that stands in the text, by the words between it and the end.

    `attention` is the mean weight on the answer's word, `even` the share that it would have if
    all words were alike, `found` how often it is suggested first, in per cent.
    """

    seed: int
    distances: list[tuple[int, int]]
    posts: list[int]
    attention: list[float]
    even: list[float]
    found: list[float]


def heat_map(method: NetworkMethod, text: Text, written: str) -> tuple[list[str], list[float]]:
    """Return the words that a network reads of a text, and the weight of each."""
    words = text.reader.words.encode(written, add_special_tokens=False).tokens
    for _, _, attention in method.answers(text.reader.read([written])):
        return words, [round(float(weight), 4) for weight in attention[0]]
    return words, []


def write_attention(study: Study, cells: Sequence[Case], writer: Writer) -> None:
    """Write the heat maps of the paper's two texts, and what becomes of answers in the text."""
    for case in cells:
        if case.seed != 1 or not method_card(case.method).network:
            continue
        material = study.material(case)
        method = cast("NetworkMethod", fitted(material, study.settings(case)))
        about = writer.about(case, Provenance.of_this_process())
        if case.protocol == "words-kept":
            writer.evidence(
                "distance",
                DistanceRow(**about, seed=case.seed, **_by_distance(study, case, method)),
            )
        for written in PAPER_TEXTS if case.method in ATTENTIVE else ():
            words, weights = heat_map(method, material.text, written)
            k = min(_SUGGESTED, len(material.text.hashtags))
            rows = method.rank(material.text.reader.read([written]), k)[0]
            row = AttentionRow(
                **about,
                text=written,
                words=words,
                weights=weights,
                suggestions=[material.text.hashtags[i].canonical for i in rows],
                network=study.folder(case).name,
                reading=material.text_folder.name,
            )
            writer.evidence("attention", row)


def load_network(parts: Path, network: str, reading: str) -> tuple[NetworkMethod, Text]:
    """Return a network of a study by the names that its heat maps tell."""
    name = network.rpartition("-")[0]
    method = cast("type[NetworkMethod]", method_card(name).load())
    return method.load(parts / network, kept_settings(parts / network)), Text.load(parts / reading)


def _by_distance(study: Study, case: Case, method: NetworkMethod) -> dict[str, Any]:
    """Gather, over the test posts with exactly one word that is an answer, what became of it."""
    test = study.test(case)
    names = [hashtag.canonical for hashtag in study.material(case).text.hashtags]
    ids = study.material(case).text.reader.words.get_vocab()
    word_of = np.array([ids.get(name, -1) for name in names], dtype=np.int64)
    first = study.outcome(case).ranked[:, 0]
    found: list[tuple[int, float, float, float]] = []
    for rows, _, attention in method.answers(test.inputs):
        for row, weights in zip(rows.tolist(), attention.numpy(), strict=True):
            words, labels = test.ids[row], test.labels[row]
            places = np.flatnonzero(np.isin(words, word_of[labels]))
            if len(places) == 1:
                label = labels[np.flatnonzero(word_of[labels] == words[places[0]])[0]]
                away = len(words) - 1 - int(places[0])
                hit = float(first[row] == label)
                found.append((away, float(weights[places[0]]), 1 / len(words), hit))
    return _averages(np.array(found).reshape(-1, 4))


def _averages(found: npt.NDArray[np.float64]) -> dict[str, Any]:
    columns: dict[str, Any] = {"posts": [], "attention": [], "even": [], "found": []}
    for least, most in DISTANCES:
        some = found[(found[:, 0] >= least) & (found[:, 0] <= most)]
        means = some[:, 1:].mean(axis=0) if len(some) else np.zeros(3)
        columns["posts"].append(len(some))
        columns["attention"].append(round(float(means[0]), 4))
        columns["even"].append(round(float(means[1]), 4))
        columns["found"].append(round(100 * float(means[2]), 2))
    return {"distances": DISTANCES, **columns}
