"""For tests of programs on the hub: a mock clock, a wait until everybody waits, a random order."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType

from .debug.instruments import assert_switches
from .loop.current import get_hub
from .loop.hub import Hub
from .loop.pollers import Poller
from .loop.shuffle import Shuffle
from .waiting.park import sleep


class MockClock:
    """``with MockClock() as clock:`` the hub's time stands still, and jumps to the next deadline when all wait for one.

    With ``autojump=False`` it moves by ``advance`` only. While a call in a thread is awaited (``hub.holds``) real
    time passes, since only that can bring it; what is ready on an fd always comes before a jump.
    """

    def __init__(self, start: float = 1000.0, autojump: bool = True) -> None:
        self._now = start
        self.autojump = autojump
        self._hub: Hub | None = None
        self._real: tuple[Poller, object] | None = None

    def now(self) -> float:
        """Seconds, from ``start`` on."""
        return self._now

    def advance(self, seconds: float) -> None:
        """Let time pass, and let what is due then run until all wait again. Call it in a greenlet."""
        if seconds < 0:
            raise ValueError("time does not go back")
        self._now += seconds
        wait_all_parked()

    def __enter__(self) -> MockClock:
        self._hub = hub = get_hub()
        self._poller, self._hub_now = hub.poller, hub.now
        hub.poller = _MockPoller(hub.poller, hub, self)
        hub.now = self.now
        hub._held_up.new_clock()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        hub = self._hub
        assert hub is not None
        hub.poller, hub.now = self._poller, self._hub_now
        hub._held_up.new_clock()


class _MockPoller:
    def __init__(self, real: Poller, hub: Hub, clock: MockClock) -> None:
        self._real = real
        self._hub = hub
        self._clock = clock
        self.edge_triggered = real.edge_triggered
        self.tells_endings = real.tells_endings
        self.removes_from_any_thread = real.removes_from_any_thread
        self.add, self.modify, self.remove, self.close = real.add, real.modify, real.remove, real.close
        self.fileno = real.fileno

    def poll(self, timeout: float | None) -> list[tuple[int, int]]:
        """What is ready, else a jump of the clock by ``timeout``."""
        events = self._real.poll(0)
        if events or timeout == 0:
            return events
        if timeout is None or self._hub.holds or self._hub.timers.next_deadline() is None:
            return self._real.poll(timeout)
        if not self._clock.autojump:
            raise RuntimeError(f"all wait for a deadline {timeout:.3f} s away, and the clock only moves by advance()")
        self._clock._now += timeout
        return []


def wait_all_parked() -> None:
    """Return once nobody but the caller is ready to run and no deadline is due. Does not wait for fds or threads."""
    hub = get_hub()
    while True:
        hub.look_soon()  # or the loop might not look at timers and fds within this millisecond
        sleep(0)
        deadline = hub.timers.next_deadline()
        if not hub.ready and (deadline is None or deadline > hub.now()):
            return


@contextmanager
def shuffled(seed: object) -> Iterator[None]:
    """In the block this thread's hub runs what is ready in a random order, the same for the same ``seed``.

    None for the order in which it became ready. The whole process at once: ``CELADON_SHUFFLE=seed``.
    """
    hub = get_hub()
    before = hub.shuffle
    hub.shuffle = None if seed is None else Shuffle(seed)
    hub.look_soon()  # ends the turn that has begun in another order
    try:
        yield
    finally:
        hub.shuffle = before


__all__ = ["MockClock", "assert_switches", "shuffled", "wait_all_parked"]
