"""From a host and a port to a connection: looked up once, judged, and connected to what was judged."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from ....hub import Semaphore, fail_after, get_hub
from ....resolver import CrawlerResolver, ResolveError
from ...connections import RECOMMENDED_DELAY, connect_first
from .destinations import Destinations, plain_host
from .refused import BAD_REQUEST, CONNECT_TIMEOUT, DENIED, DNS_TIMEOUT, LIMIT, LOOP, Refused, refused


class Dialed(NamedTuple):
    """A connection and the address that it leads to, and the seconds that the lookup and the connect took."""

    socket: Any
    address: str
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
    to, if the caller is in a ``scope`` of the resolver. ``is_own`` says whether a connection leads to the proxy itself.
    """

    def __init__(
        self,
        resolver: CrawlerResolver,
        destinations: Destinations,
        seconds: float,
        per_host: int | None,
        is_own: Callable[[Any, Any], bool],
    ) -> None:
        self.resolver = resolver
        self._destinations = destinations
        self._seconds = seconds
        self._is_own = is_own
        self.places: Places = Places(per_host)

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
        asked = now()
        found: list[Any] = []
        looked = 0.0
        try:
            with fail_after(max(begin + self._seconds - asked, 0.001)):
                found = self.resolver.find(host, port)
                looked = now()
                made = connect_first(found, None, delay=RECOMMENDED_DELAY)
        except ResolveError as error:
            raise refused(error, host, port) from error
        except ValueError as error:  # a name that has no form on the wire, such as 1..2
            raise Refused(BAD_REQUEST, f"{host}: {error}") from error
        except TimeoutError as error:
            if not found:
                raise Refused(DNS_TIMEOUT, f"{host}: no address within {self._seconds:g} s", "TIMEOUT") from error
            why = f"{host} port {port}: no connection to {_texts(found)} within {self._seconds:g} s"
            raise Refused(CONNECT_TIMEOUT, why) from error
        except OSError as error:
            raise refused(error, f"{host} ({_texts(found)})" if found else host, port) from error
        there = made.getpeername()
        if self._is_own(made, there):
            made.close()
            raise Refused(LOOP, f"{host} port {port}: this is the proxy itself")
        return Dialed(made, str(there[0]), looked - asked, now() - looked)


def _texts(found: list[Any]) -> str:
    return ", ".join(dict.fromkeys(str(row[4][0]) for row in found))


__all__ = ["Dialed", "Dialer", "Places"]
