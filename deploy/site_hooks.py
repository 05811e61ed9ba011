"""What `make docs` does beside MkDocs: it shows the documents as they read in the repository.

Documents outside of docs/ become pages. A link to a document leads to its page, one to anything
else of the repository becomes plain text, and one to nothing stops the build. Formulas become
MathML, which browsers draw by themselves.
"""

import posixpath
import re
from pathlib import Path

from latex2mathml.converter import convert
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[1]
ELSEWHERE = {
    "README.md": "index.md",
    "ARCHITECTURE.md": "architecture.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "benchmarks/README.md": "benchmarks.md",
    "deploy/kubernetes/README.md": "kubernetes.md",
}
_DOCS = "docs/"
_LINK = re.compile(r"(?P<text>!?\[[^\]]*\])\((?P<target>(?!\w+:|#)[^)#\s]+)(?P<anchor>#[^)\s]*)?\)")
_FORMULA = re.compile(r"^```math\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_TAG = re.compile(r"\\tag\{(\w+)\}\s*$")
_NOT_UNDERSTOOD = re.compile(r"<mi>&</mi>|\\")
_STYLE = "display: flex; align-items: center; gap: 3em; margin: 1em 0; overflow: auto hidden"
_MARK = re.compile(r"^(```sh) \w+$", re.MULTILINE)  # what a block of commands needs


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the documents that lie elsewhere."""
    for path, page in ELSEWHERE.items():
        files.append(File.generated(config, page, abs_src_path=str(ROOT / path)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Lead links to pages, write formulas as MathML, and leave out marks, which are for tests."""
    del config
    here = page.file.src_uri
    linked = _LINK.sub(lambda found: _link(found, here, files), markdown)
    return _FORMULA.sub(lambda found: formula(found[1]), _MARK.sub(r"\1", linked))


def formula(latex: str) -> str:
    """Return a formula in LaTeX as MathML, its number beside it.

    Raises `PluginError` where something in it is not understood.
    """
    number = _TAG.search(latex.strip())
    drawn = convert(_TAG.sub("", latex.strip()), display="block")
    if _NOT_UNDERSTOOD.search(drawn):
        raise PluginError(f"this formula cannot be drawn: {latex}")
    drawn = re.sub(r'columnalign="(\w+)"', r'style="text-align: \1"', drawn)  # as browsers have it
    shown = f"<span>({number[1]})</span>" if number else ""
    return f'<div style="{_STYLE}">{drawn}{shown}</div>'


def _link(found: re.Match[str], here: str, files: Files) -> str:
    origin = {page: path for path, page in ELSEWHERE.items()}.get(here, _DOCS + here)
    path = posixpath.normpath(posixpath.join(posixpath.dirname(origin), found["target"]))
    if not (ROOT / path).exists():
        raise PluginError(f"{origin} links to {found['target']}, which is not there")
    page = ELSEWHERE.get(path, path.removeprefix(_DOCS) if path.startswith(_DOCS) else "")
    if not page or files.get_file_from_path(page) is None:
        return found["text"].strip("![]")
    target = posixpath.relpath(page, posixpath.dirname(here) or ".")
    return f"{found['text']}({target}{found['anchor'] or ''})"
