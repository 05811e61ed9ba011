"""S3 on this machine: moto's server, which knows conditional writes as S3 does."""

import logging
import secrets
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import fsspec
import pytest
from moto.server import ThreadedMotoServer

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


@contextmanager
def s3() -> Iterator[ThreadedMotoServer]:
    """Serve buckets, and let every client of this process find them."""
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    assert server._server is not None
    server._server.app = _one_at_a_time(server._server.app)
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
        patch.setenv("AWS_ACCESS_KEY_ID", "tests")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "tests")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        yield server
    server.stop()


def _one_at_a_time(app: "WSGIApplication") -> "WSGIApplication":
    """Let nothing come between a write's condition and the write, as in S3; moto's threads do."""
    lock = threading.Lock()

    def answer(environ: "WSGIEnvironment", start: "StartResponse") -> Iterable[bytes]:
        with lock:
            return list(app(environ, start))

    return answer


def new_bucket() -> str:
    """Make a bucket of its own; returns its URL."""
    name = f"bucket-{secrets.token_hex(4)}"
    fsspec.filesystem("s3", use_listings_cache=False).mkdir(name)
    return f"s3://{name}"
