"""asyncio's datagrams: each destination is looked up with a resolver of ours, and judged by its guard.

asyncio gives ``sock_sendto`` and ``transport.sendto`` to the socket as they are: a name would be looked up by libc, and
stop the loop meanwhile; a literal would meet no guard.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Any

from ..crawl.guard import BlockedAddress
from ..names.address import value_of

Lookup = Callable[[Any, int], Any]
_WILDCARDS = {int(socket.AF_INET): "0.0.0.0", int(socket.AF_INET6): "::"}


def literal(host: Any, family: int) -> str | None:
    """The address that a socket of this family takes ``host`` for; None for a name.

    TypeError for what is neither text nor bytes.
    """
    text = host if isinstance(host, str) else str(host, "latin-1")
    if text == "":
        return _WILDCARDS[family]
    if text == "<broadcast>":
        return "255.255.255.255"
    return text if value_of(text) is not None else None


class Destinations:
    """Judges and looks up where datagrams go. ``permit`` is a resolver's, ``lookup(host, family)`` its coroutine."""

    def __init__(self, permit: Callable[[str], None], lookup: Lookup) -> None:
        self._permit = permit
        self._lookup = lookup
        self._sending: set[asyncio.Task[None]] = set()

    def ready(self, sock: Any, address: Any) -> bool:
        """True if nothing has to be looked up. BlockedAddress for a literal that the guard refuses."""
        if sock.family not in _WILDCARDS or not isinstance(address, tuple) or len(address) < 2:
            return True
        text = literal(address[0], sock.family)
        if text is None:
            return False
        self._permit(text)
        return True

    async def resolved(self, sock: Any, address: Any) -> Any:
        """The address with its name looked up. ResolveError, also for a name that leads to a refused address."""
        if self.ready(sock, address):
            return address
        host = address[0] if isinstance(address[0], str) else bytes(address[0])
        found = (await self._lookup(host, sock.family))[0][4]
        return (found[0], *address[1:]) if len(found) < 4 or len(address) > 2 else (found[0], address[1], *found[2:])

    def admit(self, sock: Any, address: Any) -> None:
        """Judge the one destination of a transport to be made. If it is refused, close its socket, and raise."""
        try:
            self.ready(sock, address)
        except BlockedAddress:
            sock.close()
            raise

    def guarded(self, transport: Any, protocol: Any) -> Any:
        """Have the ``sendto`` of this datagram transport look names up and ask the guard; returns the transport.

        A refused literal raises BlockedAddress. A name is looked up in a task, then its datagram is sent; what fails
        there is the protocol's ``error_received``.
        """
        sendto, sock = transport.sendto, transport.get_extra_info("socket")

        async def send(data: bytes, address: Any) -> None:
            try:
                address = await self.resolved(sock, address)
            except OSError as error:
                protocol.error_received(error)
                return
            if not transport.is_closing():
                sendto(data, address)

        def sendto_guarded(data: Any, addr: Any = None) -> None:
            if addr is None or self.ready(sock, addr):
                sendto(data, addr)
                return
            task = asyncio.get_running_loop().create_task(send(bytes(data), addr))
            self._sending.add(task)
            task.add_done_callback(self._sending.discard)

        transport.sendto = sendto_guarded
        return transport
