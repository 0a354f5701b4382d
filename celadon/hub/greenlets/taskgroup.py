"""TaskGroup: greenlets that cannot outlive the block that spawned them; their failures are raised together.

Names and rules are asyncio.TaskGroup's: the first failure ends all other children and the block's body; when all have
ended, the failures are raised as one ExceptionGroup. A kill, a Timeout of an enclosing block and Ctrl-C are no failures
but orders to the greenlet of the block: they pass as they are, so that the enclosing block recognises its own.
"""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Any, ParamSpec, TypeVar

from greenlet import GreenletExit, getcurrent, greenlet

from ..errors import LoopExit
from ..loop.current import get_hub, root_greenlet
from ..loop.hub import Hub
from ..waiting.park import WaitQueue
from ..waiting.timeouts import Cancelled
from .greenlet import Greenlet

P = ParamSpec("P")
T = TypeVar("T")


class _Task(Greenlet[T]):
    """The group raises its failure, so it is not reported; Ctrl-C and SystemExit go to the main greenlet as well."""

    __slots__ = ()

    def _failed(self, error: BaseException) -> None:
        if isinstance(error, KeyboardInterrupt | SystemExit):
            super()._failed(error)


class TaskGroup:
    """``with TaskGroup() as tasks: tasks.spawn(function, *args)``: all have ended when the block has.

    The first exception in a child, or in the body, kills the other children and ends the body at its next wait; then
    the block raises an ExceptionGroup (BaseExceptionGroup if need be) of all that failed. A kill or a Timeout that
    comes for the greenlet of the block kills the children, waits for their end, and goes on; failures of children are
    then its ``__cause__``. A child that is killed by itself (GreenletExit) is no failure. For greenlets of one thread;
    each group is used once.
    """

    def __init__(self) -> None:
        self._children: set[Greenlet[Any]] = set()
        self._errors: list[BaseException] = []
        self._all_ended = WaitQueue("the children of a TaskGroup")
        self._hub: Hub | None = None
        self._owner: greenlet | None = None
        self._inside = 0
        #: Raised in the body when the group ends early.
        self._signal: Cancelled | None = None
        self._ending = False
        self._in_body = False

    def __repr__(self) -> str:
        return f"<TaskGroup at {id(self):#x}, {len(self._children)} running>"

    def __len__(self) -> int:
        """How many children have not ended."""
        return len(self._children)

    def __bool__(self) -> bool:
        return True

    def spawn(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Greenlet[T]:
        """Run ``function(*args, **kwargs)`` in a new child. Children may spawn as well, as long as the block lasts.

        RuntimeError before the block, after it, and while the group is ending.
        """
        if self._hub is None:
            raise RuntimeError(f"{self!r} takes children only inside of its block")
        if self._ending:
            raise RuntimeError(f"{self!r} is ending")
        child: _Task[T] = _Task(function, *args, **kwargs)
        self._children.add(child)
        child.rawlink(self._child_ended)
        child.start()
        return child

    def cancel(self) -> None:
        """Kill all children and leave the block at its next wait; that is no failure. From any of its greenlets."""
        self._end()

    def _child_ended(self, child: Greenlet[Any]) -> None:
        self._children.discard(child)
        if child.exception is not None:
            self._errors.append(child.exception)
            self._end()
        if not self._children:
            self._all_ended.wake_all()

    def _end(self) -> None:
        self._ending = True
        for child in list(self._children):
            if child is getcurrent():
                get_hub().cancel(child, GreenletExit())  # at its next wait
            else:
                child.kill(block=False)
        if self._in_body and self._signal is None:
            assert self._hub is not None
            assert self._owner is not None
            self._signal = Cancelled()
            self._hub.cancel(self._owner, self._signal, self._inside)

    def __enter__(self) -> TaskGroup:
        if self._hub is not None or self._ending:
            raise RuntimeError(f"{self!r} was used already")
        self._hub = hub = get_hub()
        self._owner = me = getcurrent()
        self._inside = hub.pending.depth(me)
        self._in_body = True
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        hub, me = self._hub, self._owner
        assert hub is not None
        assert me is not None
        self._in_body = False
        if self._signal is not None:
            hub.pending.withdraw(me, self._signal)
        order: BaseException | None = None
        if error is not None and error is not self._signal:
            if isinstance(error, Exception):
                self._errors.append(error)
            else:
                order = error
        if error is not None:
            self._end()
        order = self._wait_for_all(order, hub)
        self._ending = True
        self._hub = self._owner = None
        failed = BaseExceptionGroup("unhandled errors in a TaskGroup", self._errors) if self._errors else None
        self._errors = []
        if order is not None:
            if failed is not None:
                order.__cause__ = failed
            if order is error:
                return False
            raise order
        if failed is not None:
            raise failed from None
        return error is not None

    def _wait_for_all(self, order: BaseException | None, hub: Hub) -> BaseException | None:
        # The children end first, whatever comes meanwhile. Then the first order is raised; later ones at the next wait.
        later: list[BaseException] = []
        while self._children:
            try:
                self._all_ended.wait()
            except BaseException as interruption:
                if order is None:
                    order = interruption
                elif isinstance(interruption, LoopExit):
                    raise  # a child refuses to end, and nothing can wake it any more
                else:
                    later.append(interruption)
                self._end()
        if later:
            hub.pending.add(root_greenlet(), *later)  # if it is a callee, they may be meant for its caller
        return order


__all__ = ["TaskGroup"]
