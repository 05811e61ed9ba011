"""The models that aliases name, followed while the worker runs."""

import threading
from abc import ABC, abstractmethod
from collections import deque
from typing import ClassVar, Self

import structlog

from export.errors import BundleError, BundleIncompleteError, RegistryError
from export.places import Place
from export.registry import CHALLENGER, CHAMPION, Registry
from worker.errors import StartupFailedError
from worker.models import MakeResponder, named, opened
from worker.responder import Responder
from worker.settings import ModelSettings
from worker.telemetry import Metrics

CLOSE_WITHIN = 5.0  # seconds
log = structlog.get_logger("worker")


class Followed(ABC):
    """The model that an alias names; as a context manager it is followed inside the block.

    A new bundle is read, verified, checked and warmed in a thread, and takes over between two
    batches. One that is refused is counted, and not tried again until the alias changes; only one
    whose files are not all there is, as they may be still coming. `pause`: seconds between two
    looks, 0 for never.
    """

    role: ClassVar[str]

    def __init__(
        self, settings: ModelSettings, make: MakeResponder, metrics: Metrics, pause: float
    ) -> None:
        self._settings, self._make, self._metrics, self._pause = settings, make, metrics, pause
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._follow, daemon=True, name="models")
        self._ready: deque[Responder | None] = deque(maxlen=1)
        self._seen: Place | None = None
        self._shown: tuple[str, ...] | None = None

    def __enter__(self) -> Self:
        if self._pause:
            self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._done.set()
        if self._pause:
            self._thread.join(CLOSE_WITHIN)  # a model that is just being read is not waited for

    @abstractmethod
    def _named(self) -> "Place | None":
        """Return the bundle that is to be served now, if any; raises `RegistryError`."""

    @abstractmethod
    def _without(self) -> None:
        """Do without a bundle that was refused, or is not there."""

    def look(self) -> None:
        """Look once at what the alias names, and make that ready."""
        try:
            path = self._named()
        except RegistryError as error:
            log.warning("registry_unreadable", reason=str(error))
            return
        if path == self._seen:
            return
        if path is None:
            self._without()
            return
        try:
            self._ready.append(self._make(opened(path, self._settings)))
        except Exception as error:  # noqa: BLE001 - whatever it provokes, the champion serves on
            log.warning("model_refused", role=self.role, bundle=path.name, reason=str(error))
            self._metrics.refused_models.inc()
            self._without()
            if isinstance(error, BundleIncompleteError):
                return
        self._seen = path

    def _follow(self) -> None:
        while not self._done.wait(self._pause):
            self.look()

    def _show(self, responder: Responder | None) -> None:
        if self._shown is not None:
            self._metrics.model.remove(*self._shown)
            self._shown = None
        if responder is None:
            return
        predictor = responder.answerer.predictor
        card = predictor.bundle.manifest
        where = (predictor.variant, card.variants[predictor.variant].device)
        self._shown = (self.role, predictor.bundle.digest, card.model.method, *where)
        self._metrics.model.labels(*self._shown).set(1)
        log.info("model_serves", role=self.role, model=predictor.bundle.name,
                 variant=predictor.variant)  # fmt: skip


class FollowedModel(Followed):
    """The champion: without one there is no start, and the old one serves until a sound one is.

    Raises `StartupFailedError`.
    """

    role = CHAMPION

    def __init__(
        self, settings: ModelSettings, make: MakeResponder, metrics: Metrics, pause: float
    ) -> None:
        super().__init__(settings, make, metrics, pause)
        try:
            self._seen = named(settings)
            self._now = make(opened(self._seen, settings))
        except (BundleError, RegistryError) as error:
            raise StartupFailedError(str(error)) from error
        self._show(self._now)

    def current(self) -> Responder:
        """Return what answers the next batch: the new model, once it is ready."""
        if self._ready and (new := self._ready.pop()) is not None:
            self._now = new
            self._metrics.swaps.inc()
            self._show(new)
        return self._now

    def _named(self) -> Place:
        return named(self._settings)

    def _without(self) -> None:
        return


class FollowedChallenger(Followed):
    """The challenger, where there is a sound one that is not the champion itself."""

    role = CHALLENGER

    def __init__(
        self, settings: ModelSettings, make: MakeResponder, metrics: Metrics, pause: float
    ) -> None:
        super().__init__(settings, make, metrics, pause)
        self._now: Responder | None = None
        self.look()

    def current(self) -> Responder | None:
        """Return what answers its share of the next batch, if anything does."""
        if self._ready:
            self._now = self._ready.pop()
            self._show(self._now)
        return self._now

    def _named(self) -> "Place | None":
        registry = Registry.at(self._settings.registry)
        aliases = registry.aliases()
        digest = aliases.get(CHALLENGER)
        if digest is None or digest == aliases.get(self._settings.alias):
            return None
        return registry.bundles / digest

    def _without(self) -> None:
        self._seen = None
        self._ready.append(None)
