"""Greenlet: a function that runs beside others, can be waited for, and can be killed. The names are gevent's.

A greenlet starts when the loop first switches to it, and ends by returning into the loop. At its end it wakes those who
joined it and calls its links.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator
from contextlib import suppress
from contextvars import Context, copy_context
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, Protocol, TypeVar

from greenlet import GreenletExit, getcurrent, greenlet

from ... import late
from ..loop.current import _local, get_hub
from ..loop.failures import raisable, text
from ..loop.hub import Hub
from ..loop.joined import may_wait, outer_of
from ..loop.shuffle import AHEAD, RAISE, START
from ..loop.timers import Timer
from ..waiting.park import first_time, may_park, sleep
from ..waiting.timeouts import Seconds, not_ready
from .ident import IdentRegistry

if TYPE_CHECKING:
    from traceback import StackSummary

traceback: Any = late.module("traceback")  # only a kept stack needs it

P = ParamSpec("P")
T = TypeVar("T")


class Home(Protocol):
    """A group, as its members see it."""

    def discard(self, member: Greenlet[Any]) -> None:
        """Count it out. Called by a member that ends, so it must neither wait nor fail."""


_NEW, _SCHEDULED, _RUNNING, _DONE = range(4)
_IDENTS = object()
_spawn_callbacks: list[Callable[[Greenlet[Any]], object]] = []


def keep_spawning_stack(made: Greenlet[Any]) -> None:
    """A spawn callback for those who look for a leak: notes the ten innermost frames of the starter as text."""
    # Frames themselves would keep alive whatever they hold.
    made.spawning_stack = traceback.extract_stack(sys._getframe(3), 10)


def _tell_spawned(made: Greenlet[Any]) -> None:
    for callback in _spawn_callbacks:
        callback(made)


class Greenlet(greenlet, Generic[T]):
    r"""One function running in its own greenlet, in a copy of the spawner's context (contextvars).

    Made by ``spawn``; or made and then started; or subclassed with a ``_run`` method. It belongs to the
    thread that made it; other threads may join and kill it. An exception that escapes is reported on stderr with
    ``str(greenlet)`` and kept for ``get``; GreenletExit is silent and counts as success, its instance being the value.
    """

    __slots__ = (
        "_error",
        "_function",
        "_group",
        "_hub",
        "_joiners",
        "_links",
        "_name",
        "_spawner",
        "_state",
        "_timer",
        "_trace",
        "_value",
        "args",
        "kwargs",
        "spawn_tree_locals",
    )

    #: Where it was started, if ``keep_spawning_stack`` was asked to note that.
    spawning_stack: StackSummary | None = None

    def __init__(self, run: Callable[..., T] | None = None, *args: Any, **kwargs: Any) -> None:
        if run is not None and not callable(run):
            raise TypeError(f"the function to run must be callable, not {run!r}")
        hub = _local.hub or get_hub()
        self.parent = hub.greenlet
        context = copy_context()
        if context:  # an empty one is what it begins with anyway
            self.gr_context = context
        self._hub: Hub = hub
        self._function = run
        self.args: tuple[Any, ...] = args
        self.kwargs: dict[str, Any] = kwargs
        self._state = _NEW
        self._value: T | BaseException | None = None
        self._error: BaseException | None = None
        self._links: list[Callable[[Greenlet[T]], object]] | None = None
        #: The first group that it was added to: it forgets this greenlet at its end, not a turn of the loop later.
        self._group: Home | None = None
        self._joiners: dict[greenlet, Hub] | None = None
        self._timer: Timer | None = None
        self._name: str | None = None
        spawner = getcurrent()
        #: Who made it, until it ends.
        self._spawner: greenlet | None = spawner
        shared: dict[str, Any] | None = getattr(spawner, "spawn_tree_locals", None)
        #: A dict that all share who were spawned by one greenlet, or by one of those, and so on.
        self.spawn_tree_locals: dict[str, Any] = {} if shared is None else shared

    # -- making ----------------------------------------------------------------------------------------------

    @classmethod
    def spawn(cls, *args: Any, **kwargs: Any) -> Greenlet[T]:
        """Make one and start it."""
        made = cls(*args, **kwargs)
        made.start()
        return made

    @classmethod
    def spawn_later(cls, seconds: float, *args: Any, **kwargs: Any) -> Greenlet[T]:
        """Make one that starts ``seconds`` from now."""
        made = cls(*args, **kwargs)
        made.start_later(seconds)
        return made

    def start(self) -> None:
        """Run it in the loop's next turn. Nothing happens if it was started or killed before."""
        if self._state == _NEW:
            self._state = _SCHEDULED
            if _spawn_callbacks:
                _tell_spawned(self)
            self._hub.ready.append((self, START))

    def start_later(self, seconds: float) -> None:
        """Run it ``seconds`` from now; for 0 or less as ``start``. Nothing if it was started or killed before."""
        if seconds <= 0:
            self.start()
        elif self._state == _NEW:
            self._state = _SCHEDULED
            if _spawn_callbacks:
                _tell_spawned(self)
            hub = self._hub
            self._timer = hub.timers.add(hub.now() + seconds, self.switch)

    @staticmethod
    def add_spawn_callback(callback: Callable[[Greenlet[Any]], object]) -> None:
        """Call ``callback(greenlet)`` for each greenlet as it is started, before it runs. It must not wait."""
        _must_be_callable(callback)
        if callback not in _spawn_callbacks:
            _spawn_callbacks.append(callback)

    @staticmethod
    def remove_spawn_callback(callback: Callable[[Greenlet[Any]], object]) -> None:
        """Do not call it any more; nothing happens if it is not called."""
        with suppress(ValueError):
            _spawn_callbacks.remove(callback)

    # -- running ---------------------------------------------------------------------------------------------

    def _run(self) -> T:
        """What a subclass overrides instead of handing in a function."""
        raise TypeError(f"{type(self).__name__} was given no function to run and does not define _run")

    def run(self) -> None:
        """The body, called by the loop."""
        if self._state == _DONE:
            return  # killed before it began
        self._state = _RUNNING
        function = self._function
        try:
            self._value = (
                self._run(*self.args, **self.kwargs) if function is None else function(*self.args, **self.kwargs)
            )
        except GreenletExit as error:
            # Its frames hold this greenlet: a cycle for each one killed. Unbound, here and below: the error's class may
            # be frozen, or have a method of that name that fails.
            self._value = BaseException.with_traceback(error, None)
        except BaseException as error:
            # This function's own frame would do the same, and says nothing to the reader of the traceback.
            trace = error.__traceback__
            if trace is not None and trace.tb_next is not None:
                BaseException.with_traceback(error, trace.tb_next)
            self._error, self._trace = error, error.__traceback__
            self._finish()
            self._failed(error)
            trace = None
        else:
            self._finish()
            return
        if self._state != _DONE:
            self._finish()

    def run_here(self) -> None:
        """Run an unstarted one's body in the calling greenlet, now, though in the context that it was given.

        A kill or a Timeout that comes meanwhile is meant for the calling greenlet: it ends the body and goes on.
        """
        if self._state != _NEW:
            raise RuntimeError(f"{self!r} was started already")
        self._state = _RUNNING
        context = self.gr_context or Context()
        function = self._run if self._function is None else self._function
        try:
            self._value = context.run(function, *self.args, **self.kwargs)
        except Exception as error:
            self._error = error
            self._finish()
            self._failed(error)
        except BaseException as error:
            self._error = error
            self._finish()
            raise
        else:
            self._finish()

    def _failed(self, error: BaseException) -> None:
        """Report an exception that escaped from the body. Those who wait for the end were woken before."""
        self._hub.failed(self, error)

    def _finish(self) -> None:
        self._state = _DONE
        hub = self._hub
        if hub.pending:
            hub.pending.pop(self, None)
        if self._links:
            hub.call_next(self._notify)
        elif self._joiners:
            self._wake_joiners()
        if self._group is not None:
            try:
                self._group.discard(self)
            except Exception as error:  # of a subclass of the program's: those who wait and link come all the same
                hub.failed(self, error)
        self._spawner = None
        self.args = ()
        if self.kwargs:
            self.kwargs = {}

    def _notify(self) -> None:
        """Run the links. The loop calls it first of all that is ready, so they have run when a join returns."""
        while self._links:  # one of them may unlink others
            link = self._links.pop(0)
            try:
                link(self)
            except BaseException as error:
                self._hub.failed(None, error)
        self._wake_joiners()

    # -- looking ---------------------------------------------------------------------------------------------

    def __bool__(self) -> bool:
        """True from its start to its end."""
        return self._state in (_SCHEDULED, _RUNNING)

    @property
    def started(self) -> bool:
        """True from its start, though it may not run yet, to its end."""
        return self._state in (_SCHEDULED, _RUNNING)

    @property
    def dead(self) -> bool:
        """True once it ended, or was killed before it began."""
        return self._state == _DONE

    def ready(self) -> bool:
        """True once it ended."""
        return self._state == _DONE

    def successful(self) -> bool:
        """True once it returned, or ended by GreenletExit."""
        return self._state == _DONE and self._error is None

    def spawning_greenlet(self) -> greenlet | None:
        """Who made it; None once it has ended."""
        return self._spawner

    @property
    def minimal_ident(self) -> int:
        """The least number that no other living greenlet of this thread that was asked has; 0 is the first."""
        registry: IdentRegistry = self._hub.vars.setdefault(_IDENTS, IdentRegistry())
        return registry.get_ident(self)

    @property
    def value(self) -> T | BaseException | None:
        """What it returned; None before that, and after a failure."""
        return self._value

    @property
    def exception(self) -> BaseException | None:
        """What it failed with, or None."""
        return self._error

    def failure(self) -> BaseException:
        """What it failed with, to be raised: with the greenlet's own traceback, which no earlier raise has grown."""
        error = self._error
        assert error is not None
        return BaseException.with_traceback(error, getattr(self, "_trace", error.__traceback__))

    @property
    def exc_info(self) -> tuple[type[BaseException], BaseException, Any] | None:
        """What it failed with, as ``sys.exc_info()`` would give it, or None."""
        error = self._error
        return None if error is None else (type(error), error, error.__traceback__)

    @property
    def name(self) -> str:
        """What reports call it: the function's name unless it was set."""
        if self._name is not None:
            return self._name
        function = self._function
        return (
            getattr(function, "__qualname__", None) or repr(function) if function is not None else type(self).__name__
        )

    @name.setter
    def name(self, name: str) -> None:
        self._name = name

    def __repr__(self) -> str:
        state = ("new", "scheduled", "running", "dead")[self._state]
        return f"<{type(self).__name__} {self.name} at {id(self):#x}, {state}>"

    # -- waiting ---------------------------------------------------------------------------------------------

    def join(self, timeout: Seconds = None) -> None:
        """Wait until it ended, at most ``timeout`` seconds; look at ``ready()`` to know which."""
        if self._state == _DONE:
            return
        hub = _local.hub or get_hub()
        me = getcurrent()
        if hub.pending or me is hub.greenlet:
            may_park(hub, me, self)
        joiners = self._joiners
        if joiners is None:
            with first_time:
                joiners = self._joiners = self._joiners or {}
        try:
            hub.parked[me] = self
            joiners[me] = hub
            if self._state == _DONE:  # in its own thread, just now
                self._wake_joiners()
            hub.leave(me) if timeout is None else hub.leave_for(me, timeout)
        except BaseException:
            hub.back_out(me)
            raise

    def _wake_joiners(self) -> None:
        joiners = self._joiners
        if joiners:
            for waiter, hub in list(joiners.items()):
                if joiners.pop(waiter, None) is not None:
                    hub.deliver(waiter, None)

    @property
    def shared(self) -> bool:
        """For the loop: whether the one who asks waits for another thread's greenlet."""
        return self._hub is not _local.hub

    def give_up(self, waiter: greenlet) -> bool:
        """For the loop, when one who waits for this one's end is killed or late."""
        joiners = self._joiners
        return joiners is not None and joiners.pop(waiter, None) is not None

    def get(self, block: bool = True, timeout: Seconds = None) -> T:
        """Wait for the end and return the value, or raise what it failed with.

        Raises NotReady, both a Timeout and a builtin TimeoutError, if it has not ended within ``timeout`` seconds
        (or, when ``block`` is false, at once).
        """
        if self._state != _DONE and block:
            self.join(timeout)
        if self._state != _DONE:
            raise not_ready(timeout if block else 0, repr(self))
        if self._error is not None:
            raise self.failure()
        return self._value  # type: ignore[return-value]  # GreenletExit counts as a value, as in gevent

    def kill(
        self,
        exception: type[BaseException] | BaseException = GreenletExit,
        block: bool = True,
        timeout: Seconds = None,
    ) -> None:
        """Raise ``exception`` in it and wait (``block``) until it ended, at most ``timeout`` seconds.

        Before its start: the body never runs. While it is parked: its wait is undone at once. While it is ready
        to run: it gets what it was woken for, and the exception at its next wait. It may catch the exception. From any
        thread. TypeError for what cannot be raised.
        """
        if self._state == _DONE:
            return
        hub = self._hub
        error = raisable(exception)
        if hub is not get_hub():
            hub.call_soon_threadsafe(self.kill, error, False)
            if block:
                self.join(timeout)
            return
        if self._state < _RUNNING:
            if self._timer is not None:
                self._timer.cancel()
            if isinstance(error, GreenletExit):
                self._value = error
            else:
                self._error = error
            self._finish()
            return
        if getcurrent() is self:
            raise error
        hub.cancel(self, error)
        if block:
            self.join(timeout)

    def throw(self, kind: Any = GreenletExit, value: Any = None, trace: Any = None) -> None:
        """Raise an exception in it as ``kill`` does, and let it run; the arguments are ``greenlet.throw``'s.

        Unlike that one it comes back to the caller, whatever the greenlet does; the value of the greenlet does not.
        """
        _throw(self, self.kill, kind, value, trace)

    def __await__(self) -> Generator[Any, Any, T]:
        """In a coroutine of a loop that this thread's hub has joined, or may join: wait for the end, as ``get`` does.

        A cancelled ``await`` kills it; a kill raises the loop's own kind of cancellation.
        """
        return outer_of().ended(self).__await__()

    # -- links -----------------------------------------------------------------------------------------------

    def rawlink(self, callback: Callable[[Greenlet[T]], object]) -> None:
        """Call ``callback(greenlet)`` in the loop once it ended, before those who joined go on. It must not wait."""
        _must_be_callable(callback)
        if self._state == _DONE:
            self._hub.call_soon(callback, self)
        elif self._links is None:
            self._links = [callback]
        else:
            self._links.append(callback)

    def link(self, callback: Callable[[Greenlet[T]], object]) -> None:
        """Call ``callback(greenlet)`` in a greenlet of its own once it ended; that one begins before joiners go on."""
        self.rawlink(SpawnedLink(callback))

    def link_value(self, callback: Callable[[Greenlet[T]], object]) -> None:
        """As ``link``, only if it succeeds."""
        self.rawlink(SpawnedLink(callback, when=True))

    def link_exception(self, callback: Callable[[Greenlet[T]], object]) -> None:
        """As ``link``, only if it fails."""
        self.rawlink(SpawnedLink(callback, when=False))

    def unlink(self, callback: Callable[[Greenlet[T]], object]) -> None:
        """Remove one callback of ``link`` or ``rawlink`` that equals (``==``) ``callback``, if there is one."""
        links = self._links or []
        for place, one in enumerate(links):
            if one == callback or (isinstance(one, SpawnedLink) and one.callback == callback):
                del links[place]
                return

    def unlink_all(self) -> None:
        """Forget every callback."""
        self._links = None

    def has_links(self) -> bool:
        """Whether there is a callback for its end."""
        return bool(self._links)

    # -- as a block ------------------------------------------------------------------------------------------

    def __enter__(self) -> Greenlet[T]:
        """``with spawn(…) as one:`` joins it at the end of the block, and kills it if the block or that wait fails."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if error is None:
                self.join()
        finally:
            self.kill()


class SpawnedLink:
    """Calls ``callback`` in a greenlet of its own, which begins at once; ``when``: only after success, or failure."""

    __slots__ = ("callback", "take", "when")

    def __init__(
        self,
        callback: Callable[[Any], object],
        when: bool | None = None,
        take: Callable[[Any], object] | None = None,
    ) -> None:
        _must_be_callable(callback)
        self.callback: Callable[[Any], object] = callback
        self.when: bool | None = when
        #: What the callback is given instead of the source: ``take(source)``.
        self.take: Callable[[Any], object] | None = take

    def __call__(self, source: Any) -> None:
        """In the loop."""
        if self.when is None or self.when == source.successful():
            made = Greenlet[Any](self.callback, source if self.take is None else self.take(source))
            made._state = _SCHEDULED
            made.switch()


def _must_be_callable(function: object) -> None:
    if not callable(function):
        raise TypeError(f"what is called must be callable, not {text(function)}")


def spawn(function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Greenlet[T]:
    """Run ``function(*args, **kwargs)`` in a new greenlet from the loop's next turn on."""
    made: Greenlet[T] = Greenlet(function, *args, **kwargs)
    made._state = _SCHEDULED
    if _spawn_callbacks:
        _tell_spawned(made)
    made._hub.ready.append((made, START))
    return made


