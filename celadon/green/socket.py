"""``socket``, cooperatively: a subclass of the standard library's class; calls are tried first, then wait on the hub.

No call of ours blocks on the fd, and the open file description still shows what the user set, since programs in other
processes and libraries in C may share it: O_NONBLOCK is set where CPython sets it, with a timeout, and nowhere else.
MSG_DONTWAIT keeps each call from waiting. ``connect`` knows no such flag and sets O_NONBLOCK for the call. ``accept``
knows none either and leaves it set: between processes that share a listener, one that cleared it would let another
block in its call. Every path that takes a name looks it up
through the resolver part, inside the same deadline, so that a C call never sees a name.
"""

from __future__ import annotations

import _socket
import errno
import os
import socket as _std
import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any

from ..hub import Timeout, get_hub, notify_closing, sleep
from ..hub.lowlevel import FdClosedError, Registration
from ..resolver import getaddrinfo as _getaddrinfo
from ..resolver import getfqdn, gethostbyaddr, gethostbyname, gethostbyname_ex, permit
from ..resolver import getnameinfo as _getnameinfo
from .fairness import give_way, tried_in_vain

_base = _std.socket
# As Any: the stubs leave out what the standard library's own subclass uses.
_raw: Any = _socket.socket
_std_any: Any = _std
_real_close, _sendfile_use_send = _std_any.socket._real_close, _std_any.socket._sendfile_use_send
_recv, _recv_into, _send = _raw.recv, _raw.recv_into, _raw.send
_family_of, _type_of, _proto_of = _raw.family.__get__, _raw.type.__get__, _raw.proto.__get__
_TCP = (0, _socket.IPPROTO_TCP)
_DONTWAIT, _WAITALL = _socket.MSG_DONTWAIT, _socket.MSG_WAITALL

# How many calls in a row may succeed at once before others get a turn.
_BUDGET = 128
# What an empty host stands for.
_WILDCARDS = {_socket.AF_INET: "0.0.0.0", _socket.AF_INET6: "::"}
_Await = Callable[..., None] | None
_IN_PROGRESS = frozenset((errno.EINPROGRESS, errno.EALREADY, errno.EWOULDBLOCK))


class _Meta(type):
    """``isinstance(s, socket.socket)`` also holds for sockets that were made before the patch."""

    def __instancecheck__(cls, instance: Any) -> bool:
        return type.__instancecheck__(cls, instance) or (cls is socket and isinstance(instance, _base))


def _connected(kept: Any) -> None:
    """Return if the connection is there, raise why it is not; BlockingIOError while it is on its way."""
    code = kept.getsockopt(_socket.SOL_SOCKET, _socket.SO_ERROR)
    if code:
        raise OSError(code, os.strerror(code))
    try:
        kept.getpeername()
    except OSError as error:
        raise BlockingIOError from error


def _accept(listener: Any) -> Any:
    # Each time anew: a duplicate, or another process, may have cleared it. It stays set: see the top.
    _raw.setblocking(listener, False)
    return _raw._accept(listener)


def _timed_out() -> TimeoutError:
    return TimeoutError("timed out")


