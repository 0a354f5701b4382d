"""DNS questions in pure Python: our own UDP and TCP exchange on the hub, or on another loop.

``dns/exchange`` decides, this module does it. Each server has one connected UDP socket at a time, with
a random source port, which is given up after so many questions but stays open until the last of them ended; ids are
random (RFC 5452). Deadlines are kept in buckets of an eighth of a hundredth of a second, and one timer, which
lives only while something is asked, goes from bucket to bucket. No greenlet is needed for a question.
"""

from __future__ import annotations

import errno
import os
from collections import deque
from contextlib import suppress
from struct import Struct
from weakref import WeakSet

from ...dns.exchange import AGAIN, Exchange, Query, Tuning, Verdict
from ...dns.server_health import Health
from ...dns.wire import OPT, WITH_OPT
from ...errors import Kind, ResolveError
from ...events import Event, OnEvent
from ...model import USUAL, Config, Question
from ...protocols import Cancel, Cancellable, Done, Runtime
from ..hub_runtime import HubRuntime
from .transports import stream_to
from .udp_tcp import SEGMENTS, Link, Stream, UdpLink

_LARGEST = 4096
_TICKS = 128  # buckets a second
_FOREVER = float("inf")
_NOBODY_THERE = (errno.ECONNREFUSED, errno.EHOSTUNREACH, errno.ENETUNREACH)
_NEVER = 1 << 62  # a bucket that never comes due
_PAIRS = Struct("2s" * 1024)  # random bytes as ids


