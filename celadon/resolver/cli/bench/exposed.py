"""``--prometheus :9100``: the measures by HTTP for as long as the run lasts, for a Prometheus that scrapes them."""

from __future__ import annotations

import _socket
from collections.abc import Callable
from contextlib import suppress

from ....hub import Group
from ....hub.lowlevel import Registration
from ...names.address import normal
from ..exits import FileError

_PATIENCE = 5.0  # seconds for a request and its response
_LARGEST = 8192  # bytes of a request's head
_HEAD = (
    b"HTTP/1.1 %s\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n"
    b"Content-Length: %d\r\nConnection: close\r\n\r\n"
)


def endpoint(text: str) -> tuple[str, int] | None:
    """The address and port of ``:9100``, ``127.0.0.1:9100`` or ``[::1]:9100``; None for what is a file's name."""
    host, colon, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not colon or not (port.isascii() and port.isdigit() and int(port) < 65536):
        return None
    if not host:
        return "0.0.0.0", int(port)  # as dnspyre's :8080
    return (host, int(port)) if normal(host) is not None else None


class Exposed:
    """Listens from when it is made until ``close``. ``text`` gives what is served. FileError for a port in use."""

    def __init__(self, where: tuple[str, int], text: Callable[[], str]) -> None:
        self._text = text
        family = _socket.AF_INET6 if ":" in where[0] else _socket.AF_INET
        self._listener = _socket.socket(family, _socket.SOCK_STREAM)
        try:
            self._listener.setsockopt(_socket.SOL_SOCKET, _socket.SO_REUSEADDR, 1)
            self._listener.bind(where)
            self._listener.listen(16)
        except OSError as error:
            self._listener.close()
            raise FileError(f"option --prometheus: {where[0]}:{where[1]}: {error.strerror or error}") from None
        self._listener.setblocking(False)
        self.port: int = self._listener.getsockname()[1]
        self._watch = Registration(self._listener.fileno())
        self._group = Group()
        self._group.spawn(self._accept)

    def _accept(self) -> None:
        while True:
            try:
                number, _ = self._listener._accept()  # type: ignore[attr-defined]
            except BlockingIOError:
                try:
                    self._watch.wait_readable()
                except OSError:
                    return  # closed
                continue
            except OSError:
                return
            self._group.spawn(self._serve, _socket.socket(fileno=number))

    def _serve(self, stream: _socket.socket) -> None:
        stream.setblocking(False)
        watch = Registration(stream.fileno())
        try:
            with suppress(OSError):
                self._talk(stream, watch)
        finally:
            watch.close()
            stream.close()

    def _talk(self, stream: _socket.socket, watch: Registration) -> None:
        head = b""
        while b"\r\n\r\n" not in head and len(head) < _LARGEST:
            try:
                data = stream.recv(_LARGEST)
            except BlockingIOError:
                watch.wait_readable(_PATIENCE)
                continue
            if not data:
                return
            head += data
        found = head.startswith((b"GET /metrics ", b"GET /metrics?", b"GET / "))
        body = self._text().encode() if found else b"try /metrics\n"
        out = _HEAD % (b"200 OK" if found else b"404 Not Found", len(body)) + body
        while out:
            try:
                out = out[stream.send(out) :]
            except BlockingIOError:
                watch.wait_writable(_PATIENCE)

    def close(self) -> None:
        """Stop."""
        self._group.kill()
        self._watch.close()
        self._listener.close()
