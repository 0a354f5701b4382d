"""A resolver for other threads and other loops: its hub runs in a native thread, its answers are futures.

``concurrent.futures`` is used here, patched or not: a future waits in the way of the program that asks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import CancelledError, Future, InvalidStateError
from functools import partial
from typing import Any

from ...hub import GreenletExit, HubThread, getcurrent
from ..errors import Kind, ResolveError
from ..model import AddrInfo, SockAddr
from ..protocols import Resolver
from .base import Bridge, Done


class ThreadJob:
    """See Job: ``run`` is called in a greenlet of the thread's hub, ``cancel`` from outside."""

    __slots__ = ("_args", "_bridge", "_cancelled", "_done", "_function", "_greenlet")

    def __init__(self, bridge: ResolverThread, done: Done, function: Callable[..., Any], args: tuple[Any, ...]) -> None:
        self._bridge = bridge
        self._done = done
        self._function = function
        self._args = args
        self._greenlet: Any = None
        self._cancelled = False

    def run(self) -> None:
        """The call itself."""
        self._greenlet = getcurrent()
        value: Any = None
        error: BaseException | None = None
        try:
            if self._cancelled:
                error = CancelledError()
            else:
                value = self._function(*self._args)
        except GreenletExit:
            error = CancelledError()
        except BaseException as failed:  # noqa: BLE001  (raised where the call is waited for)
            error = failed
        self._greenlet = None
        self.end(value, error)

    def end(self, value: Any, error: BaseException | None) -> None:
        """Deliver the outcome; nothing happens the second time."""
        try:
            self._bridge.jobs.remove(self)
        except KeyError:
            return
        self._done(value, error)

    def cancel(self) -> None:
        """See Job."""
        if not self._cancelled and self in self._bridge.jobs:
            self._cancelled = True
            try:
                self._bridge.soon(self._kill)
            except RuntimeError:
                return  # closed, and ended by that

    def _kill(self) -> None:
        if self._greenlet is not None:
            self._greenlet.kill(block=False)


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

    def begin(self, done: Done, name: str, *args: Any) -> ThreadJob:
        """See ``Bridge.begin``; ``done`` is called in the thread."""
        return self._begin(done, getattr(self.resolver, name), *args)

    def _begin(self, done: Done, function: Callable[..., Any], *args: Any) -> ThreadJob:
        job = ThreadJob(self, done, function, args)
        self.jobs.add(job)
        try:
            self._thread.post(job.run)
        except BaseException:
            self.jobs.discard(job)
            raise
        return job

    def soon(self, function: Callable[..., object], *args: Any) -> None:
        """Call ``function(*args)`` in the thread's hub. RuntimeError if closed."""
        self._thread.call_soon(function, *args)

    def ask(self, name: str, *args: Any) -> Future[Any]:
        """See ``Bridge.ask``; the future's callbacks run in the thread, and must not block it."""
        return self.call(getattr(self.resolver, name), *args)

    def call(self, function: Callable[..., Any], *args: Any) -> Future[Any]:
        """Call ``function(*args)`` in a greenlet of the thread; a future of its outcome, as ``ask``'s."""
        future: Future[Any] = Future()
        job = self._begin(partial(_settle, future), function, *args)
        future.add_done_callback(lambda _: job.cancel())
        return future

    def prefetch(self, hosts: Iterable[str]) -> None:
        """See ``CrawlerResolver.prefetch``."""
        self._thread.post(self.resolver.prefetch, list(hosts))

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
        return self.ask("getnameinfo", sockaddr, flags).result()  # type: ignore[no-any-return]

    def close(self) -> None:
        """Cancel what is pending, close the resolver and end the thread; waits for that."""
        self._thread.close(self.resolver.close)
        for job in list(self.jobs):
            job.end(None, CancelledError())


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
