"""`trainer fit` on one page: posts → what every method learns from → one method."""

from pathlib import Path

import msgspec

from trainer import processes
from trainer.catalogue import MethodCard, method_card
from trainer.corpus import split
from trainer.errors import CorpusError, TrainerError
from trainer.fitted import link_fitted
from trainer.fitting import check_device
from trainer.material import TEXT_SEED, Material
from trainer.methods.tab_lstm_plus import without
from trainer.parts import Parts
from trainer.recommender import Recommender
from trainer.runs import Run
from trainer.scoring import quality_of
from trainer.settings import FitSettings


def fit(
    corpus: Path,
    path: Path,
    settings: FitSettings,
    *,
    resume: bool = False,
    parts: Path | None = None,
) -> Run:
    """Learn a model from a corpus and leave it in a run directory.

    Every step is kept when it is done, so an interrupted run goes on from there; with `parts`,
    all that is learned is kept there for other runs and for comparisons, in which word vectors
    and topics have one seed whatever that of the method.
    """
    run = Run(path)
    check_device(settings.device)
    without(settings)  # an ingredient that is none is told now, not after hours
    card = method_card(settings.method)
    if processes.count() > 1:
        _check_together(card, parts)
    kept = Parts(parts or path / "parts")
    seed = TEXT_SEED if parts else settings.seed
    material = Material(corpus, msgspec.structs.replace(settings, seed=seed), kept)
    if material.warm:
        material.warm.check(settings)
    with processes.first_ahead():
        first = processes.rank() == 0
        run.begin(settings, material.sources, resume=resume or not first, parts=parts)
        if not run.finished:
            check_enough(material)
            if processes.count() > 1:
                card.prepare(material)
    if not run.finished:
        _learn(run, material, settings, parts)
    if not parts and first:
        kept.forget()
    processes.wait()
    return run


def _learn(run: Run, material: Material, settings: FitSettings, parts: Path | None) -> None:
    method_class = method_card(settings.method).load()
    first = processes.rank() == 0
    if first:
        run.save_posts(material.text_of_run, material.dev.inputs)
    if parts:
        link_fitted(material, settings, run.path)
    else:
        method_class.fit(material, settings, run.path)
    if first:
        method = method_class.load(run.path, settings)
        quality = quality_of(Recommender(material.text, method), material.dev)
        run.save_metrics(quality.rows("dev", settings.protocol))
        run.finish()


def _check_together(card: MethodCard, parts: Path | None) -> None:
    """Raise `TrainerError` where several processes cannot do this together."""
    if not card.network:
        raise TrainerError("only networks are trained by several processes; leave out torchrun")
    if parts:
        raise TrainerError("--parts is for one process; leave out --parts, or torchrun")


def check_enough(material: Material) -> None:
    """Raise `CorpusError` where nothing can be learned, or no choice be made."""
    train = material.train
    for name, ids in (("train", train.ids.take(train.learnable())), ("dev", material.dev.ids)):
        if not ids.lengths.any():
            path = split(material.corpus, name).path
            raise CorpusError(f"{path} has no post with a hashtag and a word")
