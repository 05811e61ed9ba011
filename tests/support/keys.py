"""Keys for signatures."""

import subprocess
from pathlib import Path


class Keys:
    """A pair of keys, made as the documents say."""

    def __init__(self, folder: Path, kind: str = "ed25519") -> None:
        folder.mkdir()
        self.private, self.public = folder / "signing.pem", folder / "trusted.pem"
        self._openssl("genpkey", "-algorithm", kind, "-out", self.private)
        self._openssl("pkey", "-in", self.private, "-pubout", "-out", self.public)

    def _openssl(self, *words: str | Path) -> None:
        subprocess.run(["openssl", *words], check=True, capture_output=True)
