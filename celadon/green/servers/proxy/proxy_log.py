"""What a proxy notes of each tunnel and request: a line of JSON, and the counts. Pure but for the clock of ``time``."""

from __future__ import annotations

import json
from collections import Counter
from time import time
from typing import Any, NamedTuple

from .refused import Refused


class ProxyStatistics(NamedTuple):
    """A proxy's counts since it was made. ``open`` is how many tunnels and requests there are now."""

    #: Tunnels of SOCKS and of CONNECT, and requests in the absolute form, that were asked for.
    socks: int
    connect: int
    http: int
    open: int
    #: By error type of RFC 9209, those that were refused or failed.
    refused: dict[str, int]
    #: Bytes to the origins, and to the clients.
    sent: int
    received: int


class Entry:
    """One tunnel or request, from the moment it is asked for. ``kind`` is ``socks``, ``connect`` or ``http``."""

    __slots__ = (
        "address", "begin", "connect", "error", "host", "kind", "lookup", "method", "peer", "port", "received", "sent",
        "status", "user", "why",
    )  # fmt: skip

    begin: float
    connect: float
    host: str
    kind: str
    lookup: float
    peer: Any
    port: int
    received: int
    sent: int
    user: str

    def __init__(self, kind: str, peer: Any, host: str, port: int, begin: float, user: str = "") -> None:
        self.kind, self.peer, self.host, self.port, self.begin, self.user = kind, peer, host, port, begin, user
        self.method: str = ""
        #: What was connected to.
        self.address: str | None = None
        self.lookup = self.connect = 0.0
        #: The status of HTTP, also where the client speaks SOCKS.
        self.status: int | None = None
        self.error: str | None = None
        self.why: str | None = None
        self.sent = self.received = 0

    def fail(self, error: Refused) -> None:
        """Note why there is no connection, or what became of it."""
        self.status, self.error, self.why = error.sort.status, error.sort.error, str(error)

    def line(self, now: float) -> str:
        """An object of JSON in one line; times are seconds, ``now`` is by the clock of ``begin``."""
        peer = self.peer
        return json.dumps(
            {
                "time": round(time(), 3),
                "client": f"{peer[0]}:{peer[1]}" if isinstance(peer, tuple) and peer else None,
                "user": self.user or None,
                "kind": self.kind,
                "method": self.method or None,
                "host": self.host,
                "port": self.port,
                "address": self.address,
                "status": self.status,
                "error": self.error,
                "why": self.why,
                "sent": self.sent,
                "received": self.received,
                "lookup_seconds": round(self.lookup, 6),
                "connect_seconds": round(self.connect, 6),
                "seconds": round(now - self.begin, 6),
            }
        )


class Counts:
    """The sums of all entries."""

    def __init__(self) -> None:
        self._asked: Counter[str] = Counter()
        self._refused: Counter[str] = Counter()
        self._open = self._sent = self._received = 0

    def begin(self, entry: Entry) -> None:
        """One more."""
        self._asked[entry.kind] += 1
        self._open += 1

    def end(self, entry: Entry) -> None:
        """It is over."""
        self._open -= 1
        self._sent += entry.sent
        self._received += entry.received
        if entry.error is not None:
            self._refused[entry.error] += 1

    def snapshot(self) -> ProxyStatistics:
        """The sums now."""
        asked = self._asked
        return ProxyStatistics(
            asked["socks"], asked["connect"], asked["http"], self._open, dict(self._refused), self._sent, self._received
        )


__all__ = ["Counts", "Entry", "ProxyStatistics"]