class socket(_base, metaclass=_Meta):  # noqa: N801  (the standard library's name)
    """See ``socket.socket``; its calls block the calling greenlet only."""

    __slots__ = ("_asked", "_eager", "_limit", "_registered", "_stream")

    #: Whether the descriptor blocks while the user's timeout is None. Other kernels heed MSG_DONTWAIT in part only.
    _shows_blocking = sys.platform == "linux"

    def __init__(self, family: int = -1, type: int = -1, proto: int = -1, fileno: int | None = None) -> None:
        self._registered: Registration | None = None
        self._stream: Registration | None = None  # the same, if this is a TCP socket that waits
        self._asked = False  # something was sent, and nothing read since: the answer will not be there yet
        self._eager = 0
        self._limit: float | None = None
        _base.__init__(self, family, type, proto, fileno)
        self._follow()

    #: In the class, because at the interpreter's end the module's globals may be None.
    _free = _raw.__del__

    def __del__(self) -> None:
        registered = getattr(self, "_registered", None)
        if registered is not None:
            registered.close()
        self._free()

    # -- timeouts --------------------------------------------------------------------------------------------

    def gettimeout(self) -> float | None:
        """The timeout in seconds, as the user set it."""
        return self._limit

    def settimeout(self, value: float | None) -> None:
        """See ``socket.settimeout``."""
        _raw.settimeout(self, value)
        self._follow()

    def setblocking(self, flag: bool) -> None:
        """See ``socket.setblocking``."""
        _raw.setblocking(self, flag)
        self._follow()

    def _follow(self) -> None:
        """Take the timeout over from the C class, whose own calls must not wait for it."""
        self._limit = limit = _raw.gettimeout(self)
        if limit or (limit is None and not self._shows_blocking):
            _raw.setblocking(self, False)

    def getblocking(self) -> bool:
        """See ``socket.getblocking``."""
        return self._limit != 0

    @property
    def timeout(self) -> float | None:
        """The timeout in seconds, as the user set it."""
        return self._limit

    # -- waiting ---------------------------------------------------------------------------------------------

    def _registration(self) -> Registration:
        registered = self._registered
        if registered is None:
            registered = self._registered = Registration(self.fileno())
            if _family_of(self) in _WILDCARDS and _type_of(self) == _socket.SOCK_STREAM and _proto_of(self) in _TCP:
                self._stream = registered
        return registered

    def _retry(
        self, call: Callable[..., Any], args: tuple[Any, ...], write: bool, limit: float | None, first: _Await = None
    ) -> Any:
        """Wait and call until it does not say EAGAIN; TimeoutError after ``limit`` seconds in all."""
        registered = self._registration()
        usual = registered.wait_writable if write else registered.wait_readable
        wait = first or usual
        now = get_hub().now
        deadline = None if limit is None else now() + limit
        while True:
            try:
                wait(None if deadline is None else max(deadline - now(), 0))
            except TimeoutError:
                raise _timed_out() from None
            except FdClosedError as closed:
                return self._last(closed, call, *args)
            try:
                return call(self, *args)
            except BlockingIOError:
                wait = usual

    def _last(self, closed: FdClosedError, call: Callable[..., Any], *args: Any) -> Any:
        """Make the call once more: what arrived before the close counts. EBADF if there is nothing."""
        if closed.duplicate < 0:
            raise closed.plain() from None
        kept = _raw(self.family, self.type, self.proto, closed.duplicate)
        try:
            if kept.gettimeout():  # the process' default
                kept.setblocking(False)
            return call(kept, *args)
        except BlockingIOError:
            raise closed.plain() from None
        finally:
            kept.detach()  # the hub closes it

    def _wait_first(self, room: Any) -> _Await:
        """What a read of so many bytes had better wait for before it tries; None if it had better try."""
        if self._limit == 0 or room.__class__ is not int or room <= 0:
            return None
        stream = self._stream
        if stream is not None and stream.empty():
            self._asked = False
            return stream.wait_readable
        if not self._asked:
            return None
        self._asked = False
        return (self._registered or self._registration()).wait_anew

    def _let_others(self) -> None:
        self._eager = 0
        give_way()

    # -- names -----------------------------------------------------------------------------------------------

    def _resolved(self, address: Any, flags: int = 0) -> Any:
        """The address with its name looked up; anything that is no name is left for the C call to judge.

        A destination that needs no lookup is one all the same, so the resolver's guard is asked about it here.
        """
        family = _raw.family.__get__(self)
        if family not in (_socket.AF_INET, _socket.AF_INET6) or not isinstance(address, tuple) or len(address) < 2:
            return address
        host = address[0]
        if not isinstance(host, str):
            if not isinstance(host, bytes | bytearray):
                return address
            host = bytes(host)
        if not host or host in ("<broadcast>", b"<broadcast>"):
            if not flags & _socket.AI_PASSIVE:
                permit(_WILDCARDS[family] if not host else "255.255.255.255")
            return address
        try:
            text = host if isinstance(host, str) else host.decode("ascii")
            _socket.inet_pton(family, text)
        except (OSError, ValueError):
            found = getaddrinfo(host, None, family, _socket.SOCK_DGRAM, 0, flags)[0][4]
            scope = found[3:] if len(address) < 4 and len(found) > 3 and found[3] else ()
            return (found[0], address[1], 0, *scope) if scope else (found[0], *address[1:])
        if not flags & _socket.AI_PASSIVE:
            permit(text)
        return address

    def bind(self, address: Any) -> None:
        """See ``socket.bind``."""
        _raw.bind(self, self._resolved(address, _socket.AI_PASSIVE))

    def connect(self, address: Any) -> None:
        """See ``socket.connect``; the timeout covers the lookup of a name as well."""
        limit = self._limit
        if not limit:
            self._connect(self._resolved(address), limit)
            return
        now = get_hub().now
        begin = now()
        with Timeout(limit, _timed_out()):
            address = self._resolved(address)
        self._connect(address, max(limit - (now() - begin), 0.001))

    def _begin_to_connect(self, address: Any) -> None:
        """``connect(2)`` without waiting; the descriptor is set not to block for the moment of the call only."""
        if self._limit is not None or not self._shows_blocking:
            _raw.connect(self, address)
            return
        _raw.setblocking(self, False)
        try:
            _raw.connect(self, address)
        finally:
            if self.fileno() >= 0:
                _raw.setblocking(self, True)

    def _connect(self, address: Any, limit: float | None) -> None:
        try:
            self._begin_to_connect(address)
            return
        except OSError as error:
            if error.errno not in _IN_PROGRESS or limit == 0:
                raise
            if error.errno == errno.EWOULDBLOCK:  # a Unix socket whose listener's queue is full
                self._connect_again(address, limit)
                return
        try:
            self._registration().wait_writable(limit)
        except TimeoutError:
            raise _timed_out() from None
        except FdClosedError as closed:
            self._last(closed, _connected)
            return
        code = self.getsockopt(_socket.SOL_SOCKET, _socket.SO_ERROR)
        if code:
            raise OSError(code, os.strerror(code))

    def _connect_again(self, address: Any, limit: float | None) -> None:
        with Timeout(limit, _timed_out()):
            while True:
                sleep(0.005)
                try:
                    self._begin_to_connect(address)
                    return
                except BlockingIOError:
                    continue

    def connect_ex(self, address: Any) -> int:
        """See ``socket.connect_ex``."""
        try:
            socket.connect(self, address)
        except _socket.gaierror:
            raise
        except TimeoutError as error:
            return error.errno or errno.EAGAIN
        except OSError as error:
            if error.errno is None:
                raise
            return error.errno
        return 0

    def sendto(self, data: Any, *args: Any) -> int:
        """See ``socket.sendto``."""
        if len(args) not in (1, 2) or not isinstance(args[0] if len(args) == 2 else 0, int):
            return _raw.sendto(self, data, *args)  # type: ignore[no-any-return]  # says what is wrong
        flags = args[0] if len(args) == 2 else 0
        args = (flags | _DONTWAIT, self._resolved(args[-1]))
        try:
            return _raw.sendto(self, data, *args)  # type: ignore[no-any-return]
        except BlockingIOError:
            if self._limit == 0 or flags & _DONTWAIT:
                raise
            return self._retry(_raw.sendto, (data, *args), True, self._limit)  # type: ignore[no-any-return]

    def sendmsg(self, buffers: Iterable[Any], ancdata: Iterable[Any] = (), flags: int = 0, address: Any = None) -> int:
        """See ``socket.sendmsg``."""
        args = (list(buffers), list(ancdata), flags | _DONTWAIT) if address is None else (
            list(buffers), list(ancdata), flags | _DONTWAIT, self._resolved(address)
        )  # fmt: skip
        try:
            sent: int = _raw.sendmsg(self, *args)
        except BlockingIOError:
            if self._limit == 0 or flags & _DONTWAIT:
                raise
            sent = self._retry(_raw.sendmsg, args, True, self._limit)
        if self._waits_for_all(flags) and sent < sum(memoryview(one).nbytes for one in args[0]):
            return self._send_rest(b"".join(args[0]), flags, sent)
        return sent

    def sendmsg_afalg(self, msg: Iterable[Any] = (), *, flags: int = 0, **options: Any) -> int:
        """See ``socket.sendmsg_afalg``."""

        def call(one: Any) -> Any:
            return _raw.sendmsg_afalg(one, parts, flags=flags | _DONTWAIT, **options)

        parts = list(msg)
        try:
            return call(self)  # type: ignore[no-any-return]
        except BlockingIOError:
            if self._limit == 0 or flags & _DONTWAIT:
                raise
            return self._retry(call, (), True, self._limit)  # type: ignore[no-any-return]

    # -- moving bytes ----------------------------------------------------------------------------------------

    def recv(self, bufsize: int, flags: int = 0, /) -> bytes:
        """See ``socket.recv``."""
        stream = self._stream
        quiet = flags | _DONTWAIT if flags else _DONTWAIT  # saves 0.4 % of an echo over a socketpair
        data: bytes | None = None
        first = self._wait_first(bufsize) if (self._asked or stream is not None) and not flags else None
        if first is None:
            try:
                data = _recv(self, bufsize, quiet)
            except BlockingIOError:
                if self._limit == 0 or flags & _DONTWAIT:
                    tried_in_vain()
                    raise
        waited = data is None
        if data is None:
            if self._limit is not None:
                data = self._retry(_recv, (bufsize, quiet), False, self._limit, first)
            else:
                wait = first or (self._registered or self._registration()).wait_readable
                while data is None:
                    try:
                        wait()
                        data = _recv(self, bufsize, quiet)
                    except FdClosedError as closed:
                        data = self._last(closed, _recv, bufsize, quiet)
                    except BlockingIOError:
                        wait = self._registration().wait_readable
        if stream is not None and not flags and 0 < len(data) < bufsize:
            stream.emptied()  # before anybody else runs
        if not waited:
            self._eager += 1
            if self._eager >= _BUDGET and self._limit != 0:
                self._let_others()
        if flags & _WAITALL and self._waits_for_all(flags):
            with suppress(OSError):  # as the kernel does: what is there first, the error at the next call
                while data and len(data) < bufsize and (more := self.recv(bufsize - len(data), flags & ~_WAITALL)):
                    data += more
        return data

    def recv_into(self, buffer: Any, nbytes: int = 0, flags: int = 0) -> int:
        """See ``socket.recv_into``."""
        stream = self._stream
        room: int = nbytes
        first: _Await = None
        if self._asked or stream is not None:
            try:
                room = nbytes or len(buffer)  # of items, which are one byte or more
            except TypeError:
                stream = None  # the call below says so, or it has no length
            else:
                first = None if flags else self._wait_first(room)
        size: int | None = None
        if first is None:
            try:
                size = _recv_into(self, buffer, nbytes, flags | _DONTWAIT)
            except BlockingIOError:
                if self._limit == 0 or flags & _DONTWAIT:
                    tried_in_vain()
                    raise
        if size is None:
            size = self._retry(_recv_into, (buffer, nbytes, flags | _DONTWAIT), False, self._limit, first)
        if stream is not None and not flags and 0 < size < room:
            stream.emptied()
        if flags & _WAITALL and self._waits_for_all(flags):
            with memoryview(buffer) as view, view.cast("B") as left:
                wanted = nbytes or len(left)
                with suppress(OSError):
                    while size and size < wanted:
                        more = self.recv_into(left[size:wanted], 0, flags & ~_WAITALL)
                        if not more:
                            break
                        size += more
        return size

    def _read(self, flags: int, call: Callable[..., Any], *args: Any) -> Any:
        try:
            return call(self, *args, flags | _DONTWAIT)
        except BlockingIOError:
            if self._limit == 0 or flags & _DONTWAIT:
                raise
            return self._retry(call, (*args, flags | _DONTWAIT), False, self._limit)

    def recvfrom(self, bufsize: int, flags: int = 0, /) -> Any:
        """See ``socket.recvfrom``."""
        return self._read(flags, _raw.recvfrom, bufsize)

    def recvfrom_into(self, buffer: Any, nbytes: int = 0, flags: int = 0) -> Any:
        """See ``socket.recvfrom_into``."""
        return self._read(flags, _raw.recvfrom_into, buffer, nbytes)

    def recvmsg(self, bufsize: int, ancbufsize: int = 0, flags: int = 0, /) -> Any:
        """See ``socket.recvmsg``."""
        return self._read(flags, _raw.recvmsg, bufsize, ancbufsize)

    def recvmsg_into(self, buffers: Any, ancbufsize: int = 0, flags: int = 0, /) -> Any:
        """See ``socket.recvmsg_into``."""
        return self._read(flags, _raw.recvmsg_into, buffers, ancbufsize)

    def _waits_for_all(self, flags: int = 0) -> bool:
        """Whether the kernel would not return before all is moved, were the fd a blocking one."""
        return self._limit is None and not flags & (_DONTWAIT | _socket.MSG_PEEK) and self.type == _socket.SOCK_STREAM

    def send(self, data: Any, flags: int = 0, /) -> int:
        """See ``socket.send``; without a timeout it takes all of ``data``, as a blocking stream does."""
        try:
            sent: int = _send(self, data, flags | _DONTWAIT)
        except BlockingIOError:
            if self._limit == 0 or flags & _DONTWAIT:
                tried_in_vain()
                raise
            sent = self._retry(_send, (data, flags | _DONTWAIT), True, self._limit)
        self._asked = True
        if self._limit == 0:  # others wait when the kernel takes no more
            self._eager += 1
            if self._eager >= _BUDGET:
                self._let_others()
        try:
            if sent >= len(data):
                return sent
        except TypeError:
            pass  # a buffer without a length
        return self._send_rest(data, flags, sent) if self._waits_for_all(flags) else sent

    def _send_rest(self, data: Any, flags: int, sent: int) -> int:
        with memoryview(data) as view, view.cast("B") as left:
            while sent < len(left):
                try:
                    sent += _send(self, left[sent:], flags | _DONTWAIT)
                except BlockingIOError:
                    try:
                        sent += self._retry(_send, (left[sent:], flags | _DONTWAIT), True, None)
                    except OSError:
                        break
                except OSError:
                    break  # as the kernel does: what was taken is reported now, the error at the next call
        return sent

    def sendall(self, data: Any, flags: int = 0) -> None:
        """See ``socket.sendall``; the timeout is for all of it."""
        limit = self._limit
        quiet = flags | _DONTWAIT if flags else _DONTWAIT
        at = 0
        if data.__class__ is bytes:  # mostly taken whole: saves 17 % of an echo over a socketpair
            try:
                at = _send(self, data, quiet)
            except BlockingIOError:
                if limit == 0:
                    raise
            else:
                if at == len(data):
                    self._asked = True
                    return
        with memoryview(data) as view, view.cast("B") as left:
            size = len(left)
            now = get_hub().now
            deadline = None if not limit else now() + limit
            while True:
                try:
                    at += _send(self, left[at:], quiet)
                except BlockingIOError:
                    if limit == 0:
                        raise
                    rest = None if deadline is None else max(deadline - now(), 0)
                    at += self._retry(_send, (left[at:], quiet), True, rest)
                if at >= size:
                    self._asked = True
                    return

    def accept(self) -> tuple[socket, Any]:
        """See ``socket.accept``."""
        call = _raw._accept if self._limit is not None else _accept
        try:
            fd, peer = call(self)
        except BlockingIOError:
            if self._limit == 0:
                tried_in_vain()
                raise
            fd, peer = self._retry(call, (), False, self._limit)
        return socket(self.family, self.type, self.proto, fileno=fd), peer

    def sendfile(self, file: Any, offset: int = 0, count: int | None = None) -> int:
        """See ``socket.sendfile``; reads and sends, since a page fault of os.sendfile would stop the hub as well."""
        return int(_sendfile_use_send(self, file, offset, count))

    # -- the end ---------------------------------------------------------------------------------------------

    def _real_close(self, _ss: Any = _raw) -> None:
        registered, self._registered = self._registered, None
        self._stream = None
        if registered is not None:
            registered.close()
        else:
            notify_closing(self.fileno())  # who waits for its number, in `select` or by itself
        _real_close(self, _ss)

    def detach(self) -> int:
        """See ``socket.detach``; the fd blocks from now on, unless its user set it not to."""
        registered, self._registered = self._registered, None
        self._stream = None
        if registered is not None:
            registered.close()
        if self._limit is None and _raw.gettimeout(self) is not None:  # it accepted connections, or speaks TLS
            with suppress(OSError):  # closed behind our back
                _raw.setblocking(self, True)
        return _base.detach(self)


