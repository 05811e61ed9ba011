"""`trainer collect` and `trainer compact`: the posts of a topic, kept to learn from."""

from datetime import UTC, datetime
from typing import Any

import click

from trainer.click_parts import in_one_line
from trainer.settings import CollectSettings
from worker.errors import StopError
from worker.options import options
from worker.settings import BrokerSettings, all_but

_SHARED = frozenset(
    [
        *BrokerSettings.__annotations__,
        "client",
        "create_topics",
        "format",
        "input_topic",
        "instance_id",
        "languages",
        "log_format",
        "log_level",
        "max_batch_time",
        "max_post_bytes",
        "partitions",
        "session_timeout",
        "stall_timeout",
        "start",
        "startup_timeout",
        "stop_timeout",
    ]
)
_OTHERS = all_but(_SHARED) - CollectSettings.__annotations__.keys()  # declared anew


@click.command()
@click.argument("url")
@options(CollectSettings, _OTHERS)
def collect(url: str, **values: Any) -> None:  # noqa: ANN401
    """Write the posts of the input topic below URL until SIGTERM, as Parquet by day.

    URL is a folder or any URL of fsspec (s3://… with s3fs installed). Posts with a hashtag are
    kept, exactly as often as the topic has them; what is no post is counted in the log. Several
    collectors of a group share the topic. Exit codes are those of `worker run`.
    """
    from trainer.collecting import serve  # noqa: PLC0415 - pyarrow loads slowly
    from worker.logs import configure_logging  # noqa: PLC0415

    settings = CollectSettings(**values)
    configure_logging(settings.log_format, settings.log_level)
    try:
        serve(url, settings)
    except StopError as error:
        click.echo(f"trainer: {error}", err=True)
        click.get_current_context().exit(error.exit_code)


@click.command()
@click.argument("url")
@click.option(
    "--keep-days",
    type=click.IntRange(1),
    help="Remove posts of earlier days first, by event time.",
)
@in_one_line
def compact(url: str, keep_days: int | None) -> None:
    """Merge the small files that `trainer collect` wrote below URL.

    Collectors and readers may go on meanwhile. Run it once a day.
    """
    from trainer import compaction  # noqa: PLC0415
    from trainer.post_files import PostFiles  # noqa: PLC0415

    files = PostFiles(url)
    if keep_days is not None:
        expired = compaction.expire(files, keep_days, datetime.now(UTC).date())
        click.echo(f"{url}: {len(expired)} days removed")
    before, after = compaction.compact(files)
    click.echo(
        f"{url}: {before} files merged into {after}" if before else f"{url}: nothing to merge"
    )
