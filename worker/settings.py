"""Every setting of the worker, declared once."""

import os
from collections.abc import Collection
from typing import Annotated, Literal

import click
import msgspec

from worker.formats import Format
from worker.options import Option


class ModelSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Which model answers, and how."""

    registry: Annotated[str, Option("Folder or URL of the registry of bundles.")] = "registry"
    alias: Annotated[str, Option("Which bundle of the registry is served.")] = "champion"
    bundle: Annotated[str | None, Option("Serve this bundle directory instead of an alias.")] = None
    require_signature: Annotated[
        str | None, Option("PEM file of Ed25519 public keys; a bundle signed by none is refused.")
    ] = None
    variant: Annotated[str, Option("Form of the graph; a cuda one never runs on the CPU.")] = "auto"
    threads: Annotated[int, Option("Threads that one call of the graph may use.", least=1)] = 1
    graph_batch: Annotated[int, Option("Most posts in one call of the graph.", least=1)] = 128
    warm_up: Annotated[
        int, Option("Largest batches that are answered before the worker is ready.", least=0)
    ] = 1
    gpu_memory: Annotated[
        int, Option("Megabytes of a GPU that one session may take; 0: all.", least=0)
    ] = 0
    top: Annotated[int, Option("Hashtags suggested for a post.", least=1, most=50)] = 5
    min_score: Annotated[
        float, Option("Least probability of a hashtag that is suggested.", least=0, most=1)
    ] = 0.0
    blocklist: Annotated[
        str | None, Option("File of hashtags never suggested, one a line; read anew as it changes.")
    ] = None
    keep_present: Annotated[
        bool, Option("Also suggest hashtags that the post already carries.")
    ] = False
    explain: Annotated[bool, Option("Add topics and attention to each answer.")] = False


class BrokerSettings(ModelSettings, frozen=True, kw_only=True):
    """How Kafka is reached, by whatever speaks to it."""

    bootstrap_servers: Annotated[str, Option("Kafka brokers, host:port, by commas.")] = (
        "127.0.0.1:9092"
    )
    security_protocol: Annotated[
        Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"],
        Option("SSL: over TLS; SASL: with a login."),
    ] = "PLAINTEXT"
    ssl_ca_file: Annotated[
        str | None, Option("PEM file of the authorities trusted [default: the system's].")
    ] = None
    ssl_cert_file: Annotated[
        str | None, Option("PEM file of our own certificate, for brokers that ask for one.")
    ] = None
    ssl_key_file: Annotated[str | None, Option("PEM file of its key [default: SSL_CERT_FILE].")] = (
        None
    )
    ssl_key_password: Annotated[str | None, Option("Password of that key.", hidden=True)] = None
    sasl_mechanism: Annotated[
        Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"],
        Option("How to log in."),
    ] = "SCRAM-SHA-512"
    sasl_username: Annotated[str | None, Option("Name to log in with.")] = None
    sasl_password: Annotated[str | None, Option("Password of that name.", hidden=True)] = None
    sasl_token_file: Annotated[
        str | None, Option("File of the token of OAUTHBEARER; read anew for each login.")
    ] = None


class Settings(BrokerSettings, frozen=True, kw_only=True):
    """All that `worker run` can be told."""

    model_refresh: Annotated[
        float, Option("Seconds between two looks at what the alias names; 0: never.", least=0)
    ] = 10.0
    challenger_share: Annotated[
        float,
        Option(
            "Share of posts, by the hash of their id, that the alias challenger's bundle answers.",
            least=0,
            most=1,
        ),
    ] = 0.0
    shadow: Annotated[
        bool, Option("Only score the challenger's answers; the champion's are published.")
    ] = False
    client: Annotated[
        Literal["kafka-python", "confluent-kafka"],
        Option("Kafka client; confluent-kafka comes with tagstream[fast]."),
    ] = "kafka-python"
    delivery: Annotated[
        Literal["at-least-once", "exactly-once"],
        Option("exactly-once: in transactions, for readers of committed records."),
    ] = "at-least-once"
    profile: Annotated[
        Literal["throughput", "latency"], Option("What the client is tuned for.")
    ] = "latency"
    group: Annotated[str, Option("Consumer group that shares the posts.")] = "tagstream-worker"
    input_topic: Annotated[str, Option("Topic that posts come from.")] = "tweets"
    output_topic: Annotated[str, Option("Topic that suggestions go to.")] = "suggestions"
    dead_letter_topic: Annotated[
        str | None, Option("Topic for what cannot be answered [default: INPUT_TOPIC.dead-letter].")
    ] = None
    create_topics: Annotated[bool, Option("Create the topics that are missing.")] = False
    partitions: Annotated[int, Option("Partitions of topics that are created.", least=1)] = 8
    start: Annotated[
        Literal["earliest", "latest"], Option("Where a group without offsets begins.")
    ] = "earliest"
    instance_id: Annotated[
        str | None,
        Option("Name of this worker, the same after a restart: keeps its partitions for it."),
    ] = None
    session_timeout: Annotated[
        float, Option("Seconds after which a silent member's partitions are taken.", least=1)
    ] = 15.0
    max_batch_size: Annotated[int, Option("Most posts answered at once.", least=1)] = 500
    max_batch_time: Annotated[
        float, Option("Seconds to wait for posts when there are none.", least=0.001)
    ] = 0.5
    delivery_timeout: Annotated[
        float, Option("Seconds after which unacknowledged answers are sent again.", least=1)
    ] = 30.0
    stall_timeout: Annotated[
        float, Option("Seconds without a step of the loop until its process is ended.", least=1)
    ] = 120.0
    stop_timeout: Annotated[
        float, Option("Seconds to finish, commit and leave after SIGTERM.", least=0.1)
    ] = 45.0
    startup_timeout: Annotated[
        float, Option("Seconds to wait for the broker at start.", least=0)
    ] = 60.0
    format: Annotated[Format, Option("How posts are written; x-...: objects of the X API.")] = (
        "post"
    )
    languages: Annotated[
        str, Option("Languages answered, by commas [default: all]; a post without one is.")
    ] = ""
    max_age: Annotated[
        float, Option("Seconds after which a post is too old to answer; 0: never.", least=0)
    ] = 0.0
    max_post_bytes: Annotated[int, Option("Largest text of a post.", least=1)] = 65_536
    reject_ratio: Annotated[
        float, Option("Largest share of dead letters among the last 1,000.", least=0, most=1)
    ] = 0.2
    reject_run: Annotated[int, Option("Most dead letters in a row; 0 for any number.", least=0)] = (
        100
    )
    reject_limit: Annotated[
        Literal["on", "off"], Option("Stop when too many records are rejected.")
    ] = "on"
    memory: Annotated[
        Literal["on", "off"], Option("Let the last posts with a hashtag vote, too.")
    ] = "on"
    memory_posts: Annotated[int, Option("Posts that the memory holds.", least=1)] = 100_000
    memory_share: Annotated[
        float,
        Option(
            "Share of posts with a hashtag that are remembered, the same whoever reads them.",
            least=0,
            most=1,
        ),
    ] = 1.0
    accepted_votes: Annotated[
        Literal["ignore", "count"],
        Option("Whether posts whose hashtags were suggested to their authors vote."),
    ] = "ignore"
    memory_key: Annotated[
        str,
        Option("Secret of the memory's hashes, the same for all its workers.", hidden=True),
    ] = "tagstream"
    signals: Annotated[
        str, Option("What the memory compares: text, context (mentions, links), author.")
    ] = "text,context,author"
    author_votes: Annotated[
        int, Option("Most posts an hour by which an author votes for a hashtag.", least=1)
    ] = 5
    cache: Annotated[
        str,
        Option(
            "redis://, rediss:// or unix:// URL, redis+sentinel://HOST:PORT,…/SERVICE, "
            "redis+cluster://HOST:PORT, or none.",
            secret=True,
        ),
    ] = "redis://127.0.0.1:6379/0"
    cache_ttl: Annotated[
        int, Option("Most seconds until a cached answer is forgotten.", least=1)
    ] = 86_400
    cache_timeout: Annotated[float, Option("Seconds to wait for the cache.", least=0.001)] = 0.05
    cache_prefix: Annotated[str, Option("Prefix of the cache's keys.")] = "tagstream"
    http_host: Annotated[str, Option("Address of metrics and health.")] = "127.0.0.1"
    http_port: Annotated[
        int,
        Option(
            "Port of metrics and health; process i takes the i-th after it; 0: none.",
            least=0,
            most=65_535,
        ),
    ] = 9464
    traces: Annotated[
        Literal["on", "off"],
        Option("A span a batch for OpenTelemetry, sent as OTEL_* say; needs tagstream[otel]."),
    ] = "off"
    processes: Annotated[str, Option("Workers to supervise: a number, or auto for one a core.")] = (
        "1"
    )
    log_format: Annotated[Literal["auto", "text", "json"], Option("How to write the log.")] = "auto"
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"],
        Option("debug: also a line a batch; info: one a minute."),
    ] = "info"

    @property
    def memory_topic(self) -> str:
        """The log of the memory, of one partition."""
        return f"{self.input_topic}.memory"

    @property
    def dead_letters(self) -> str:
        """The dead-letter topic, whether or not it was named."""
        return self.dead_letter_topic or f"{self.input_topic}.dead-letter"


def process_count(processes: str) -> int:
    """Return how many workers `--processes` asks for."""
    if processes == "auto":
        return os.cpu_count() or 1
    if processes.isdecimal() and int(processes) > 0:
        return int(processes)
    raise click.BadParameter("a number above 0, or auto", param_hint="--processes")


def all_but(kept: Collection[str]) -> set[str]:
    """Return the names of the settings that a command leaves out, given those it needs."""
    return {field.name for field in msgspec.structs.fields(Settings)} - set(kept)
