"""`make audit`: known vulnerabilities of all that is pinned, and a bill of materials of it.

Exit codes: 0 none known, 1 some are, 2 the database cannot be asked. What is accepted stands, with
its reason, in `requirements/exceptions.toml`.
"""

import json
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

import click

PINS = Path(__file__).parents[1] / "requirements"
EXCEPTIONS = PINS / "exceptions.toml"
OSV = "https://api.osv.dev/v1/query"


class UnreachableDatabaseError(Exception):
    """The database of vulnerabilities did not answer."""


@dataclass(frozen=True)
class Finding:
    """A vulnerability of a pinned package."""

    package: str
    identity: str
    fixed: tuple[str, ...]


def findings(pins: Path, url: str) -> list[Finding]:
    """Return what is known of the packages of a file of pins; raises `UnreachableDatabaseError`."""
    asked = _program(
        "pip-audit", "--requirement", str(pins), "--disable-pip", "--require-hashes",
        "--vulnerability-service", "osv", "--osv-url", url, "--format", "json",
        "--progress-spinner", "off",
    )  # fmt: skip
    try:
        told = json.loads(asked.stdout)["dependencies"]
    except (ValueError, KeyError) as error:
        last = (asked.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise UnreachableDatabaseError(f"{url} cannot be asked: {last[:200]}") from error
    if skipped := [one["name"] for one in told if "skip_reason" in one]:
        raise UnreachableDatabaseError(f"{url} tells nothing of {', '.join(skipped)}")
    return [
        Finding(f"{one['name']} {one['version']}", found["id"], tuple(found["fix_versions"]))
        for one in told
        for found in one["vulns"]
    ]


def write_bill(pins: Path, folder: Path) -> Path:
    """Write what a file of pins comes to as CycloneDX, below a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{pins.stem}.cdx.json"
    _program(
        "cyclonedx-py", "requirements", str(pins), "--output-reproducible", "--output-file",
        str(file),
    ).check_returncode()  # fmt: skip
    return file


def accepted(file: Path = EXCEPTIONS) -> dict[str, str]:
    """Return the vulnerabilities that are accepted, each with its reason."""
    known = tomllib.loads(file.read_text())
    if nameless := [name for name, reason in known.items() if not str(reason).strip()]:
        raise click.ClickException(f"{file}: {', '.join(nameless)} is accepted without a reason")
    return {name: str(reason) for name, reason in known.items()}


def _program(name: str, *words: str) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).parent / name
    return subprocess.run([program, *words], capture_output=True, text=True, check=False)


@click.command()
@click.option("--osv-url", default=OSV, show_default=True, help="Database in OSV's protocol.")
@click.option("--sbom", type=click.Path(path_type=Path), default=Path("sbom"), show_default=True)
@click.argument("pins", nargs=-1, type=click.Path(exists=True, path_type=Path))
def main(osv_url: str, sbom: Path, pins: tuple[Path, ...]) -> None:
    """Audit PINS, by default all files of pins; the bills of materials are written first."""
    known, code = accepted(), 0
    for file in pins or sorted(PINS.glob("*.txt")):
        click.echo(f"{write_bill(file, sbom)} written")
        try:
            found = findings(file, osv_url)
        except UnreachableDatabaseError as error:
            click.echo(f"{file.name}: not audited: {error}", err=True)
            raise click.exceptions.Exit(2) from error
        for one in found:
            reason = known.get(one.identity)
            fixed = f"fixed in {', '.join(one.fixed)}" if one.fixed else "not fixed yet"
            click.echo(f"{file.name}: {one.package}: {one.identity}, {reason or fixed}")
            code = code if reason else 1
        click.echo(f"{file.name}: {len(found)} known vulnerabilities")
    raise click.exceptions.Exit(code)


if __name__ == "__main__":
    main()
