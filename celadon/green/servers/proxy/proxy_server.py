"""ProxyServer: SOCKS 5, CONNECT and plain HTTP on one port, out through a resolver and its guard."""

from __future__ import annotations

import _socket
import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from hmac import compare_digest
from typing import Any

from ....hub import Timer, get_hub
from ....resolver import CrawlerResolver, scope
from ..base_server import Listener, Spawn, log
from ..proxied import Trusted
from ..stream import StreamServer
from ..wsgi.access_log import NO_LOG, log_of
from ..wsgi.connection import Connection
from ..wsgi.errors import ClientGone
from ..wsgi.limits import Limits
from .destinations import Destinations
from .dialer import Dialer
from .flow import Flow
from .http_session import HttpSession
from .proxy_log import Counts, Entry, ProxyStatistics
from .refused import Refused
from .socks_session import serve_socks

_LOOPBACK = Trusted()
_WILDCARDS = ("0.0.0.0", "::")


@dataclass(frozen=True)
class ProxyLimits:
    """How long, and how many. Times are seconds, None is no limit.

    ``header_seconds``: for a client to say what it wants. ``keep_alive_seconds``: between two requests of one client.
    ``connect_seconds``: for the lookup, a place and the connect together. ``idle_seconds``: without a byte in either
    direction. ``per_host``: connections to one host at once; one more waits. ``connections``: clients at once; with
    more, nobody is accepted.
    """

    header_seconds: float = 20.0
    keep_alive_seconds: float = 60.0
    connect_seconds: float = 20.0
    idle_seconds: float = 300.0
    per_host: int | None = None
    connections: int | None = None

    def __post_init__(self) -> None:
        for name in self.__dataclass_fields__:
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise ValueError(f"ProxyLimits: {name} is more than 0, not {value!r}")


def pseudonym() -> bytes:
    """A name of its own for a proxy (RFC 9110 section 7.6.3)."""
    return b"celadon-" + os.urandom(6).hex().encode()


class Credentials:
    """Users and their passwords. ValueError for a name that cannot be sent: empty, or with a colon."""

    def __init__(self, users: Mapping[str, str]) -> None:
        for name, password in users.items():
            if not name or ":" in name or len(name.encode()) > 255 or not 0 < len(password.encode()) <= 255:
                raise ValueError(f"user {name!r}: a name without a colon, and a password, of 1 to 255 bytes each")
        self._users = {name.encode(): password.encode() for name, password in users.items()}

    def holds(self, user: bytes, password: bytes) -> bool:
        """Whether it is this user's password; takes as long for a wrong one as for a right one."""
        known = self._users.get(user)
        return compare_digest(known or b"", password) and known is not None


