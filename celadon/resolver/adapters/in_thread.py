"""A resolver for other threads and other loops: its hub runs in a native thread, its answers are futures.

``concurrent.futures`` is used here, patched or not: a future waits in the way of the program that asks.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import CancelledError, Future, InvalidStateError
from functools import partial
from typing import Any

from ...hub import HubThread
from ..errors import Kind, ResolveError
from ..model import AddrInfo, SockAddr
from ..protocols import Resolver
from .base import Bridge


class ResolverThread(Bridge):
    """``ResolverThread("python", servers=…, guard=…)``: a CrawlerResolver in a thread of its own.

    The arguments are a CrawlerResolver's, or a CrawlerResolver. Every method may be called from any thread; nothing is
    patched. The thread starts at the first call, and does not keep the process alive. As a context manager it closes
    itself at the end. Futures are ``concurrent.futures``'; their callbacks run in the thread, and must not block it.
    """

    def __init__(self, resolver: str | Resolver = "python", **options: Any) -> None:
        super().__init__(resolver, **options)
        self._thread = HubThread()

    def __enter__(self) -> ResolverThread:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def start(self, function: Callable[..., object], *args: Any) -> None:
        """See ``Bridge.start``."""
        self._thread.post(function, *args)

    def soon(self, function: Callable[..., object], *args: Any) -> None:
        """See ``Bridge.soon``."""
        self._thread.call_soon(function, *args)

    def call(self, function: Callable[..., Any], *args: Any) -> Future[Any]:
        """See ``Bridge.call``; the future's callbacks run in the thread, and must not block it."""
        future: Future[Any] = Future()
        job = self.begin(partial(_settle, future), function, *args)
        future.add_done_callback(lambda _: job.cancel())
        return future

    # -- as a resolver that blocks the calling thread ------------------------------------------------------------

    def find(self, host: str, port: int, family: int = 0, seconds: float | None = None) -> list[AddrInfo]:
        """See ``CrawlerResolver.find``: the addresses to connect a stream to, waited for."""
        future = self.submit(host, port, family)
        try:
            return future.result(seconds)  # type: ignore[no-any-return]
        except TimeoutError:
            raise ResolveError(Kind.TIMEOUT, host, detail=f"no answer within {seconds} s") from None
        finally:
            future.cancel()

    def getaddrinfo(
        self,
        host: str | bytes | None,
        port: str | bytes | int | None,
        family: int = 0,
        type: int = 0,
        proto: int = 0,
        flags: int = 0,
    ) -> list[AddrInfo]:
        """See ``socket.getaddrinfo``; blocks the calling thread."""
        return self.submit(host, port, family, type, proto, flags).result()  # type: ignore[no-any-return]

    def getnameinfo(self, sockaddr: SockAddr, flags: int = 0) -> tuple[str, str]:
        """See ``socket.getnameinfo``; blocks the calling thread."""
        return self.call(self.resolver.getnameinfo, sockaddr, flags).result()  # type: ignore[no-any-return]

    def close(self) -> None:
        """Cancel what is pending, close the resolver and end the thread; waits for that."""
        self._thread.close(self.resolver.close)
        self.end_all()


def _settle(future: Future[Any], value: Any, error: BaseException | None) -> None:
    try:
        if isinstance(error, CancelledError):
            future.cancel()
        elif error is not None:
            future.set_exception(error)
        else:
            future.set_result(value)
    except InvalidStateError:
        return  # cancelled meanwhile by another thread
