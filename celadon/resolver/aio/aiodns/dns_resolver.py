"""``DNSResolver`` with the signatures of aiodns 4, over the engines of ours on the loop itself: no thread, no task."""

from __future__ import annotations

import asyncio
import socket
import warnings
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

import pycares

from ...errors import Kind, ResolveError
from ...factory import LoopKind, Over, make
from ...frozen import replace
from ...model import Question, Server
from ...names.address import value_of
from ...names.domain import to_ascii
from ...resolvers.calls import Call
from ...system.servers import parse_server
from ..pending import CallbackLookups, Pending
from . import error
from .compat import AresHostResult, convert_result, result_of

_TYPES = ("A", "AAAA", "ANY", "CAA", "CNAME", "MX", "NAPTR", "NS", "PTR", "SOA", "SRV", "TXT")
query_type_map: dict[str, int] = {name: getattr(pycares, f"QUERY_TYPE_{name}") for name in _TYPES}
query_class_map: dict[str, int] = {
    name: getattr(pycares, f"QUERY_CLASS_{name}") for name in ("IN", "CHAOS", "HS", "NONE", "ANY")
}
#: pycares' arguments that tune c-ares and change no answer.
_WITHOUT_EFFECT = frozenset(
    ("event_thread", "rotate", "sock_state_cb", "socket_receive_buffer_size", "socket_send_buffer_size")
)
_TIMEOUT, _TRIES = 2.0, 3  # c-ares' own
# c-ares' flag -> the standard library's: of getaddrinfo's hints, and of getnameinfo.
_HINTS: dict[int, int] = {
    0x01: socket.AI_CANONNAME,
    0x02: socket.AI_NUMERICHOST,
    0x04: socket.AI_PASSIVE,
    0x08: socket.AI_NUMERICSERV,
    0x10: socket.AI_V4MAPPED,
    0x20: socket.AI_ALL,
    0x40: socket.AI_ADDRCONFIG,
}
_NAME_FLAGS: dict[int, int] = {
    0x01: socket.NI_NOFQDN,
    0x02: socket.NI_NUMERICHOST,
    0x04: socket.NI_NAMEREQD,
    0x08: socket.NI_NUMERICSERV,
    0x10: socket.NI_DGRAM,
}
_LOOK_UP_HOST, _LOOK_UP_SERVICE = 0x100, 0x200


