"""A resolver for other threads and other loops: its hub runs in a native thread, its answers are futures.

Here ``concurrent.futures`` is used, patched or not: the future belongs to whoever asks, and waits as he does.
"""

from __future__ import annotations

import _socket
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError
from functools import partial
from typing import Any, TypeVar

from ...hub import GreenletExit, getcurrent
from ..crawl import CrawlerResolver
from ..crawlmodel import Lookup
from ..errors import Kind, ResolveError
from ..hubthread import HubThread
from ..model import AddrInfo, SockAddr
from ..protocols import Resolver

T = TypeVar("T")


class ResolverThread:
    """``ResolverThread("python", servers=…, guard=…)``: a CrawlerResolver in a thread of its own.

    The arguments are a CrawlerResolver's, or one is given. Every method may be called from any thread; nothing is
    patched. The thread starts at the first call, and does not keep the process alive. As a context manager it closes
    itself at the end.
    """

    def __init__(self, resolver: str | Resolver = "python", **options: Any) -> None:
        given = isinstance(resolver, CrawlerResolver) and not options
        self.resolver: CrawlerResolver = resolver if given else CrawlerResolver(resolver, **options)  # type: ignore[assignment]
        self._thread = HubThread()
        self._pending: set[Future[Any]] = set()

    def __repr__(self) -> str:
        return f"<ResolverThread, {len(self._pending)} pending, {self.resolver!r}>"

    def __enter__(self) -> ResolverThread:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def call(self, function: Callable[..., T], *args: Any) -> Future[T]:
        """Have ``function(*args)`` called in a greenlet of the thread. Cancelling the future ends the call.

        RuntimeError if closed. The future's callbacks run in the thread, and must not block it.
        """
        future: Future[T] = Future()
        running: list[Any] = []
        self._pending.add(future)
        future.add_done_callback(partial(self._over, running))
        try:
            self._thread.post(self._work, future, running, function, args)
        except BaseException:
            self._pending.discard(future)
            raise
        return future

    def _over(self, running: list[Any], future: Future[Any]) -> None:
        self._pending.discard(future)
        if future.cancelled() and running:
            try:
                self._thread.call_soon(_kill, running)
            except RuntimeError:
                return  # closed: the thread has killed it

    def _work(self, future: Future[T], running: list[Any], function: Callable[..., T], args: tuple[Any, ...]) -> None:
        running.append(getcurrent())
        try:
            if future.cancelled():
                return
            try:
                result = function(*args)
            finally:
                running.clear()
        except GreenletExit:
            future.cancel()
        except BaseException as error:  # noqa: BLE001  (it is whoever waits who gets it)
            _give(future.set_exception, error)
        else:
            _give(future.set_result, result)

    def submit(
        self,
        host: str | bytes | None,
        port: str | bytes | int | None = 0,
        family: int = 0,
        type: int = _socket.SOCK_STREAM,
        proto: int = 0,
        flags: int = 0,
    ) -> Future[list[AddrInfo]]:
        """``socket.getaddrinfo`` as a future, for streams unless said otherwise. Its error is a ResolveError."""
        return self.call(self.resolver.getaddrinfo, host, port, family, type, proto, flags)

    def lookup(self, host: str) -> Future[Lookup]:
        """See ``CrawlerResolver.lookup``, as a future."""
        return self.call(self.resolver.lookup, host)

    def prefetch(self, hosts: Any) -> None:
        """See ``CrawlerResolver.prefetch``."""
        self._thread.post(self.resolver.prefetch, list(hosts))

    def key(self, host: str, by: str = "ip") -> str:
        """See ``CrawlerResolver.key``: what is not known yet is looked up in the thread."""
        return self.resolver.key(host, by, prefetch=self.prefetch)

    def permit(self, address: str) -> None:
        """See ``CrawlerResolver.permit``."""
        self.resolver.permit(address)

    # -- as a resolver that blocks the calling thread ------------------------------------------------------------

    def find(self, host: str, port: int, family: int = 0, seconds: float | None = None) -> list[AddrInfo]:
        """See ``CrawlerResolver.find``: the addresses to connect a stream to, waited for."""
        future = self.submit(host, port, family)
        try:
            return future.result(seconds)
        except TimeoutError:
            future.cancel()
            raise ResolveError(Kind.TIMEOUT, host, detail=f"no answer within {seconds} s") from None
        except BaseException:
            future.cancel()
            raise

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
        return self.submit(host, port, family, type, proto, flags).result()

    def getnameinfo(self, sockaddr: SockAddr, flags: int = 0) -> tuple[str, str]:
        """See ``socket.getnameinfo``; blocks the calling thread."""
        return self.call(self.resolver.getnameinfo, sockaddr, flags).result()

    def close(self) -> None:
        """Cancel what is pending, close the resolver and end the thread; waits for that."""
        self._thread.close(self.resolver.close)
        for future in list(self._pending):
            future.cancel()


def _kill(running: list[Any]) -> None:
    for job in running:
        job.kill(block=False)


def _give(setter: Callable[[Any], object], value: Any) -> None:
    try:
        setter(value)
    except InvalidStateError:
        return  # cancelled meanwhile
