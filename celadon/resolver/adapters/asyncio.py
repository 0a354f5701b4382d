"""asyncio: ``loop.getaddrinfo`` by a resolver of ours, for every library that connects through the loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from .thread import ResolverThread


def install(loop: asyncio.AbstractEventLoop, thread: ResolverThread) -> Callable[[], None]:
    """Have ``loop`` look names up with ``thread``, and ask its guard before each ``sock_connect``; gives the undoing.

    For loops written in Python: asyncio's own, and subclasses. TypeError for one that takes no attributes (uvloop).
    asyncio looks no literal up, but connects with ``sock_connect`` in every case.
    """
    connect = loop.sock_connect

    async def getaddrinfo(
        host: Any, port: Any, *, family: int = 0, type: int = 0, proto: int = 0, flags: int = 0
    ) -> list[Any]:
        return await asyncio.wrap_future(thread.submit(host, port, family, type, proto, flags), loop=loop)

    async def getnameinfo(sockaddr: Any, flags: int = 0) -> tuple[str, str]:
        return await asyncio.wrap_future(thread.call(thread.resolver.getnameinfo, sockaddr, flags), loop=loop)

    async def sock_connect(sock: Any, address: Any) -> None:
        if isinstance(address, tuple):
            thread.permit(str(address[0]))
        await connect(sock, address)

    made: dict[str, Any] = {"getaddrinfo": getaddrinfo, "getnameinfo": getnameinfo, "sock_connect": sock_connect}
    try:
        for name, function in made.items():
            setattr(loop, name, function)
    except AttributeError:
        raise TypeError(f"{loop!r} takes no attributes; subclass it, or give its clients a resolver") from None

    def undo() -> None:
        for name in made:
            vars(loop).pop(name, None)

    return undo
