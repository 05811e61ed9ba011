"""`make audit` against a database of our own, in OSV's protocol; the tools are the real ones."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from deploy import audit
from deploy.local.service import free_port

VULNERABILITY = {
    "id": "TEST-2026-1",
    "summary": "made up",
    "details": "made up",
    "aliases": [],
    "affected": [
        {
            "package": {"name": "editables", "ecosystem": "PyPI"},
            "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "99.0"}]}],
        }
    ],
}


@pytest.fixture
def database() -> Iterator[str]:
    """Answers that one package is vulnerable."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            named = asked["package"]["name"] == "editables"
            body = json.dumps({"vulns": [VULNERABILITY]} if named else {}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            del args

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/v1/query"
        server.shutdown()


def audited(folder: Path, url: str) -> Result:
    words = ["--osv-url", url, "--sbom", str(folder), str(audit.PINS / "build.txt")]
    return CliRunner().invoke(audit.main, words)


def test_a_vulnerability_is_named_with_the_version_that_mends_it(
    tmp_path: Path, database: str
) -> None:
    found = audited(tmp_path, database)
    assert found.exit_code == 1, found.output
    assert "TEST-2026-1, fixed in 99.0" in found.output
    assert "build.txt: 1 known vulnerabilities" in found.output


def test_one_that_is_accepted_is_told_with_its_reason(
    tmp_path: Path, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit, "accepted", lambda: {"TEST-2026-1": "not used here"})
    found = audited(tmp_path, database)
    assert (found.exit_code, "TEST-2026-1, not used here" in found.output) == (0, True)


def test_an_exception_needs_a_reason(tmp_path: Path) -> None:
    file = tmp_path / "exceptions.toml"
    file.write_text('"TEST-1" = "not used here"\n')
    assert audit.accepted(file) == {"TEST-1": "not used here"}
    file.write_text('"TEST-1" = " "\n')
    with pytest.raises(Exception, match="without a reason"):
        audit.accepted(file)


def test_a_database_that_cannot_be_asked_is_a_failure(tmp_path: Path) -> None:
    found = audited(tmp_path, f"http://127.0.0.1:{free_port()}/v1/query")
    assert found.exit_code == 2
    assert "build.txt: not audited: " in found.stderr
    assert "cannot be asked" in found.stderr


def test_the_bill_names_what_is_pinned(tmp_path: Path) -> None:
    bill = json.loads(audit.write_bill(audit.PINS / "build.txt", tmp_path).read_text())
    assert bill["bomFormat"] == "CycloneDX"
    named = {part["name"]: part["version"] for part in bill["components"]}
    lines = (audit.PINS / "build.txt").read_text().splitlines()
    pinned = dict(line.split(" ")[0].split("==") for line in lines if "==" in line)
    assert named == pinned
