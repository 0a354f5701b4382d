"""A hub that runs inside another loop of its thread: asyncio's, uvloop's, trio's or Twisted's. No thread, no polling.

The other loop (the *outer* one) watches one descriptor, the hub's own poller, and has at most one timer for the hub's
next deadline. When either is due, or when its own code has made a greenlet ready, it calls the hub for a moment: what
is ready runs until all wait again. With nothing to do the outer loop is not woken.

While the outer loop's own code runs, the hub *rests*, and its class is ``RestingHub``. That class costs the plain hub
nothing: whatever makes work ready asks the hub for ``ready`` or ``timers``, and a resting hub then asks the outer loop
for a call; and it refuses to be waited in, because a wait there would stop the outer loop.
"""

from __future__ import annotations

import os
import sys
from _thread import get_ident
from collections.abc import Awaitable, Callable
from typing import Any, Final, Protocol

from greenlet import getcurrent, greenlet

from ..errors import BlockingInHubError
from .current import get_hub, hub_if_any
from .failures import text
from .hub import Hub, hub_fds
from .shuffle import AFTER_ALL, RAISE

#: For so long, in seconds, greenlets that keep each other ready may run before the outer loop has a turn.
_SLICE = 0.0002
_KEY: Final = object()
_HERE: Final = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))) + os.sep
_dup, _close = os.dup, os.close  # bound at import: `green` replaces them
_SLOTS: Any = Hub
_ready_of, _timers_of = _SLOTS.ready, _SLOTS.timers


class Cancellable(Protocol):
    """A timer of the outer loop."""

    def cancel(self) -> object:
        """Never call."""


class Outer(Protocol):
    """What a joined hub needs of the outer loop. All of it is called in the loop's own thread."""

    def soon(self, function: Callable[[], object]) -> object:
        """Call ``function`` in the next turn. RuntimeError if the loop is closed."""

    def later(self, seconds: float, function: Callable[[], object]) -> Cancellable:
        """Call ``function`` in ``seconds``."""

    def watch(self, fd: int, function: Callable[[], object]) -> object:
        """Call ``function`` whenever ``fd`` is readable."""

    def unwatch(self, fd: int) -> object:
        """Undo ``watch``; nothing happens if the loop is closed."""

    def running(self) -> bool:
        """Whether the loop runs now in this thread."""

    def over(self) -> bool:
        """Whether it will never run again."""

    def where(self) -> str:
        """What of the loop's own runs now: the task or callback, for error messages."""

    def step_out(self) -> Callable[[], object]:
        """Have no current task, because greenlets run now; what is returned undoes it."""

    def ended(self, who: Any) -> Awaitable[Any]:
        """What gives the result of the Greenlet ``who`` in a coroutine of the loop."""


def _place() -> str:
    """The program's line that waits: the innermost one outside of this library."""
    frame = sys._getframe(2)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_HERE):
        frame = frame.f_back
    return f"{frame.f_code.co_filename}:{frame.f_lineno} in {frame.f_code.co_name}"


class RestingHub(Hub):
    """A joined hub while the outer loop's own code runs."""

    __slots__ = ()

    @property
    def ready(self) -> Any:  # type: ignore[override]
        """What to run. Who asks in the hub's thread is going to add to it."""
        joined = joined_of(self)
        if joined is not None:
            joined.ring()
        return _ready_of.__get__(self)

    @property
    def timers(self) -> Any:  # type: ignore[override]
        """The deadlines; as ``ready``."""
        joined = joined_of(self)
        if joined is not None:
            joined.ring()
        return _timers_of.__get__(self)

    def leave(self, me: greenlet) -> Any:
        """Refuse: nobody may wait in the outer loop's own code. After the outer loop has ended, as ``Hub.leave``."""
        joined = joined_of(self)
        if joined is None or not joined.outer.running():
            self.awake()
            if joined is not None and joined.outer.over():
                joined.end()
            return Hub.leave(self, me)
        ready = _ready_of.__get__(self)
        for entry in ready:
            who, value = entry
            if who is me and value is not AFTER_ALL:  # another thread has brought it between the two looks
                ready.remove(entry)
                return value
            if who is None and value[0] is RAISE and value[1][0] is me:
                ready.remove(entry)
                raise value[1][1]
        if joined.waits:
            return joined.wait(me)
        what = self.parked.get(me)
        raise BlockingInHubError(
            f"{joined.outer.where()} tried to wait{'' if what is None else f' ({text(what)})'}, at {_place()}, which "
            "would stop the whole loop; run what waits in a greenlet: await run_green(function, ...)"
        )

    def awake(self) -> None:
        """Be a plain hub: for greenlets to run, or because the outer loop is gone."""
        self.__class__ = Hub  # type: ignore[assignment]
        self.asleep = False

    def close(self) -> None:
        """See ``Hub.close``."""
        self.awake()
        self.close()

    def after_fork(self) -> None:
        """See ``Hub.after_fork``: in the child the hub is plain; the outer loop's kernel objects are the parent's."""
        self.awake()
        self.after_fork()


