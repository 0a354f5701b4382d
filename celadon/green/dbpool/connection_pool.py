"""A pool of database connections: bounded, first come first served, and safe against kills and deadlines everywhere.

All of the pool's state changes under one lock of the operating system, which is never held across a wait or a call of
foreign code; so greenlets of several threads may share a pool. Whatever waits (opening, checking, resetting, closing)
is done outside, by the greenlet that asks or by a helper, and is accounted for as long as it goes on. A connection is
in one place at a time: free, lent, or in the hands of a helper.

``ResourcePool`` is not underneath: it makes items in the greenlet that asks, and serves one thread.
"""

from __future__ import annotations

import logging
import os
import random
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from types import TracebackType
from typing import Any
from weakref import WeakSet, ref

from ...hub import Greenlet, Hub, HubClosedError, Timer, fail_after, get_hub, getcurrent, joinall, spawn
from ...hub.lowlevel import hub_if_any
from ..fairness import can_park
from ..patching.originals import ORIGINAL
from .backends import BACKENDS, backend_for
from .errors import ConnectTimeout, PoolClosed, PoolError, PoolTimeout, TooManyWaiting
from .ledger import Ledger, Turn
from .lent import Lent, Member
from .pool_stats import PoolStats

log: logging.Logger = logging.getLogger("celadon.dbpool")
_allocate_lock = ORIGINAL["_thread"].allocate_lock

#: Seconds before the next try to open a connection: after the first failure, and at most.
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 5.0
_UNSET: Any = object()

_all: WeakSet[Pool] = WeakSet()
#: In a forked child: connections of the parent. Kept, so that no finalizer says goodbye to the server on its behalf.
_inherited: list[Any] = []


def rollback(connection: Any) -> None:
    """The default ``reset``: roll back whatever was not committed."""
    connection.rollback()


