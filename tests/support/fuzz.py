"""Messages that are no posts."""

import random

import msgspec


def broken(number: int, chance: random.Random) -> bytes:
    """Return the `number`-th way of not being a post; each names itself in its bytes."""
    name = f"bad-{number}".encode()
    kinds = [
        b"not json " + name,
        b'{"id": "' + name + b'", "text": ',
        b'{"id": "' + name + b'"}',
        b'{"text": "no id", "x": "' + name + b'"}',
        b'{"id": 7, "text": "a number for an id", "x": "' + name + b'"}',
        b'{"id": "' + name + b'", "text": ["not", "a", "string"]}',
        b'{"id": "' + name + b'", "text": null}',
        b'{"id": "' + name + b'", "text": "lone \\ud800 surrogate"}',
        b'{"id": "' + name + b'", "text": "\xff\xfe no utf-8"}',
        b'{"id": "' + name + b'", "text": "a", "score": NaN}',
        b'{"id": "", "text": "an empty id", "x": "' + name + b'"}',
        b'{"id": "' + name + b'", "text": "a", "deep": ' + b"[" * 20_000 + b"]" * 20_000 + b"}",
        b'["' + name + b'"]',
        chance.randbytes(chance.randrange(1, 200)) + name,
    ]
    if number % 100 == 0:  # rare, since each is a megabyte
        return msgspec.json.encode({"id": name.decode(), "text": "a" * 1_000_000})
    return kinds[number % len(kinds)]
