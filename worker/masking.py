"""Settings as people may see them: without passwords."""

import re
from typing import get_args, get_type_hints
from urllib.parse import urlsplit, urlunsplit

import msgspec

MASK = "***"


def shown(settings: msgspec.Struct) -> dict[str, str]:
    """Return the settings fit for a screen."""
    hints = get_type_hints(type(settings), include_extras=True)
    values = msgspec.structs.asdict(settings)
    cards = {name: get_args(hints[name])[1] for name in values}
    return {
        name: MASK
        if cards[name].hidden and value is not None
        else masked(value)
        if cards[name].secret
        else str(value)
        for name, value in values.items()
    }


def masked(url: str) -> str:
    """Return a URL without its password; nothing of it where its parts cannot be told apart."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return f"{MASK} (no URL)"
    if "@" in parts.path + parts.query + parts.fragment:  # a password with / ? or # as it is
        return f"{MASK} (no URL)"
    query = re.sub("(?<=password=)[^&]*", MASK, parts.query)
    parts = parts._replace(query=query)
    if parts.password is not None:
        user = f"{parts.username or ''}:{MASK}@"
        parts = parts._replace(netloc=user + parts.netloc.rpartition("@")[2])
    return urlunsplit(parts)
