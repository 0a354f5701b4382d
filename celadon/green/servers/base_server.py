"""Servers on green sockets, by gevent's names: one greenlet accepts, each connection is handled in one of its own.

What a server must stand: a flood (``spawn=N`` stops accepting while N are handled), no descriptors left (it pauses,
says so once, and goes on as soon as there are some), a client that never ends its TLS handshake (it holds up nobody,
and is dropped), a handler that fails (it is reported, and the others go on).
"""

from __future__ import annotations

import _socket
import errno
import logging
import os
import socket as _std
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Any

from ...hub import Event, Greenlet, Group, Pool, getcurrent, sleep, spawn_raw
from ..socket import fromfd, getaddrinfo, socket

log = logging.getLogger("celadon.server")

#: A shortage of descriptors or memory, which passes: accept(2), socket(7).
_SCARCE = frozenset((errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM))
#: The socket no longer listens.
_GONE = frozenset((errno.EBADF, errno.EINVAL, errno.ENOTSOCK, errno.EOPNOTSUPP))
_AT_ONCE = 100

#: Where ``handle`` runs.
Spawn = int | Group | Callable[..., object] | str | None
_SPAWN_NAMES: dict[str, Spawn] = {"default": None, "raw": spawn_raw}

Listener = _std.socket | tuple[str, int] | tuple[str, int, int, int] | str | int


