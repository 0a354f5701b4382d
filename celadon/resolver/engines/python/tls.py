"""DNS over TLS (RFC 7858) for the python engine: the standard library's TLS around another layer.

No socket here: ``ssl`` works on memory, and the link sends and receives the bytes.
"""

from __future__ import annotations

import ssl
from functools import lru_cache

from ...dns.server_health import Health
from ...model import Server
from .udp_tcp import Driver, Framed, Layer, Stream, StreamLink


@lru_cache(64)
def _context(trust: str | None, protocol: str, system: ssl.DefaultVerifyPaths) -> ssl.SSLContext:
    """OSError for a file of authorities that cannot be read. ``system``: where those of the system are, for now."""
    made = ssl.create_default_context(cafile=trust or None)
    if trust is None:
        made.check_hostname = False
        made.verify_mode = ssl.CERT_NONE
    if protocol:
        made.set_alpn_protocols([protocol])
    return made


class Tls:
    """TLS around another layer. ``ssl.SSLError``, an OSError, if the server's certificate is not the right one."""

    __slots__ = ("_from_server", "_inner", "_protocol", "_shaken", "_tls", "_to_server", "out")

    def __init__(self, server: Server, inner: Layer, protocol: str = "") -> None:
        self.out: bytearray = bytearray()
        self._inner = inner
        self._protocol = protocol
        self._shaken = False
        self._from_server, self._to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
        whom = server.hostname or server.address.partition("%")[0]
        context = _context(server.trust, protocol, ssl.get_default_verify_paths())
        self._tls = context.wrap_bio(self._from_server, self._to_server, server_hostname=whom)
        self._push()

    def pack(self, name: bytes, body: bytes) -> None:
        """See ``Layer.pack``."""
        self._inner.pack(name, body)
        self._push()

    def received(self, data: bytes) -> list[tuple[bytes, bytes]]:
        """See ``Layer.received``."""
        self._from_server.write(data)
        self._push()
        found: list[tuple[bytes, bytes]] = []
        while self._shaken:
            try:
                plain = self._tls.read(65536)
            except ssl.SSLWantReadError:
                break
            except ssl.SSLZeroReturnError:
                plain = b""
            if not plain:
                if not found:
                    raise ConnectionResetError(104, "the server closed the connection")
                break
            found += self._inner.received(plain)
        self._push()
        return found

    def forget(self, name: bytes) -> None:
        """See ``Layer.forget``."""
        self._inner.forget(name)
        self._push()

    def partial(self) -> bool:
        """See ``Layer.partial``."""
        return self._inner.partial()

    def _push(self) -> None:
        """Take the handshake and what waits to be sent as far as they go."""
        try:
            if not self._shaken:
                self._tls.do_handshake()
                if self._protocol and self._tls.selected_alpn_protocol() != self._protocol:
                    raise ConnectionRefusedError(111, f"the server does not speak {self._protocol}")
                self._shaken = True
            waiting = self._inner.out
            if waiting:
                self._tls.write(waiting)
                waiting.clear()
        except ssl.SSLWantReadError:
            pass  # what is to be sent now is in the other buffer
        self.out += self._to_server.read()


def connect(engine: Driver, state: Health, now: float) -> Stream:
    """A connection to a server by TLS."""
    return StreamLink(engine, state, now, Tls(state.server, Framed()))