class PythonEngine:
    """See the module. Belongs to the hub of the thread that made it, or to the loop of ``runtime``."""

    name = "python"

    def __init__(
        self,
        config: Config,
        tuning: Tuning | None = None,
        on_event: OnEvent | None = None,
        runtime: Runtime | None = None,
    ) -> None:
        self.runtime: Runtime = HubRuntime() if runtime is None else runtime
        self._clock = self.runtime.clock
        self._on_event = on_event
        self.tuning: Tuning = tuning or Tuning()
        #: The largest datagram that a question allowed.
        self.largest: int = _LARGEST
        #: How many datagrams may leave by one system call; 1 once the kernel has refused.
        self.segments = SEGMENTS
        self.exchange: Exchange = Exchange(config, self.tuning, self._clock.now(), os.urandom)
        self._udp: dict[Health, UdpLink] = {}
        self._draining: set[UdpLink] = set()
        self._streams: dict[Health, Stream] = {}
        self._ids: list[bytes] = []
        self._flying: int = 0
        self._limit = self.tuning.in_flight
        self._waiting: deque[Query] = deque()
        self._buckets: dict[int, dict[Query, None]] = {}
        self._timer: Cancellable | None = None
        self._timer_at = _NEVER
        self._limbo: dict[Query, None] = {}  # those whose end is certain, and told in the next turn
        self._pump_timer: Cancellable | None = None
        self._closed = False
        _engines.add(self)

    def __repr__(self) -> str:
        return f"<python engine, {self._flying} in flight>"

    def counts(self) -> dict[str, int]:
        """Since it was made: replies taken, datagrams ignored, tries that timed out, retries, questions over TCP."""
        known = self.exchange
        return {one: getattr(known, one) for one in ("answers", "ignored", "timeouts", "retries", "tcp")}

    def now(self) -> float:
        """The loop's time."""
        return self._clock.now()

    # -- the contract ----------------------------------------------------------------------------------------

    def submit(self, question: Question, done: Done) -> Cancel:
        """See ``Engine.submit``."""
        if self._closed:
            raise ResolveError(Kind.CANCELLED, question.name, detail="the engine is closed")
        query = Query(question, done, self)
        if self._waiting or self._flying >= self._limit:
            self._waiting.append(query)
            self._pump()
            return query.cancel
        now = self._clock.now()
        exchange = self.exchange
        options, state = question.options, exchange.direct
        if state is not None and (options is None or options is USUAL) and now >= state.plain_until:
            link = self._udp.get(state)
            if link is not None and link.uses > 0 and now < link.expires and self._on_event is None:
                # What the lines below come to for nearly every question, at half the price.
                query.state = state
                self._flying += 1
                ids = self._ids
                name = ids.pop() if ids else self._new_id()
                while name in link.flight:
                    name = self._new_id()
                link.send(query, name, WITH_OPT + query.tail + OPT)
                state.sent += 1
                state.in_flight += 1
                self._await(query, link, name, now, state.timeout if exchange.adapts else exchange.config.timeout)
                return query.cancel
        if options is not None:
            self.largest = max(self.largest, options.bufsize)
        wait = exchange.begin(query, now)
        if wait:
            self._waiting.append(query)
            self._pump_later(wait)
            return query.cancel
        self._flying += 1
        self._transmit(query, now)
        return query.cancel

    def forget(self, query: Query) -> None:
        """Nobody waits for this question any more."""
        if query.done is not None:
            query.done = None
            if query.bucket is not None:
                if query.link is not None and not query.link.tcp:
                    query.link.strangers -= 1  # its answer may still come
                self._leave(query)
            if self._waiting and self._flying == 0 and not any(one.done for one in self._waiting):
                self._waiting.clear()
                self._stop_pump()

    def after_fork(self) -> None:
        """In a forked child: the questions are the parent's, as are sockets, ids and cookies, which must not repeat."""
        self._ids.clear()
        for kept in (self._udp, self._draining, self._streams, self._waiting, self._buckets, self._limbo):
            kept.clear()
        self._flying = 0
        self._timer = self._pump_timer = None
        self._timer_at = _NEVER
        for state in self.exchange.servers:
            state.in_flight = 0
            state.client_cookie = state.server_cookie = b""

    def close(self) -> None:
        """See ``Engine.close``."""
        if self._closed:
            return
        self._closed = True
        flying = [query for bucket in (*self._buckets.values(), self._limbo) for query in bucket]
        for query in (*flying, *self._waiting):
            done, query.done = query.done, None
            if done is not None:
                error = ResolveError(Kind.CANCELLED, query.question.name, detail="the engine was closed")
                self.runtime.call_soon(done, error)
        self._waiting.clear()
        self._stop_pump()
        for query in flying:
            self._leave(query)
        links: list[Link] = [*self._udp.values(), *self._draining, *self._streams.values()]
        for link in links:
            link.close()
        self._udp.clear()
        self._draining.clear()
        self._streams.clear()

    # -- sending ---------------------------------------------------------------------------------------------

    def _transmit(self, query: Query, now: float) -> None:
        """Send to the server that was chosen, or to the next that a packet can be sent to at all."""
        exchange = self.exchange
        state = query.state
        while True:
            try:
                link, name = self._send(query, state, now)
            except OSError as error:
                other = self._udp.get(query.state)
                if other is not None and other.flight and error.errno in _NOBODY_THERE:
                    self.link_failed(other, error)  # it was said to this question, but is true of the others too
                verdict = exchange.failed(query, error, now)
                if verdict is AGAIN:
                    state = query.state
                    continue
                self._limbo[query] = None
                query.bucket = self._limbo
                self.runtime.call_soon(self._give_up, query, verdict)
                return
            break
        if query.more is not None and query.link is not None:
            query.more.old.append((query.link, query.id))
        self._await(query, link, name, now, exchange.patience(query, now))
        if exchange.troubled:
            self._probe(query, now)

    def _await(self, query: Query, link: Link, name: bytes, now: float, patience: float) -> None:
        """The question has left under this id: from now on its answer is waited for."""
        slot = int((now + patience) * _TICKS) + 1
        query.link = link
        query.id = name
        query.sent = now
        try:
            bucket = self._buckets[slot]
        except KeyError:
            bucket = self._buckets[slot] = {}
            if slot < self._timer_at:
                self._arm(slot)
        bucket[query] = None
        query.bucket = bucket

    def _send(self, query: Query, state: Health, now: float) -> tuple[Link, bytes]:
        exchange, more = self.exchange, query.more
        link: Link | None
        if (more is not None or state.stream) and exchange.over_tcp(query, state):
            link = self._stream(state, now)
        else:
            link = self._udp.get(state)
            if link is None or link.uses <= 0 or now >= link.expires:
                link = self._new_udp(state, now)
        ids = self._ids
        name = ids.pop() if ids else self._new_id()
        while name in link.flight:
            name = self._new_id()
        if more is None and now >= state.plain_until and not state.encrypted:
            body = WITH_OPT + query.tail + OPT  # as ``exchange.body``, without a call
        else:
            body = exchange.body(query, state, now)
        link.send(query, name, body)
        state.sent += 1
        state.in_flight += 1
        if self._on_event is not None:
            self._on_event(self._sent(query, state, link, now))
        return link, name

    def _sent(self, query: Query, state: Health, link: Link, now: float) -> Event:
        more, question = query.more, query.question
        attempt = 1 + (query.link is not None) + (len(more.old) if more is not None else 0)
        kind, rdtype = "tcp" if link.tcp else "retry" if attempt > 1 else "sent", int(question.rdtype)
        return Event(kind, question.name, self.name, now, rdtype=rdtype, server=str(state.server), attempt=attempt)

    def _new_id(self) -> bytes:
        if not self._ids:
            self._ids.extend(_PAIRS.unpack(os.urandom(_PAIRS.size)))
        return self._ids.pop()

    def _new_udp(self, state: Health, now: float) -> UdpLink:
        """A socket with a new port; the old one stays for the answers that it still waits for."""
        old = self._udp.pop(state, None)
        if old is not None:
            old.retire()
            if old.flight:
                self._draining.add(old)
        made = self._udp[state] = UdpLink(self, state, now)
        if state.index < 0:
            made.uses = (
                1  # a server that one question names may never be asked again: its socket closes with the answer
            )
        return made

    def _stream(self, state: Health, now: float) -> Stream:
        link = self._streams.get(state)
        if link is None or not link.usable(now):
            if link is not None:
                link.close()
            link = self._streams[state] = stream_to(self, state, now)
        return link

    def _probe(self, query: Query, now: float) -> None:
        """Find out with a copy of a question whether a server is back; its answer is as good as another's."""
        state = self.exchange.probe(query, now)
        if state is not None:
            more = self.exchange.more_of(query, now)
            with suppress(OSError):
                more.old.append(self._send(query, state, now))

    # -- waiting ---------------------------------------------------------------------------------------------

    def _pump(self) -> None:
        """Send from the line as far as there is room."""
        waiting = self._waiting
        now = self._clock.now()
        while waiting:
            query = waiting[0]
            if query.done is None:
                waiting.popleft()
                continue
            if self._flying >= self._limit:
                self._limit = self.exchange.window.room(now)
                if self._flying >= self._limit:
                    self._pump_later(self.exchange.window.changes_at() - now)
                    return
            wait = self.exchange.begin(query, now)
            if wait:
                self._pump_later(wait)
                return
            waiting.popleft()
            self._flying += 1
            self._transmit(query, now)
        self._stop_pump()

    def _pump_later(self, wait: float) -> None:
        if self._pump_timer is None and wait < _FOREVER:
            self._pump_timer = self.runtime.call_later(max(wait, 0.001), self._pump_now)

    def _pump_now(self) -> None:
        self._pump_timer = None
        self._pump()

    def _stop_pump(self) -> None:
        if self._pump_timer is not None:
            self._pump_timer.cancel()
            self._pump_timer = None

    def _arm(self, slot: int) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer_at = slot
        self._timer = self.runtime.call_at(slot / _TICKS, self._expire)

    def _expire(self) -> None:
        self._timer = None
        self._timer_at = _NEVER
        now = self._clock.now()
        due = int(now * _TICKS + 1e-3)
        exchange = self.exchange
        for slot in sorted(self._buckets):
            bucket = self._buckets.get(slot)
            if bucket is None:
                break  # the last question has ended meanwhile, and all buckets with it
            if slot > due:
                if bucket:
                    break
                del self._buckets[slot]
                continue
            del self._buckets[slot]
            for query in list(bucket):
                if query.bucket is bucket and query.done is not None:
                    exchange.window.lost(now, exchange.answers, self._flying)
                    self._act(query, exchange.expired(query, now), now)
            self._limit = exchange.window.room(now)
        if self._buckets and self._flying:
            first = min(self._buckets)
            if first < self._timer_at:
                self._arm(first)

    # -- what came -------------------------------------------------------------------------------------------

    def received(self, query: Query, message: bytes, now: float, tcp: bool, state: Health) -> None:
        """A message under this question's id."""
        verdict = self.exchange.reply(query, message, now, tcp, state)
        if query.more is not None or verdict is None or verdict is AGAIN:
            self._act(query, verdict, now)
            return
        done, query.done = query.done, None
        del query.bucket[query]
        query.bucket = None
        link = query.link
        flight = link.flight
        del flight[query.id]
        state.in_flight -= 1
        if not flight and link.uses <= 0:
            link.emptied()
        self._flying -= 1
        if self._waiting or not self._flying:
            self._left()
        if done is not None:
            done(verdict)  # type: ignore[arg-type]

    def _act(self, query: Query, verdict: Verdict, now: float) -> None:
        if verdict is AGAIN:
            bucket = query.bucket
            if bucket is not None:
                del bucket[query]
            self._transmit(query, now)
        elif verdict is not None:
            done, query.done = query.done, None
            self._leave(query)
            if done is not None:
                done(verdict)  # type: ignore[arg-type]

    def soon(self, link: UdpLink) -> None:
        """Flush the link at the end of this turn, when more may have been queued."""
        self.runtime.call_soon(link.flush)

    def unsent(self, link: UdpLink, names: list[bytes], error: OSError) -> None:
        """The kernel would not take these datagrams; if that means nobody is there, it holds for all of the link's."""
        if error.errno in _NOBODY_THERE:
            self.link_failed(link, error)
            return
        now = self._clock.now()
        for name in names:
            query = link.flight.get(name)
            if query is not None and query.link is link and query.id == name:
                self._act(query, self.exchange.failed(query, error, now), now)

    def _give_up(self, query: Query, verdict: Verdict) -> None:
        if query.done is not None:
            self._act(query, verdict, 0.0)

    def _leave(self, query: Query) -> None:
        """Take a question out of flight."""
        bucket = query.bucket
        if bucket is None:
            return  # it was still in the line
        del bucket[query]
        query.bucket = None
        link = query.link
        if link is not None:
            link.flight.pop(query.id, None)
            link.state.in_flight -= 1
            if not isinstance(link, UdpLink):
                link.forget(query.id)
            if not link.flight and link.uses <= 0:
                link.emptied()
        more = query.more
        if more is not None and more.old:
            # One of so many tries was answered, and whichever it was, the others may be yet.
            if link is not None and not link.tcp:
                link.strangers -= 1
            for old, name in more.old:
                old.flight.pop(name, None)
                old.state.in_flight -= 1
                if isinstance(old, UdpLink):
                    old.strangers -= 1
                else:
                    old.forget(name)
                if not old.flight and old.uses <= 0:
                    old.emptied()
            more.old.clear()
        self._flying -= 1
        self._left()

    def _left(self) -> None:
        """One question less is in flight."""
        if self._waiting:
            self._pump()
        if not self._flying:
            self._buckets.clear()
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
                self._timer_at = _NEVER

    def link_ended(self, link: UdpLink) -> None:
        """A port that has done its work closes."""
        self._draining.discard(link)
        if self._udp.get(link.state) is link:
            del self._udp[link.state]

    def stranger(self, link: UdpLink, too_many: bool) -> None:
        """A datagram under an id that nobody asked under: late, a copy, or somebody guessing (RFC 5452 §9)."""
        self.exchange.ignored += 1
        if link.state.silences:
            link.state.heard(self._clock.now())
        if too_many:
            now = self._clock.now()
            asked = dict.fromkeys(link.flight.values())  # some of them have gone on to other servers or ports
            self.link_ended(link)  # what is asked next gets another port
            link.close()
            for query in asked:
                if query.done is not None:
                    self._act(query, self.exchange.suspicious(query, now), now)

    def link_failed(self, link: Link, error: OSError) -> None:
        """The kernel says that nobody is there, or the connection is over: on to the next server at once."""
        if isinstance(link, UdpLink):
            self.link_ended(link)
        elif self._streams.get(link.state) is link:
            del self._streams[link.state]
        link.close()
        now = self._clock.now()
        failed = list(link.flight.values())
        link.flight.clear()
        for query in failed:
            if query.link is not link or query.done is None:
                continue  # a later try is under way
            if not isinstance(link, UdpLink) and link.answered:
                self._act(query, AGAIN, now)  # it closed between two questions: a new connection (RFC 7766 §6.2.4)
            else:
                self._act(query, self.exchange.failed(query, error, now), now)


_engines: WeakSet[PythonEngine] = WeakSet()


def _after_fork() -> None:
    for engine in _engines:
        engine.after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def make(
    config: Config, tuning: Tuning | None = None, on_event: OnEvent | None = None, runtime: Runtime | None = None
) -> PythonEngine:
    """The engine for ``runtime``'s loop, None: for the calling thread's hub.

    ``on_event`` is told of each message sent, and must not wait.
    """
    return PythonEngine(config, tuning, on_event, runtime)
