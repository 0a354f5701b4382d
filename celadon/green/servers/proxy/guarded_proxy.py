"""GuardedProxy: the proxy in a native thread of its own, for programs of any kind: blocking, asyncio, patched."""

from __future__ import annotations

import _thread
from collections.abc import Iterable, Mapping
from typing import Any

from ....hub import HubThread
from ....resolver import CrawlerResolver, Guard
from ..base_server import Listener
from .client_settings import ClientSettings
from .destinations import Destinations
from .proxy_log import ProxyStatistics
from .proxy_server import Credentials, ProxyLimits, ProxyServer


class GuardedProxy:
    """``with GuardedProxy() as proxy:`` a proxy on loopback, which connects to the public Internet only.

    SOCKS 5, CONNECT and plain HTTP on one port. Its properties say what each kind of client is given:
    ``proxy.chromium``, ``proxy.playwright``, ``proxy.requests``, ``proxy.env``, …; see ClientSettings.

    ``resolver`` is a resolver's name or object, or a CrawlerResolver, which stays open at the end; ``guard`` and the
    ``options`` go with the others, and are a CrawlerResolver's (``servers``, ``cache``, ``deadline``, …).
    ``allow_hosts``, ``deny_hosts``, ``allow_ports``, ``deny_ports`` are Destinations'; networks are the guard's:
    ``Guard(allow=…, block=…)``. ``user`` and ``password`` are asked of clients if they are given. ``drain`` is the
    seconds that open tunnels may go on at the end. Nothing is patched. Every method may be called from any
    thread. Not for forked children: they have no such thread.
    """

    def __init__(
        self,
        listener: Listener = ("127.0.0.1", 0),
        resolver: Any = "python",
        *,
        guard: Guard | bool | None = None,
        allow_hosts: Iterable[str] = (),
        deny_hosts: Iterable[str] = (),
        allow_ports: Iterable[str | int] = (),
        deny_ports: Iterable[str | int] = (),
        user: str | None = None,
        password: str | None = None,
        limits: ProxyLimits | None = None,
        log: Any = None,
        drain: float = 0.0,
        **options: Any,
    ) -> None:
        if (user is None) != (password is None):
            raise TypeError("GuardedProxy: user and password go together")
        self._users: Mapping[str, str] | None = {user: password} if user is not None and password is not None else None
        self._login = (user, password)
        if self._users is not None:
            Credentials(self._users)
        given = isinstance(resolver, CrawlerResolver)
        if given and (guard is not None or options):
            raise TypeError("GuardedProxy: a CrawlerResolver has its guard and its options already")
        self._listener = listener
        self._destinations = Destinations(allow_hosts, deny_hosts, allow_ports, deny_ports)
        self._limits, self._log, self._drain = limits, log, drain
        self._owned = not given
        #: Whose answers it goes by.
        self.resolver: CrawlerResolver = (
            resolver if given else CrawlerResolver(resolver, guard=True if guard is None else guard, **options)
        )
        self._thread: HubThread | None = None
        self._server: ProxyServer | None = None
        self._address: Any = None
        self._failed: Exception | None = None

    def __repr__(self) -> str:
        return f"<GuardedProxy, {self._address or 'not started'}>"

    def start(self) -> None:
        """Listen; returns once clients may connect. OSError, ValueError as ProxyServer's ``start``."""
        if self._thread is not None:
            raise RuntimeError(f"{self!r} was started already")
        self._thread = HubThread()
        # By a lock and not by a hub: the caller's thread may be another loop's, which has the signals for itself.
        started = _thread.allocate_lock()
        started.acquire()
        self._thread.post(self._begin, started)
        try:
            started.acquire()
            if self._failed is not None:
                raise self._failed
        except BaseException:
            self.close()
            raise

    def _begin(self, started: _thread.LockType) -> None:
        """In the thread."""
        try:
            server = ProxyServer(
                self._listener,
                self.resolver,
                destinations=self._destinations,
                users=self._users,
                limits=self._limits,
                log=self._log,
            )
            server.start()
            self._server, self._address = server, server.address
        except Exception as error:  # noqa: BLE001  (raised where it is waited for)
            self._failed = error
        finally:
            started.release()

    def close(self) -> None:
        """End it, after ``drain`` seconds at most, and wait for that. Doing it twice is harmless."""
        thread = self._thread
        if thread is None:
            if self._owned:
                self.resolver.close()
            return
        thread.close(self._end)

    def _end(self) -> None:
        """In the thread."""
        if self._server is not None:
            self._server.stop(self._drain)
        if self._owned:
            self.resolver.close()

    def __enter__(self) -> GuardedProxy:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # -- for clients ---------------------------------------------------------------------------------------------

    @property
    def address(self) -> Any:
        """Where it listens: host and port, or the path of a Unix socket. RuntimeError before ``start``."""
        if self._address is None:
            raise RuntimeError(f"{self!r}: it has no address yet")
        return self._address

    @property
    def settings(self) -> ClientSettings:
        """All that a client may need."""
        return ClientSettings(self.address, *self._login)

    @property
    def statistics(self) -> ProxyStatistics:
        """What its clients have asked for so far."""
        if self._server is None:
            raise RuntimeError(f"{self!r}: it has counted nothing yet")
        return self._server.proxy_statistics

    @property
    def url(self) -> str:
        """See ClientSettings."""
        return self.settings.url

    @property
    def socks_url(self) -> str:
        """See ClientSettings."""
        return self.settings.socks_url

    @property
    def env(self) -> dict[str, str]:
        """See ClientSettings."""
        return self.settings.env

    @property
    def curl(self) -> list[str]:
        """See ClientSettings."""
        return self.settings.curl

    @property
    def requests(self) -> dict[str, str]:
        """See ClientSettings."""
        return self.settings.requests

    @property
    def chromium(self) -> list[str]:
        """See ClientSettings."""
        return self.settings.chromium

    @property
    def playwright(self) -> dict[str, str]:
        """See ClientSettings."""
        return self.settings.playwright

    @property
    def crawlee(self) -> list[str]:
        """See ClientSettings."""
        return self.settings.crawlee


__all__ = ["GuardedProxy"]
