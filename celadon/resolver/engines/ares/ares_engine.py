"""DNS questions through c-ares (``library``): its sockets on the loop, its clock on a timer, and what it cannot do.

c-ares asks each server once. Where that brings no answer that can be used (silence, a refusal, a datagram that c-ares
cannot parse, which ends all its queries at once), our own exchange, the python engine's, asks on until the question's
time is over. So a forger cannot make a lookup fail, and a late answer that c-ares would not have waited for counts.
Where many datagrams come that are no answers, somebody is guessing: all that c-ares has is asked over TCP instead.
Record types and names that pycares cannot carry, and questions with options, go to that exchange at once.
"""

from __future__ import annotations

import os
import re
from collections import deque
from functools import partial
from weakref import WeakSet

from ...dns.exchange import Tuning
from ...errors import Kind, ResolveError
from ...events import Event, OnEvent
from ...frozen import replace
from ...model import CLASS_IN, Answer, Config, QueryOptions, Question
from ...protocols import Cancel, Cancellable, Done, Engine, Outcome, Runtime, Watching, counts_of
from ..hub_runtime import HubRuntime
from ..python import python_engine
from . import library
from .ares_answer import answer_of

_IN_FLIGHT = 8192  # c-ares spins for ever at 65,536
_TICK = 0.1  # seconds: c-ares shortens its timeouts down to 0.25 s as it learns
_PAUSE = 0.5  # seconds without a tick, which come each 0.1 s: the process was stopped, or its hub blocked
_VAIN = 8  # datagrams to one port that brought nothing, beyond those that are late: then somebody is guessing
_LAST = 0.02  # seconds before a question's end in which it is not worth asking again

_KINDS = {library.BADRESP: Kind.FORMERR, library.TIMEOUT: Kind.TIMEOUT}
_OVER_TCP = QueryOptions(tcp=True)
_plain = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*").fullmatch  # what c-ares needs no escapes for


class _Query:
    """One question: until when it may take, and where it is asked. ``done`` None: nobody waits any more."""

    __slots__ = ("cancel", "done", "inside", "name", "options", "question", "refusal", "since", "timer")

    def __init__(self, question: Question, name: bytes, done: Done) -> None:
        self.question = question
        self.name = name
        self.done: Done | None = done
        self.since = 0.0
        self.inside = False  # c-ares has it, and has brought nothing yet
        self.refusal: Answer | None = None
        self.options: QueryOptions | None = None  # how our own exchange asks
        self.cancel: Cancel | None = None  # of our own exchange
        self.timer: Cancellable | None = None  # for the end, once our own exchange has it


