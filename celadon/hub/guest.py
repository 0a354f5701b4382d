"""The hub as a guest in another loop of the same thread: greenlets that asyncio or Twisted wait for, without a thread.

The host watches one fd, the hub's own poller, and calls ``pump`` when it is readable or a deadline is due; that runs
the greenlets that became ready, and never waits. With two threads, each packet would pass the interpreter's lock from
one to the other, and wait for a busy host; here there is one thread.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any

from .loop.current import get_hub
from .loop.hub import Hub
from .loop.joined import joined_here
from .waiting.park import sleep

CallLater = Callable[[float, Callable[[], object]], Any]


class Guest:
    """The calling thread's hub as a guest; ``call_later(seconds, function)`` is the host's.

    Have the host call ``pump`` whenever ``fileno()`` is readable, and ``run`` once after anything was spawned, both
    from its own greenlet in that thread. RuntimeError where the poller has no fd of its own (poll(2)). Not for a
    host that waits by the hub already (asyncio under ``patch_all``).
    """

    def __init__(self, call_later: CallLater) -> None:
        self.hub: Hub = get_hub()
        if self.hub.poller.fileno() < 0:
            raise RuntimeError(f"{self.hub.poller!r} cannot be watched by another loop")
        self.fileno: Callable[[], int] = self.hub.poller.fileno
        self._call_later = call_later
        self._due: float | None = None
        self._running = False
        self._closed = False
        self._calls: deque[tuple[Callable[..., object], tuple[Any, ...]]] = deque()

    def __repr__(self) -> str:
        return f"<Guest {self.hub!r}>"

    def call(self, function: Callable[..., object], *args: Any) -> None:
        """For greenlets that are run from here: have ``function(*args)`` called in the host's own greenlet, soon."""
        joined = joined_here()
        if joined is not None:
            joined.outer.soon(partial(function, *args))
        else:
            self._calls.append((function, args))

    def pump(self) -> None:
        """Take in what the kernel and the clock have for the hub, and ``run``."""
        if not self._running:
            if joined_here() is None:
                self.hub.look_soon()
            self.run()

    def run(self) -> None:
        """Run what is ready until all wait again, and be called again at the next deadline. Never waits itself.

        From inside of a ``call`` it returns at once, and what was spawned there gets its turn afterwards.
        """
        if self._running:
            return
        joined = joined_here()
        if joined is not None:  # the host runs the greenlets by itself (celadon.hub.aio)
            joined.step()
            return
        self._running = True
        hub, calls = self.hub, self._calls
        try:
            sleep(0)
            while calls or hub.ready:
                while calls:
                    function, args = calls.popleft()
                    try:
                        function(*args)
                    except Exception as error:
                        hub.failed(None, error)
                if hub.ready:
                    sleep(0)
        finally:
            self._running = False
        due = hub.timers.next_deadline()
        # Nearly all deadlines are cancelled and replaced by later ones. The host's timer is left where it is then: one
        # call too early costs less than a new timer for each.
        if due is not None and (self._due is None or due < self._due) and not self._closed:
            self._due = due
            self._call_later(max(due - hub.now(), 0.0), self._ring)

    def _ring(self) -> None:
        self._due = None
        if not self._closed:
            self.pump()

    def close(self) -> None:
        """Ask the host for no more calls; one that it was asked for already does nothing."""
        self._closed = True


__all__ = ["Guest"]