class Pool:
    """At most ``max_size`` connections, kept open for use again; at least ``min_size`` are there whatever happens.

    ``connect`` is a DB-API module or a function; it is called with ``args`` and ``kwargs``. Seconds everywhere:
    ``acquire_timeout`` is the longest wait for a connection (PoolTimeout), ``connect_timeout`` the longest time that
    opening, checking, resetting or closing one may take; one is replaced after ``max_lifetime`` (10 % more or less by
    chance), and closed when it was free for ``max_idle``. ``max_overflow`` more are opened while all are lent, and
    closed when they come back. More than ``max_waiting`` that wait for one to come back is TooManyWaiting.

    ``configure(connection)`` is called once for each new one, ``reset(connection)`` before it is lent again (None:
    nothing). ``check`` says how a free one is tried before it is lent: a function (that raises or returns False),
    ``"idle>30"`` for a ``SELECT 1`` if it was free for more than 30 s, or None. ``backend`` is "green" or "thread";
    unless given, it is chosen by what is known of the driver. ``lifo``: the one used last is lent first.

    For greenlets of any thread. In a forked child the pool is empty and opens its own. A failure to connect is tried
    again, with pauses, for as long as somebody waits; an error of the program (TypeError and the like) is raised at
    once.
    """

    acquire_timeout: float | None
    connect_timeout: float
    max_lifetime: float
    max_waiting: int | None

    def __init__(
        self,
        connect: Any,
        *args: Any,
        kwargs: Mapping[str, Any] | None = None,
        min_size: int = 0,
        max_size: int = 10,
        max_overflow: int = 0,
        acquire_timeout: float | None = 30.0,
        max_waiting: int | None = None,
        connect_timeout: float = 5.0,
        max_lifetime: float = 3600.0,
        max_idle: float = 600.0,
        check: Callable[[Any], object] | str | None = None,
        configure: Callable[[Any], object] | None = None,
        reset: Callable[[Any], object] | None = rollback,
        backend: str | None = None,
        lifo: bool = True,
        name: str | None = None,
    ) -> None:
        function = connect if callable(connect) else getattr(connect, "connect", None)
        if function is None:
            raise TypeError(f"Pool: connect is a function or a DB-API module, not {connect!r}")
        backend = backend_for(connect) if backend is None else backend
        if backend not in BACKENDS:
            raise ValueError(f"Pool: backend is one of {', '.join(BACKENDS)}, not {backend!r}")
        self._connect = partial(function, *args, **(kwargs or {}))
        self._backend = BACKENDS[backend]
        self._check, self._check_idle = _check_of(check)
        self._configure, self._reset = configure, reset
        self.acquire_timeout, self.connect_timeout = acquire_timeout, connect_timeout
        self.max_lifetime, self.max_waiting = max_lifetime, max_waiting
        #: What reports call it.
        self.name: str = str(name or getattr(connect, "__name__", "pool"))
        self._books = Ledger(max_overflow, max_idle, lifo)
        self._begin()
        _all.add(self)
        self.resize(max_size, min_size)

    def _begin(self) -> None:
        self._lock = _allocate_lock()
        self._helpers: set[Greenlet[Any]] = set()
        #: One for each hub that has used the pool, touched only by that hub.
        self._timers: dict[Hub, Timer] = {}

    def __repr__(self) -> str:
        books = self._books
        return (
            f"<Pool {self.name} at {id(self):#x}, {len(books.free)} free, {len(books.lent)} lent, "
            f"at most {books.max_size}, {len(books.line)} waiting{', closed' if books.closed else ''}>"
        )

    @property
    def closed(self) -> bool:
        """Whether it was closed."""
        return self._books.closed

    @property
    def min_size(self) -> int:
        """How many are always open. See ``resize``."""
        return self._books.min_size

    @property
    def max_size(self) -> int:
        """How many there may be. See ``resize``."""
        return self._books.max_size

    # -- taking ------------------------------------------------------------------------------------------------

    def connection(self, timeout: float | None = _UNSET) -> Lent:
        """``with pool.connection() as c:`` commits at the end of the block, rolls back if it failed, gives it back.

        The same as ``getconn``; errors as there.
        """
        return self.getconn(timeout)

    def getconn(self, timeout: float | None = _UNSET) -> Lent:
        """A connection, to be given back: by ``putconn``, by its ``close``, or as a ``with`` block.

        Raises PoolTimeout after ``timeout`` seconds (None: never), TooManyWaiting, PoolClosed, or at once what
        ``connect`` or ``configure`` raised if that is a mistake of the program and no trouble of the server.
        """
        now = get_hub().now
        seconds = self.acquire_timeout if timeout is _UNSET else timeout
        begin = now()
        while True:
            member = self._acquire(None if seconds is None else max(begin + seconds - now(), 0), seconds)
            try:
                if self._is_well(member):
                    member.lend()
                    self._books.tally.lent(now() - begin)
                    return Lent(self, member)
            except BaseException:
                self._discard(member)
                raise
            self._discard(member)

    def _acquire(self, rest: float | None, seconds: float | None) -> Member:
        """One that stands among the lent; at most ``rest`` seconds of the ``seconds`` that the caller has."""
        books = self._books
        with self._lock:
            if books.closed:
                raise PoolClosed(f"{self!r} is closed")
            member = None if books.line else books.pop_free()
            if member is not None:
                books.lend(member, getcurrent(), get_hub())
                return member
            if self.max_waiting is not None and books.in_vain >= self.max_waiting:
                books.tally.refused += 1
                raise TooManyWaiting(f"{self!r}: {self.max_waiting} wait for a connection already")
            turn = Turn(self)
            books.line[turn] = None
        try:
            self._settle()
            turn.wait(rest)
        except BaseException:
            self._leave_line(turn)
            raise
        with self._lock:
            late = books.line.pop(turn, _UNSET) is not _UNSET
            books.tally.timeouts += late
        if late:
            raise PoolTimeout(f"{self!r}: no connection within {seconds} s") from books.last_error
        if turn.error is not None:
            raise turn.error
        assert turn.member is not None
        return turn.member

    def _leave_line(self, turn: Turn) -> None:
        """Who waited was killed. What was handed over already goes to the next."""
        with self._lock:
            self._books.line.pop(turn, None)
            if turn.member is not None:
                self._books.take(turn.member)
                self._books.free.append(turn.member)
        self._settle()

    def _is_well(self, member: Member) -> bool:
        if self._check is None or get_hub().now() - member.idle_since <= self._check_idle:
            return True
        try:
            member.touched = self._check is not _select_1  # that one rolls back itself
            with fail_after(self.connect_timeout):
                well = member.run(self._check, member.backend.raw) is not False
            return well and not member.interrupted
        except Exception as error:  # noqa: BLE001  (whatever it is, this connection is of no use)
            log.debug("%r: the check of a connection failed: %r", self, error)
            return False

    # -- giving back -------------------------------------------------------------------------------------------

    def putconn(self, connection: Lent) -> None:
        """Take a connection back; what was not committed is rolled back (``reset``).

        If the caller is being killed or late meanwhile, the connection is closed instead. ValueError for a connection
        of another pool.
        """
        if not issubclass(type(connection), Lent) or connection._celadon_pool is not self:
            raise ValueError(f"{connection!r} is not a connection of {self!r}")
        self._take_back(connection._celadon_take_back())

    def finish(self, lent: Lent, error: BaseException | None) -> None:
        """For the connection, at the end of its block."""
        member = lent._celadon_here()
        try:
            if error is None and member.touched and not member.gone:
                commit = getattr(lent, "commit", None)
                if commit is not None:
                    commit()
                    member.touched = False
        except BaseException as failure:
            error = failure
            raise
        finally:
            lent._celadon_take_back()
            # Who is being killed does not talk to the server any more: a helper does.
            self._take_back(member, by_helper=error is not None and not isinstance(error, Exception))

    def _take_back(self, member: Member, by_helper: bool = False) -> None:
        if self._is_spent(member):
            self._discard(member)
        elif not self._needs_reset(member):
            self._put_free(member)
        elif by_helper or not can_park():
            with self._lock:
                self._books.take(member)
                self._books.in_work[member] = get_hub()
            self._help(self._reset_now, member)
        else:
            self._reset_now(member)

    def _needs_reset(self, member: Member) -> bool:
        return self._reset is not None and (member.touched or self._reset is not rollback)

    def _reset_now(self, member: Member) -> None:
        reset = self._reset
        assert reset is not None
        try:
            with fail_after(self.connect_timeout):
                member.run(reset, member.backend.raw)
            member.touched = False
        except Exception as error:  # noqa: BLE001  (of the driver, or too late: the connection is of no use)
            log.debug("%r: a connection could not be reset: %r", self, error)
            member.interrupted = True
        except BaseException:
            member.interrupted = True
            raise
        finally:
            if self._is_spent(member):
                self._discard(member)
            else:
                self._put_free(member)

    def _is_spent(self, member: Member) -> bool:
        books = self._books
        return (
            member.gone
            or member.interrupted
            or books.closed
            or member.dead()
            or member.retire_at <= get_hub().now()
            or (books.size > books.max_size and not books.line)
        )

    def _put_free(self, member: Member) -> None:
        member.idle_since = get_hub().now()
        with self._lock:
            if not member.gone:
                self._books.take(member)
                self._books.free.append(member)
        self._settle()

    def _discard(self, member: Member) -> None:
        """Give up a connection: its place is free at once, and a helper closes it."""
        with self._lock:
            if member.gone:
                return
            self._books.take(member)
            self._books.tally.interrupted += member.interrupted
        self._close_later(member)
        self._settle()

    def _close_later(self, *members: Member) -> None:
        for member in members:
            self._books.tally.closed += 1
            self._help(self._close_now, member)

    def _close_now(self, member: Member) -> None:
        member.backend.close(self.connect_timeout)

    def dropped(self, member: Member) -> None:
        """For the connection, when nobody has it any more. From a finalizer: neither waits nor locks."""
        self._books.dropped.append(member)
        hub = hub_if_any()
        if hub is not None and not hub.closed:
            hub.call_soon_threadsafe(self._settle)

    # -- the pool's own work -----------------------------------------------------------------------------------

    def _settle(self) -> None:
        """Bring everything to where it should be. From any greenlet and any hub; does not wait."""
        here, books = get_hub(), self._books
        begin: list[tuple[object, Hub]] = []
        with self._lock:
            spent = [*books.expire(here.now()), *books.orphans()]
            alone, fallen = books.left_alone(), books.let_fall(here)
            books.hand_over()
            for hub in books.to_open(here.now()):
                mark = object()
                books.in_work[mark] = hub or here
                begin.append((mark, hub or here))
            if len(books.free) + len(books.lent) >= books.min_size:
                books.filled.set()
            else:
                books.filled.clear()
            self._set_timer(here)
        for member in (*alone, *fallen):
            log.warning("%r: a connection was not given back; it was taken at %s", self, member.taken_at())
        self._close_later(*spent, *alone)
        for member in fallen:
            self._help(self._return_fallen, member)
        for mark, hub in begin:
            if hub is here:
                self._help(self._open, mark)
            else:
                hub.call_soon_threadsafe(self._help, self._open, mark)

    def _set_timer(self, here: Hub) -> None:
        """With the lock held: have ``_settle`` called in this hub when the next thing is due."""
        due, timer = self._books.next_look(here.now()), self._timers.pop(here, None)
        if timer is not None and timer.active:
            if due is not None and timer.when <= due:
                self._timers[here] = timer
                return
            timer.cancel()
        if due is not None:
            self._timers[here] = here.call_later(max(due - here.now(), 0.001), _tick, ref(self))

    def _return_fallen(self, member: Member) -> None:
        """Nobody has it any more, though it was not given back."""
        if self._is_spent(member):
            self._discard(member)
        elif self._needs_reset(member):
            self._reset_now(member)
        else:
            self._put_free(member)

    def _help(self, work: Callable[..., object], *args: Any) -> None:
        helper: Greenlet[Any] = spawn(work, *args)
        helper.name = f"{work.__name__} of {self.name}"
        self._helpers.add(helper)
        helper.rawlink(self._helpers.discard)

    def _open(self, mark: object) -> None:
        books, member = self._books, Member(self._backend())
        error: BaseException | None = None
        opened = False
        try:
            self._connect_in_time(member)
            opened = True
        except Exception as failure:  # noqa: BLE001  (whatever the driver raises)
            log.debug("%r: a connection could not be opened: %r", self, failure)
            error = failure
        finally:
            with self._lock:
                mine = books.in_work.pop(mark, None) is not None  # not in a forked child
                keep = opened and mine and not books.closed
                if keep:
                    books.failures, books.last_error = 0, None
                    books.tally.opened += 1
                    books.free.append(member)
                elif error is not None:
                    self._failed(error)
            if not keep:
                self._close_later(member)
            self._settle()

    def _failed(self, error: BaseException) -> None:
        """With the lock held: a connection could not be opened."""
        books = self._books
        pause = min(_FIRST_PAUSE * 2 ** min(books.failures, 10), _LONGEST_PAUSE) * random.uniform(0.8, 1.2)
        books.failures += 1
        books.not_before = get_hub().now() + pause
        books.last_error = error
        books.tally.failed += 1
        if type(error).__module__ == "builtins" and not isinstance(error, OSError):
            books.refuse_all(error)  # the server may come back, but the program will not mend itself

    def _connect_in_time(self, member: Member) -> None:
        backend = member.backend
        try:
            with fail_after(self.connect_timeout) as limit:
                backend.open(self._connect)
                if self._configure is not None:
                    backend.run(self._configure, backend.raw)
        except TimeoutError as error:
            if not limit.expired:
                raise
            raise ConnectTimeout(f"{self!r}: no connection was open after {self.connect_timeout} s") from error
        now = get_hub().now()
        member.opened = member.idle_since = now
        member.retire_at = now + self.max_lifetime * random.uniform(0.9, 1.1)

    # -- the pool as a whole -----------------------------------------------------------------------------------

    def resize(self, max_size: int, min_size: int | None = None) -> None:
        """Have at most ``max_size`` from now on, and at least ``min_size``. What is too much is closed when free."""
        min_size = self.min_size if min_size is None else min_size
        if not 0 <= min_size <= max_size or max_size < 1:
            raise ValueError(f"{self!r}: 0 <= min_size <= max_size, and room for one; not {min_size} and {max_size}")
        with self._lock:
            self._books.min_size, self._books.max_size = min_size, max_size
            surplus = self._books.surplus()
        self._close_later(*surplus)
        self._settle()

    def drain(self) -> None:
        """Replace every connection: the free ones now, those that are lent when they come back. Does not wait.

        For a server that was replaced, or new credentials.
        """
        with self._lock:
            for member in (*self._books.free, *self._books.lent):
                member.retire_at = float("-inf")
        self._settle()

    def wait(self, timeout: float | None = None) -> None:
        """Wait until ``min_size`` connections are open. PoolTimeout after ``timeout`` seconds."""
        self._settle()
        if not self._books.filled.wait(timeout):
            raise PoolTimeout(
                f"{self!r}: not {self.min_size} connections after {timeout} s"
            ) from self._books.last_error

    def close(self, timeout: float | None = 5.0) -> bool:
        """Lend no more, close what is free, and wait until all came back and are closed; False if not in time.

        Who waits for a connection gets PoolClosed. What comes back later is closed then. A second time does the same.
        """
        books = self._books
        with self._lock:
            books.closed = True
            free = [*books.free]
            books.free.clear()
            books.refuse_all(PoolClosed(f"{self!r} was closed"))
        self._close_later(*free)
        self._settle()
        deadline = None if timeout is None else get_hub().now() + timeout
        books.all_back.wait(timeout)
        helpers = list(self._helpers)
        joinall(helpers, timeout=None if deadline is None else max(deadline - get_hub().now(), 0))
        return not books.lent and all(one.dead for one in helpers)

    def __enter__(self) -> Pool:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __del__(self) -> None:
        # The drivers' own finalizers close what was left open.
        for hub, timer in getattr(self, "_timers", {}).items():
            with suppress(HubClosedError):
                hub.call_soon_threadsafe(timer.cancel)

    def stats(self) -> PoolStats:
        """How it stands now, and what it has counted since it was made."""
        with self._lock:
            return self._books.stats(self.name)

    def _forget(self) -> None:
        """In a forked child: the connections are the parent's."""
        books = self._books
        members = [*books.free, *books.lent, *(one for one in books.in_work if isinstance(one, Member))]
        for member in members:
            member.gone = True
        _inherited.append((members, [one.backend.raw for one in members], books.in_work))
        books.clear()
        self._begin()


def _check_of(check: Callable[[Any], object] | str | None) -> tuple[Callable[[Any], object] | None, float]:
    """The function that tries a connection, and after how many idle seconds it does."""
    if not isinstance(check, str):
        return check, -1.0
    word, _, seconds = check.partition(">")
    if word.strip() != "idle" or not seconds.strip().replace(".", "", 1).isdigit():
        raise ValueError(f"Pool: check is a function, None, or a text such as 'idle>30', not {check!r}")
    return _select_1, float(seconds)


def _select_1(connection: Any) -> None:
    cursor = connection.cursor()
    cursor.execute("SELECT 1")
    cursor.fetchone()
    cursor.close()
    connection.rollback()


def _tick(pool: ref[Pool]) -> None:
    one = pool()
    if one is not None:
        one._settle()


def pools() -> list[Pool]:
    """All pools of this process that are not closed."""
    return [one for one in list(_all) if not one.closed]


def _after_fork_in_child() -> None:
    for one in list(_all):
        one._forget()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)

__all__ = ["Pool", "PoolError", "pools", "rollback"]
