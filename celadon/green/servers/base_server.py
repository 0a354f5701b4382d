"""Servers on green sockets, by gevent's names: one greenlet accepts, each connection is handled in one of its own.

What a server must stand: a flood (``spawn=N`` stops accepting while N are handled), no descriptors left (it pauses,
says so once, and goes on as soon as there are some), a client that never ends its TLS handshake (it holds up nobody,
and is dropped), a handler that fails (it is reported, and the others go on).
"""

from __future__ import annotations

import _socket
import errno
import logging
import socket as _std
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Any

from greenlet import greenlet

from ...hub import (
    Event,
    Greenlet,
    Group,
    Pool,
    fail_after,
    get_hub,
    getcurrent,
    killall,
    sleep,
    spawn_raw,
    wait_readable,
)
from ..socket import fromfd, socket
from . import unix_path
from .counts import ServerStatistics
from .inherited import from_fd
from .listeners import Listener, parse_address

log: logging.Logger = logging.getLogger("celadon.server")

#: A shortage of descriptors or memory, which passes: accept(2), socket(7).
_SCARCE = frozenset((errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM))

#: Where ``handle`` runs.
Spawn = int | Group | Callable[..., object] | str | None


class Served:
    """One connection or datagram from the moment it is given to a handler. ``end`` comes once, however that ends."""

    __slots__ = ("_args", "_server", "runs_in")

    def __init__(self, server: BaseServer, args: tuple[Any, ...]) -> None:
        self._server, self._args = server, args
        #: The greenlet that handles it, as far as it is known.
        self.runs_in: greenlet | None = None
        server.serving[self] = None

    def handle(self, *args: Any) -> None:
        """What is spawned, with the arguments of the server's ``handle``."""
        if self not in self._server.serving:
            return  # the server was stopped
        self.runs_in = getcurrent()
        try:
            self._server.handle(*args)
        finally:
            self.end()

    def end(self, _: object = None) -> None:
        """Close and count it; nothing happens the second time."""
        server, args = self._server, self._args
        if self in server.serving:
            del server.serving[self]
            self._args, self.runs_in = (), None  # the greenlet knows this one by its function: no cycle
            server._handled += 1
            server._one_ended()
            server.do_close(*args)


