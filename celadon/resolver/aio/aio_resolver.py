"""``Resolver``: the standard library's calls and DNS questions, to be awaited; and a default one for each process."""

from __future__ import annotations

import socket
from collections.abc import AsyncGenerator, Iterable
from typing import Any

from .. import registry
from ..answers.cache import Cache
from ..errors import LOOKUP_ERRORS, ResolveError, ResolverConfigError, noted
from ..events import ResolverStats
from ..factory import Over, check_option_names, make
from ..model import AddrInfo, Answer, Question, Server, SockAddr
from ..protocols import Outcome
from ..query_answer import QueryAnswer, told
from ..record_queries import question_of
from ..resolvers.calls import Call
from .awaiting import AWAITED, current
from .bulk_awaited import bulk

#: The engines that run on asyncio. ``thread`` is libc in native threads, ``auto`` decides name by name.
ENGINES = ("python", "ares", "auto", "thread")


class Resolver:
    """``Resolver("python", servers=…)``, or another of ENGINES; the options are those of ``celadon.resolver.make``.

    Its calls give what the standard library's functions give, and raise what they raise; cancelling a task cancels its
    lookup, unless others wait for the same answer. It may be used in any number of loops and threads: each loop gets
    sockets of its own at its first lookup, and they close with it; the cache is shared. ResolverConfigError for an
    engine or an option that cannot be.
    """

    def __init__(self, engine: str = "python", **options: Any) -> None:
        check_option_names("celadon.resolver.aio.Resolver", options)
        if engine not in ENGINES:
            raise ResolverConfigError(f"engine: {engine!r} does not run on asyncio; choose {', '.join(ENGINES)}")
        self._lookups: Any = make(Over(engine, AWAITED), **options)

    def __repr__(self) -> str:
        return f"<aio.Resolver over {self._lookups.name}>"

    async def __aenter__(self) -> Resolver:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()

    @property
    def cache(self) -> Cache | None:
        """The cache that it reads; None if it has none."""
        return self._lookups.cache  # type: ignore[no-any-return]

    async def _call(self, name: str, *args: Any) -> Any:
        call = Call(name, args)
        try:
            return await self._lookups.call(call)
        except LOOKUP_ERRORS as error:
            raise noted(error, call.subject, self)  # noqa: B904  (the same error)

    async def getaddrinfo(
        self,
        host: str | bytes | None,
        port: str | bytes | int | None,
        family: int = 0,
        type: int = 0,
        proto: int = 0,
        flags: int = 0,
    ) -> list[AddrInfo]:
        """See ``socket.getaddrinfo``."""
        try:
            found = self._lookups.getaddrinfo(host, port, family, type, proto, flags)
            return found if isinstance(found, list) else await found
        except LOOKUP_ERRORS as error:
            raise noted(error, host, self)  # noqa: B904

    async def getnameinfo(self, sockaddr: SockAddr, flags: int = 0) -> tuple[str, str]:
        """See ``socket.getnameinfo``."""
        return await self._call("getnameinfo", sockaddr, flags)  # type: ignore[no-any-return]

    async def gethostbyname(self, hostname: str | bytes) -> str:
        """See ``socket.gethostbyname``."""
        return await self._call("gethostbyname", hostname)  # type: ignore[no-any-return]

    async def gethostbyname_ex(self, hostname: str | bytes) -> tuple[str, list[str], list[str]]:
        """See ``socket.gethostbyname_ex``."""
        return await self._call("gethostbyname_ex", hostname)  # type: ignore[no-any-return]

    async def gethostbyaddr(self, ip_address: str | bytes) -> tuple[str, list[str], list[str]]:
        """See ``socket.gethostbyaddr``."""
        return await self._call("gethostbyaddr", ip_address)  # type: ignore[no-any-return]

    async def getfqdn(self, name: str = "") -> str:
        """See ``socket.getfqdn``: the first of the host's names with a dot."""
        name = name.strip()
        if not name or name in ("0.0.0.0", "::"):
            name = socket.gethostname()
        try:
            hostname, aliases, _ = await self.gethostbyaddr(name)
        except OSError:
            return name
        return next((one for one in (hostname, *aliases) if "." in one), hostname)

    async def query(
        self,
        name: str,
        rrtype: str | int = "A",
        *,
        rclass: str | int = "IN",
        server: str | Server | None = None,
        tcp: bool = False,
        dnssec: bool = False,
        deadline: float | None = None,
        validate: bool = False,
        anchors: str | None = None,
    ) -> QueryAnswer:
        """See ``celadon.resolver.query``: one DNS question about an absolute name."""
        lookups = self._lookups
        question = question_of(name, rrtype, rclass, server, tcp, dnssec, deadline, lookups.idna)
        try:
            if validate:
                return told(await self._validated(question, deadline, anchors))
            found = lookups.query(question, deadline)
            return told(found if isinstance(found, Answer) else await found)
        except LOOKUP_ERRORS as error:
            raise noted(error, name, self)  # noqa: B904

    async def _validated(self, question: Question, deadline: float | None, anchors: str | None) -> Answer:
        lookups, now = self._lookups, current().now
        ends = None if deadline is None else now() + deadline
        steps = registry.validation().queries(lookups, question, anchors)
        try:
            asked = next(steps)
            while True:
                outcome: Outcome
                try:
                    found = lookups.query(asked, None if ends is None else max(ends - now(), 0.001))
                    outcome = found if isinstance(found, Answer) else await found
                except ResolveError as error:
                    outcome = error
                asked = steps.send(outcome)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]

    def bulk(
        self, names: Iterable[str], types: Iterable[str | int] = ("A",), **options: Any
    ) -> AsyncGenerator[tuple[Question, Outcome], None]:
        """See ``celadon.resolver.aio.bulk``, with this resolver's kind of engine and its servers; options as there.

        Neither cache, hosts file nor search list is looked at.
        """
        return bulk(
            names, types, **{"engine": self._lookups.name, "servers": self._lookups.config().servers, **options}
        )

    def permit(self, address: str) -> None:
        """See ``FullResolver.permit``: all addresses are permitted. The adapters ask it."""

    def stats(self) -> ResolverStats:
        """A snapshot of its counts. What is counted by loop is the running loop's; RuntimeError where no loop runs."""
        return self._lookups.stats()  # type: ignore[no-any-return]

    def close(self) -> None:
        """Take no more lookups, and close the running loop's sockets once the lookups under way have ended.

        Those of other loops close with them. To close twice is harmless, as is to close where no loop runs.
        """
        self._lookups.close()


