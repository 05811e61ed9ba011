"""`make docs`: a site without a broken link, that fetches nothing from elsewhere."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from mkdocs.exceptions import PluginError

from deploy.site_hooks import formula
from tests.support.documents import ROOT

pytestmark = pytest.mark.once
OUTSIDE = re.compile(r"<(?:script|link|img|iframe)[^>]+(?:src|href)=\"?(?:https?:)?//")


def built(root: Path, site: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir"]
    return subprocess.run([*command, site], cwd=root, capture_output=True, text=True, check=False)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """What the site is made of, to be changed."""
    wanted = shutil.ignore_patterns(".*", "*.py[co]", "site", "__pycache__")
    return Path(shutil.copytree(ROOT, tmp_path / "copy", ignore=wanted))


def test_the_site_is_whole_and_asks_for_nothing_outside(tmp_path: Path) -> None:
    done = built(ROOT, tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    pages = {str(page.relative_to(tmp_path)): page.read_text() for page in tmp_path.rglob("*.html")}
    assert {"index.html", "tutorial.html", "reference/cli.html", "architecture.html"} <= {*pages}
    assert [name for name, page in pages.items() if OUTSIDE.search(page)] == []
    assert [name for name, page in pages.items() if "```" in page] == []
    assert pages["explanation/model.html"].count("<math") > 5
    assert 'href="guides/scale.html"' in pages["tutorial.html"]
    assert "../../deploy/systemd" not in pages["guides/scale.html"]  # no page, and so no link


@pytest.mark.parametrize(
    "link", ["[x](nowhere.md)", "[x](../deploy/nowhere)", "[x](tutorial.md#y)"]
)
def test_a_link_to_nothing_stops_the_build(copy: Path, tmp_path: Path, link: str) -> None:
    with (copy / "docs/tutorial.md").open("a") as page:
        page.write(f"\n{link}\n")
    assert built(copy, tmp_path / "site").returncode == 1


def test_a_formula_has_its_number_beside_it() -> None:
    assert formula("a_1 = b\n\\tag{2}\n").endswith("</math><span>(2)</span></div>")
    assert formula("a_1 = b").endswith("</math></div>")
    with pytest.raises(PluginError, match="cannot be drawn"):
        formula(r"\begin{nothing} a &= b \end{nothing}")
