"""Writes docs/schemas of the messages that the code reads and writes.

`python -m deploy.message_schemas`, after a change of those or of docs/asyncapi.yaml's examples.
JSON Schema of draft 7, which all that reads AsyncAPI 3 knows.
"""

import inspect
import json
from pathlib import Path
from typing import Any

import msgspec
import yaml

from worker.memory_entries import Entry
from worker.memory_log import Kept
from worker.messages import Post, Suggestion

DOCUMENT = Path(__file__).parents[1] / "docs" / "asyncapi.yaml"
FOLDER = DOCUMENT.parent / "schemas"
DRAFT = "http://json-schema.org/draft-07/schema#"
MESSAGES: dict[str, type[msgspec.Struct]] = {
    "post": Post,
    "suggestion": Suggestion,
    "memory-record": Kept,
}
ROWS: tuple[type[msgspec.Struct], ...] = (Kept, Entry)  # arrays, whose fields have a place, no name


def examples(message: str) -> list[dict[str, Any]]:
    """Return the examples that docs/asyncapi.yaml gives of a message."""
    document = yaml.safe_load(DOCUMENT.read_text(encoding="utf-8"))
    found: list[dict[str, Any]] = document["components"]["messages"][message]["examples"]
    return found


def schemas() -> dict[str, dict[str, Any]]:
    """Return the schema of each message, by its name."""
    return {message: _schema(message, kind) for message, kind in MESSAGES.items()}


def written(schema: dict[str, Any]) -> str:
    """Return a schema as its file holds it."""
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def _schema(message: str, kind: type[msgspec.Struct]) -> dict[str, Any]:
    _, parts = msgspec.json.schema_components([kind], ref_template="#/definitions/{name}")
    for part in parts.values():
        part["description"] = inspect.cleandoc(part["description"])
    for row in ROWS:
        if row.__name__ in parts:
            _name_places(parts[row.__name__], row)
    return {
        "$schema": DRAFT,
        **parts.pop(kind.__name__),
        "title": message,
        "definitions": parts,
        "examples": [one["payload"] for one in examples(message)],
    }


def _name_places(part: dict[str, Any], row: type[msgspec.Struct]) -> None:
    """Say an array's items as draft 7 does, each with the name of its field."""
    places = zip(part.pop("prefixItems"), msgspec.structs.fields(row), strict=True)
    part["items"] = [
        {"description": field.name, "allOf": [item]} if "$ref" in item else
        {"description": field.name, **item}
        for item, field in places
    ]  # fmt: skip


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for name, schema in schemas().items():
        (FOLDER / f"{name}.json").write_text(written(schema), encoding="utf-8")
