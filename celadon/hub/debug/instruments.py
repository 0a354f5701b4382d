"""Functions that are called at each switch between greenlets. They cost nothing while none is installed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import perf_counter

from greenlet import getcurrent, gettrace, greenlet, settrace

from ..greenlets.greenlet import Greenlet
from ..loop.clock import Now
from ..loop.current import get_hub

#: Called as ``instrument(event, origin, target)``: control went from one to the other; event: "switch" or "throw".
Instrument = Callable[[str, greenlet, greenlet], object]


@contextmanager
def instrument(function: Instrument) -> Iterator[None]:
    """Have ``function`` called at each switch of this thread in the block. It must not switch.

    Others that were installed before are called first. An error in it is reported, and it is not called any more.
    """
    before = gettrace()
    works = True

    def traced(event: str, args: tuple[greenlet, greenlet]) -> None:
        if before is not None:
            before(event, args)  # type: ignore[arg-type]  # one of the two literals
        nonlocal works
        if works:
            try:
                function(event, *args)
            except Exception as error:
                works = False
                get_hub().failed(None, error)

    settrace(traced)
    try:
        yield
    finally:
        settrace(before)


class RunTimes:
    """``with RunTimes() as times:`` how long each greenlet of this thread ran in the block (not waited), and how often.

    Keyed by the greenlet's name and address, so that it keeps none alive; the hub itself is "the hub".
    """

    def __init__(self, clock: Now = perf_counter) -> None:
        self.seconds: dict[str, float] = {}
        self.turns: dict[str, int] = {}
        self._clock = clock
        self._since = 0.0

    def _switched(self, event: str, origin: greenlet, target: greenlet) -> None:
        now = self._clock()
        who = _label(origin)
        self.seconds[who] = self.seconds.get(who, 0.0) + now - self._since
        self.turns[who] = self.turns.get(who, 0) + 1
        self._since = self._clock()

    def longest(self, count: int = 10) -> list[tuple[str, float]]:
        """Those that ran for the longest time in all, with their seconds."""
        return sorted(self.seconds.items(), key=lambda item: -item[1])[:count]

    def __enter__(self) -> RunTimes:
        self._since = self._clock()
        self._block = instrument(self._switched)
        self._block.__enter__()
        return self

    def __exit__(self, *exc: object) -> None:
        self._block.__exit__(None, None, None)
        self._switched("end", getcurrent(), getcurrent())


def _label(who: greenlet) -> str:
    hub = get_hub()
    if who is hub.greenlet:
        return "the hub"
    if who is hub.main:
        return "the main greenlet"
    return f"{who.name if isinstance(who, Greenlet) else type(who).__name__} at {id(who):#x}"


@contextmanager
def assert_switches(max_blocking_time: float | None = None, hub_only: bool = False) -> Iterator[None]:
    """AssertionError unless the block gives others a turn: gevent's name.

    With ``max_blocking_time`` (seconds of the hub's clock) also if it runs longer than that without a switch;
    ``hub_only`` counts only switches into the hub.
    """
    hub = get_hub()
    begin = last = hub.now()
    turn, switches, longest = (hub.turn, hub.left), 0, 0.0

    def switched(event: str, origin: greenlet, target: greenlet) -> None:
        nonlocal last, switches, longest
        if hub_only and hub.greenlet not in (origin, target):
            return
        now = hub.now()
        if origin is not hub.greenlet:  # the hub's own time is spent waiting
            longest = max(longest, now - last)
        switches += 1
        last = now

    with instrument(switched):
        yield
    end = hub.now()
    # To wait while nobody else is ready needs no switch: the loop counts it all the same.
    if not switches and (hub_only or turn == (hub.turn, hub.left)):
        raise AssertionError(f"the block ran for {end - begin:.3f} s and never gave others a turn")
    longest = max(longest, end - last)
    if max_blocking_time is not None and longest > max_blocking_time:
        raise AssertionError(f"the block ran for {longest:.3f} s without a switch, more than {max_blocking_time} s")


__all__ = ["Instrument", "RunTimes", "assert_switches", "instrument"]
