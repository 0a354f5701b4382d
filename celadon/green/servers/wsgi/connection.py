"""One client's connection: what it sent and nobody has used yet, and until when it may make us wait.

No wait has a timer of its own, which would cost 2 us for each request. A wait notes its deadline, the server looks
over all of its connections once a second or so, and ``expire`` ends a wait by shutting the socket down: the read that
waits finds the end of the stream, the write that waits finds a broken pipe.
"""

from __future__ import annotations

import _socket
import os
from collections.abc import Callable
from contextlib import suppress
from math import inf
from typing import Any

from ....hub import get_hub, sleep, wait_writable
from .errors import BadRequest, BodyError, ClientGone
from .limits import Limits
from .request_head import fault_of_unfinished

_shutdown: Any = _socket.socket.shutdown  # an SSLSocket's own would forget the TLS layer
_setblocking: Any = _socket.socket.setblocking
_ROOM = 65536
#: A write that is larger goes in pieces, each with the whole time for itself.
PIECE = 65536
#: Empty lines before a request that are passed over (RFC 9112 section 2.2).
_EMPTY_LINES = 4
#: For how long, and for how many bytes, a client is listened to after the last response.
_LINGER_SECONDS, _LINGER_BYTES = 2.0, 1 << 20
# Pieces of a file that are sent before others get a turn.
_IN_A_ROW = 16