class DNSResolver:
    """See aiodns. ``engine`` is ``python`` or ``ares``; ``kwargs`` are those of pycares' Channel.

    It may be made, and its calls may be begun, before ``loop`` runs. For that loop's thread only. ValueError for an
    argument that has no like here (``flags``, ``lookups``, ``ndots``, ``local_ip``, ``local_dev``,
    ``resolvconf_path``).
    """

    def __init__(
        self,
        nameservers: Sequence[str] | None = None,
        loop: asyncio.AbstractEventLoop | None = None,
        *,
        engine: str = "python",
        timeout: float | None = None,
        tries: int | None = None,
        udp_port: int | None = None,
        tcp_port: int | None = None,
        servers: Iterable[str | bytes] | None = None,
        domains: Iterable[str | bytes] | None = None,
        **kwargs: Any,
    ) -> None:
        self._closed = True
        if unknown := [name for name, value in kwargs.items() if value is not None and name not in _WITHOUT_EFFECT]:
            raise ValueError(f"DNSResolver: {', '.join(unknown)} cannot be set here; see docs/asyncio.md")
        self.loop: asyncio.AbstractEventLoop = loop or asyncio.get_event_loop()
        self._engine = engine
        self._port = udp_port or tcp_port or 53
        self._options: dict[str, Any] = {"timeout": timeout or _TIMEOUT, "attempts": tries or _TRIES}
        if domains is not None:
            self._options["search"] = [_text(one) for one in domains]
        self._under_way: dict[asyncio.Future[Any], Pending] = {}
        self._lookups = self._made(nameservers or servers)
        self._closed = False

    def _made(self, servers: Iterable[str | bytes] | None) -> CallbackLookups:
        options = dict(self._options)
        if servers is not None:
            options["servers"] = [self._server(_text(one)) for one in servers]
        made: Any = make(Over(self._engine, LoopKind(CallbackLookups)), **options)
        made.loop = self.loop
        return made  # type: ignore[no-any-return]

    def _server(self, text: str) -> Server:
        """With the port that is meant where the text has none."""
        found = parse_server(text)
        return replace(found, port=self._port) if value_of(text.strip("[]")) is not None else found

    @property
    def nameservers(self) -> Sequence[str]:
        """The servers' addresses, without ports."""
        return [one.address for one in self._lookups.config().servers]

    @nameservers.setter
    def nameservers(self, value: Iterable[str | bytes]) -> None:
        old, self._lookups = self._lookups, self._made(value)
        old.close()

    # -- the calls ----------------------------------------------------------------------------------------------

    def query_dns(self, host: str, qtype: str, qclass: str | None = None) -> asyncio.Future[Any]:
        """A ``pycares.DNSResult``. ValueError for a type or a class that aiodns does not know."""
        return self._query(host, qtype, qclass, result_of)

    def query(self, host: str, qtype: str, qclass: str | None = None) -> asyncio.Future[Any]:
        """As ``query_dns``, in the shapes of pycares 4: see ``compat``. Deprecated in aiodns."""
        warnings.warn("query() is deprecated, use query_dns() instead", DeprecationWarning, stacklevel=2)
        number = query_type_map.get(qtype, 0)
        return self._query(host, qtype, qclass, lambda answer: convert_result(result_of(answer), number))

    def _query(self, host: str, qtype: str, qclass: str | None, convert: Callable[[Any], Any]) -> asyncio.Future[Any]:
        if qtype not in query_type_map:
            raise ValueError(f"invalid query type: {qtype}")
        if qclass is not None and qclass not in query_class_map:
            raise ValueError(f"invalid query class: {qclass}")
        kind = 1 if qclass is None else query_class_map[qclass]

        def ask() -> Any:
            name = to_ascii(_text(host)).removesuffix(".")
            if " " in name:
                raise ResolveError(Kind.ILLEGAL, name, detail="a space in a name")
            return self._lookups.query(Question(name, query_type_map[qtype], kind))

        return self._begin(ask, convert)

    def getaddrinfo(
        self,
        host: str,
        family: int = socket.AF_UNSPEC,
        port: int | None = None,
        proto: int = 0,
        type: int = 0,
        flags: int = 0,
    ) -> asyncio.Future[Any]:
        """A ``pycares.AddrInfoResult``; ``flags`` are c-ares' (ARES_AI_*). ``cnames`` needs ARES_AI_CANONNAME."""
        hints, service = _flags(flags, _HINTS), 0 if port is None else port

        def ask() -> Any:
            return self._lookups.getaddrinfo(host, service, int(family), type or socket.SOCK_STREAM, proto, hints)

        return self._begin(ask, partial(self._nodes, _text(host), type, proto))

    def _nodes(self, host: str, kind: int, proto: int, rows: list[Any]) -> Any:
        canonical = rows[0][3] or host
        cnames = [] if canonical.lower() == host.lower() else [pycares.AddrInfoCname(0, host, canonical)]
        nodes = [
            pycares.AddrInfoNode(0, 0, int(family), kind, proto, (place[0].encode(), *place[1:]))
            for family, _, _, _, place in rows
        ]
        return pycares.AddrInfoResult(cnames, nodes)

    def gethostbyname(self, host: str, family: int) -> asyncio.Future[AresHostResult]:
        """The addresses of one family. Deprecated in aiodns."""
        warnings.warn("gethostbyname() is deprecated, use getaddrinfo() instead", DeprecationWarning, stacklevel=2)

        def ask() -> Any:
            return self._lookups.getaddrinfo(host, None, int(family), socket.SOCK_STREAM, 0, socket.AI_CANONNAME)

        def convert(rows: list[Any]) -> AresHostResult:
            return AresHostResult(rows[0][3] or host, [], [row[4][0] for row in rows])

        return self._begin(ask, convert)

    def getnameinfo(self, sockaddr: tuple[str, int] | tuple[str, int, int, int], flags: int = 0) -> asyncio.Future[Any]:
        """A ``pycares.NameInfoResult``; ``flags`` are c-ares' (ARES_NI_*). ValueError for what is no address."""
        if len(sockaddr) not in (2, 4):
            raise ValueError("Invalid address argument")
        version = 4 if len(sockaddr) == 2 else 6
        try:
            socket.inet_pton(socket.AF_INET if version == 4 else socket.AF_INET6, sockaddr[0])
        except (OSError, TypeError):
            raise ValueError(f"Invalid IPv{version} address {sockaddr[0]!r}") from None
        if not flags & _LOOK_UP_SERVICE:
            flags |= _LOOK_UP_HOST
        asked = _flags(flags, _NAME_FLAGS)
        if not flags & _LOOK_UP_HOST:
            asked |= socket.NI_NUMERICHOST

        def convert(found: tuple[str, str]) -> Any:
            return pycares.NameInfoResult(found[0], found[1] if flags & _LOOK_UP_SERVICE else None)

        return self._begin(lambda: self._lookups.call(Call("getnameinfo", (sockaddr, asked))), convert)

    def gethostbyaddr(self, name: str) -> asyncio.Future[Any]:
        """A ``pycares.HostResult``. ValueError for what is no address."""
        if value_of(_text(name)) is None:
            raise ValueError("invalid IP address")
        return self._begin(
            lambda: self._lookups.call(Call("gethostbyaddr", (name,))), lambda found: pycares.HostResult(*found)
        )

    # -- futures -----------------------------------------------------------------------------------------------

    def _begin(self, ask: Callable[[], Any], convert: Callable[[Any], Any]) -> asyncio.Future[Any]:
        """A future of what ``ask`` gives, or what it begins, once it is there and converted."""
        if self._closed:
            raise RuntimeError("Channel is destroyed, no new queries allowed")
        future: asyncio.Future[Any] = self.loop.create_future()
        try:
            found = ask()
        except Exception as failed:  # noqa: BLE001  (raised where the future is awaited)
            _settle(future, convert, None, failed)
            return future
        if not callable(found):
            _settle(future, convert, found, None)
            return future
        pending = found(partial(_settle, future, convert))
        if not future.done():
            self._under_way[future] = pending
            future.add_done_callback(self._ended)
        return future

    def _ended(self, future: asyncio.Future[Any]) -> None:
        pending = self._under_way.pop(future, None)
        if pending is not None:
            pending.cancel()

    def cancel(self) -> None:
        """End every call under way: DNSError with ARES_ECANCELLED."""
        for future, pending in list(self._under_way.items()):
            pending.cancel()
            if not future.done():
                future.set_exception(error.of_status(error.ARES_ECANCELLED))
        self._under_way.clear()

    async def close(self) -> None:
        """End every call under way, and close the sockets. Doing it twice is harmless."""
        self.cancel()
        self._end()

    def _end(self) -> None:
        if not self._closed:
            self._closed = True
            self._lookups.close()

    async def __aenter__(self) -> DNSResolver:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def __del__(self) -> None:
        self._end()


def _settle(future: asyncio.Future[Any], convert: Callable[[Any], Any], value: Any, failed: Exception | None) -> None:
    if future.done():
        return
    if failed is None:
        try:
            future.set_result(convert(value))
        except error.DNSError as refused:
            future.set_exception(refused)
        return
    future.set_exception(error.of_error(failed))


def _flags(given: int, table: dict[int, int]) -> int:
    return sum(int(ours) for theirs, ours in table.items() if given & theirs)


def _text(given: str | bytes) -> str:
    return given if isinstance(given, str) else given.decode("latin-1")
