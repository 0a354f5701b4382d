"""Trio, and AnyIO on it: its resolver interface, and sockets that ask the guard.

Trio looks no literal up, so the guard stands a second time where sockets connect; ``install`` does both.
"""

from __future__ import annotations

import socket
from typing import Any

import trio

from .. import aio
from .in_thread import ResolverThread


class Resolver(trio.abc.HostnameResolver):
    """For ``trio.socket.set_custom_hostname_resolver``. ``thread`` is a ResolverThread."""

    def __init__(self, thread: ResolverThread) -> None:
        self._thread = thread

    async def getaddrinfo(
        self, host: bytes | None, port: Any, family: int = 0, type: int = 0, proto: int = 0, flags: int = 0
    ) -> Any:
        """See ``trio.abc.HostnameResolver.getaddrinfo``. Cancelling it cancels the lookup, if nobody else waits."""
        return await _awaited(self._thread.submit(host, port, int(family), int(type), proto, int(flags)))

    async def getnameinfo(self, sockaddr: Any, flags: int) -> tuple[str, str]:
        """See ``trio.abc.HostnameResolver.getnameinfo``."""
        found: tuple[str, str] = await _awaited(self._thread.ask("getnameinfo", sockaddr, flags))
        return found


class AioResolver(trio.abc.HostnameResolver):
    """For ``trio.socket.set_custom_hostname_resolver``: an ``aio.Resolver``, on the run itself. It has no guard."""

    def __init__(self, resolver: aio.Resolver) -> None:
        self._resolver = resolver

    async def getaddrinfo(
        self, host: bytes | None, port: Any, family: int = 0, type: int = 0, proto: int = 0, flags: int = 0
    ) -> Any:
        """See ``trio.abc.HostnameResolver.getaddrinfo``."""
        return await self._resolver.getaddrinfo(host, port, int(family), int(type), proto, int(flags))

    async def getnameinfo(self, sockaddr: Any, flags: int) -> tuple[str, str]:
        """See ``trio.abc.HostnameResolver.getnameinfo``."""
        return await self._resolver.getnameinfo(sockaddr, flags)


async def _awaited(future: Any) -> Any:
    done, token = trio.Event(), trio.lowlevel.current_trio_token()

    def tell(_: object) -> None:
        try:
            token.run_sync_soon(done.set)
        except trio.RunFinishedError:
            return  # nobody waits any more

    future.add_done_callback(tell)
    try:
        await done.wait()
    finally:
        future.cancel()
    return future.result()


class SocketFactory(trio.abc.SocketFactory):
    """For ``trio.socket.set_custom_socket_factory``: sockets that ask ``thread``'s guard where they go."""

    def __init__(self, thread: ResolverThread) -> None:
        self._thread = thread

    def socket(self, family: Any = socket.AF_INET, type: Any = socket.SOCK_STREAM, proto: int = 0) -> Any:
        """See ``trio.abc.SocketFactory.socket``."""
        made: Any = trio.socket.from_stdlib_socket(socket.socket(family, type, proto))
        connect, sendto = made.connect, made.sendto

        async def guarded_connect(address: Any) -> None:
            self._judge(family, address)
            await connect(address)

        async def guarded_sendto(*args: Any) -> int:
            self._judge(family, args[-1])
            sent: int = await sendto(*args)
            return sent

        made.connect, made.sendto = guarded_connect, guarded_sendto
        return made

    def _judge(self, family: int, address: Any) -> None:
        """BlockedAddress for a literal that the guard refuses; a name is judged when it is looked up."""
        if family in (socket.AF_INET, socket.AF_INET6) and isinstance(address, tuple) and address:
            self._thread.permit(address[0])


def install(thread: ResolverThread) -> None:
    """Have this ``trio.run`` look names up with ``thread``, and ask its guard before each connect and datagram.

    Call it within the run, at its beginning. ``thread`` stays its owner's to close.
    """
    trio.socket.set_custom_hostname_resolver(Resolver(thread))
    trio.socket.set_custom_socket_factory(SocketFactory(thread))


__all__ = ["AioResolver", "Resolver", "SocketFactory", "install"]
