"""A server that can be made to fail in each way that networks know: a proxy before the real one."""

import contextlib
import socket
import threading
from enum import StrEnum


class Trouble(StrEnum):
    """How it fails."""

    NONE = "none"
    REFUSED = "refused"
    HANGING = "hanging"
    CUT = "dropped mid-reply"


class Troubled:
    """Passes bytes on to `host:port`, until told otherwise.

    Connections that were there when the trouble changes are dropped, so that it shows at once.
    """

    def __init__(self, target: str) -> None:
        host, port = target.split(":")
        self._target = (host, int(port))
        self._trouble = Trouble.NONE
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    @property
    def url(self) -> str:
        """The address as `--cache` takes it."""
        return f"redis://{self.address}/0"

    def suffer(self, trouble: Trouble) -> None:
        """Fail in this way from now on."""
        was, self._trouble = self._trouble, trouble
        if trouble is Trouble.REFUSED:
            self._close(self._listener)
        elif was is Trouble.REFUSED:
            port = int(self.address.rpartition(":")[2])
            self._listener = socket.create_server(("127.0.0.1", port))
            threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()
        self._drop_all()

    def close(self) -> None:
        """Be gone."""
        self._close(self._listener)
        self._drop_all()

    def _drop_all(self) -> None:
        with self._lock:
            gone, self._open = self._open, set()
        for one in gone:
            self._close(one)

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                client = listener.accept()[0]
            except OSError:
                return
            with self._lock:
                self._open.add(client)
            if self._trouble is not Trouble.HANGING:
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        try:
            server = socket.create_connection(self._target)
        except OSError:
            self._close(client)
            return
        with self._lock:
            self._open.add(server)
        threading.Thread(target=self._pump, args=(client, server), daemon=True).start()
        self._pump(server, client, reply=True)

    def _pump(self, source: socket.socket, sink: socket.socket, *, reply: bool = False) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65_536):
                if reply and self._trouble is Trouble.CUT:
                    sink.sendall(data[: len(data) // 2])
                    break
                sink.sendall(data)
        self._close(source)
        self._close(sink)

    def _close(self, one: socket.socket) -> None:
        with contextlib.suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)
        one.close()
        with self._lock:
            self._open.discard(one)
