"""From a host and a port to a connection: looked up once, judged, and connected to what was judged."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from ....hub import Semaphore, fail_after, get_hub
from ....resolver import CrawlerResolver, ResolveError, scope
from ...connections import RECOMMENDED_DELAY, connect_first
from .destinations import Destinations, plain_host
from .refused import BAD_REQUEST, CONNECT_TIMEOUT, DENIED, LIMIT, LOOP, Refused, refused


class Dialed(NamedTuple):
    """A connection, and the seconds that the lookup and the connect took."""

    socket: Any
    lookup: float
    connect: float


class Places:
    """How many connections there are to each host, and at most."""

    def __init__(self, most: int | None) -> None:
        self._most = most
        self._free: dict[str, Semaphore] = {}
        #: By host, who has a place or waits for one.
        self.open: Counter[str] = Counter()

    @contextmanager
    def of(self, host: str, seconds: float) -> Iterator[None]:
        """Have a place, waited for. Refused if none is free within ``seconds``."""
        self.open[host] += 1
        free: Semaphore | None = None
        try:
            if self._most is not None:
                free = self._free.setdefault(host, Semaphore(self._most))
                if not free.acquire(timeout=seconds):
                    free = None
                    raise Refused(LIMIT, f"{host}: {self._most} connections are open, and none ended for {seconds:g} s")
            yield
        finally:
            if free is not None:
                free.release()
            self.open[host] -= 1
            if not self.open[host]:
                del self.open[host]
                self._free.pop(host, None)


class Dialer:
    """Connects to where clients want to go. ``seconds`` bounds the lookup and the connect together.

    The resolver's guard is asked by the lookup, which leaves only good addresses, and once more as each is connected
    to. ``is_own`` says whether an address is that of the proxy itself.
    """

    def __init__(
        self,
        resolver: CrawlerResolver,
        destinations: Destinations,
        seconds: float,
        per_host: int | None,
        is_own: Callable[[Any], bool],
    ) -> None:
        self.resolver = resolver
        self._destinations = destinations
        self._seconds = seconds
        self._is_own = is_own
        self.places = Places(per_host)

    @contextmanager
    def connection(self, host: str, port: int) -> Iterator[Dialed]:
        """A connection for the block, which closes it. Refused, with the reason."""
        try:
            plain = plain_host(host)
            if not port:
                raise ValueError("there is no port 0")
        except ValueError as error:
            raise Refused(BAD_REQUEST, str(error)) from None
        why = self._destinations.refusal(plain, port)
        if why is not None:
            raise Refused(DENIED, f"{plain} port {port}: {why}")
        now = get_hub().now
        begin = now()
        with self.places.of(plain, self._seconds):
            yield self._dial(plain, port, begin)

    def _dial(self, host: str, port: int, begin: float) -> Dialed:
        now = get_hub().now
        left = max(self._seconds - (now() - begin), 0.001)
        asked = now()
        try:
            found = self.resolver.find(host, port, 0, left)
        except OSError as error:
            raise refused(error, host, port) from error
        looked = now()
        addresses = ", ".join(dict.fromkeys(str(row[4][0]) for row in found))
        try:
            with scope(self.resolver), fail_after(max(begin + self._seconds - looked, 0.001)):
                made = connect_first(found, None, delay=RECOMMENDED_DELAY)
        except ResolveError as error:
            raise refused(error, host, port) from error
        except TimeoutError as error:
            why = f"{host} port {port}: no connection to {addresses} within {self._seconds:g} s"
            raise Refused(CONNECT_TIMEOUT, why) from error
        except OSError as error:
            raise refused(error, f"{host} ({addresses})", port) from error
        if self._is_own(made):
            made.close()
            raise Refused(LOOP, f"{host} port {port}: this is the proxy itself")
        return Dialed(made, looked - asked, now() - looked)


__all__ = ["Dialed", "Dialer", "Places"]
