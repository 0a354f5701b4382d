"""``create_connection`` and ``create_server`` on green sockets, with Happy Eyeballs if chosen.

RFC 8305: addresses of both families take turns, and if a try has not succeeded after a short delay, the next
one begins beside it, and the first to succeed wins. A dead address then costs that delay, not a timeout.
"""

from __future__ import annotations

import _socket
import socket as _std
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from types import FunctionType
from typing import Any

from ..hub import Empty, Queue, Timeout, killall, spawn
from .socket import getaddrinfo, socket

_module: Any = _std
_base = _std.socket
_Try = Callable[[], socket]
_UNSET: Any = _module._GLOBAL_DEFAULT_TIMEOUT

#: The recommended and the shortest delay in seconds (RFC 8305, section 8).
RECOMMENDED_DELAY, LEAST_DELAY = 0.25, 0.01
_delay: float | None = None


def happy_eyeballs(delay: float | None = RECOMMENDED_DELAY) -> float | None:
    """Have ``create_connection`` try the next address after ``delay`` seconds, in the whole process; None: one by one.

    Returns what was set before. ValueError for a delay below the 10 ms of RFC 8305.
    """
    global _delay
    if delay is not None and delay < LEAST_DELAY:
        raise ValueError(f"happy_eyeballs: a delay is at least {LEAST_DELAY} seconds (RFC 8305), not {delay}")
    before, _delay = _delay, delay
    return before


def interleaved(found: Sequence[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """The addresses with their families taking turns, in the order of the first of each (RFC 8305, section 4)."""
    families: dict[Any, deque[tuple[Any, ...]]] = {}
    for one in found:
        families.setdefault(one[0], deque()).append(one)
    turns = []
    while families:
        for family in list(families):
            turns.append(families[family].popleft())
            if not families[family]:
                del families[family]
    return turns


def create_connection(
    address: tuple[str | None, int],
    timeout: Any = _UNSET,
    source_address: Any = None,
    *,
    all_errors: bool = False,
    happy_eyeballs_delay: float | None = None,
) -> socket:
    """See ``socket.create_connection``; ``timeout`` (seconds) also bounds the lookup, and each try after it.

    ``happy_eyeballs_delay`` (seconds) as asyncio has it; None: what ``happy_eyeballs`` set for the process.
    """
    host, port = address
    limit = _socket.getdefaulttimeout() if timeout is _UNSET else timeout
    with Timeout(limit or None, TimeoutError("timed out")):
        found: list[tuple[Any, ...]] = list(getaddrinfo(host, port, 0, _socket.SOCK_STREAM))
    delay = _delay if happy_eyeballs_delay is None else happy_eyeballs_delay
    return connect_first(found, timeout, source_address, delay=delay, all_errors=all_errors)


def connect_first(
    found: Sequence[tuple[Any, ...]],
    timeout: Any = _UNSET,
    source_address: Any = None,
    *,
    delay: float | None = None,
    all_errors: bool = False,
) -> socket:
    """A connection to the first of these addresses, as ``getaddrinfo`` gives them, that takes one.

    ``timeout`` (seconds) bounds each try, and stays the socket's; with a ``delay`` (seconds) the next address is tried
    after it, beside the first. OSError: that of the last try, or an ExceptionGroup of ``all_errors``.
    """
    # socket.socket of now, as in the standard library's function: other libraries replace it.
    kind_of = _module.socket if _module.socket is not _base else socket

    def connect(family: Any, kind: Any, proto: int, _: str, sockaddr: Any) -> socket:
        made: socket = kind_of(family, kind, proto)
        try:
            if timeout is not _UNSET and timeout != made.gettimeout():  # the same costs a system call as well
                made.settimeout(timeout)
            if source_address:
                made.bind(source_address)
            made.connect(sockaddr)
        except BaseException:
            made.close()
            raise
        return made

    tries: list[_Try] = [partial(connect, *one) for one in (found if delay is None else interleaved(found))]
    errors: list[OSError] = []
    try:
        made = _one_by_one(tries, errors) if delay is None or len(tries) < 2 else _race(tries, errors, delay)
        if made is not None:
            return made
        if not errors:
            raise OSError("getaddrinfo returns an empty list")
        if all_errors:
            raise ExceptionGroup("create_connection failed", errors)
        raise errors[-1]
    finally:
        errors.clear()


def _one_by_one(tries: list[_Try], errors: list[OSError]) -> socket | None:
    for attempt in tries:
        try:
            return attempt()
        except OSError as error:
            errors.append(error)
    return None


def _race(tries: list[_Try], errors: list[OSError], delay: float) -> socket | None:
    """The first socket that is connected; a try begins ``delay`` seconds after the one before, or as that fails."""
    outcomes: Queue[socket | BaseException] = Queue()

    def run(attempt: _Try) -> None:
        try:
            outcomes.put(attempt())
        except Exception as error:  # noqa: BLE001  (raised where they are awaited)
            outcomes.put(error)

    waiting = deque(tries)
    running: list[Any] = []
    try:
        while waiting or len(errors) < len(running):
            if waiting:
                running.append(spawn(run, waiting.popleft()))
            try:
                outcome = outcomes.get(timeout=delay if waiting else None)
            except Empty:
                continue
            if isinstance(outcome, OSError):
                errors.append(outcome)
            elif isinstance(outcome, BaseException):
                raise outcome
            else:
                return outcome
        return None
    finally:
        killall(running)
        while not outcomes.empty():
            late = outcomes.get()
            if not isinstance(late, BaseException):
                late.close()


def _over(function: Any, **names: Any) -> Any:
    """The standard library's function, over other globals."""
    made = FunctionType(function.__code__, {**vars(_std), **names}, function.__name__, function.__defaults__)
    made.__kwdefaults__ = function.__kwdefaults__
    made.__doc__ = f"See ``socket.{function.__name__}``."
    return made


has_dualstack_ipv6: Any = _over(_std.has_dualstack_ipv6, socket=socket)
create_server: Any = _over(_std.create_server, socket=socket, has_dualstack_ipv6=has_dualstack_ipv6)

__all__ = ["create_connection"]
