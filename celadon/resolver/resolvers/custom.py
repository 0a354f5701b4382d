"""A program's own resolvers: a function (tier 1), an object with getaddrinfo and getnameinfo (tier 2), or an engine."""

from __future__ import annotations

import _socket
from collections.abc import Callable
from typing import Any

from ..answers.cache import Cache
from ..errors import Kind, ResolveError, ResolverConfigError
from ..model import AddrInfo, Answer, Config, Question, SockAddr
from ..names.address import digits_and_dots, normal, value_of
from ..policy.getaddrinfo import host_argument
from ..protocols import Engine, FullResolver, Resolver
from ..system.world import World
from .calls import Call, CallResolver
from .stub import StubResolver

_OPTIONAL = (
    "gethostbyname", "gethostbyname_ex", "gethostbyaddr", "query", "stats", "explain", "discard", "permit", "cache",
    "idna", "forward_only",
)  # fmt: skip
_UNKNOWN_HOST, _NO_RECOVERY = (1, "Unknown host"), (3, "Unknown server error")  # netdb.h's numbers


class LookResolver(StubResolver):
    """Tier 1: ``look(host)`` returns the host's addresses, or None if the host is not its own.

    The policy does the rest: literals, services, flags, families, the order of results. Nothing is cached.
    """

    forward_only = True

    def __init__(self, name: str, world: Callable[[], World]) -> None:
        super().__init__(name, self._no_engine, world, cache=None)

    def _no_engine(self, config: Config) -> Engine:
        raise ResolveError(Kind.UNSUPPORTED, "", detail=f"{self!r} has addresses only")

    def query(self, question: Question, deadline: float | None = None) -> Answer:
        """See FullResolver: a function knows no records."""
        raise ResolveError(Kind.UNSUPPORTED, question.name, detail=f"{self!r} has addresses only")


class Completed(CallResolver):
    """A program's own resolver with every call.

    The optional calls that it has are its own. The older calls that it lacks follow from ``getaddrinfo`` and
    ``getnameinfo``; the others have FullResolver's defaults.
    """

    cache: Cache | None = None
    idna = 2003
    forward_only = False

    def __init__(self, inner: Resolver) -> None:
        self.inner = inner
        vars(self).update({name: getattr(inner, name) for name in _OPTIONAL if hasattr(inner, name)})

    def __repr__(self) -> str:
        return repr(self.inner)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def call(self, call: Call) -> Any:
        """See CallResolver; the object's own."""
        return call.on(self.inner)

    def close(self) -> None:
        """The object's own."""
        self.inner.close()

    def _addresses(self, host: str | bytes, flags: int = 0) -> list[AddrInfo]:
        return self.getaddrinfo(host, None, int(_socket.AF_INET), int(_socket.SOCK_STREAM), 0, flags)

    def gethostbyname(self, host: str | bytes) -> str:
        """The first IPv4 address. As in CPython, ``''`` is 0.0.0.0 and ``<broadcast>`` 255.255.255.255."""
        name = host_argument("gethostbyname", host)
        if not name:
            return "0.0.0.0"
        if name == b"<broadcast>":
            return "255.255.255.255"
        return str(self._addresses(host)[0][4][0])

    def gethostbyname_ex(self, host: str | bytes) -> tuple[str, list[str], list[str]]:
        """The IPv4 addresses and the canonical name; ``getaddrinfo`` tells no aliases."""
        name = host_argument("gethostbyname_ex", host)
        text = name.decode("latin-1")
        if text in ("", "<broadcast>"):
            raise _socket.herror(*_NO_RECOVERY)
        rows = self._addresses(host, int(_socket.AI_CANONNAME))
        if value_of(text) is not None and not digits_and_dots(text):
            raise _socket.herror(*_UNKNOWN_HOST)  # a form of an address that this call does not know
        return rows[0][3] or text, [], list(dict.fromkeys(str(one[4][0]) for one in rows))

    def gethostbyaddr(self, address: str | bytes) -> tuple[str, list[str], list[str]]:
        """The name of an address, or of a host's first address. herror if it has none, as in the standard library."""
        text = host_argument("gethostbyaddr", address).decode("latin-1")
        if not text:
            raise OSError("wildcard resolved to multiple address")
        literal = normal(text)
        if literal is not None:
            text = literal[1]
        else:
            text = str(self.getaddrinfo(text, None, 0, int(_socket.SOCK_STREAM))[0][4][0])
        sockaddr: SockAddr = (text, 0, 0, 0) if ":" in text else (text, 0)
        try:
            name = self.getnameinfo(sockaddr, int(_socket.NI_NAMEREQD))[0]
        except _socket.gaierror:
            raise _socket.herror(*_UNKNOWN_HOST) from None
        return name, [], [text]


def is_engine(given: Any) -> bool:
    """Whether this is an engine, or a class of engines, which is called with a Config."""
    return callable(getattr(given, "submit", None))


def is_look(given: Any) -> bool:
    """Whether this is tier 1: a function to call with a host."""
    return callable(given) and not isinstance(given, type) and not callable(getattr(given, "getaddrinfo", None))


def engine_maker(given: Any) -> Callable[[Config], Engine]:
    """Makes a hub's engine: a class makes one for each hub; an engine object serves one hub only."""
    if isinstance(given, type):
        return given
    return lambda config: given


def resolver_of(given: Any) -> FullResolver:
    """A program's own resolver, or what its class makes, with every call. ResolverConfigError for anything else."""
    made = given() if isinstance(given, type) else given
    if not callable(getattr(made, "getaddrinfo", None)):
        raise ResolverConfigError(f"{given!r} is no resolver: it has neither getaddrinfo nor submit, and is no name")
    return made if isinstance(made, FullResolver) else Completed(made)


def name_of(given: Any) -> str:
    """Its name in messages."""
    name = getattr(given, "name", None) or getattr(given, "__name__", None)
    return str(name or type(given).__name__)
