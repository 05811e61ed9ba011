"""Every setting of `trainer fit`, `retrain`, `status` and `collect`.

The defaults of fit are the paper's (section 4.2.2) where it has one; a method may have defaults of
its own (`trainer.catalogue`), as the one that is learned by default.
"""

from typing import Annotated, Literal

import msgspec

from export.text import Protocol
from worker.options import Option
from worker.settings import Settings

Method = Literal[
    "tab-lstm",
    "vab-lstm",
    "avg-lstm",
    "lstm",
    "tab-lstm+",
    "blend",
    "neighbours",
    "fasttext",
    "ttm",
    "svm",
    "lda",
    "popularity",
]
Select = Literal["f1", "loss"]
Precision = Literal["auto", "fp32", "bf16"]


class StudySettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How models are learned, whatever the method, the protocol and the seed."""

    min_count: Annotated[int, Option("Training posts a hashtag needs.", least=1)] = 5
    min_word_count: Annotated[int, Option("Occurrences a word needs.", least=1)] = 3
    max_words: Annotated[int, Option("Words of a post that are read.", least=1)] = 40
    further: Annotated[
        str | None,
        Option("File of more posts, whose text word2vec and LDA learn from too."),
    ] = None
    dimensions: Annotated[int, Option("Length of a word vector.", least=1)] = 300
    vector_epochs: Annotated[int, Option("Epochs of word2vec.", least=1)] = 20
    topics: Annotated[int, Option("Topics of LDA.", least=1)] = 100
    topic_passes: Annotated[int, Option("Passes of LDA over the posts.", least=1)] = 3
    max_post_share: Annotated[
        float, Option("Words in more posts than this share tell LDA nothing.", least=0, most=1)
    ] = 0.1
    hidden: Annotated[int, Option("Length of the LSTM's state.", least=1)] = 500
    batch: Annotated[int, Option("Posts in a mini-batch.", least=1)] = 100
    rate: Annotated[float, Option("Adam's learning rate.", least=0)] = 1e-3
    rate_left: Annotated[
        float, Option("Share of the rate left at the end; it falls in a line.", least=0, most=1)
    ] = 1.0
    smoothing: Annotated[
        float, Option("Share of a post's loss spread over all hashtags.", least=0, most=1)
    ] = 0.0
    discount: Annotated[
        float, Option("Each of a post's n hashtags counts n to minus this power.", least=0)
    ] = 0.0
    without: Annotated[
        str, Option("Ingredients of tab-lstm+ to leave out, by commas: an ablation.")
    ] = ""
    epochs: Annotated[int, Option("Most epochs of the network.", least=1)] = 8
    patience: Annotated[
        int, Option("Epochs that are no better on dev until it stops.", least=1)
    ] = 1
    select: Annotated[
        Select, Option("Best epoch on dev by F1@1, or by loss, which tells overfitting sooner.")
    ] = "f1"
    precision: Annotated[
        Precision,
        Option("Arithmetic: auto takes the faster in a trial; bf16 is slow on old processors."),
    ] = "auto"
    device: Annotated[str, Option("Where the network is trained: cpu or cuda.")] = "cpu"


class FitSettings(StudySettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How one model is learned."""

    method: Annotated[Method, Option("What learns; `trainer methods` explains.")] = "tab-lstm+"
    protocol: Annotated[
        Protocol, Option("Hashtags are removed whole from the text, or their '#' only.")
    ] = "stripped"
    seed: Annotated[int, Option("Seed of everything random.", least=0)] = 1
    warm_start: Annotated[
        str | None,
        Option("Bundle to start from: what it knows keeps its rows, word2vec and LDA are spared."),
    ] = None


class RetrainSettings(FitSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a model is learned, and what it must be to take the champion's place."""

    floor: Annotated[
        float, Option("Least F1@1 in per cent; 0: surely more than popularity's.", least=0)
    ] = 0.0
    margin: Annotated[
        float, Option("Points of F1@1 that it is surely not below the champion's.", least=0)
    ] = 1.0
    keep_coverage: Annotated[
        float, Option("Least share of the champion's coverage of hashtags.", least=0, most=1)
    ] = 0.9
    max_megabytes: Annotated[float, Option("Largest bundle.", least=0)] = 2_000.0
    max_slowdown: Annotated[
        float, Option("Most time a post, as a multiple of the champion's.", least=0)
    ] = 1.5
    held_out: Annotated[int, Option("Held-out posts with a hashtag it takes.", least=1)] = 200
    keep: Annotated[
        int, Option("Bundles that stay in the registry afterwards; 0: all.", least=0)
    ] = 10
    sign_key: Annotated[str | None, Option("Sign the bundle with this Ed25519 key, in PEM.")] = None


class StatusSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When `trainer status` says that it is time to retrain."""

    max_age_days: Annotated[
        float, Option("Days since the last post that the champion learned from; 0: any.", least=0)
    ] = 30.0
    drift_hashtags: Annotated[
        float, Option("Points by which the share of unknown hashtags may have grown.", least=0)
    ] = 10.0
    drift_words: Annotated[
        float, Option("Points by which the share of unknown words may have grown.", least=0)
    ] = 5.0
    drift_posts: Annotated[
        int, Option("Posts with a hashtag it takes to tell of drift and quality.", least=1)
    ] = 200
    least_hits: Annotated[
        float, Option("Least share of hits at 1 that workers tell, in per cent.", least=0, most=100)
    ] = 0.0


class CollectSettings(Settings, frozen=True, kw_only=True):
    """All that `trainer collect` can be told; what it shares with a worker is declared there."""

    collect_group: Annotated[str, Option("Consumer group of the collectors.")] = "tagstream-collect"
    profile: Annotated[
        Literal["throughput", "latency"], Option("What the client is tuned for.")
    ] = "throughput"
    max_batch_size: Annotated[int, Option("Most records read at once.", least=1)] = 2_000
    all: Annotated[bool, Option("Collect posts without a hashtag too.")] = False
    keep_days: Annotated[
        int, Option("Days that posts are kept, by event time; 0: for ever.", least=0)
    ] = 0
    flush_rows: Annotated[int, Option("Posts that are written at the latest.", least=1)] = 50_000
    flush_bytes: Annotated[
        int, Option("Bytes of posts that are written at the latest.", least=1)
    ] = 67_108_864
    flush_seconds: Annotated[
        float, Option("Seconds after which posts are written at the latest.", least=0.001)
    ] = 60.0