class AresEngine:
    """See the module. Belongs to the hub of the thread that made it, or to the loop of ``runtime``."""

    name = "ares"

    def __init__(self, config: Config, on_event: OnEvent | None = None, runtime: Runtime | None = None) -> None:
        self._runtime: Runtime = HubRuntime() if runtime is None else runtime
        self._clock = self._runtime.clock
        self._on_event = on_event
        self._config = config
        servers = config.servers
        #: Seconds for a round over all servers, and for a question as a whole.
        self._round = config.timeout * len(servers)
        self._whole = self._round * config.attempts
        self._server = str(servers[0]) if len(servers) == 1 else None
        #: In c-ares alone, oldest first: all have the same time there.
        self._young: dict[_Query, None] = {}
        self._old: dict[_Query, None] = {}
        self._waiting: deque[_Query] = deque()
        self._watches: dict[int, Watching] = {}
        self._ports: dict[int, library.Port] = {}
        self._late = 0  # queries that c-ares gave up, whose answers may still come
        self._timer: Cancellable | None = None
        self._ticked = 0.0
        #: Seconds that the process was away while something was asked: no question's time runs then.
        self._away = 0.0
        self._closed = self._forked = False
        self._fallback: Engine | None = None
        self._channel = self._new_channel()
        _engines.add(self)

    def __repr__(self) -> str:
        return f"<ares engine, {len(self._young) + len(self._old) + len(self._waiting)} in flight>"

    def _new_channel(self) -> library.Channel:
        config = self._config
        # With one server there is none to go on to: it may be as late as the question allows.
        timeout = self._whole if len(config.servers) == 1 else config.timeout
        return library.Channel(config, timeout, self._sock_state)

    def submit(self, question: Question, done: Done) -> Cancel:
        """See ``Engine.submit``. What pycares cannot carry goes to the python engine."""
        if self._forked:
            self._forked = False
            self._channel = self._new_channel()
        if self._closed:
            raise ResolveError(Kind.CANCELLED, question.name, detail="the engine is closed")
        if (
            question.rdtype not in library.READ
            or question.options is not None
            or question.rdclass != CLASS_IN
            or not _plain(question.name)
            or question.name[-5:].lower() == "onion"  # which c-ares refuses by itself; policy decides here
        ):
            return self._exchange().submit(question, done)
        query = _Query(question, question.name.encode("ascii"), done)
        if self._channel.inside >= _IN_FLIGHT:
            self._waiting.append(query)
        elif self._ask(query) == library.BADNAME:
            raise ResolveError(Kind.ILLEGAL, question.name, detail="not a legal domain name (RFC 1035 §2.3.4)")
        return partial(self._forget, query)

    def _exchange(self) -> Engine:
        """Our own exchange, whose rounds are those that c-ares left."""
        if self._fallback is None:
            config = self._config
            order = config.servers[1:] + config.servers[:1]  # c-ares began with the first
            config = replace(config, servers=order, attempts=max(config.attempts - 1, 1))
            heard = self._again if self._on_event is not None else None
            self._fallback = python_engine.make(config, None, heard, self._runtime)
        return self._fallback

    def counts(self) -> dict[str, int]:
        """Of our own exchange; c-ares does not count."""
        return dict(counts_of(self._fallback)) if self._fallback is not None else {}

    # -- what goes into c-ares, and what comes out -------------------------------------------------------------

    def _ask(self, query: _Query) -> int:
        now = self._clock.now()
        if self._timer is None:
            self._ticked = now
        query.since = now - self._away
        query.inside = True
        self._young[query] = None
        if self._on_event is not None:
            self._on_event(self._sent(query.question))
        status = self._channel.ask(query, query.name, query.question.rdtype)
        if status == library.BADNAME:
            self._leave(query)
        elif self._channel.arrived:
            self._runtime.call_soon(self._deliver)  # never from inside submit
        if self._timer is None and self._young:
            self._arm()
        return status

    def _sent(self, question: Question) -> Event:
        """What c-ares sends by itself, to its next server or over TCP, it tells nobody."""
        now, rdtype = self._clock.now(), int(question.rdtype)
        return Event("sent", question.name, self.name, now, rdtype=rdtype, server=self._server, attempt=1)

    def _again(self, event: Event) -> None:
        """Our own exchange sends: again, if c-ares had the question before."""
        asked = (event.name, event.rdtype)
        before = any((one.question.name, one.question.rdtype) == asked for one in self._old)
        kind = "retry" if before and event.kind == "sent" else event.kind
        assert self._on_event is not None
        self._on_event(replace(event, kind=kind, attempt=event.attempt + before, resolver=self.name))

    def _deliver(self) -> None:
        """Tell what c-ares has said, and ask what waited for room."""
        channel = self._channel
        arrived = channel.arrived
        while arrived:
            channel.arrived = []
            for query, status, reply in arrived:
                if query.inside:
                    query.inside = False
                    self._said(query, status, reply)
            arrived = channel.arrived
        waiting = self._waiting
        while waiting and channel.inside < _IN_FLIGHT and not self._closed:
            query = waiting.popleft()
            if self._ask(query) == library.BADNAME:
                self._finish(query, ResolveError(Kind.ILLEGAL, query.question.name))

    def _said(self, query: _Query, status: int, reply: library.Reply) -> None:
        told = library.TOLD.get(status)
        if told is not None:
            # c-ares calls an unusual response code an answer, with data or without.
            self._finish(query, self._answer(query, told if reply.rcode is None else reply.rcode, reply))
        elif query not in self._young or status in (library.CANCELLED, library.DESTROYED):
            return  # our own exchange has it already; or nobody waits
        else:
            rcode = library.REFUSALS.get(status)
            if rcode is not None:
                query.refusal = self._answer(query, rcode, library.Reply(flags=reply.flags))
                if self._config.attempts < 2:
                    self._finish(query, query.refusal)
                    return
            self._late += status == library.TIMEOUT
            self._ask_on(query, _KINDS.get(status, Kind.NETWORK), library.describe(status))

    def _answer(self, query: _Query, rcode: int, reply: library.Reply) -> Answer:
        return answer_of(query.question, query.name, rcode, reply, self._server, self._now() - query.since)

    def _now(self) -> float:
        """The loop's time without what the process was away."""
        return self._clock.now() - self._away

    def _finish(self, query: _Query, outcome: Outcome) -> None:
        done = query.done
        if query in self._young and len(self._young) > 1:  # neither our own exchange has it, nor is it the last
            del self._young[query]
            query.done = None
            query.inside = False
        else:
            self._leave(query)
        if done is not None:
            done(outcome)

    def _leave(self, query: _Query) -> None:
        """Off the books; c-ares may have it still, and will be ignored."""
        query.done = None
        query.inside = False
        self._young.pop(query, None)
        self._old.pop(query, None)
        if query.cancel is not None:
            query.cancel()
            query.cancel = None
        if query.timer is not None:
            query.timer.cancel()
            query.timer = None
        if not self._young and not self._old:
            if self._channel.inside and not self._waiting:
                self._channel.cancel()
                self._channel.arrived.clear()
            self._disarm()

    def _forget(self, query: _Query) -> None:
        if query.done is not None:
            if not query.since and not query.inside:
                self._waiting.remove(query)
            self._leave(query)

    # -- where c-ares gives up -----------------------------------------------------------------------------------

    def _ask_on(self, query: _Query, kind: Kind, detail: str) -> None:
        """Ask through our own exchange, again and again until the question's end."""
        del self._young[query]
        self._old[query] = None
        ends = query.since + self._whole
        error = ResolveError(kind, query.question.name, detail=detail, server=self._server)
        if ends - self._now() <= _LAST:
            self._finish(query, query.refusal or error)
            return
        query.timer = self._runtime.call_at(ends + self._away, self._over, query, error)
        self._ask_again(query)

    def _ask_again(self, query: _Query) -> None:
        query.cancel = None
        try:
            question = query.question._replace(options=query.options) if query.options else query.question
            query.cancel = self._exchange().submit(question, partial(self._exchanged, query))
        except ResolveError as error:
            self._runtime.call_soon(self._exchanged, query, error)

    def _exchanged(self, query: _Query, outcome: Outcome) -> None:
        query.cancel = None
        if query.done is None:
            return
        if isinstance(outcome, Answer):
            self._finish(query, outcome.changed(question=query.question) if query.options else outcome)
        elif outcome.kind is Kind.TIMEOUT and query.since + self._whole - self._now() > _LAST:
            self._ask_again(query)
        else:
            self._finish(query, query.refusal or outcome)

    def _over(self, query: _Query, error: ResolveError) -> None:
        query.timer = None
        if error.kind is not Kind.TIMEOUT:
            error = ResolveError(Kind.TIMEOUT, error.name, server=error.server, tried=(error.explain(),))
        self._finish(query, query.refusal or error)

    # -- c-ares' sockets and clock ---------------------------------------------------------------------------

    def _sock_state(self, fd: int, readable: bool, writable: bool) -> None:
        current = self._watches.get(fd)
        if not readable and not writable:
            if current is not None:
                del self._watches[fd]
                current.close()
                port = self._ports.pop(fd, None)
                if port is not None:
                    port.close()
            return
        on_readable = partial(self._process, fd, -1) if readable else None
        on_writable = partial(self._process, -1, fd) if writable else None
        if current is None:
            self._watches[fd] = self._runtime.watch(fd, on_readable, on_writable)
            port = library.port_of(fd)
            if port is not None:
                self._ports[fd] = port
        else:
            current.update(on_readable, on_writable)

    def _process(self, readable: int, writable: int) -> None:
        if self._closed:
            return
        channel = self._channel
        port = self._ports.get(readable)
        if port is not None:
            port.before()
        channel.process(readable, writable)
        if port is not None:
            port.after(len(channel.arrived))
            if port.vain > _VAIN + self._late:
                self._suspect()
                return
        if channel.arrived:
            self._deliver()

    def _suspect(self) -> None:
        """Somebody is guessing (RFC 5452 §9): nothing that has just come is believed, and no port is used any more."""
        self._close_channel()
        self._channel = self._new_channel()
        self._late = 0
        for query in list(self._young):
            query.inside = False
            query.options = _OVER_TCP
            self._ask_on(query, Kind.NETWORK, "many datagrams that nobody asked for")
        if self._waiting:
            self._runtime.call_soon(self._deliver)

    def _close_channel(self) -> None:
        channel = self._channel
        channel.cancel()
        channel.arrived.clear()
        for watched in self._watches.values():
            watched.close()
        for port in self._ports.values():
            port.close()
        self._watches.clear()
        self._ports.clear()
        channel.close()

    def _arm(self) -> None:
        oldest = next(iter(self._young), None)
        wait = _TICK
        if oldest is not None:  # else c-ares waits for nothing
            wait = max(min(oldest.since + self._round - self._now(), self._channel.wait(), _TICK), 0.001)
        self._timer = self._runtime.call_later(wait, self._tick)

    def _tick(self) -> None:
        self._timer = None
        now = self._clock.now()
        if now - self._ticked > _PAUSE:
            # c-ares believes its clock, and gives up what lies in its sockets: that is asked again, in its full time.
            self._away += now - self._ticked
        self._ticked = now
        self._process(-1, -1)
        limit = self._now() - self._round
        late = []
        for query in self._young:
            if query.since > limit:
                break
            late.append(query)
        for query in late:
            if query.done is not None:
                self._late += query.inside
                self._ask_on(query, Kind.TIMEOUT, f"no answer in {self._round:g} s")
        if (self._young or self._old) and not self._closed and self._timer is None:
            self._arm()

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def close(self) -> None:
        """See ``Engine.close``."""
        if self._closed:
            return
        self._closed = True
        for query in (*self._young, *self._old, *self._waiting):
            done = query.done
            self._leave(query)
            if done is not None:
                error = ResolveError(Kind.CANCELLED, query.question.name, detail="the engine was closed")
                self._runtime.call_soon(done, error)
        self._waiting.clear()
        self._disarm()
        self._close_channel()
        if self._fallback is not None:
            self._fallback.close()

    def after_fork(self) -> None:
        """In a forked child: the questions are the parent's, as are c-ares' sockets and its random bytes."""
        for one in (self._young, self._old, self._waiting, self._watches):
            one.clear()
        for port in self._ports.values():
            port.close()
        self._ports.clear()
        self._timer = None
        self._forked = True


_engines: WeakSet[AresEngine] = WeakSet()


def _after_fork() -> None:
    for engine in _engines:
        engine.after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def make(
    config: Config, tuning: Tuning | None = None, on_event: OnEvent | None = None, runtime: Runtime | None = None
) -> AresEngine:
    """The engine for ``runtime``'s loop, None: for the calling thread's hub; not tuned.

    ``on_event`` is told of each question, and must not wait.
    """
    return AresEngine(config, on_event, runtime)
