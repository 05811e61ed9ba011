"""docs/asyncapi.yaml and docs/schemas say what the code reads and writes."""

import json
import re
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft7Validator
from jsonschema.exceptions import ValidationError
from referencing import Registry
from referencing.jsonschema import DRAFT7

from deploy.message_schemas import DOCUMENT, FOLDER, MESSAGES, examples, schemas, written
from export.text import find_hashtags
from worker.errors import RecordRejectedError
from worker.formats import decode_post
from worker.memory_entries import Entry
from worker.memory_log import Kept, memory_output
from worker.messages import (
    MAX_DEAD_LETTER_BYTES,
    Output,
    Post,
    Record,
    ScoredHashtag,
    SimilarPost,
    Suggestion,
    dead_letter_output,
    decode_suggestion,
    suggestion_output,
)
from worker.settings import Settings
from worker.signals import Signals

ROOT = DOCUMENT.parents[1]
BASE = "https://localhost/"
API = yaml.safe_load(DOCUMENT.read_text(encoding="utf-8"))
REGISTRY: Registry[Any] = Registry().with_resources(
    (f"{BASE}{path.relative_to(DOCUMENT.parent)}", DRAFT7.create_resource(content))
    for path, content in [
        (DOCUMENT, API),
        *((FOLDER / f"{name}.json", schema) for name, schema in schemas().items()),
    ]
)
SHARES = st.floats(0, 1)
SUGGESTIONS = st.builds(
    Suggestion,
    suggestions=st.lists(st.builds(ScoredHashtag, score=SHARES)),
    topics=st.none() | st.lists(SHARES),
    attention=st.none() | st.lists(SHARES),
    nearest=st.none() | st.lists(st.builds(SimilarPost, similarity=SHARES)),
)
Example = dict[str, Any]


def check(value: object, schema: str) -> None:
    Draft7Validator({"$ref": f"{BASE}{schema}"}, registry=REGISTRY).validate(value)


def headers_of(output: Output) -> dict[str, str]:
    return {name: (value or b"").decode() for name, value in output.headers}


def references(node: object) -> Iterator[str]:
    if isinstance(node, dict):
        yield from ([node["$ref"]] if isinstance(node.get("$ref"), str) else [])
        node = list(node.values())
    if isinstance(node, list):
        for one in node:
            yield from references(one)


def all_examples(message: str) -> pytest.MarkDecorator:
    found = examples(message)
    return pytest.mark.parametrize("example", found, ids=[one["name"] for one in found])


class TestTheDocument:
    def test_is_asyncapi(self) -> None:
        schema = json.loads((ROOT / "tests/schemas/asyncapi-3.0.0.json").read_text())
        Draft7Validator(schema).validate(API)

    def test_refers_to_what_is_there(self) -> None:
        found = set(references(API))
        assert {f"schemas/{name}.json" for name in MESSAGES} <= found
        for one in found:
            REGISTRY.resolver(f"{BASE}asyncapi.yaml").lookup(one)

    def test_names_the_defaults(self) -> None:
        defaults = Settings()
        assert {name: one["address"] for name, one in API["channels"].items()} == {
            "tweets": defaults.input_topic,
            "suggestions": defaults.output_topic,
            "dead-letters": defaults.dead_letters,
            "memory": defaults.memory_topic,
        }
        group = API["operations"]["answer"]["bindings"]["kafka"]["groupId"]
        assert group["default"] == defaults.group
        assert API["servers"]["broker"]["host"] == defaults.bootstrap_servers

    def test_knows_each_reason_of_a_dead_letter(self) -> None:
        sources = "".join(path.read_text() for path in (ROOT / "worker").glob("*.py"))
        reasons = re.findall(r'RecordRejectedError\(\s*"(\w+)"', sources)
        schema = API["components"]["schemas"]["dead-letter-headers"]["properties"]
        assert sorted(schema["__connect.errors.exception.class.name"]["enum"]) == sorted(reasons)


@pytest.mark.parametrize("kind", [Post, Suggestion, ScoredHashtag, SimilarPost])
def test_people_are_told_of_each_field(kind: type[msgspec.Struct]) -> None:
    page = (ROOT / "docs/messages.md").read_text(encoding="utf-8")
    assert all(f"`{one.encode_name}`" in page for one in msgspec.structs.fields(kind))