class BaseServer:
    """What both kinds of server share: the listener, the greenlets, start and stop. For greenlets of one thread.

    ``listener`` is an address, bound at ``start``: ``(host, port)``, ``"host:port"``, a port, or the path of a Unix
    socket, known by its ``/`` or by ``unix:`` in front of it. Or it is a bound socket, which is used as it is; or
    ``"fd://N"``, the number of one that this process has inherited.

    ``spawn`` says where ``handle`` runs: "default" for a greenlet each; a number for at most so many at once; a Group
    or Pool to share one with others; ``spawn_raw`` (or "raw"), or another function that takes a function and its
    arguments; None for the greenlet that accepts, so that one is handled after the other. ``stop`` waits for them all.

    ``do_read``, ``do_handle`` and ``do_close`` are for subclasses: what arrives, who is called with it, and what
    becomes of it after that.
    """

    #: Seconds between tries when there are no descriptors: the first pause, and the longest.
    min_delay: float = 0.01
    max_delay: float = 1.0
    #: How many are accepted in a row before other greenlets get a turn. Less favours the connections that are there.
    max_accept = 100
    #: Seconds that ``stop`` waits for handlers before it kills them.
    stop_timeout: float = 1.0
    reuse_addr = True
    #: Whether other sockets may listen on the port as well, each for its part of the clients: SO_REUSEPORT, socket(7).
    reuse_port = False
    #: The mode of a Unix socket's file, such as 0o660; None: as the umask has it.
    unix_mode: int | None = None
    #: Errors of ``do_read`` after which the server cannot go on: the socket no longer listens.
    fatal_errors: tuple[int, ...] = (errno.EBADF, errno.EINVAL, errno.ENOTSOCK, errno.EOPNOTSUPP)

    def __init__(
        self, listener: Listener, handle: Callable[..., object] | None = None, spawn: Spawn = "default"
    ) -> None:
        if self.max_accept < 1:
            raise ValueError(f"{type(self).__name__}: max_accept is at least 1, not {self.max_accept!r}")
        self._accepting: Greenlet[None] | None = None
        self._stopped = Event()
        self._accepted = self._handled = self._errors = 0
        self._delay = self.min_delay
        #: What is given to handlers now.
        self.serving: dict[Served, None] = {}
        #: Each ``stop`` that waits now -> how many seconds it waits. A handler's end wakes all of them.
        self._stops: dict[Event, float] = {}
        self._place: unix_path.Place | None = None
        self.set_listener(listener)
        self.set_spawn(spawn)
        self.set_handle(handle)

    def __repr__(self) -> str:
        state = "stopped" if self._stopped.is_set() else "started" if self.started else "not started"
        return f"<{type(self).__name__} at {id(self):#x}, {state}, {self.address}>"

    # -- what it is made of ----------------------------------------------------------------------------------

    def set_listener(self, listener: Listener) -> None:
        """Have it listen elsewhere, before ``start``. See the class."""
        self._only_before_start("set_listener")
        #: The listening socket, None while there is none.
        self.socket: socket | None = None
        self._family, self._address = 0, None
        if isinstance(listener, _std.socket) and hasattr(listener, "do_handshake"):
            raise TypeError(
                f"{type(self).__name__}: the listener is a plain socket, not {listener!r}; pass ssl_context"
            )
        if issubclass(type(listener), socket):  # `isinstance` holds for both kinds
            self.socket = listener  # type: ignore[assignment]
        elif isinstance(listener, _std.socket):
            # The standard library's own socket would block the hub.
            self.socket = fromfd(listener.fileno(), listener.family, listener.type, listener.proto)
        elif isinstance(listener, str) and listener.startswith("fd://"):
            self.socket = from_fd(int(listener.removeprefix("fd://")))
        else:
            self._family, self._address = parse_address(listener)

    def set_spawn(self, spawn: Spawn) -> None:
        """Say where ``handle`` runs, for what is accepted from now on. See the class; TypeError for anything else."""
        pool: Group = Group()
        spawner: Callable[..., object] | None = None
        if spawn == "default":
            spawner = pool.spawn
        elif spawn == "raw":
            spawner = spawn_raw
        elif isinstance(spawn, Group):
            pool, spawner = spawn, spawn.spawn
        elif isinstance(spawn, int) and not isinstance(spawn, bool):
            pool = Pool(spawn)
            spawner = pool.spawn
        elif callable(spawn):
            spawner = spawn
        elif spawn is not None:
            raise TypeError(
                f"{type(self).__name__}: spawn is None, a number, a Group, a function that spawns, 'default' or 'raw',"
                f" not {spawn!r}"
            )
        #: The Group or Pool that handlers run in; empty if a function of the program's spawns them.
        self.pool = pool
        self._spawn = spawner

    def set_handle(self, handle: Callable[..., object] | None) -> None:
        """Have ``handle`` called from now on; None leaves the class' own. TypeError if there is none."""
        if handle is not None:
            self.handle: Callable[..., object] = handle
        elif not hasattr(self, "handle"):
            raise TypeError(f"{type(self).__name__}: pass handle, or define it in the class")

    def _only_before_start(self, what: str) -> None:
        if self._accepting is not None or self.closed:
            raise RuntimeError(f"{self!r}: {what} is for a server that was not started yet")

    # -- looking ---------------------------------------------------------------------------------------------

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
    def family(self) -> int:
        """The address family of its socket; AF_INET, before ``start``, for a host that was not looked up yet."""
        return self._family or _socket.AF_INET if self.socket is None else self.socket.family

    @property
    def server_host(self) -> str | None:
        """The host of its address, None for a Unix socket."""
        return self.address[0] if isinstance(self.address, tuple) else None

    @property
    def server_port(self) -> int | None:
        """The port of its address, None for a Unix socket."""
        return self.address[1] if isinstance(self.address, tuple) else None

    @property
    def statistics(self) -> ServerStatistics:
        """What it has done so far."""
        return ServerStatistics(self._accepted, self._handled, len(self.serving), errors=self._errors)

    def full(self) -> bool:
        """Whether it must not accept now: its pool has no place. A subclass may say so for reasons of its own."""
        return self.pool.full()

    def is_fatal_error(self, error: BaseException) -> bool:
        """Whether the server ends after this error of ``do_read``."""
        return isinstance(error, OSError) and error.errno in self.fatal_errors

    # -- start and stop --------------------------------------------------------------------------------------

    def start(self) -> None:
        """Bind, if that is to be done, and begin to accept; returns at once. RuntimeError after ``stop``."""
        if self.closed:
            raise RuntimeError(f"{self!r} was stopped; make a new one")
        if self._accepting is not None:
            return
        self.init_socket()
        self.start_accepting()

    def init_socket(self) -> None:
        """Make ``socket`` of the address, if there is none yet. ``start`` calls it before anything is accepted."""
        if self.socket is None:
            self.socket = self._bind()
            if isinstance(self._address, str):
                self._place = unix_path.place(self._address)

    def _bind(self) -> socket:
        raise NotImplementedError

    def start_accepting(self) -> None:
        """Accept, or go on after ``stop_accepting``. ``start`` calls it."""
        if self.socket is None:
            self.start()
        elif self._accepting is None:
            self._accepting = Greenlet(self._accept_all)
            self._accepting.start()

    def stop_accepting(self) -> None:
        """Pause accepting; running handlers go on."""
        accepting, self._accepting = self._accepting, None
        if accepting is not None and not any(one.runs_in is accepting for one in self.serving):
            accepting.kill(block=accepting is not getcurrent())

    def close(self) -> None:
        """Stop accepting and close the listener; running handlers go on."""
        self.stop_accepting()
        if self.socket is not None:
            self._address = self.socket.getsockname()
            place, self._place = self._place, None
            if place is not None:
                unix_path.leave(place)
            self.socket.close()
            self.socket = None
        self._stopped.set()

    def stop(self, timeout: float | None = None) -> None:
        """``close``, wait ``timeout`` seconds for the handlers, then kill the rest.

        The default is ``stop_timeout``, or what another ``stop`` waits for that runs meanwhile: ``serve_forever`` does
        not cut short the one that ended it. A handler may call it, and is neither waited for nor killed. Others'
        greenlets in a shared Pool are left alone.
        """
        self.close()
        if timeout is None:
            timeout = max(self._stops.values(), default=self.stop_timeout)
        ended = Event()
        self._stops[ended] = timeout
        try:
            with fail_after(timeout):
                while any(self._others()):
                    ended.wait()
                    ended.clear()
        except TimeoutError:
            killall([one for one in self._others() if isinstance(one, greenlet)])
            for served in [one for one in self.serving if one.runs_in is not getcurrent()]:
                served.end()  # its greenlet never began
        finally:
            del self._stops[ended]

    def kill(self) -> None:
        """``stop`` without waiting: the handlers are killed."""
        self.stop(0)

    def _working(self) -> Iterable[object]:
        """What works for this server: greenlets, or what will have one."""
        return (one.runs_in or one for one in self.serving)

    def _others(self) -> Iterable[object]:
        me = getcurrent()
        return (one for one in self._working() if one is not me)

    def _one_ended(self) -> None:
        for ended in self._stops:
            ended.set()

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

    def do_read(self) -> tuple[Any, ...] | None:
        """Wait for what comes next; returns the arguments of ``handle``, or None, to be called again once readable."""
        raise NotImplementedError

    def do_handle(self, *args: Any) -> None:
        """Have ``handle(*args)`` run where ``spawn`` says; ``do_close(*args)`` follows, however it ends."""
        served = Served(self, args)
        try:
            if self._spawn is None:
                served.handle(*args)
                return
            made = self._spawn(served.handle, *args)
        except BaseException:
            served.end()
            raise
        if isinstance(made, greenlet) and served.runs_in is None and served in self.serving:
            served.runs_in = made
        if isinstance(made, Greenlet):
            made.rawlink(served.end)  # when it is killed before it begins

    def do_close(self, *args: Any) -> None:
        """Give up what ``do_read`` returned. Nothing to do for datagrams."""

    def _accept_all(self) -> None:
        me, in_a_row = getcurrent(), 0
        self._delay = self.min_delay
        while self._accepting is me and self.socket is not None:
            if self.full() and not self._wait_for_a_place():
                continue
            listener = self.socket
            try:
                args = self.do_read()
            except Exception as error:  # noqa: BLE001  (judged there)
                if self.is_fatal_error(error) or self.socket is None:
                    self._lost(error)
                    return
                self._survive(error)
                continue
            if not args:
                wait_readable(listener.fileno())
                continue
            self._accepted += 1
            self._delay = self.min_delay
            self._give(args)
            in_a_row += 1
            if in_a_row >= self.max_accept:
                in_a_row = 0
                sleep(0)

    def _wait_for_a_place(self) -> bool:
        """Whether there is one, though another server of the same pool may come first; then ``do_handle`` waits."""
        if self.pool.full():
            self.pool.wait_available()
            return self.socket is not None
        sleep(self.min_delay)  # a `full` of the program's own, which wakes nobody
        return False

    def _give(self, args: tuple[Any, ...]) -> None:
        try:
            self.do_handle(*args)
        except Exception as error:  # noqa: BLE001  (reported)
            get_hub().failed(getcurrent(), error)
            if self._spawn is not None:  # it cannot spawn now
                self._pause()

    def _survive(self, error: Exception) -> None:
        self._errors += 1
        if isinstance(error, OSError) and error.errno not in _SCARCE:
            sleep(0)  # that one connection is lost: accept(2), "Error handling"
            return
        if not isinstance(error, OSError):
            get_hub().failed(getcurrent(), error)
        elif self._delay == self.min_delay:
            log.warning("%r cannot accept: %s; it tries again", self, error)
        self._pause()

    def _pause(self) -> None:
        sleep(self._delay)
        self._delay = min(self._delay * 2, self.max_delay)

    def _lost(self, error: BaseException) -> None:
        if self._accepting is getcurrent():
            log.error("%r has lost its listener: %s", self, error)
            self._accepting = None
            self.close()


__all__ = ["BaseServer", "Listener", "Served", "Spawn", "log"]