def socketpair(family: int | None = None, type: int = _socket.SOCK_STREAM, proto: int = 0) -> tuple[socket, socket]:
    """See ``socket.socketpair``."""
    left, right = _socket.socketpair(_socket.AF_UNIX if family is None else family, type, proto)
    return (
        socket(left.family, left.type, left.proto, left.detach()),
        socket(right.family, right.type, right.proto, right.detach()),
    )


def fromfd(fd: int, family: int, type: int, proto: int = 0) -> socket:
    """See ``socket.fromfd``."""
    return socket(family, type, proto, _socket.dup(fd))


def getaddrinfo(
    host: Any, port: Any, family: int = 0, type: int = 0, proto: int = 0, flags: int = 0
) -> list[tuple[Any, Any, int, str, Any]]:
    """See ``socket.getaddrinfo``."""
    found = _getaddrinfo(host, port, family, type, proto, flags)
    if len(found) == 1:  # spares the commonest result three calls: 3.11's comprehensions are functions
        one, kind, proto, name, to = found[0]
        try:
            return [(_families[one], _kinds[kind], proto, name, to)]
        except KeyError:
            pass
    return [(_family(one, one), _kind(kind, kind), proto, name, to) for one, kind, proto, name, to in found]


_families: dict[int, Any] = {int(one): one for one in _std.AddressFamily}
_kinds: dict[int, Any] = {int(one): one for one in _std.SocketKind}
# Bound methods: of a number the name, and of one without a name the number.
_family, _kind = _families.get, _kinds.get


def getnameinfo(sockaddr: Any, flags: int, /) -> tuple[str, str]:
    """See ``socket.getnameinfo``."""
    if not isinstance(sockaddr, tuple):
        del sockaddr  # the traceback would keep it
        raise TypeError("getnameinfo() argument 1 must be a tuple")
    return _getnameinfo(sockaddr, flags)


__all__ = [
    "fromfd",
    "getaddrinfo",
    "getfqdn",
    "gethostbyaddr",
    "gethostbyname",
    "gethostbyname_ex",
    "getnameinfo",
    "socket",
    "socketpair",
]