class TestSchemas:
    @pytest.mark.parametrize("name", MESSAGES)
    def test_are_current(self, name: str) -> None:
        assert sorted(path.stem for path in FOLDER.iterdir()) == sorted(MESSAGES)
        text = (FOLDER / f"{name}.json").read_text(encoding="utf-8")
        assert text == written(schemas()[name]), "run `python -m deploy.message_schemas`"
        Draft7Validator.check_schema(json.loads(text))

    @pytest.mark.parametrize("name", MESSAGES)
    def test_take_their_examples(self, name: str) -> None:
        found = schemas()[name]["examples"]
        assert found
        for one in found:
            check(one, f"schemas/{name}.json")

    @pytest.mark.parametrize(
        "value",
        [None, [], {}, {"id": "1"}, {"id": 1, "text": ""}, {"id": "1", "text": None},
         {"id": "", "text": ""}, {"id": "1" * 1_025, "text": ""},
         {"id": "1", "text": "", "hashtags": "one"}],
    )  # fmt: skip
    def test_of_posts_refuse_what_the_code_refuses(self, value: object) -> None:
        with pytest.raises(RecordRejectedError):
            decode_post(json.dumps(value).encode(), 100)
        with pytest.raises(ValidationError):
            check(value, "schemas/post.json")

    @given(SUGGESTIONS)
    def test_of_suggestions_take_whatever_is_encoded(self, answer: Suggestion) -> None:
        value = suggestion_output("out", Record("in", 0, 0, None, None), answer).value
        check(json.loads(value or b""), "schemas/suggestion.json")

    def test_of_the_memory_take_what_is_remembered(self) -> None:
        post = Post("1", "off to the @sea #travel", author="someone")
        entry = Signals().entry(post, 12.5, find_hashtags(post.text))
        output = memory_output("m", b"1", Signals().name, entry)
        check(msgspec.msgpack.decode(output.value or b""), "schemas/memory-record.json")


@all_examples("post")
def test_each_example_of_a_post_is_read(example: Example) -> None:
    payload = example["payload"]
    post = decode_post(json.dumps(payload).encode(), Settings().max_post_bytes)
    told = msgspec.to_builtins(post)
    assert {name: told[name] for name in payload} == payload
    check(example.get("headers", {}), "asyncapi.yaml#/components/schemas/post-headers")


def test_an_example_of_a_post_has_all_its_fields() -> None:
    assert {*examples("post")[-1]["payload"]} == {*Post.__struct_fields__}


@all_examples("suggestion")
def test_each_example_of_a_suggestion_is_written(example: Example) -> None:
    headers, value = example["headers"], json.dumps(example["payload"]).encode()
    topic, partition, offset = headers["ce_id"].rsplit("-", 2)
    came = [(name, headers[name].encode()) for name in headers if name.startswith("trace")]
    record = Record(topic, int(partition), int(offset), None, value, came)
    output = suggestion_output("suggestions", record, decode_suggestion(value))
    assert json.loads(output.value or b"") == example["payload"]
    assert headers_of(output) == headers
    check(headers, "asyncapi.yaml#/components/schemas/suggestion-headers")


@all_examples("dead-letter")
def test_each_example_of_a_dead_letter_is_written(example: Example) -> None:
    headers, value = example["headers"], example["payload"].encode()
    with pytest.raises(RecordRejectedError) as error:
        decode_post(value, Settings().max_post_bytes)
    record = Record("tweets", 3, 42, None, value)
    assert headers_of(dead_letter_output("dead", record, error.value)) == headers
    check(headers, "asyncapi.yaml#/components/schemas/dead-letter-headers")


def test_a_dead_letter_without_its_value_says_so_in_headers() -> None:
    record = Record("tweets", 3, 42, None, b"x" * (MAX_DEAD_LETTER_BYTES + 1))
    headers = headers_of(dead_letter_output("dead", record, RecordRejectedError("not_json", "")))
    schema = API["components"]["schemas"]["dead-letter-headers"]
    assert headers.keys() == schema["properties"].keys()
    check(headers, "asyncapi.yaml#/components/schemas/dead-letter-headers")


@all_examples("memory-record")
def test_each_example_of_a_memory_record_is_read(example: Example) -> None:
    kept = msgspec.msgpack.decode(msgspec.msgpack.encode(example["payload"]), type=Kept)
    assert isinstance(kept.entry, Entry)
    output = memory_output("m", b"2", kept.signals, kept.entry)
    assert msgspec.msgpack.decode(output.value or b"") == example["payload"]
