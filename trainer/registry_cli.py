"""The commands that look at a registry and change what is served."""

import click
import msgspec
from rich import box
from rich.console import Console
from rich.table import Table

from export import manifest as manifests
from export.bundle import MANIFEST, read_bundle
from export.manifest import Manifest
from export.places import modified, read
from export.registry import CHAMPION, Registry
from trainer import pruning
from trainer.click_parts import in_one_line

_REASON = click.option("--reason", default="by hand", show_default=True, help="For the history.")
_ALIAS = click.option("--alias", default=CHAMPION, show_default=True, help="Which alias changes.")
_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.command()
@click.argument("registry")
@click.argument("digest")
@_ALIAS
@_REASON
@in_one_line
def promote(registry: str, digest: str, alias: str, reason: str) -> None:
    """Let workers serve the bundle DIGEST of REGISTRY: an alias, or how its digest begins.

    Every byte of it is verified first.
    """
    shelf = Registry.at(registry)
    found = read_bundle(shelf.bundles / shelf.find(digest)).digest
    if shelf.aliases().get(alias) == found:
        click.echo(f"{found} is {alias} already")
        return
    shelf.assign(alias, found, reason)
    click.echo(f"{found} is {alias} now")


@click.command()
@click.argument("registry")
@_ALIAS
@_REASON
@in_one_line
def rollback(registry: str, alias: str, reason: str) -> None:
    """Let REGISTRY's champion be the one before again; once more, the one before that."""
    click.echo(f"{Registry.at(registry).roll_back(alias, reason)} is {alias} again")


@click.command("list")
@click.argument("registry")
@_JSON
@in_one_line
def list_bundles(registry: str, as_json: bool) -> None:  # noqa: FBT001
    """Print the bundles of REGISTRY, the newest first: which is served, what it learned from."""
    shelf = Registry.at(registry)
    aliases = shelf.aliases()
    written = {one: modified(shelf.bundles / one / MANIFEST) for one in shelf.digests()}
    newest = sorted(written, key=lambda one: -written[one])
    rows = [_row(_manifest(shelf, digest), aliases) for digest in newest]
    if as_json:
        click.echo(msgspec.json.encode(rows))
        return
    table = Table(*rows[0] if rows else ["digest"], box=box.SIMPLE_HEAD)
    table.columns[0].min_width = 12
    for row in rows:
        table.add_row(*(value[:12] if key == "digest" else value for key, value in row.items()))
    Console().print(table)


@click.command()
@click.argument("registry")
@click.argument("digest", default=CHAMPION)
@_JSON
@in_one_line
def show(registry: str, digest: str, as_json: bool) -> None:  # noqa: FBT001
    """Print what the bundle DIGEST of REGISTRY is, and when it became what and why.

    DIGEST is an alias, the champion if none is given, or how a digest begins.
    """
    shelf = Registry.at(registry)
    card = _manifest(shelf, shelf.find(digest))
    events = [event for event in shelf.history() if event.digest == card.digest]
    if as_json:
        click.echo(msgspec.json.encode({"manifest": card, "history": events}))
        return
    table = Table(show_header=False)
    for name, value in _facts(card).items():
        table.add_row(name, value)
    history = Table("when (UTC)", "became", "instead of", "who", "why")
    for event in events:
        became = f"{event.alias}{' again' if event.rollback else ''}"
        when = event.at[:16].replace("T", " ")
        history.add_row(when, became, (event.previous or "none")[:12], event.who, event.reason)
    Console().print(table, history)


@click.command()
@click.argument("registry")
@click.option("--keep", type=click.IntRange(1), default=10, show_default=True)
@click.option("--dry-run", is_flag=True, help="Only print what would be removed.")
@in_one_line
def prune(registry: str, keep: int, dry_run: bool) -> None:  # noqa: FBT001
    """Remove all bundles of REGISTRY but the newest.

    What an alias names stays, and the champion before this one; the history, too.
    """
    removed = pruning.prune(Registry.at(registry), keep, dry_run=dry_run)
    for digest in removed:
        click.echo(digest)
    click.echo(f"{len(removed)} bundles {'would be ' if dry_run else ''}removed")


def _manifest(registry: Registry, digest: str) -> Manifest:
    return manifests.parse(read(registry.bundles / digest / MANIFEST))


def _row(card: Manifest, aliases: dict[str, str]) -> dict[str, str]:
    """Return a bundle in one line of a table."""
    best = next((row for row in card.metrics if row.k == 1), None)
    return {
        "digest": card.digest,
        "alias": ", ".join(name for name, digest in aliases.items() if digest == card.digest),
        "method": card.model.method,
        "until": (card.data.last or "")[:10],
        "dev F1@1": f"{best.f1:.2f} %" if best else "",
        "MB": f"{sum(file.size for file in card.files.values()) / 1e6:.1f}",
    }


def _facts(card: Manifest) -> dict[str, str]:
    """Return what a person asks of a bundle."""
    model, data = card.model, card.data
    return {
        "digest": card.digest,
        "method": f"{model.method}, text {model.protocol}",
        "sizes": f"{model.vocabulary:,} words, {model.hashtags:,} hashtags, {model.topics} topics",
        "posts": f"{data.train_posts:,} to learn from, {data.dev_posts:,} to choose by",
        "window": f"{data.first} to {data.last}, to choose by until {data.dev_last}",
        "start": data.warm_start or "scratch",
        "dev": "; ".join(
            f"F1@{row.k} {row.f1:.2f} %, Hit@{row.k} {row.hit:.2f} %"
            for row in card.metrics
            if row.k in {1, 5}
        ),
        "variants": ", ".join(card.variants),
        "revision": card.revision,
    }
