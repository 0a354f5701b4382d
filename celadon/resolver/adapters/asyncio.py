"""asyncio: a resolver on the loop's own thread, and ``loop.getaddrinfo`` by it for every library that uses that."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from concurrent.futures import CancelledError
from functools import partial
from typing import Any

from ...hub.aio import run_green
from .. import protocols
from ..aio import Resolver, loop_runtime
from ..aio.libc_awaited import Came
from ..protocols import Cancel
from .base import Bridge
from .datagrams import Destinations
from .in_loop import PlaceBridge


class LoopResolver(PlaceBridge):
    """``LoopResolver("python", servers=…)``, made while the loop runs: a CrawlerResolver on it, without a thread.

    The arguments are a CrawlerResolver's, or one is given. Its futures are asyncio's, to be awaited; its methods may be
    called from the loop's thread only. Where other threads ask as well, or the loop is often busy for long, take a
    ResolverThread. RuntimeError without a running loop.
    """

    def __init__(self, resolver: str | protocols.Resolver = "python", **options: Any) -> None:
        self._loop = asyncio.get_running_loop()
        current = loop_runtime.current
        super().__init__(current(), "asyncio", current, resolver, **options)

    async def __aenter__(self) -> LoopResolver:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()

    def ask(self, name: str, *args: Any) -> asyncio.Future[Any]:
        """See ``Bridge.ask``."""
        future = self._loop.create_future()
        job = self.begin(partial(_settle, future), name, *args)
        if not future.done():
            future.add_done_callback(lambda _: job.cancel())
        return future

    def in_greenlet(self, function: Callable[[], Any], done: Callable[[Came], object]) -> Cancel:
        """See ``PlaceBridge.in_greenlet``."""

        def ended(task: asyncio.Task[Any]) -> None:
            if not task.cancelled():
                error = task.exception()
                done((None, error) if error is not None else (task.result(), None))

        task = self._loop.create_task(run_green(function))
        task.add_done_callback(ended)
        return task.cancel  # type: ignore[return-value]


def _settle(future: asyncio.Future[Any], value: Any, error: BaseException | None) -> None:
    if future.done():
        return  # cancelled meanwhile
    if isinstance(error, CancelledError):
        future.cancel()
    elif error is not None:
        future.set_exception(error)
    else:
        future.set_result(value)


class AwaitedResolver:
    """An ``aio.Resolver`` as the adapters call a bridge: its calls are tasks of the running loop."""

    def __init__(self, resolver: Resolver) -> None:
        self.resolver = resolver

    def ask(self, name: str, *args: Any) -> asyncio.Task[Any]:
        """See ``Bridge.ask``."""
        return asyncio.get_running_loop().create_task(getattr(self.resolver, name)(*args))

    def submit(
        self, host: Any, port: Any = 0, family: int = 0, type: int = socket.SOCK_STREAM, proto: int = 0, flags: int = 0
    ) -> asyncio.Task[Any]:
        """See ``Bridge.submit``."""
        return self.ask("getaddrinfo", host, port, family, type, proto, flags)


def on_loop(resolver: Any) -> Any:
    """What an adapter calls: a bridge as it is, an ``aio.Resolver`` by tasks, another resolver on the running loop."""
    if isinstance(resolver, Resolver):
        return AwaitedResolver(resolver)
    return resolver if isinstance(resolver, Bridge) else LoopResolver(resolver)


def install(loop: asyncio.AbstractEventLoop, resolver: Any) -> Callable[[], None]:
    """Have ``loop`` look names up with ``resolver``, and ask its guard before it connects or sends a datagram.

    Returns a function that undoes it. ``resolver`` is an ``aio.Resolver``, a CrawlerResolver, which then works on that
    loop, a LoopResolver or a ResolverThread. For loops written in Python: asyncio's own, and subclasses. TypeError for
    one that takes no attributes (uvloop). Guarded are ``sock_connect``, which asyncio always connects with,
    ``sock_sendto``, and the datagram transports that are made from now on.
    """
    connect, sendto = loop.sock_connect, loop.sock_sendto
    make_transport: Any = getattr(loop, "_make_datagram_transport", None)  # of asyncio's selector loops

    async def getaddrinfo(
        host: Any, port: Any, *, family: int = 0, type: int = 0, proto: int = 0, flags: int = 0
    ) -> Any:
        return await asyncio.wrap_future(on_loop(resolver).submit(host, port, family, type, proto, flags), loop=loop)

    async def getnameinfo(sockaddr: Any, flags: int = 0) -> Any:
        return await asyncio.wrap_future(on_loop(resolver).ask("getnameinfo", sockaddr, flags), loop=loop)

    async def lookup(host: Any, family: int) -> Any:
        return await getaddrinfo(host, None, family=family, type=socket.SOCK_DGRAM)

    destinations = Destinations(resolver.permit, lookup)

    async def sock_connect(sock: Any, address: Any) -> None:
        destinations.ready(sock, address)  # a name is looked up by the loop, with the getaddrinfo above
        await connect(sock, address)

    async def sock_sendto(sock: Any, data: Any, address: Any) -> int:
        return await sendto(sock, data, await destinations.resolved(sock, address))

    def make_datagram_transport(sock: Any, protocol: Any, address: Any = None, *args: Any, **kwargs: Any) -> Any:
        destinations.admit(sock, address)
        return destinations.guarded(make_transport(sock, protocol, address, *args, **kwargs), protocol)

    made: dict[str, Any] = {
        "getaddrinfo": getaddrinfo,
        "getnameinfo": getnameinfo,
        "sock_connect": sock_connect,
        "sock_sendto": sock_sendto,
    }
    if make_transport is not None:
        made["_make_datagram_transport"] = make_datagram_transport
    try:
        for name, function in made.items():
            setattr(loop, name, function)
    except AttributeError:
        raise TypeError(f"{loop!r} takes no attributes; subclass it, or give its clients a resolver") from None

    def undo() -> None:
        for name in made:
            vars(loop).pop(name, None)

    return undo