def spawn_later(seconds: float, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Greenlet[T]:
    """Run ``function(*args, **kwargs)`` in a new greenlet ``seconds`` from now."""
    made: Greenlet[T] = Greenlet(function, *args, **kwargs)
    made.start_later(seconds)
    return made


def spawn_raw(function: Callable[..., object], /, *args: Any, **kwargs: Any) -> greenlet:
    """Run a function in a bare greenlet: cheaper, cannot be joined; an exception is reported by the loop."""
    _must_be_callable(function)
    return _raw(START, partial(function, *args, **kwargs) if args or kwargs else function)


def spawn_ahead(function: Callable[..., object], /, *args: Any, **kwargs: Any) -> greenlet:
    """As ``spawn_raw``; in whatever order what is ready runs (``CELADON_SHUFFLE``), before all made ready after it."""
    return _raw(AHEAD, partial(function, *args, **kwargs))


def kill_raw(victim: greenlet, exception: type[BaseException] | BaseException, block: bool = False) -> None:
    """Raise ``exception`` in a bare greenlet of this thread, at its wait. ``block`` does not matter: none is joined."""
    error = raisable(exception)
    hub = get_hub()
    if victim:
        hub.cancel(victim, error)
    elif not victim.dead:  # it has not begun, and never will
        hub.call_next(RAISE, victim, GreenletExit())


def _throw(victim: greenlet, kill: Callable[..., None], kind: Any, value: Any, trace: Any) -> None:
    if isinstance(kind, type) and value is not None:
        kind = value if isinstance(value, BaseException) else kind(value)
    error = raisable(kind)
    kill(error if trace is None else BaseException.with_traceback(error, trace), block=False)
    if not victim.dead and may_wait():
        sleep(0)


class RawGreenlet(greenlet):
    """What ``spawn_raw`` makes: a bare greenlet whose ``throw`` comes back to the caller, as Greenlet's does."""

    __slots__ = ()

    def throw(self, kind: Any = GreenletExit, value: Any = None, trace: Any = None) -> None:
        """See ``Greenlet.throw``."""
        _throw(self, partial(kill_raw, self), kind, value, trace)


def _raw(sign: object, function: Callable[[], object]) -> greenlet:
    hub = get_hub()
    raw = RawGreenlet(function, hub.greenlet)
    raw.gr_context = copy_context()
    hub.ready.append((raw, sign))
    return raw
