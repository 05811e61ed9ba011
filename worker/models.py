"""Which bundle is served, and a predictor made from it."""

from pathlib import Path

from export.bundle import read_bundle
from export.errors import BundleError, RegistryError
from export.registry import Registry
from worker.answers import Answerer
from worker.errors import StartupFailedError
from worker.predictor import Predictor
from worker.settings import ModelSettings


def load_predictor(settings: ModelSettings) -> Predictor:
    """Return a predictor on the bundle that the settings name, verified and warm.

    Raises `StartupFailedError`: without a sound model there is nothing to serve.
    """
    try:
        if settings.bundle is not None:
            path = Path(settings.bundle)
        else:
            path = Registry(Path(settings.registry)).resolve(settings.alias)
        return Predictor(read_bundle(path), settings.variant, settings.threads)
    except (BundleError, RegistryError) as error:
        raise StartupFailedError(str(error)) from error


def load_answerer(settings: ModelSettings) -> Answerer:
    """Return what answers posts under these settings."""
    return Answerer(load_predictor(settings), settings.top, settings.keep_present, settings.explain)
