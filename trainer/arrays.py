"""Dataclasses of arrays as `.npz` files: no pickle, whole or not at all."""

import dataclasses
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

import numpy as np

_T = TypeVar("_T")


def save_arrays(file: Path, value: object) -> None:
    """Write a dataclass of arrays; fields that are such dataclasses themselves go along."""
    temporary = file.with_name(f".{file.name}")
    np.savez(temporary, **_flat(value))
    temporary.replace(file)


def load_arrays(file: Path, kind: type[_T]) -> _T:
    """Read what `save_arrays` wrote."""
    with np.load(file, allow_pickle=False) as arrays:
        return _built(dict(arrays), kind, "")


def _flat(value: Any, prefix: str = "") -> dict[str, Any]:  # noqa: ANN401 - any dataclass
    found: dict[str, Any] = {}
    for name, field in vars(value).items():
        nested = dataclasses.is_dataclass(field)
        found |= _flat(field, f"{prefix}{name}.") if nested else {f"{prefix}{name}": field}
    return found


def _built(arrays: dict[str, Any], kind: type[_T], prefix: str) -> _T:
    hints = get_type_hints(kind)
    values = {
        name: _built(arrays, hint, f"{prefix}{name}.")
        if isinstance(hint, type) and dataclasses.is_dataclass(hint)
        else arrays[f"{prefix}{name}"]
        for name, hint in hints.items()
    }
    return kind(**values)
