"""One worker, from its settings to its exit code."""

import math
import os
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager

import structlog

from export.bundle import Bundle
from worker.breaker import Breaker
from worker.cache import Cache, NoCache, RedisCache
from worker.clients import member
from worker.compile import use_each_step
from worker.contest import Contest
from worker.delivery import COMMIT_WITHIN, FLUSH_MORE, Sink, Source
from worker.errors import StartupFailedError
from worker.following import FollowedChallenger, FollowedModel
from worker.intake import Intake
from worker.lifecycle import stop_on_signal, stop_when_orphaned
from worker.loop import Loop
from worker.models import MakeResponder, Models, answerer, blocklist
from worker.predictor import Predictor
from worker.recall import Recall
from worker.rejects import RejectLimit
from worker.responder import Responder
from worker.scoreboard import Scoreboard
from worker.settings import Settings
from worker.stores import Store, check_rights, open_store
from worker.telemetry import Health, HealthServer, Metrics
from worker.topics import broker, ensure_topics, needed, place_new_group
from worker.tracing import Traces, tracing
from worker.watchdog import Watchdog

NO_CACHE = "none"
SHORTEST_STALL = 20.0  # seconds; a rewind asks the broker so long
log = structlog.get_logger("worker")


def reject_limit(settings: Settings) -> RejectLimit:
    """Return the limit of dead letters that the settings ask for."""
    if settings.reject_limit == "off":
        return RejectLimit(ratio=1.0, run=0)
    return RejectLimit(ratio=settings.reject_ratio, run=settings.reject_run)


def serve(settings: Settings, slot: int | None) -> None:
    """Answer posts until SIGTERM or SIGINT: the batch is finished, committed, the group left.

    `slot` is the worker's number below a supervisor, with which it ends. Raises `StopError` with
    the exit code that says whether a restart may help.
    """
    metrics, health = Metrics(), Health(settings.stall_timeout)
    health.beat()
    metrics.worker.labels(
        settings.input_topic, settings.group, settings.client, settings.delivery
    ).set(1)
    with stop_on_signal(settings.stop_timeout) as stop, ExitStack() as stack:
        if slot is not None:
            stop_when_orphaned(stop)
            stack.enter_context(structlog.contextvars.bound_contextvars(slot=slot))
        if settings.http_port:
            stack.enter_context(_health_server(settings, slot or 0, metrics, health))
        recall = Recall(settings, metrics) if settings.memory == "on" else None
        if recall is not None:
            use_each_step()  # before the group waits for this member
        traces = stack.enter_context(tracing(settings))
        respond = stack.enter_context(_responders(settings, metrics, recall, traces))
        models = stack.enter_context(_models(settings, respond, metrics))
        source, sink = stack.enter_context(_member(settings, slot or 0, stop, health))
        if recall is not None:
            stack.enter_context(recall)
        loop = Loop(source, sink, models, reject_limit(settings), settings, metrics, health, traces)
        log.info("worker_started", group=settings.group, topic=settings.input_topic,
                 pid=os.getpid())  # fmt: skip
        loop.run(stop)
        health.ready = False
    log.info("worker_stopped")


@contextmanager
def _models(settings: Settings, respond: MakeResponder, metrics: Metrics) -> Iterator[Models]:
    """Follow the champion, and the challenger if it is to have a share, inside the block."""
    if settings.shadow and not settings.challenger_share:
        raise StartupFailedError("--shadow scores nothing without a --challenger-share")
    if settings.challenger_share and settings.bundle is not None:
        raise StartupFailedError(
            "--challenger-share is for a registry, and --bundle names none; leave one of them out"
        )
    champion = FollowedModel(settings, respond, metrics, settings.model_refresh)
    predictor = champion.current().answerer.predictor
    if not settings.challenger_share:
        _check_times(settings, predictor)
        with champion:
            yield champion
        return
    challenger = FollowedChallenger(settings, respond, metrics, settings.model_refresh)
    other = challenger.current()
    # One that comes later is taken to be as slow as the champion.
    _check_times(settings, predictor, other.answerer.predictor if other else predictor)
    with champion, challenger:
        yield Contest(champion, challenger, settings.challenger_share, settings.shadow)


def _check_times(settings: Settings, *predictors: Predictor) -> None:
    """Refuse a bound that a healthy worker may break: an empty poll, a slow delivery, an outage.

    The group's own bound, `max.poll.interval.ms`, is a multiple of this one.
    """
    inferring = sum(
        math.ceil(settings.max_batch_size / one.batch) * one.longest_call for one in predictors
    )
    publishing = settings.delivery_timeout + FLUSH_MORE + COMMIT_WITHIN
    longest = max(settings.max_batch_time, inferring + publishing, SHORTEST_STALL)
    if settings.stall_timeout <= longest:
        raise StartupFailedError(
            f"--stall-timeout {settings.stall_timeout:g} is no longer than a step may take, "
            f"{longest:.3g} s by --max-batch-size, --max-batch-time and --delivery-timeout; "
            "raise it"
        )


@contextmanager
def _member(
    settings: Settings, slot: int, stop: threading.Event, health: Health
) -> Iterator[tuple[Source, Sink]]:
    """Join the consumer group, once its topics are there; from then on the loop must move."""
    with broker(settings, stop) as admin:
        ensure_topics(admin, settings, needed(settings))
        place_new_group(admin, settings)
    with Watchdog(health), member(settings, slot) as parts:
        yield parts


def _health_server(settings: Settings, slot: int, metrics: Metrics, health: Health) -> HealthServer:
    port = settings.http_port + slot
    try:
        return HealthServer(settings.http_host, port, metrics, health)
    except (OSError, OverflowError) as error:
        raise StartupFailedError(
            f"port {port} of {settings.http_host} for metrics and health: {error}; "
            "choose another with --http-port, or 0 for none"
        ) from error


def _tell_voting(settings: Settings, bundle: Bundle) -> None:
    """Log how the memory will vote: the bundle says so, but for what is fixed at the start."""
    card = bundle.manifest.memory
    log.info("memory_votes", model=bundle.name, rules="defaults" if card is None else "fitted")
    if card is not None and card.most != settings.author_votes:
        log.warning("author_votes_differ", model=bundle.name, fitted=card.most,
                    setting=settings.author_votes)  # fmt: skip


@contextmanager
def _responders(
    settings: Settings, metrics: Metrics, recall: Recall | None, traces: Traces
) -> Iterator[MakeResponder]:
    """Give what makes a responder of a predictor; all share memory, scoreboard and cache."""
    intake, breaker, blocked = Intake.of(settings), Breaker(), blocklist(settings)
    scoreboard = Scoreboard(metrics, settings.memory_posts)

    def responder(predictor: Predictor, store: Store | None) -> Responder:
        cache: Cache = NoCache()
        if store is not None:
            cache = RedisCache(
                store,
                predictor,
                metrics,
                explain=settings.explain,
                ttl=settings.cache_ttl,
                prefix=settings.cache_prefix,
                breaker=breaker,
            )
        if recall is None:
            suggests = answerer(predictor, settings, blocked)
        else:
            suggests = answerer(predictor, settings, blocked, recall.spelling)
            _tell_voting(settings, predictor.bundle)
        return Responder(intake, suggests, cache, settings, metrics, scoreboard, recall, traces)

    if settings.cache == NO_CACHE:
        yield lambda predictor: responder(predictor, None)
        return
    check_rights(settings.cache, settings.cache_prefix)
    with closing(open_store(settings.cache, settings.cache_timeout)) as store:
        yield lambda predictor: responder(predictor, store)
