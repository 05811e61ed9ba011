"""Who may talk to the page: browsers that were sent here by itself, by a name that is ours."""

from collections.abc import Collection
from ipaddress import ip_address
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
        "require-trusted-types-for 'script'; trusted-types 'none'"
    ),
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "cache-control": "no-cache",
}


class Guard:
    """Refuses other hosts and cross-site posts, and adds the headers that bind a browser.

    A host is ours if it is an IP address, `localhost`, the one that is served or one of `names`: a
    page of somebody else's whose name is made to lead here (DNS rebinding) has another. A post's
    origin is the host that was asked, or of one of `names`, as a proxy may ask for another.
    """

    def __init__(self, app: ASGIApp, served: str, names: Collection[str]) -> None:
        self._app, self._names = app, {name.lower() for name in names}
        self._hosts = {"localhost", served.lower(), *self._names}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        reason = self._refusal(scope["method"], Headers(scope=scope))
        app = PlainTextResponse(f"{reason}\n", 403) if reason else self._app

        async def send_bound(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        await app(scope, receive, send_bound)

    def _refusal(self, method: str, headers: Headers) -> str | None:
        host, origin = headers.get("host", ""), headers.get("origin", "")
        if not self._ours(_parts(f"//{host}")[1]):
            return f"the host {host!r} is unknown here; name it with --web-name"
        if method in {"GET", "HEAD"}:
            return None
        netloc, name = _parts(origin)
        if netloc != host and name not in self._names:
            return f"a post comes from this page alone, as its header Origin says: not {origin!r}"
        return None

    def _ours(self, name: str) -> bool:
        if name in self._hosts:
            return True
        try:
            ip_address(name)
        except ValueError:
            return False
        return True


def _parts(url: str) -> tuple[str, str]:
    """Return host and port of a URL, and the host's name alone; nothing where it is none."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "", ""
    return parts.netloc, parts.hostname or ""
