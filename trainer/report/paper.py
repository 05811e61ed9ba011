"""Figures of Li, Liu, Jiang and Zhang 2016, to stand beside ours: the only ones typed in."""

from collections.abc import Mapping
from typing import NamedTuple

PAPER_TITLE = "Hashtag Recommendation with Topical Attention-Based LSTM"
PAPER_SOURCE = "Yang Li, Ting Liu, Jing Jiang and Liang Zhang, COLING 2016"
IMPROVEMENT = 7.4  # per cent: F1 of TAB-LSTM over LSTM, relative, by the abstract


class Corpus(NamedTuple):
    """Table 1 and section 4.1: tweets of train, dev and test, and what is in them."""

    tweets: tuple[int, int, int]
    hashtags: int
    vocabulary: int
    hashtags_per_tweet: float


class Figures(NamedTuple):
    """Precision, recall and F1 of the first suggestion, as shares."""

    precision: float
    recall: float
    f1: float


TABLE_1 = Corpus((500_000, 50_000, 50_000), 27_720, 337_245, 1.308)

TABLE_2: Mapping[str, Figures] = {
    "lda": Figures(0.098, 0.078, 0.087),
    "svm": Figures(0.238, 0.203, 0.219),
    "ttm": Figures(0.324, 0.280, 0.300),
    "lstm": Figures(0.470, 0.404, 0.434),
    "avg-lstm": Figures(0.472, 0.405, 0.436),
    "vab-lstm": Figures(0.489, 0.419, 0.452),
    "tab-lstm": Figures(0.503, 0.435, 0.467),
}

# TAB-LSTM by the number of topics, with word vectors of length 300.
TABLE_3: Mapping[int, Figures] = {
    50: Figures(0.492, 0.422, 0.454),
    100: Figures(0.503, 0.435, 0.467),
    150: Figures(0.501, 0.432, 0.464),
    200: Figures(0.499, 0.431, 0.463),
}

# TAB-LSTM by the length of the word vectors, with 100 topics.
TABLE_4: Mapping[int, Figures] = {
    50: Figures(0.470, 0.403, 0.434),
    100: Figures(0.487, 0.419, 0.450),
    200: Figures(0.495, 0.425, 0.457),
    300: Figures(0.503, 0.435, 0.467),
}