class Joined:
    """This thread's hub inside of ``outer``, from ``begin`` to ``end``."""

    __slots__ = ("_asked", "_due", "_fd", "_found", "_inside", "_timer", "awake_as", "calls", "hub", "outer", "waits")

    def __init__(self, outer: Outer) -> None:
        self.hub: Hub = get_hub()
        self.outer: Outer = outer
        #: The hub's class while greenlets run.
        self.awake_as: type[Hub] = Hub
        #: Whether the outer loop's own code may wait; that stops the outer loop, while greenlets run.
        self.waits: bool = False
        #: How often the outer loop called: a joined hub with nothing to do is not called.
        self.calls: int = 0
        if self.hub.poller.fileno() < 0:
            raise RuntimeError(f"{self.hub.poller!r} cannot be watched by another loop")
        #: A duplicate, from `begin` to `end`: a loop has one watcher for each number, and a Guest may be one.
        self._fd = -1
        self._asked = self._inside = self._found = False
        self._due: float | None = None
        self._timer: Cancellable | None = None

    def __repr__(self) -> str:
        return f"<Joined {self.hub!r} in {self.outer!r}>"

    def begin(self) -> None:
        """Have the outer loop watch the hub. Only while it runs, from its own code."""
        self.hub.vars[_KEY] = self
        self.hub.on_close(self.end)
        self._fd = _dup(self.hub.poller.fileno())
        hub_fds.add(self._fd)
        _begun.add(self)
        self.outer.watch(self._fd, self.readable)
        self._rest()

    def resume(self) -> None:
        """Rest again, if the outer loop was stopped, and the hub waited by itself meanwhile, before it ran on."""
        if not self._inside and not isinstance(self.hub, RestingHub):
            self._rest()

    def end(self) -> None:
        """Be no more called: the hub is a plain one again. Doing it twice is harmless."""
        hub = self.hub
        if hub.vars.get(_KEY) is not self:
            return
        hub.__class__ = Hub
        hub.asleep = False
        del hub.vars[_KEY]
        if self.end in hub._closers:
            hub._closers.remove(self.end)
        if self._timer is not None:
            self._timer.cancel()
        self.outer.unwatch(self._fd)
        self.release()

    def release(self) -> None:
        """Close the descriptor; in a forked child too, where the rest of it belongs to the parent."""
        _begun.discard(self)
        hub_fds.discard(self._fd)
        _close(self._fd)

    @property
    def inside(self) -> bool:
        """Whether greenlets run now, not the outer loop's own code."""
        return self._inside

    # -- what the outer loop calls ---------------------------------------------------------------------------

    def readable(self) -> None:
        """The poller has something to report."""
        self._run()

    def _rung(self) -> None:
        self._asked = False
        self._run()

    def _timed(self) -> None:
        self._due = self._timer = None
        self._run()

    def ring(self) -> None:
        """Have the outer loop call soon. Other threads are no matter of it: the hub seems ``asleep`` to them."""
        if not self._asked and get_ident() == self.hub.thread_ident:
            self._asked = True
            try:
                self.outer.soon(self._rung)
            except RuntimeError:  # it is closed: from now on the hub is a plain one
                self._asked = False
                self.end()

    # -- running ---------------------------------------------------------------------------------------------

    def _run(self) -> None:
        """Run greenlets until all wait again, at most for ``_SLICE``."""
        hub = self.hub
        if self._inside or hub.vars.get(_KEY) is not self:
            return
        self.calls += 1
        me = getcurrent()
        self._inside = True
        hub.__class__ = self.awake_as
        hub.asleep = False
        until, finished = hub.now() + _SLICE, False
        gather = (None, (self._gather, (me,)))
        try:
            while True:
                # What is ready; once nothing is, what the kernel and the clock have.
                looks = not hub.ready
                hub.ready.append(gather if looks else (me, AFTER_ALL))
                Hub.leave(hub, me)
                if me in hub.pending:
                    self._raise_pending(me)
                finished = looks and not self._found and not hub.ready and not self._nothing_left()
                if finished or hub.now() >= until:
                    break
        except BaseException:
            for entry in [one for one in hub.ready if one is gather or one[0] is me]:
                hub.ready.remove(entry)
            raise
        finally:
            self._inside = False
            if hub.vars.get(_KEY) is self:  # else a greenlet has ended it, or this is a forked child
                self._rest()
                if not finished:
                    self.ring()

    def step(self) -> None:
        """From the outer loop's own code: let greenlets run for a moment."""
        if not self._inside:
            back = self.outer.step_out()
            try:
                self._run()
            finally:
                back()

    def wait(self, me: greenlet) -> Any:
        """A wait in the outer loop's own code: greenlets run, and it does not."""
        hub = self.hub
        back = self.outer.step_out()
        self._inside = True
        hub.__class__ = self.awake_as
        hub.asleep = False
        try:
            return Hub.leave(hub, me)
        finally:
            self._inside = False
            if hub.vars.get(_KEY) is self:
                self._rest()
            back()

    def _gather(self, me: greenlet) -> None:
        """In the loop: look at the kernel and the clock, and go back to the outer loop after all that is ready."""
        hub = self.hub
        hub._look(0)
        self._found = bool(hub.ready)
        hub.ready.append((me, AFTER_ALL))

    def _nothing_left(self) -> bool:
        """Wake a greenlet that waits for nothing to be left to do (``idle``, ``wait``)."""
        hub = self.hub
        if hub.on_idle:
            hub._wake(hub.on_idle)
            return True
        if hub.on_drained and not hub.holds and not hub.io_waiters:
            timers = hub.timers
            if len(timers) <= timers.loose + sum(one is not None for one in hub.on_drained.values()):
                hub._wake(hub.on_drained)
                return True
        return False

    def _raise_pending(self, me: greenlet) -> None:
        hub = self.hub
        error = hub.pending.take(me, hub.greenlet)
        if isinstance(error, KeyboardInterrupt | SystemExit):
            raise error
        if error is not None:
            why = RuntimeError(
                f"{text(error)} came for the outer loop's own code, where no greenlet waits: in a coroutine use the "
                "deadlines of that loop (asyncio.timeout)"
            )
            why.__cause__ = error
            hub.failed(None, why)

    def _rest(self) -> None:
        """Give the outer loop its turn, and have it call when there is something to do."""
        hub = self.hub
        hub.left = 0
        hub.asleep = True
        due = hub.timers.next_deadline()
        if hub.ready or hub.timers.due:
            self.ring()
        hub.__class__ = RestingHub
        # Nearly all deadlines are cancelled and replaced by later ones. The outer loop's timer is left where it is
        # then: one call too early costs less than a new timer for each.
        if due is not None and (self._due is None or due < self._due):
            if self._timer is not None:
                self._timer.cancel()
            self._due = due
            self._timer = self.outer.later(max(due - hub.now(), 0.0), self._timed)