class BaseServer:
    """What both kinds of server share: the listener, the greenlets, start and stop. For greenlets of one thread.

    ``listener`` is an address, bound at ``start``: ``(host, port)``, ``"host:port"``, a port, or the path of a Unix
    socket, known by its ``/``. Or it is a bound socket, which is used as it is. ``spawn`` says where ``handle`` runs:
    None or "default" for a greenlet each, a number for at most so many at once, a Group or Pool to share one with
    others; ``spawn``, ``spawn_raw`` (or "raw"), or another function that takes a function and its arguments. ``stop``
    waits for the Greenlets that such a function returns, but not for bare ones.
    """

    #: Seconds between tries when there are no descriptors: the first pause, and the longest.
    min_delay, max_delay = 0.01, 1.0
    #: Seconds that ``stop`` waits for handlers before it kills them.
    stop_timeout = 1.0
    reuse_addr = True
    backlog = 256
    _kind: int = _socket.SOCK_STREAM

    def __init__(self, listener: Listener, handle: Callable[..., object] | None = None, spawn: Spawn = None) -> None:
        if handle is not None:
            self.handle: Callable[..., object] = handle
        elif not hasattr(self, "handle"):
            raise TypeError(f"{type(self).__name__}: pass handle, or define it in the class")
        spawn = _SPAWN_NAMES.get(spawn, spawn) if isinstance(spawn, str) else spawn
        if isinstance(spawn, bool) or not (isinstance(spawn, int | Group | None) or callable(spawn)):
            raise TypeError(
                f"{type(self).__name__}: spawn is None, a number, a Group, a function that spawns, 'default' or 'raw',"
                f" not {spawn!r}"
            )
        self.pool: Group = spawn if isinstance(spawn, Group) else Pool(spawn) if isinstance(spawn, int) else Group()
        self._spawner: Callable[..., object] | None = None if isinstance(spawn, int | Group | None) else spawn
        self._address: Any = None
        #: The listening socket, None while there is none.
        self.socket: socket | None = None
        if issubclass(type(listener), socket):  # `isinstance` holds for both kinds
            self.socket = listener  # type: ignore[assignment]
        elif isinstance(listener, _std.socket):
            # The standard library's own socket would block the hub.
            self.socket = fromfd(listener.fileno(), listener.family, listener.type, listener.proto)
        elif isinstance(listener, int):
            self._address = ("", listener)
        elif isinstance(listener, str) and "/" not in listener:
            host, _, port = listener.rpartition(":")
            self._address = (host.strip("[]"), int(port))
        else:
            self._address = listener
        self._accepting: Greenlet[None] | None = None
        self._stopped = Event()

    def __repr__(self) -> str:
        state = "stopped" if self._stopped.is_set() else "started" if self.started else "not started"
        return f"<{type(self).__name__} at {id(self):#x}, {state}, {self.address}>"

    @property
    def started(self) -> bool:
        """Whether it accepts."""
        return self._accepting is not None

    @property
    def closed(self) -> bool:
        """Whether it was stopped."""
        return self._stopped.is_set()

    @property
    def address(self) -> Any:
        """Where it listens: once started, with the port that the system chose for 0."""
        return self._address if self.socket is None else self.socket.getsockname()

    @property
    def server_host(self) -> str | None:
        """The host of its address, None for a Unix socket."""
        return self.address[0] if isinstance(self.address, tuple) else None

    @property
    def server_port(self) -> int | None:
        """The port of its address, None for a Unix socket."""
        return self.address[1] if isinstance(self.address, tuple) else None

    def full(self) -> bool:
        """Whether it waits for a place in its pool before it accepts again."""
        return self.pool.full()

    def _spawn(self, function: Callable[..., object], *args: Any) -> Greenlet[Any] | None:
        """Have one handled; None for what cannot be linked to."""
        if self._spawner is None:
            return self.pool.spawn(function, *args)
        made = self._spawner(function, *args)
        if not isinstance(made, Greenlet):
            return None
        self.pool.add(made)
        return made

    # -- start and stop --------------------------------------------------------------------------------------

    def start(self) -> None:
        """Bind, if that is to be done, and begin to accept; returns at once. RuntimeError after ``stop``."""
        if self.closed:
            raise RuntimeError(f"{self!r} was stopped; make a new one")
        if self._accepting is not None:
            return
        if self.socket is None:
            self.socket = self._bind()
        self._accepting = Greenlet(self._accept_all)
        self._accepting.start()

    def _bind(self) -> socket:
        address = self._address
        if isinstance(address, str):
            family, kind = _socket.AF_UNIX, self._kind
        else:
            found = getaddrinfo(address[0] or None, address[1], 0, self._kind, 0, _socket.AI_PASSIVE)
            # An empty host is every address; of a name's several the first, as ``socket.bind`` has it.
            family, kind, _, _, address = next((one for one in found if one[0] == _socket.AF_INET), found[0])
        made = socket(family, kind)
        try:
            if self.reuse_addr and family != _socket.AF_UNIX:
                made.setsockopt(_socket.SOL_SOCKET, _socket.SO_REUSEADDR, 1)
            made.bind(address)
            self._listen(made)
        except BaseException:
            made.close()
            raise
        return made

    def _listen(self, made: socket) -> None:
        """Nothing to do for datagrams."""

    def stop_accepting(self) -> None:
        """Pause accepting; running handlers go on."""
        accepting, self._accepting = self._accepting, None
        if accepting is not None:
            accepting.kill(block=accepting is not getcurrent())

    def start_accepting(self) -> None:
        """Go on after ``stop_accepting``."""
        self.start()

    def close(self) -> None:
        """Stop accepting and close the listener; running handlers go on."""
        self.stop_accepting()
        if self.socket is not None:
            bound_here, self._address = self._address, self.socket.getsockname()
            self.socket.close()
            self.socket = None
            if isinstance(bound_here, str):
                with suppress(OSError):
                    os.unlink(bound_here)
        self._stopped.set()

    def stop(self, timeout: float | None = None) -> None:
        """``close``, wait ``timeout`` seconds (default ``stop_timeout``) for the handlers, then kill the rest."""
        self.close()
        me: Any = getcurrent()
        self.pool.discard(me)  # a handler may stop the server, and is not killed
        self.pool.join(self.stop_timeout if timeout is None else timeout)
        self.pool.kill()

    def serve_forever(self, stop_timeout: float | None = None) -> None:
        """``start``, and return once another greenlet stops it; if this greenlet is killed, stop it."""
        self.start()
        try:
            self._stopped.wait()
        finally:
            self.stop(stop_timeout)

    def __enter__(self) -> Any:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    # -- accepting -------------------------------------------------------------------------------------------

    def _accept_all(self) -> None:
        delay, in_a_row = self.min_delay, 0
        while self.socket is not None:
            self.pool.wait_available()
            try:
                self._accept_one(self.socket)
            except OSError as error:
                if error.errno in _GONE or self.socket is None:
                    self._lost(error)
                    return
                if error.errno in _SCARCE:
                    if delay == self.min_delay:
                        log.warning("%r cannot accept: %s; it tries again", self, error)
                    sleep(delay)
                    delay = min(delay * 2, self.max_delay)
                else:
                    sleep(0)  # that one connection is lost: accept(2), "Error handling"
                continue
            delay, in_a_row = self.min_delay, in_a_row + 1
            if in_a_row >= _AT_ONCE:
                in_a_row = 0
                sleep(0)

    def _lost(self, error: OSError) -> None:
        if self._accepting is getcurrent():
            log.error("%r has lost its listener: %s", self, error)
            self._accepting = None
            self.close()

    def _accept_one(self, listener: socket) -> None:
        raise NotImplementedError
