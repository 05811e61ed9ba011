"""The page's addresses: itself, what is new (server-sent events), and a post that is typed."""

import asyncio
from collections.abc import AsyncIterator, Collection
from pathlib import Path

import msgspec
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from worker.errors import FatalError, RetryLaterError
from worker.web.feeds import AnswerFeed
from worker.web.guard import Guard
from worker.web.hub import Hub
from worker.web.shown import MOST_TEXT
from worker.web.typed import ANSWER_WITHIN, CrowdedError, Typed

STATIC = Path(__file__).with_name("static")
PACE = 1.0  # seconds between two batches of news to one viewer
MOST_BODY = 16_384  # bytes; a text of the greatest length fits, however it is escaped
JSON = "application/json"


class Draft(msgspec.Struct, frozen=True):
    """What is typed."""

    text: str


class RefusedError(Exception):
    """A request that is answered with an error; `status` is that of HTTP."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


def app(
    hub: Hub, feed: AnswerFeed, typed: Typed, *, served: str, names: Collection[str]
) -> Starlette:
    """Return the page as an ASGI application; `served` and `names` are those of `Guard`."""

    async def events(_: Request) -> Response:
        if hub.full:
            return _refused(503, "too many viewers look at this page")
        return StreamingResponse(_news(hub), media_type="text/event-stream")

    async def posts(request: Request) -> Response:
        try:
            text = await _text(request)
            if not feed.reached:
                return _refused(503, "The broker does not answer, so nothing was sent.")
            answer = await typed.answer(text)
        except RefusedError as error:
            return _refused(error.status, str(error))
        except (CrowdedError, RetryLaterError, FatalError) as error:
            return _refused(503, f"Your post was not taken: {error}.")
        except TimeoutError:
            reason = (
                f"No answer within {ANSWER_WITHIN:.0f} seconds. Does a worker run, and keep up?"
            )
            return _refused(504, reason)
        return Response(msgspec.json.encode(answer), media_type=JSON)

    return Starlette(
        routes=[
            Route("/events", events),
            Route("/posts", posts, methods=["POST"]),
            Mount("/", StaticFiles(directory=STATIC, html=True)),
        ],
        middleware=[Middleware(Guard, served=served, names=names)],
    )


async def _news(hub: Hub) -> AsyncIterator[bytes]:
    with hub.viewer() as viewer:
        while (news := await viewer.take()) is not None:
            yield news
            await asyncio.sleep(PACE)


async def _text(request: Request) -> str:
    """Return the text that was typed; raises `RefusedError`."""
    if request.headers.get("content-type", "").partition(";")[0].strip() != JSON:
        raise RefusedError(415, f"a post is sent as {JSON}")
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > MOST_BODY:
            raise RefusedError(413, f"That is too long: at most {MOST_TEXT:,} characters.")
    try:
        text = msgspec.json.decode(body, type=Draft).text.strip()
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise RefusedError(400, f"That is no post: {error}.") from error
    if not text:
        raise RefusedError(400, "Type a post first.")
    if len(text) > MOST_TEXT:
        raise RefusedError(413, f"That is too long: at most {MOST_TEXT:,} characters.")
    return text


def _refused(status: int, reason: str) -> Response:
    return Response(msgspec.json.encode({"error": reason}), status, media_type=JSON)
