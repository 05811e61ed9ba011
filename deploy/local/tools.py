"""Get what the tests need besides: promtool, a browser, and kustomize, which Go makes.

As `deploy.local.install` does for the services; kustomize comes into `.local`.
"""

import shutil
import sys

from deploy.local.install import STATE, Tool, ensure, locked, run
from deploy.local.process import ServiceError

PROMTOOL = Tool("promtool", "prometheus", 2, "--version", r"version (\d+)")
CHROMIUM = Tool("chromium", "chromium", 120, "--version", r"Chromium (\d+)")
GO = Tool("go", "golang-go", 19, "version", r"go1\.(\d+)")
KUSTOMIZE_VERSION = "v5.0.1"  # the last one that Debian 12's Go compiles
KUSTOMIZE = STATE / f"kustomize-{KUSTOMIZE_VERSION}" / "kustomize"


def install() -> None:
    """Make sure that the tools are there; raise ServiceError if they cannot be."""
    with locked(STATE):
        ensure((PROMTOOL, CHROMIUM) if KUSTOMIZE.exists() else (PROMTOOL, CHROMIUM, GO))
        if not KUSTOMIZE.exists():
            make_kustomize()


def browser_path() -> str:
    """Return where the browser is; raises `ServiceError` where it is not installed."""
    if (found := shutil.which(CHROMIUM.command)) is None:
        raise ServiceError(f"Please install {CHROMIUM}.")
    return found


def make_kustomize() -> None:
    """Compile kustomize from its module, whose checksum Go looks up."""
    modules = STATE / "go.partial"
    settings = [f"GOBIN={KUSTOMIZE.parent}", f"GOPATH={modules}", "GOFLAGS=-modcacherw"]
    module = f"sigs.k8s.io/kustomize/kustomize/v5@{KUSTOMIZE_VERSION}"
    run(["env", *settings, "go", "install", module], "Making kustomize")
    shutil.rmtree(modules)


if __name__ == "__main__":
    try:
        install()
    except ServiceError as error:
        sys.exit(str(error))
