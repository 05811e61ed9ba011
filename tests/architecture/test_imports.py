"""What serves stays small: nothing that learns is imported, and no file or function grows long."""

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("export", "worker", "trainer")
SOURCES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
LEARNING = {"torch", "gensim", "onnx", "onnxscript", "sklearn", "pyarrow", "matplotlib", "scipy"}
SERVING = ("worker.cli", "worker.service", "worker.doctor", "worker.models", "worker.__main__")
LONGEST_FILE, LONGEST_FUNCTION = 300, 40


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def test_serving_imports_nothing_that_learns() -> None:
    modules = [path for path in SOURCES if path.parts[-2] == "worker" and path.stem[0] != "_"]
    imports = ", ".join([*SERVING, *(f"worker.{path.stem}" for path in modules)])
    code = f"import sys, {imports}; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    found = {module.partition(".")[0] for module in loaded.stdout.split()}
    assert found & LEARNING <= {"scipy"}  # numba looks for its version, where it is installed


@pytest.mark.parametrize("path", [p for p in SOURCES if p.name == "__init__.py"], ids=name)
def test_an_init_file_is_empty(path: Path) -> None:
    assert path.read_bytes() == b""


@pytest.mark.parametrize("path", SOURCES, ids=name)
def test_no_file_is_long(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= LONGEST_FILE


@pytest.mark.parametrize("path", SOURCES, ids=name)
def test_no_function_is_long(path: Path) -> None:
    long = [
        f"{path.name}:{function.lineno} {function.name} has {length} lines"
        for function in functions(path)
        if (length := (function.end_lineno or 0) - function.lineno + 1) > LONGEST_FUNCTION
    ]
    assert long == []


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def test_what_a_bundle_is_imports_nothing_that_learns() -> None:
    importing = {path.name for path in SOURCES if path.parent.name == "export" and uses(path)}
    makers = {"cuda.py", "graph.py", "int8.py", "onnx_graph.py", "variants.py"}
    assert importing == makers


def uses(path: Path) -> set[str]:
    """Return which of the libraries that learn a file imports."""
    nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    names = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    names += [node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)]
    return {imported.partition(".")[0] for imported in names} & LEARNING


def test_onnxruntime_is_imported_where_its_reports_are_switched_off() -> None:
    importing = [
        name(path)
        for path in SOURCES
        if "onnxruntime" in {module.partition(".")[0] for module in first_imports(path)}
    ]
    assert importing == ["worker/ort.py"]
    code = "import os, worker.cli, worker.predictor; print(os.environ['ORT_DISABLE_TELEMETRY'])"
    environment = {k: v for k, v in os.environ.items() if k != "ORT_DISABLE_TELEMETRY"}
    told = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT,
        env=environment,
    )  # fmt: skip
    assert told.stdout == "1\n"


def first_imports(path: Path) -> Iterator[str]:
    """Yield what a file imports of the library itself; its parts come after `worker.ort`."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (one.name for one in node.names)
