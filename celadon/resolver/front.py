"""Where policy meets the world: runs the stub's plans on the hub, against an engine and the system's files.

The stub (``stub.py``) is a generator that says what it needs to know and gets it sent back. Here are the only
two answers: questions go to the engine and the greenlet parks once for all of them; source addresses come from
connected UDP sockets, which send nothing. So a kill or a Timeout has one place to come out of, and there the
questions are cancelled.
"""

from __future__ import annotations

import _socket
from collections.abc import Callable, Generator
from typing import Any, TypeVar

from ..hub import Hub, get_hub, getcurrent, park
from . import stub
from .errors import Kind, ResolveError
from .model import AddrInfo, Answer, Config, Question, SockAddr
from .protocols import Cancel, Engine, Outcome

T = TypeVar("T")

Plan = Generator["stub.Ask | stub.Sources", Any, T]


def ask(engine: Engine, questions: tuple[Question, ...]) -> list[Outcome]:
    """Ask all at once and park until all are answered; the outcomes in order.

    A kill or a Timeout cancels what is still unanswered. ResolveError for a question that cannot be sent.
    """
    hub = get_hub()
    me = getcurrent()
    if len(questions) == 1:
        return [park(engine.submit(questions[0], lambda outcome: hub.unpark(me, outcome)))]
    gather = _Gather(hub, len(questions))
    try:
        for index, question in enumerate(questions):
            gather.cancels.append(engine.submit(question, gather.at(index)))
    except BaseException:
        gather.cancel()
        raise
    park(gather.cancel)
    return gather.outcomes


class _Gather:
    """One parked greenlet, several questions: the last answer wakes it."""

    __slots__ = ("_hub", "_left", "_waiter", "cancels", "outcomes")

    def __init__(self, hub: Hub, count: int) -> None:
        self._hub = hub
        self._waiter = getcurrent()
        self._left = count
        self.outcomes: list[Any] = [None] * count
        self.cancels: list[Cancel] = []

    def at(self, index: int) -> Callable[[Outcome], None]:
        def done(outcome: Outcome) -> None:
            self.outcomes[index] = outcome
            self._left -= 1
            if not self._left:
                self._hub.unpark(self._waiter)

        return done

    def cancel(self) -> None:
        for cancel, outcome in zip(self.cancels, self.outcomes, strict=False):
            if outcome is None:
                cancel()


def source_of(destination: SockAddr) -> str | None:
    """The address that the kernel would send from to ``destination``; None if it cannot be reached.

    Connects a UDP socket, which chooses a route and sends nothing (RFC 6724 §4 leaves the means open).
    """
    family = _socket.AF_INET6 if ":" in destination[0] else _socket.AF_INET
    try:
        probe = _socket.socket(family, _socket.SOCK_DGRAM | _socket.SOCK_CLOEXEC)
    except OSError:
        return None
    try:
        probe.connect(destination)
        return str(probe.getsockname()[0])
    except OSError:
        return None
    finally:
        probe.close()


class _Seat:
    """An engine in one hub, with the configuration it was made from and how many lookups run on it."""

    __slots__ = ("config", "engine", "retired", "users")

    def __init__(self, engine: Engine, config: Config) -> None:
        self.engine = engine
        self.config = config
        self.users = 0
        self.retired = False

    def leave(self) -> None:
        """One lookup less; the last one of a retired engine turns off the light."""
        self.users -= 1
        if self.retired and not self.users:
            self.engine.close()

    def retire(self) -> None:
        """No new lookups; those in flight end on it."""
        if not self.retired:
            self.retired = True
            if not self.users:
                self.engine.close()


class StubResolver:
    """libc's answers over any engine. One object serves all hubs; each hub gets its own engine at its first question.

    ``make`` makes an engine for the calling thread's hub, ``world`` gives what the system's files say now. When the
    configuration changes, new lookups get a new engine, and those in flight end on the old one.
    """

    def __init__(self, name: str, make: Callable[[Config], Engine], world: Callable[[], stub.World]) -> None:
        self.name = name
        self._make = make
        self._world = world
        self._closed = False

    def __repr__(self) -> str:
        return f"<StubResolver over {self.name}>"

    def _seat(self, config: Config) -> _Seat:
        variables = get_hub().vars
        seat: _Seat | None = variables.get(self)
        if seat is not None and (seat.config is config or seat.config == config):
            return seat
        if self._closed:
            raise ResolveError(Kind.CANCELLED, "", detail=f"{self!r} is closed")
        if seat is not None:
            seat.retire()
        made = variables[self] = _Seat(self._make(config), config)
        get_hub().on_close(made.retire)
        return made

    def _run(self, plan: Plan[T], config: Config) -> T:
        seat: _Seat | None = None
        try:
            request = next(plan)
            while True:
                if isinstance(request, stub.Ask):
                    if seat is None:
                        seat = self._seat(config)
                        seat.users += 1
                    request = plan.send(ask(seat.engine, request.questions))
                else:
                    request = plan.send([source_of(one) for one in request.destinations])
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]  # a plan's value is its T
        finally:
            if seat is not None:
                seat.leave()

    def getaddrinfo(
        self,
        host: str | bytes | None,
        port: str | bytes | int | None,
        family: int = 0,
        type: int = 0,
        proto: int = 0,
        flags: int = 0,
    ) -> list[AddrInfo]:
        """See ``socket.getaddrinfo``; parks the calling greenlet only."""
        world = self._world()
        return self._run(stub.getaddrinfo(world, host, port, family, type, proto, flags), world.config)

    def getnameinfo(self, sockaddr: SockAddr, flags: int = 0) -> tuple[str, str]:
        """See ``socket.getnameinfo``."""
        world = self._world()
        return self._run(stub.getnameinfo(world, sockaddr, flags), world.config)

    def gethostbyname(self, host: str | bytes) -> str:
        """See ``socket.gethostbyname``."""
        world = self._world()
        return self._run(stub.gethostbyname(world, host), world.config)

    def gethostbyname_ex(self, host: str | bytes) -> tuple[str, list[str], list[str]]:
        """See ``socket.gethostbyname_ex``."""
        world = self._world()
        return self._run(stub.gethostbyname_ex(world, host), world.config)

    def gethostbyaddr(self, address: str | bytes) -> tuple[str, list[str], list[str]]:
        """See ``socket.gethostbyaddr``."""
        world = self._world()
        return self._run(stub.gethostbyaddr(world, address), world.config)

    def query(self, question: Question) -> Answer:
        """Ask one question as it stands, without hosts file and search list. Raises ResolveError when no reply came."""
        seat = self._seat(self._world().config)
        seat.users += 1
        try:
            outcome = ask(seat.engine, (question,))[0]
        finally:
            seat.leave()
        if isinstance(outcome, ResolveError):
            raise outcome.fresh()
        return outcome

    def close(self) -> None:
        """Take no more lookups in this hub, and close its engine once the ones in flight have ended.

        The engines of other hubs close with their threads.
        """
        self._closed = True
        seat: _Seat | None = get_hub().vars.pop(self, None)
        if seat is not None:
            seat.retire()
