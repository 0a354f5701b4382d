"""One resolver class for each engine, and which one the configuration chose."""

from __future__ import annotations

from typing import Any

from celadon.resolver import current, make, use

from .._config import config


class EngineResolver:
    """The calls of the socket module, by one engine. ``hub`` does not matter."""

    engine = "thread"

    def __init__(self, hub: Any = None, **options: Any) -> None:
        servers = options.pop("servers", None) or config.resolver_nameservers
        chosen: dict[str, Any] = {} if config.resolver_timeout is None else {"timeout": config.resolver_timeout}
        if self.engine in ("thread", "block"):
            servers, chosen = None, {}
        self.celadon = make(self.engine, servers=servers or None, **chosen)

    def __repr__(self) -> str:
        return f"<{type(self).__module__}.{type(self).__name__} at {id(self):#x}: {self.celadon!r}>"

    def close(self) -> None:
        """Close it."""
        self.celadon.close()

    def gethostbyname(self, hostname: Any, *args: Any) -> Any:
        """See ``socket``."""
        return self.celadon.gethostbyname(hostname)

    def gethostbyname_ex(self, hostname: Any, *args: Any) -> Any:
        """See ``socket``."""
        return self.celadon.gethostbyname_ex(hostname)

    def getaddrinfo(
        self, host: Any, port: Any, family: int = 0, socktype: int = 0, proto: int = 0, flags: int = 0, **named: int
    ) -> Any:
        """See ``socket``."""
        return self.celadon.getaddrinfo(host, port, family, named.get("type", socktype), proto, flags)

    def gethostbyaddr(self, ip_address: Any) -> Any:
        """See ``socket``."""
        return self.celadon.gethostbyaddr(ip_address)

    def getnameinfo(self, sockaddr: Any, flags: int) -> Any:
        """See ``socket``."""
        return self.celadon.getnameinfo(sockaddr, flags)


class _Current(EngineResolver):
    def __init__(self) -> None:
        self.celadon = current()


class _Begun:
    kind: Any = None


def begin() -> None:
    """Use the resolver that gevent's configuration names, if it names one."""
    if config.is_set("resolver") and _Begun.kind is not config.resolver:
        _Begun.kind = config.resolver
        in_use(config.resolver())


def in_use(resolver: Any = None) -> Any:
    """The resolver that is used, or have this one used from now on."""
    if resolver is None:
        begin()
        return _Current()
    use(resolver.celadon if isinstance(resolver, EngineResolver) else resolver)
    return resolver
