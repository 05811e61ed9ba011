"""Which bundle is served, and a predictor made from it."""

from pathlib import Path

from export.bundle import read_bundle
from export.errors import BundleError, RegistryError
from export.registry import Registry
from worker.answers import Answerer
from worker.blocklist import Blocklist
from worker.errors import StartupFailedError
from worker.predictor import Predictor
from worker.sessions import Resources
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
        resources = Resources(settings.threads, settings.gpu_memory * 2**20)
        predictor = Predictor(read_bundle(path), settings.variant, resources, settings.graph_batch)
    except (BundleError, RegistryError) as error:
        raise StartupFailedError(str(error)) from error
    predictor.warm_up(settings.warm_up)
    return predictor


def load_answerer(settings: ModelSettings) -> Answerer:
    """Return what answers posts under these settings."""
    return Answerer(
        load_predictor(settings),
        settings.top,
        settings.keep_present,
        settings.explain,
        settings.min_score,
        Blocklist(Path(settings.blocklist) if settings.blocklist else None),
    )
