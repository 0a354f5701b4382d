"""A resolver in front of another one, whose addresses it pins, judges and orders."""

from __future__ import annotations

import _socket
from collections.abc import Iterable
from typing import Any

from .. import factory
from ..model import AddrInfo
from ..names.address import value_of
from ..policy.explain import Explanation
from ..protocols import FullResolver
from ..resolvers.calls import Call, Wrapper
from ..resolvers.lookups import Steps, asked, played
from . import pins
from .guard import Guard
from .values import Order, plain_name

_PASSIVE = int(_socket.AI_PASSIVE)
_INET, _STREAM = int(_socket.AF_INET), int(_socket.SOCK_STREAM)


class GuardedResolver(Wrapper):
    """See the module. ``guard`` None judges nothing; ``family`` as CrawlerResolver's."""

    pinned: int
    refused: int

    def __init__(self, inner: FullResolver, guard: Guard | None, order: Order, family: int | None) -> None:
        super().__init__(inner)
        self.guard = guard
        self.family = family
        self.pins: pins.Pins = pins.Pins()
        #: Counts: lookups that a pin answered, and addresses that the guard took out of results.
        self.pinned = self.refused = 0
        self._order = order

    def call(self, call: Call) -> Any:
        """See CallResolver."""
        return played(self.steps(call, self.inner))

    def steps(self, call: Call, inner: FullResolver) -> Steps[Any]:
        """The steps of a call on ``inner``, whose calls may give steps as well.

        A call that asks for a name is the inner one's: nothing is connected to a name.
        """
        if isinstance(call.subject, bytearray) and call.name != "getaddrinfo":  # which takes none
            call = Call(call.name, (bytes(call.subject), *call.args[1:]))
        match call.name:
            case "getaddrinfo":
                return self._rows(inner, *call.args)
            case "gethostbyname":
                return self._first_address(inner, call)
            case "gethostbyname_ex":
                return self._host(inner, call)
        return asked(inner, call)

    def _rows(
        self, inner: FullResolver, host: str | bytes | None, port: Any, family: int, type: int, proto: int, flags: int
    ) -> Steps[list[AddrInfo]]:
        """BlockedAddress if the guard leaves no address. AI_PASSIVE is for bind(2), and is not judged."""
        pinned = self.pins.of(host)
        if pinned is not None and host is not None:
            self.pinned += 1
            return self._order(pins.rows(host, pinned, port, family, type, proto, flags))
        found: Any = inner.getaddrinfo(host, port, family or self._reached(host), type, proto, flags)
        if not isinstance(found, list):  # as `asked`, without another generator
            found = yield from found
        if self.guard is not None and not flags & _PASSIVE:
            found = self._judged(self.guard, host, found)
        return self._order(found)

    def _reached(self, host: str | bytes | None) -> int:
        """The family to ask for, 0 for both. A literal is of its own family, and the guard is to judge it."""
        if self.family is not None:
            return self.family
        here = factory.families()
        return next(iter(here)) if len(here) == 1 and host is not None and value_of(host) is None else 0

    def _judged(self, guard: Guard, host: str | bytes | None, found: list[AddrInfo]) -> list[AddrInfo]:
        reasons = {address: guard.reason(address) for address in dict.fromkeys(str(row[4][0]) for row in found)}
        refused = [address for address, reason in reasons.items() if reason is not None]
        if not refused:
            return found
        self.refused += len(refused)
        good = [row for row in found if reasons[str(row[4][0])] is None]
        if not good:
            raise guard.refusal(host or "", refused)
        if found[0][3] and not good[0][3]:
            good[0] = (*good[0][:3], found[0][3], good[0][4])  # the canonical name goes with the first
        return good

    def _first_address(self, inner: FullResolver, call: Call) -> Steps[str]:
        host = call.subject
        if isinstance(host, str | bytes) and host and host not in ("<broadcast>", b"<broadcast>"):
            rows = yield from self._rows(inner, host, None, _INET, 0, 0, 0)
            address: str = rows[0][4][0]
            return address
        return (yield from asked(inner, call))  # type: ignore[no-any-return]

    def _host(self, inner: FullResolver, call: Call) -> Steps[tuple[str, list[str], list[str]]]:
        host = call.subject
        if self.pins.of(host) is not None:
            rows = yield from self._rows(inner, host, None, _INET, _STREAM, 0, 0)
            return plain_name(host), [], [row[4][0] for row in rows]
        canonical, aliases, addresses = yield from asked(inner, call)
        if self.guard is not None:
            good = [one for one in addresses if self.guard.reason(one) is None]
            if addresses and not good:
                raise self.guard.refusal(host, addresses)
            addresses = good
        return canonical, aliases, addresses

    def permit(self, address: str) -> None:
        """Raise BlockedAddress if a socket must not send to this literal address; green sockets ask before they do.

        What a lookup of a pinned host returned passes, see ``pin``.
        """
        guard = self.guard
        if guard is not None and guard.reason(address) is not None and address not in self.pins:
            raise guard.refusal(address, (address,))

    def explain(self, name: str) -> Explanation:
        """How ``name`` is looked up underneath, or what it is pinned to."""
        pinned = self.pins.of(name)
        if pinned is not None:
            return Explanation(name, "the crawler", "it is pinned", (f"pinned: {', '.join(pinned)}",))
        return super().explain(name)

    def pin(self, host: str, addresses: Iterable[str]) -> None:
        """Have ``host`` resolve to these literals from now on, whatever DNS says; the guard lets them pass for it.

        Passes what lookups of ``host`` return, as the object that it is (a ``str``). Another host that has the
        same address, and the address as a literal in a URL, are judged as ever.
        ValueError for what is no address. Another pin of the same host replaces the first.
        """
        self.pins.pin(host, addresses)

    def unpin(self, host: str) -> None:
        """Let DNS decide again; nothing happens if ``host`` was not pinned."""
        self.pins.unpin(host)
