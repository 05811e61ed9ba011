"""Which model answers, and how it is opened."""

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from export.bundle import read_bundle
from export.errors import BundleError, RegistryError
from export.places import Place, place
from export.registry import Registry
from worker.answers import Answerer
from worker.blocklist import Blocklist
from worker.errors import StartupFailedError
from worker.predictor import Predictor
from worker.responder import Responder, Responds
from worker.sessions import Resources
from worker.settings import ModelSettings
from worker.voting import Voting

MakeResponder = Callable[[Predictor], Responder]


def named(settings: ModelSettings) -> Place:
    """Return the directory of the bundle that the settings name now."""
    if settings.bundle is not None:
        return place(settings.bundle)
    return Registry.at(settings.registry).resolve(settings.alias)


def opened(path: Place, settings: ModelSettings) -> Predictor:
    """Return a predictor on a bundle, verified and warm; raises a `BundleError`."""
    resources = Resources(settings.threads, settings.gpu_memory * 2**20)
    bundle = read_bundle(path)
    if settings.require_signature is not None:
        from export.signatures import verify  # noqa: PLC0415 - loads a library of its own

        verify(path, bundle.digest, Path(settings.require_signature))
    predictor = Predictor(bundle, settings.variant, resources, settings.graph_batch)
    predictor.warm_up(settings.warm_up)
    return predictor


def load_predictor(settings: ModelSettings) -> Predictor:
    """Return a predictor on the bundle that the settings name.

    Raises `StartupFailedError`: without a sound model there is nothing to serve.
    """
    try:
        return opened(named(settings), settings)
    except (BundleError, RegistryError) as error:
        raise StartupFailedError(str(error)) from error


def blocklist(settings: ModelSettings) -> Blocklist:
    """Return the hashtags that the settings block."""
    return Blocklist(Path(settings.blocklist) if settings.blocklist else None)


def answerer(
    predictor: Predictor,
    settings: ModelSettings,
    blocked: Blocklist,
    spell: Callable[[str], str] = str,
) -> Answerer:
    """Return what answers posts under these settings; `spell` is the memory's."""
    return Answerer(
        predictor,
        settings.top,
        settings.keep_present,
        settings.explain,
        settings.min_score,
        blocked,
        Voting.of(predictor.bundle.manifest.memory),
        spell,
    )


class Models(Protocol):
    """What the loop asks of its models."""

    def current(self) -> Responds:
        """Return what answers the next batch."""
        ...


class OneModel:
    """The same model for good."""

    def __init__(self, responder: Responder) -> None:
        self._responder = responder

    def current(self) -> Responder:
        """Return it."""
        return self._responder
