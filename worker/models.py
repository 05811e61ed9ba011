"""Which model answers: one for good, or the one that an alias names, followed while it runs."""

import threading
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Protocol, Self

import structlog

from export.bundle import read_bundle
from export.errors import BundleError, BundleIncompleteError, RegistryError
from export.places import Place, place
from export.registry import Registry
from worker.answers import Answerer
from worker.blocklist import Blocklist
from worker.errors import StartupFailedError
from worker.predictor import Predictor
from worker.responder import Responder
from worker.sessions import Resources
from worker.settings import ModelSettings
from worker.telemetry import Metrics
from worker.voting import Voting

CLOSE_WITHIN = 5.0  # seconds
MakeResponder = Callable[[Predictor], Responder]
log = structlog.get_logger("worker")


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

    def current(self) -> Responder:
        """Return what answers the next batch."""
        ...


class OneModel:
    """The same model for good."""

    def __init__(self, responder: Responder) -> None:
        self._responder = responder

    def current(self) -> Responder:
        """Return it."""
        return self._responder


class FollowedModel:
    """The model that an alias names; as a context manager it is followed inside the block.

    A new bundle is read, verified, checked and warmed in a thread, and takes over between two
    batches. One that is refused is counted, and the old one serves on until the alias changes
    again; only one whose files are not all there is tried again, as they may be still coming.
    """

    def __init__(
        self, settings: ModelSettings, make: MakeResponder, metrics: Metrics, pause: float
    ) -> None:
        self._settings, self._make, self._metrics, self._pause = settings, make, metrics, pause
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._follow, daemon=True, name="models")
        self._ready: deque[Responder] = deque(maxlen=1)
        try:
            self._seen = named(settings)
            self._now = make(opened(self._seen, settings))
        except (BundleError, RegistryError) as error:
            raise StartupFailedError(str(error)) from error
        self._show()

    def __enter__(self) -> Self:
        if self._pause:
            self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._done.set()
        if self._pause:
            self._thread.join(CLOSE_WITHIN)  # a model that is just being read is not waited for

    def current(self) -> Responder:
        """Return what answers the next batch: the new model, once it is ready."""
        if self._ready:
            self._now = self._ready.pop()
            self._metrics.swaps.inc()
            self._show()
        return self._now

    def look(self) -> None:
        """Look once at what the alias names, and make that ready."""
        try:
            path = named(self._settings)
        except RegistryError as error:
            log.warning("registry_unreadable", reason=str(error))
            return
        if path == self._seen:
            return
        try:
            self._ready.append(self._make(opened(path, self._settings)))
        except Exception as error:  # noqa: BLE001 - whatever it provokes, the old model serves on
            log.warning("model_refused", bundle=path.name, reason=str(error))
            self._metrics.refused_models.inc()
            if isinstance(error, BundleIncompleteError):
                return
        self._seen = path

    def _follow(self) -> None:
        while not self._done.wait(self._pause):
            self.look()

    def _show(self) -> None:
        predictor = self._now.answerer.predictor
        self._metrics.model.clear()
        card = predictor.bundle.manifest
        device = card.variants[predictor.variant].device
        shown = (predictor.bundle.digest, card.model.method, predictor.variant, device)
        self._metrics.model.labels(*shown).set(1)
        log.info("model_serves", model=predictor.bundle.name, variant=predictor.variant)
