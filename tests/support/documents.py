"""The documents, and the blocks of commands, code and data in them."""

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted(
    path
    for path in ROOT.rglob("*.md")
    if not any(part.startswith(".") for part in path.relative_to(ROOT).parts)
)
# What a machine of its own is needed for, or hours.
MARKS = {"docker", "kubernetes", "gpu", "suite"}
_FENCE = re.compile(r"^```(\w+)(?: (.+?))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_TITLE = re.compile(r'title="([\w.]+)"')


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, what else its first line says, and what is in it."""

    language: str
    info: str
    text: str

    @property
    def file(self) -> str | None:
        """The name of the file that people are to write it into, if any."""
        found = _TITLE.fullmatch(self.info)
        return found[1] if found else None

    @property
    def lines(self) -> list[str]:
        """The commands, each on one line, without comments."""
        whole = self.text.replace("\\\n", " ")
        return [line for line in re.sub(r"\s+# .*", "", whole).splitlines() if line]


def blocks(document: Path, *languages: str) -> list[Block]:
    """Return the blocks of some languages, in their order."""
    found = [Block(*parts) for parts in _FENCE.findall(document.read_text())]
    return [block for block in found if block.language in languages]


def name(document: Path) -> str:
    """Return a document's path in the repository, for the name of a test."""
    return str(document.relative_to(ROOT))