class ProxyServer(StreamServer):
    """A guarded way out. For greenlets of one thread.

    ``listener`` as BaseServer's. ``resolver`` is a CrawlerResolver, whose guard judges every address; by default one
    with the guard for the public Internet, which ``stop`` closes. ``destinations`` are the rules by host and port,
    ``users`` names and passwords. ValueError, at ``start``, for a listener beyond loopback without ``users``: an
    open proxy. ``log`` takes a line of JSON for each tunnel and request: an object with ``write``, a Logger, or None.

    ``stop`` closes idle connections at once, lets tunnels and requests go on within its timeout, and kills the rest.
    """

    backlog = 1024

    def __init__(
        self,
        listener: Listener = ("127.0.0.1", 0),
        resolver: CrawlerResolver | None = None,
        *,
        destinations: Destinations | None = None,
        users: Mapping[str, str] | None = None,
        limits: ProxyLimits | None = None,
        log: Any = None,
        backlog: int | None = None,
        spawn: Spawn = "default",
    ) -> None:
        self.limits: ProxyLimits = limits or ProxyLimits()
        if self.limits.connections is not None:
            spawn = self.limits.connections
        super().__init__(listener, None, backlog, spawn)
        self._own_resolver = resolver is None
        self.resolver: CrawlerResolver = CrawlerResolver("python") if resolver is None else resolver
        self.destinations: Destinations = destinations or Destinations()
        self.credentials: Credentials | None = Credentials(users) if users else None
        self.log: Any = log_of(log, 20)
        #: How it calls itself in Via.
        self.pseudonym: bytes = pseudonym()
        self._dialer = Dialer(
            self.resolver, self.destinations, self.limits.connect_seconds, self.limits.per_host, self._is_own
        )
        self._http_limits = Limits(
            header_seconds=self.limits.header_seconds,
            keep_alive_seconds=self.limits.keep_alive_seconds,
            body_seconds=self.limits.idle_seconds,
            write_seconds=self.limits.idle_seconds,
        )
        #: Its address, which ``address`` would ask the system for, twice for each connection.
        self._where: Any = None
        self._flows: dict[Flow, None] = {}
        self._counts = Counts()
        self._looking: Timer | None = None
        self._log_failed = False
        #: Whether it was stopped.
        self.draining: bool = False

    # -- start and stop --------------------------------------------------------------------------------------

    def init_socket(self) -> None:
        """See ``BaseServer.init_socket``."""
        super().init_socket()
        assert self.socket is not None
        where = self._where = self.address
        if self.credentials is None and self.socket.family != _socket.AF_UNIX and where not in _LOOPBACK:
            self.close()
            raise ValueError(
                f"a proxy at {where[0]} port {where[1]} is open to everybody who reaches it: give it users (--auth),"
                " or let it listen on 127.0.0.1, ::1 or a Unix socket"
            )

    def start_accepting(self) -> None:
        """See ``BaseServer.start_accepting``; what it spawns is in the resolver's scope, whatever others use."""
        with scope(self.resolver):
            super().start_accepting()

    def close(self) -> None:
        """Stop accepting, close idle connections; tunnels and requests that are there go on."""
        super().close()
        self.draining = True
        for flow in list(self._flows):
            flow.client.hang_up()

    def stop(self, timeout: float | None = None) -> None:
        """See ``BaseServer.stop``."""
        try:
            super().stop(timeout)
        finally:
            if self._own_resolver:
                self.resolver.close()

    def _is_own(self, made: Any, there: Any) -> bool:
        """Whether a connection, to the address ``there``, leads to this server's own listener."""
        if not isinstance(self._where, tuple) or there[1] != self._where[1]:
            return False
        own = self._where[0]
        return bool(there[0] == own or (own in _WILDCARDS and there[0] == made.getsockname()[0]))

    # -- looking ---------------------------------------------------------------------------------------------

    @property
    def proxy_statistics(self) -> ProxyStatistics:
        """What its clients have asked for so far."""
        return self._counts.snapshot()

    @property
    def hosts(self) -> Counter[str]:
        """How many connections there are to each host, or wait for a place."""
        return self._dialer.places.open

    # -- connections -----------------------------------------------------------------------------------------

    def handle(self, sock: Any, peer: Any) -> None:
        """Serve a client until its end."""
        if isinstance(peer, tuple):
            with suppress(OSError):
                sock.setsockopt(_socket.IPPROTO_TCP, _socket.TCP_NODELAY, 1)
        flow = Flow(Connection(sock, self._http_limits), peer)
        self._flows[flow] = None
        if self._looking is None:
            self._look_later()
        try:
            if self._first_bytes(flow.client):
                if flow.client.buffer[0] == 5:
                    serve_socks(self, flow)
                else:
                    HttpSession(self, flow).serve()
        except ClientGone:
            pass  # before it got its answer
        finally:
            del self._flows[flow]
            flow.end()
            flow.close_client()
            if not self._flows and self._looking is not None:
                self._looking.cancel()
                self._looking = None

    def _first_bytes(self, client: Connection) -> bool:
        """Wait for a client to say something."""
        client.deadline = client.now() + self.limits.header_seconds
        client.idle = True
        try:
            client.buffer = client.socket.recv(65536)
        except OSError:
            return False
        finally:
            client.idle = False
            client.deadline = float("inf")
        return bool(client.buffer)

    # -- for the sessions ------------------------------------------------------------------------------------

    @contextmanager
    def entry(self, flow: Flow, kind: str, host: str, port: int, user: str = "") -> Iterator[Entry]:
        """The note on one tunnel or request, for a block; written to the log at its end."""
        entry = Entry(kind, flow.peer, host, port, flow.now(), user)
        self._counts.begin(entry)
        try:
            yield entry
        finally:
            self._counts.end(entry)
            if self.log is not NO_LOG:
                self._write(entry.line(flow.now()) + "\n")

    def _write(self, line: str) -> None:
        try:
            self.log.write(line)
        except (OSError, ValueError) as error:  # a full disk, a closed pipe: tunnels go on without a log
            if not self._log_failed:
                log.warning("%r cannot write its log: %s", self, error)
            self._log_failed = True

    def note(self, flow: Flow, kind: str, error: Refused, user: str = "") -> None:
        """A client that was refused before it was known where it wants to go."""
        with self.entry(flow, kind, "", 0, user) as entry:
            entry.fail(error)

    @contextmanager
    def connected(self, flow: Flow, entry: Entry) -> Iterator[None]:
        """A connection to where the client wants to go, as the flow's origin, for a block. Refused."""
        with self._dialer.connection(entry.host, entry.port) as dialed:
            flow.begin(dialed.socket)
            try:
                entry.address, entry.lookup, entry.connect = dialed[1:]
                with suppress(OSError):
                    dialed.socket.setsockopt(_socket.IPPROTO_TCP, _socket.TCP_NODELAY, 1)
                yield
                if flow.expired:
                    entry.error, entry.why = "connection_timeout", f"no byte for {self.limits.idle_seconds:g} s"
            finally:
                entry.sent, entry.received = flow.sent, flow.received
                flow.end()

    # -- deadlines -------------------------------------------------------------------------------------------

    def _look_later(self) -> None:
        limits = self.limits
        shortest = min(limits.header_seconds, limits.keep_alive_seconds, limits.idle_seconds)
        self._looking = get_hub().call_later(min(1.0, max(shortest / 4, 0.01)), self._look)

    def _look(self) -> None:
        """End the waits whose deadline has come. For the loop."""
        now = get_hub().now()
        oldest = now - self.limits.idle_seconds
        for flow in self._flows:
            if flow.seen <= oldest:
                flow.expire()
            elif flow.client.deadline <= now:
                flow.client.expire()
        self._look_later()


def proxy_sections(servers: Sequence[ProxyServer]) -> dict[str, Callable[[], Any]]:
    """Sections for the debug page: each server's counts, and the fifty hosts with most connections."""

    def counts() -> list[dict[str, Any]]:
        return [{"name": str(one.address), **one.proxy_statistics._asdict()} for one in servers]

    def hosts() -> list[dict[str, Any]]:
        found = sum((one.hosts for one in servers), Counter[str]())
        return [{"name": host, "connections": count} for host, count in found.most_common(50)]

    return {"proxy": counts, "proxy_hosts": hosts}


__all__ = ["Credentials", "ProxyLimits", "ProxyServer", "proxy_sections"]