class Connection:
    """See the top. For one greenlet at a time, but for ``expire`` and ``hang_up``."""

    __slots__ = ("_sending", "broken", "buffer", "deadline", "expired", "fresh", "idle", "limits", "now", "socket")

    def __init__(self, sock: Any, limits: Limits) -> None:
        self.socket: Any = sock
        self.limits: Limits = limits
        self.buffer: bytes = b""
        #: When the wait that goes on is to end, by the hub's clock.
        self.deadline: float = inf
        #: Whether a deadline has ended a wait: the connection is to be closed.
        self.expired: bool = False
        #: Whether it waits for the first byte of a request.
        self.idle: bool = False
        #: Whether no request has come yet.
        self.fresh: bool = True
        #: Whether the client takes no more.
        self.broken: bool = False
        self._sending = False
        self.now: Callable[[], float] = get_hub().now

    # -- reading ---------------------------------------------------------------------------------------------

    def read_head(self) -> bytes | None:
        """The bytes of the next head with its empty line, waiting for it; None if the client is gone, or idle too long.

        BadRequest for what cannot become one: malformed, too large, too slow.
        """
        limits = self.limits
        buffer = self.buffer
        if not buffer:
            self.deadline = self.now() + (limits.header_seconds if self.fresh else limits.keep_alive_seconds)
            self.idle = True
            try:
                buffer = self.socket.recv(_ROOM)
            except OSError:
                return None
            finally:
                self.idle = False
                self.deadline = inf
            if not buffer:
                return None
        self.fresh = False
        end = buffer.find(b"\r\n\r\n") + 4
        if end < 5 or buffer[0] == 13:
            return self._slow_head(buffer)
        if end == len(buffer):
            self.buffer = b""
        else:
            self.buffer, buffer = buffer[end:], buffer[:end]
        if end > limits.head:
            raise BadRequest(431, f"the head has more than {limits.head} bytes")
        return buffer

    def _slow_head(self, buffer: bytes) -> bytes | None:
        """A head that comes in pieces, or after empty lines."""
        got, looked, empty_lines = bytearray(buffer), 0, 0
        self.deadline = self.now() + self.limits.header_seconds
        try:
            while True:
                while got.startswith(b"\r\n"):
                    del got[:2]
                    empty_lines += 1
                if empty_lines > _EMPTY_LINES:
                    raise BadRequest(400, "too many empty lines before a request")
                end = got.find(b"\r\n\r\n", max(looked - 3, 0)) + 4
                if end >= 5:
                    self.buffer = bytes(got[end:])
                    if end > self.limits.head:
                        raise BadRequest(431, f"the head has more than {self.limits.head} bytes")
                    return bytes(got[:end])
                if got and got != b"\r" and (b"\n" in got[looked:] or len(got) > self.limits.field or not looked):
                    fault = fault_of_unfinished(bytes(got), self.limits)
                    if fault is not None:
                        raise fault
                looked = len(got)
                data = self.socket.recv(_ROOM)
                if not data:
                    if self.expired:
                        raise BadRequest(408, f"the head took more than {self.limits.header_seconds} s")
                    if got:
                        raise BadRequest(400, "the client has closed the connection before the end of its head")
                    return None
                got += data
        except OSError:
            return None
        except BadRequest:
            self.buffer = bytes(got)  # for the log
            raise
        finally:
            self.deadline = inf

    def receive(self, most: int = _ROOM) -> bytes:
        """The next bytes of a body, at most so many, waiting for one; BodyError if they do not come."""
        buffer = self.buffer
        if buffer:
            self.buffer = buffer[most:]
            return buffer[:most]
        self.deadline = self.now() + self.limits.body_seconds
        try:
            data: bytes = self.socket.recv(min(most, _ROOM))
        except OSError as error:
            raise BodyError(400, f"the client is gone before the end of its request: {error}") from error
        finally:
            self.deadline = inf
        if data:
            return data
        if self.expired:
            raise BodyError(408, f"the client sent nothing of its request for {self.limits.body_seconds} s")
        raise BodyError(400, "the client has closed the connection before the end of its request")

    # -- writing ---------------------------------------------------------------------------------------------

    def send(self, data: Any) -> None:
        """Send all of it. ClientGone if the client does not take it."""
        self._sending = True
        self.deadline = self.now() + self.limits.write_seconds
        try:
            if len(data) <= PIECE:
                self.socket.sendall(data)
            else:
                with memoryview(data) as view, view.cast("B") as left:
                    for at in range(0, len(left), PIECE):
                        self.deadline = self.now() + self.limits.write_seconds
                        self.socket.sendall(left[at : at + PIECE])
        except OSError as error:
            raise self._gone(error) from error
        finally:
            self._sending = False
            self.deadline = inf

    def send_file(self, file: int, offset: int, count: int) -> int:
        """``count`` bytes of an open file by sendfile(2); returns how many there were. Not for TLS."""
        number = self.socket.fileno()
        _setblocking(self.socket, False)  # sendfile knows no MSG_DONTWAIT
        sent, pieces = 0, 0
        self._sending = True
        try:
            while sent < count:
                self.deadline = self.now() + self.limits.write_seconds
                try:
                    now = os.sendfile(number, file, offset + sent, min(count - sent, PIECE))
                except BlockingIOError:
                    wait_writable(number)
                    continue
                if not now:
                    break
                sent += now
                pieces += 1
                if pieces % _IN_A_ROW == 0:
                    sleep(0)
        except OSError as error:
            raise self._gone(error) from error
        finally:
            self._sending = False
            self.deadline = inf
        return sent

    def _gone(self, error: OSError) -> ClientGone:
        self.broken = True
        why = f"it took nothing for {self.limits.write_seconds} s" if self.expired else error.strerror or str(error)
        return ClientGone(error.errno, f"the client takes no more of the response: {why}")

    # -- the end ---------------------------------------------------------------------------------------------

    def expire(self) -> None:
        """The deadline has come. For the loop: it does not wait."""
        self.deadline = inf
        self.expired = True
        with suppress(OSError):
            _shutdown(self.socket, _socket.SHUT_RDWR if self._sending else _socket.SHUT_RD)

    def hang_up(self) -> None:
        """End the wait for another request. For the loop, and for other greenlets: it does not wait."""
        if self.idle:
            self.idle = False
            with suppress(OSError):
                _shutdown(self.socket, _socket.SHUT_RD)

    def linger(self) -> None:
        """Say that nothing more comes, and read for a moment what the client still sends.

        A close with unread bytes resets the connection, which destroys a response that is on its way (RFC 9112
        section 9.6).
        """
        with suppress(OSError):
            _shutdown(self.socket, _socket.SHUT_WR)
            self.deadline = self.now() + _LINGER_SECONDS
            left = _LINGER_BYTES
            while left > 0:
                data = self.socket.recv(_ROOM)
                if not data:
                    break
                left -= len(data)
        self.deadline = inf