_begun: set[Joined] = set()


def _after_fork_in_child() -> None:
    for one in list(_begun):
        one.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)


def joined_of(hub: Hub) -> Joined | None:
    """The Joined of a hub, if it is joined."""
    return hub.vars.get(_KEY)


def joined_here() -> Joined | None:
    """The Joined of this thread's hub, if it is joined to a loop that runs."""
    hub = hub_if_any()
    joined = None if hub is None else joined_of(hub)
    return joined if joined is not None and joined.outer.running() else None


def outer_if_any() -> Outer | None:
    """The outer loop that this thread's hub has joined and that runs, else None."""
    joined = joined_here()
    return None if joined is None else joined.outer


def begin_now() -> None:
    """In the own code of a joined loop, which cannot wait for what was just spawned to begin: let it begin."""
    joined = joined_here()
    if joined is not None:
        joined.step()


def may_wait() -> bool:
    """Whether the caller may wait: not in the hub's loop, nor in the own code of a loop that it has joined."""
    hub = get_hub()
    if getcurrent() is hub.greenlet:
        return False
    joined = joined_of(hub)
    return joined is None or joined.inside or joined.waits or not joined.outer.running()


#: For each kind of outer loop that was imported: joins the one that runs in this thread, None if none of its kind does.
joiners: list[Callable[[], Any]] = []


def outer_of() -> Outer:
    """The outer loop that runs in this thread, joined if it was not yet. RuntimeError if no loop runs."""
    joined = joined_here()
    if joined is not None:
        return joined.outer
    for join in joiners:
        outer: Outer | None = join()
        if outer is not None:
            return outer
    raise RuntimeError(
        "this thread's hub has joined no running loop: import celadon.hub.aio, and call join() in the loop"
    )


__all__ = [
    "Joined",
    "Outer",
    "RestingHub",
    "begin_now",
    "joined_here",
    "joined_of",
    "joiners",
    "may_wait",
    "outer_if_any",
    "outer_of",
]