_default: Resolver | None = None


def default() -> Resolver:
    """The resolver that the functions of this package use: made at the first call, closed by nobody."""
    global _default
    if _default is None:
        _default = Resolver()
    return _default


async def getaddrinfo(
    host: str | bytes | None,
    port: str | bytes | int | None,
    family: int = 0,
    type: int = 0,
    proto: int = 0,
    flags: int = 0,
) -> list[AddrInfo]:
    """``socket.getaddrinfo``, awaited."""
    return await default().getaddrinfo(host, port, family, type, proto, flags)


async def getnameinfo(sockaddr: SockAddr, flags: int = 0) -> tuple[str, str]:
    """``socket.getnameinfo``, awaited."""
    return await default().getnameinfo(sockaddr, flags)


async def gethostbyname(hostname: str | bytes) -> str:
    """``socket.gethostbyname``, awaited."""
    return await default().gethostbyname(hostname)


async def gethostbyname_ex(hostname: str | bytes) -> tuple[str, list[str], list[str]]:
    """``socket.gethostbyname_ex``, awaited."""
    return await default().gethostbyname_ex(hostname)


async def gethostbyaddr(ip_address: str | bytes) -> tuple[str, list[str], list[str]]:
    """``socket.gethostbyaddr``, awaited."""
    return await default().gethostbyaddr(ip_address)


async def getfqdn(name: str = "") -> str:
    """``socket.getfqdn``, awaited."""
    return await default().getfqdn(name)


async def query(name: str, rrtype: str | int = "A", **options: Any) -> QueryAnswer:
    """``celadon.resolver.query``, awaited; options as there."""
    return await default().query(name, rrtype, **options)
