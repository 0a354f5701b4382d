"""TLS, cooperatively: a subclass of SSLSocket that contexts make, also contexts made before the patch and subclasses.

Under the standard library's class stands the green socket. OpenSSL reads and writes the fd by itself, so the open file
description is O_NONBLOCK from the wrapping until ``unwrap``: then OpenSSL says what it wants, and never waits.
"""

from __future__ import annotations

import ssl as _std
from collections.abc import Callable
from types import ModuleType
from typing import Any

from ..hub import get_hub
from ..hub.lowlevel import FdClosedError
from .socket import socket


class _Attempt:
    """A call that waits for the fd. Whoever closes the socket makes it once more, as OpenSSL cannot do so later."""

    __slots__ = ("_args", "_call", "_error", "_result", "_socket", "layer")

    def __init__(self, owner: Any, call: Callable[..., Any], args: tuple[Any, ...]) -> None:
        self._socket, self._call, self._args = owner, call, args
        self.layer = owner._sslobj
        self._result: Any = None
        self._error: BaseException | None = None

    def make(self) -> Any:
        """Make the call; by the TLS layer that it began with, since ``shutdown`` takes that from the socket."""
        owner = self._socket
        if owner._sslobj is self.layer:
            return self._call(*self._args)
        before, owner._sslobj = owner._sslobj, self.layer
        try:
            return self._call(*self._args)
        finally:
            owner._sslobj = before

    def is_over(self) -> bool:
        """Make the call and keep its outcome; False if it would wait."""
        try:
            self._result = self.make()
        except (_std.SSLWantReadError, _std.SSLWantWriteError):
            return False
        except Exception as error:  # noqa: BLE001  (raised in the greenlet that waits)
            self._error = error
        return True

    def outcome(self) -> Any:
        """What the call returned; raises what it raised."""
        if self._error is not None:
            raise self._error
        return self._result


class SSLSocket(_std.SSLSocket, socket):  # type: ignore[misc]  # the two classes' stubs differ in Any
    """See ``ssl.SSLSocket``; its calls block the calling greenlet only."""

    _shows_blocking = False
    #: The calls that wait now.
    _waiting: list[_Attempt] | None = None

    def _patient(self, what: str, call: Callable[..., Any], *args: Any) -> Any:
        try:
            return call(*args)
        except (_std.SSLWantReadError, _std.SSLWantWriteError) as error:
            if self._limit == 0:
                raise
            write = isinstance(error, _std.SSLWantWriteError)
        attempt = _Attempt(self, call, args)
        waiting = self._waiting
        if waiting is None:
            waiting = self._waiting = []
        waiting.append(attempt)
        limit = self._limit
        now = get_hub().now
        deadline = None if limit is None else now() + limit
        registered = self._registration()
        try:
            while True:
                wait = registered.wait_writable if write else registered.wait_readable
                try:
                    wait(None if deadline is None else max(deadline - now(), 0))
                except TimeoutError:
                    raise TimeoutError(f"The {what} operation timed out") from None
                except FdClosedError as closed:
                    if attempt in waiting:  # only the close ends this wait
                        raise closed.plain() from None
                if attempt not in waiting:
                    return attempt.outcome()
                try:
                    # As in `make`, whose call would be 2 % of a round trip.
                    return call(*args) if self._sslobj is attempt.layer else attempt.make()  # type: ignore[attr-defined]
                except _std.SSLWantReadError:
                    write = False
                except _std.SSLWantWriteError:
                    write = True
        finally:
            if attempt in waiting:
                waiting.remove(attempt)

    def _real_close(self, _ss: Any = None) -> None:
        waiting = self._waiting
        if waiting:
            for attempt in list(waiting):
                if attempt.is_over():
                    waiting.remove(attempt)
        super()._real_close()

    def read(self, len: int = 1024, buffer: Any = None) -> Any:
        """See ``SSLSocket.read``."""
        return self._patient("read", super().read, len, buffer)

    def write(self, data: Any) -> int:
        """See ``SSLSocket.write``."""
        return self._patient("write", super().write, data)  # type: ignore[no-any-return]

    def send(self, data: Any, flags: int = 0) -> int:
        """See ``SSLSocket.send``."""
        return self._patient("write", super().send, data, flags)  # type: ignore[no-any-return]

    def sendall(self, data: Any, flags: int = 0) -> None:
        """See ``SSLSocket.sendall``."""
        if self._sslobj is None:  # type: ignore[attr-defined]
            socket.sendall(self, data, flags)
            return
        if type(data) is bytes and data and not flags:
            # One record takes it whole, as a rule. Without the views of the standard library's loop a round trip
            # costs 8 % less.
            sent = self.send(data)
            if sent < len(data):
                _std.SSLSocket.sendall(self, memoryview(data)[sent:])
        else:
            _std.SSLSocket.sendall(self, data, flags)

    def do_handshake(self, block: bool = False) -> None:
        """See ``SSLSocket.do_handshake``."""
        self._patient("handshake", super().do_handshake, block)

    def unwrap(self) -> Any:
        """See ``SSLSocket.unwrap``."""
        plain = self._patient("shutdown", super().unwrap)
        self._shows_blocking = socket._shows_blocking
        self.settimeout(self._limit)
        return plain


def context(_: ModuleType) -> dict[str, Any]:
    """What is replaced in ``ssl.SSLContext``."""
    return {"sslsocket_class": SSLSocket}


__all__ = ["SSLSocket", "context"]
