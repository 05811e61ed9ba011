"""Counts how well posts are answered, once their answers are committed."""

from collections import Counter
from collections.abc import Collection, Hashable, Sequence

import numpy as np

from export.text import UNKNOWN_ID
from worker.answers import Answered
from worker.messages import Post
from worker.predictor import ModelInput
from worker.quality import TOLD, Apart, Decayed, Judged, Scored, Seen, Source, scored
from worker.recall import Opinion
from worker.telemetry import Metrics


class Scoreboard:
    """Keeps what a worker's metrics tell of quality; outlives each of its models.

    Arguments: `most`, of how many posts ids and texts are known again where there is no memory.
    """

    def __init__(self, metrics: Metrics, most: int = 100_000) -> None:
        self._metrics = metrics
        self._seen = Seen(most)
        self._hits = {k: Decayed() for k in TOLD}
        self._hashtags, self._words = Decayed(), Decayed()
        for share in (metrics.unknown_hashtags, metrics.unknown_words):
            share.set(self._words.mean)  # not a number yet

    def judge(
        self,
        post: Post,
        read: ModelInput,
        answered: Answered,
        opinion: Opinion | None,
        known: Collection[str],
    ) -> Judged:
        """Return what an answer tells; nothing is counted yet. `known` are the model's hashtags."""
        suggestion = answered.suggestion
        return Judged(
            suggestion.model,
            tuple([Source.of(one.sources) for one in suggestion.suggestions]),
            len(read.ids),
            int(np.count_nonzero(read.ids == UNKNOWN_ID)),
            self._scored(post, read, answered, opinion, known) if answered.carried else None,
        )

    def _scored(
        self,
        post: Post,
        read: ModelInput,
        answered: Answered,
        opinion: Opinion | None,
        known: Collection[str],
    ) -> Scored:
        text = None if read.empty else read.digest
        repeated = opinion.repeated if opinion else self._seen.repeated(post.id, text)
        keys: tuple[Hashable, ...] = () if opinion else (post.id, text)
        return scored(answered.first, answered.carried, known, _apart(post, repeated), keys)

    def count(self, batch: Sequence[Judged]) -> None:
        """Count a batch that is committed; of answers that are not published, only their hits."""
        served = [one for one in batch if not one.shadow]
        for one in served:
            self._words.add(one.unknown_words, one.words)
        self._metrics.without_words.inc(sum(not one.words for one in served))
        sources = Counter(source for one in served for source in one.sources)
        for source, number in sources.items():
            self._metrics.suggested.labels(source).inc(number)
        self._metrics.unknown_words.set(self._words.mean)
        tagged = [one.scored for one in served if one.scored]
        self._seen.note(found.keys for found in tagged if found.keys)
        for reason, number in Counter(found.apart for found in tagged).items():
            if reason is not None:
                self._metrics.scored_apart.labels(reason).inc(number)
        told = [(one.model, one.scored) for one in batch if one.scored]
        self._count_by_model([(model, found) for model, found in told if found.apart is None])
        self._fade([found for found in tagged if found.apart is None])

    def _count_by_model(self, tagged: Sequence[tuple[str, Scored]]) -> None:
        metrics = self._metrics
        for model, number in Counter(model for model, _ in tagged).items():
            metrics.scored.labels(model).inc(number)
        hits = Counter((k, by, model) for model, one in tagged for k, by in one.hits.items())
        for (k, source, model), number in hits.items():
            metrics.hits.labels(str(k), model).inc(number)
            metrics.source_hits.labels(str(k), source, model).inc(number)

    def _fade(self, tagged: Sequence[Scored]) -> None:
        metrics = self._metrics
        for one in tagged:
            self._hashtags.add(one.unknown, one.score.hashtags)
            for k, rate in self._hits.items():
                rate.add(k in one.hits)
        if tagged:
            metrics.unknown_hashtags.set(self._hashtags.mean)
            for k, rate in self._hits.items():
                metrics.hit_rate.labels(str(k)).set(rate.mean)


def _apart(post: Post, repeated: Apart | None) -> Apart | None:
    if post.accepted_suggestion:
        return Apart.ACCEPTED
    if repeated is None and post.original is not None:
        return Apart.RETWEET
    return repeated
