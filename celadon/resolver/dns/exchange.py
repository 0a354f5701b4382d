"""The decisions in asking name servers: which server, how, how long to wait, what to believe, what to do next.

Nothing here sends, waits or reads a clock: the engine does, and reports what happened and when. ``begin`` chooses the
first server of a question; then each event (``reply``, ``expired``, ``failed``) returns None for *wait on*, AGAIN for
*send once more*, or the outcome. The rules are those of RFC 5452 (what is believed), RFC 6891 (EDNS and its
absence), RFC 7766 (truncation), RFC 7873 (cookies); if a server is silent, the next one is asked,
and a late reply from the first still counts: every try stays open until the question ends.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import cycle, islice
from typing import Any, Final

from ..errors import Kind, ResolveError
from ..frozen import frozen
from ..model import USUAL, Answer, Config, QueryOptions, Question, Server
from ..protocols import Done, Outcome
from . import wire
from .pace import Pace, Window
from .server_health import TIMED, Health
from .wire import WireAnswer, WireError, decode, encode_question, question_tail

_USUAL = (None, USUAL)
_SOFT = {1: Kind.FORMERR, 2: Kind.SERVFAIL, 4: Kind.NOTIMP, 5: Kind.REFUSED, 16: Kind.NOTIMP, 23: Kind.REFUSED}
_NO_EDNS = (1, 4, 16)  # FORMERR, NOTIMP, BADVERS: from servers that do not know EDNS
_BADCOOKIE = 23
_MISSES = 20  # forged replies to one question; then it is asked over TCP
_NAMED = 1024  # servers that questions name, of which the state is kept
_RESEND = 2  # factor: each round waits that much longer than the one before
_PADDING = 128  # bytes: the block that an encrypted question is padded to (RFC 8467 §4.1)


class _Again:
    def __repr__(self) -> str:
        return "AGAIN"


AGAIN: Final = _Again()
Verdict = Outcome | _Again | None


@frozen
class Tuning:
    """How hard servers are asked. The defaults suit a program's own lookups; ``bulk`` uses others.

    At most ``in_flight`` questions are under way, the others wait in line; ``in_flight_per_server`` and
    ``rate_per_server`` (questions a second) bound each server, ``rate`` all together; 0 is no bound. ``adaptive`` lets
    loss narrow the window. ``adaptive_timeout`` lets a server's own speed decide when to ask again, within the
    configured time, which stays the bound of the whole. ``mixed_case`` puts bits into the name's case (0x20),
    ``cookies`` sends DNS cookies (RFC 7873). ``uses`` is how many questions leave from one source port. ``retry`` are
    the response codes upon which another server is asked. ``tries`` bounds the tries of a question over all servers; 0:
    the configured attempts for each server. ``sticky`` asks the first server again instead of the next. ``sources`` are
    local addresses that questions leave from, one of the server's family for each socket, by chance.
    """

    in_flight: int = 4096
    in_flight_per_server: int = 0
    rate: float = 0.0
    rate_per_server: float = 0.0
    adaptive: bool = False
    adaptive_timeout: bool = True
    mixed_case: bool = False
    cookies: bool = False
    uses: int = 64
    retry: frozenset[int] = frozenset(_SOFT)
    tries: int = 0
    sticky: bool = False
    sources: tuple[str, ...] = ()


class Query:
    """One question under way. ``link``, ``id``, ``bucket``, ``engine`` are the engine's; ``more`` is the rare state."""

    __slots__ = ("bucket", "done", "engine", "id", "link", "more", "question", "sent", "state", "tail")

    state: Health
    link: Any
    id: bytes
    bucket: Any
    sent: float

    def __init__(self, question: Question, done: Done, engine: Any) -> None:
        self.tail: bytes = wire.quick_tail(question) or question_tail(question)
        self.question: Question = question
        self.done: Done | None = done
        self.engine: Any = engine
        self.more: More | None = None
        self.link = self.bucket = None

    def cancel(self) -> None:
        """The caller no longer waits."""
        self.engine.forget(self)


class More:
    """The state of a question beyond its first try: servers left, failures, and what its options demand."""

    __slots__ = (
        "answer", "badcookies", "deadline", "failures", "final", "guess", "ignore_tc", "left", "misses", "old", "plain",
        "rounds", "tcp", "tcp_once", "tried",
    )  # fmt: skip

    def __init__(self, left: list[Health], deadline: float, rounds: int) -> None:
        self.left: list[Health] = left  # next one last
        self.rounds: int = rounds  # how many tries make a round over all servers
        self.deadline: float = deadline
        self.tried: int = 0
        self.failures: list[tuple[Kind, str, str]] = []
        self.answer: Answer | None = None  # a refusal, kept in case no server has a better reply
        self.plain: bool = False  # without EDNS
        self.guess: bool = False  # because of silence: the server may drop EDNS
        self.tcp: bool = False  # never over UDP; a reply over UDP is not believed
        self.tcp_once: bool = False  # this try over TCP
        self.ignore_tc: bool = False
        self.final: bool = False  # the first reply counts, whatever its rcode
        self.misses: int = 0
        self.badcookies: int = 0
        self.old: list[tuple[Any, bytes]] = []  # (link, id) of earlier tries, which may still be answered


class Exchange:
    """The state of an engine's exchange with its servers. ``random(n)`` returns n bytes that cannot be guessed."""

    ignored: int
    plain: int
    retries: int
    tcp: int
    timeouts: int

    def __init__(self, config: Config, tuning: Tuning, now: float, random: Callable[[int], bytes]) -> None:
        self.config = config
        self.tuning = tuning
        self.servers: list[Health] = [self._health(index, one, now) for index, one in enumerate(config.servers)]
        self._configured = list(self.servers)
        self._states = {one.server: one for one in reversed(self.servers)}
        self._most = len(self.servers) + _NAMED
        self._gone = 0  # replies of servers that were forgotten
        self._only = self.servers[0] if len(self.servers) == 1 else None
        self._rotation = 0
        self._random = random
        self.window: Window = Window(tuning.in_flight, tuning.adaptive)
        self.pace: Pace | None = Pace(tuning.rate, now) if tuning.rate else None
        self._simple = not (tuning.mixed_case or tuning.cookies or config.use_vc)
        self._bounded = bool(tuning.in_flight_per_server or tuning.rate_per_server)
        #: The server for every plain question, if no decision is needed (one server, no limits); else None.
        self.direct: Health | None = self._only if self._plain() else None
        #: Whether the server's own speed sets the patience of a first try; else the configured timeout does.
        self.adapts: bool = tuning.adaptive_timeout and (config.attempts > 1 or self._only is None)
        #: Counts for people: replies believed, packets not believed, tries without a reply, TCP, fallbacks.
        self.troubled: bool = False  # whether one of several servers may be down
        self.ignored = self.timeouts = self.tcp = self.plain = self.retries = 0

    def _plain(self) -> bool:
        """Whether a plain question needs no decision beyond its server."""
        limited = self._bounded or self.pace is not None
        return self._simple and not limited and self._only is not None and not self._only.stream

    def _health(self, index: int, server: Server, now: float) -> Health:
        rate = self.tuning.rate_per_server
        return Health(index, server, self.config.timeout, Pace(rate, now) if rate else None)

    def share_rates(self, part: float, now: float) -> None:
        """Keep to this part of the tuning's rates from now on; 0 to 1."""
        if self.pace is not None:
            self.pace.change(self.tuning.rate * part, now)
        for one in self.servers:
            if one.pace is not None:
                one.pace.change(self.tuning.rate_per_server * part, now)

    @property
    def answers(self) -> int:
        """How many replies were believed."""
        return self._gone + sum([one.answered for one in self.servers])

    def state_of(self, server: Server, now: float) -> Health:
        """The state of a server that a question names."""
        state = self._states.get(server)
        if state is None:
            if len(self.servers) >= self._most:
                self._forget()
            state = self._states[server] = self._health(-1, server, now)
            self.servers.append(state)
        return state

    def _forget(self) -> None:
        """Forget servers that only questions named, unless one is asked now: a run may name a million of them."""
        kept = [one for one in self.servers if one.index >= 0 or one.in_flight]
        self._gone = self.answers - sum([one.answered for one in kept])
        self.servers = kept
        self._states = {one.server: one for one in reversed(kept)}

    def leave_out(self, server: Server) -> bool:
        """Choose this server no more, unless a question names it; False if it is the only one left, which stays."""
        left = [one for one in self._configured if one.server != server]
        if not left:
            return False
        self._configured = left
        return True

    # -- which server ----------------------------------------------------------------------------------------

    def _first(self) -> Health:
        """The server for a first try: the only one, the one whose turn it is, or the best one left."""
        if self._only is not None:
            return self._only
        order = self._configured
        turn = 0
        if self.config.rotate:
            self._rotation = turn = (self._rotation + 1) % len(order)
        return self._order(turn)[0] if order[turn].silences else order[turn]

    def _order(self, turn: int) -> list[Health]:
        order = self._configured[turn:] + self._configured[:turn]
        for one in order:
            if one.silences:
                return [one for one in order if not one.down] + [one for one in order if one.down]
        return order

    def begin(self, query: Query, now: float) -> float:
        """Choose the first server and return 0, or return the seconds to wait.

        Infinity: until an answer to another question makes room.
        """
        if self.pace is not None or self._bounded:
            wait = self._admit(query, now)
            if wait:
                return wait
        else:
            query.state = self._only or self._first()
        options = query.question.options
        if (options is not None and options is not USUAL) or not self._simple:
            self._prepare(query, now)
        return 0.0

    def _admit(self, query: Query, now: float) -> float:
        pace = self.pace
        if pace is not None:
            wait = pace.wait(now)
            if wait:
                return wait
        if self._bounded:
            bound = self.tuning.in_flight_per_server
            wait = float("inf")
            self._rotation = (self._rotation + self.config.rotate) % len(self._configured)
            for state in self._order(self._rotation):
                if not bound or state.in_flight < bound:
                    wait = min(wait, state.pace.wait(now) if state.pace is not None else 0.0)
                    if not wait:
                        break
            else:
                return wait
            query.state = state
            if state.pace is not None:
                state.pace.take()
        else:
            query.state = self._first()
        if pace is not None:
            pace.take()
        return 0.0

    def _prepare(self, query: Query, now: float) -> None:
        options = query.question.options or QueryOptions()
        if options.server is not None:
            query.state = self.state_of(options.server, now)
        more = self.more_of(query, now)
        if options.server is not None:
            most = self.tuning.tries or self.config.attempts
            more.left = [query.state] * (most - 1)
            more.rounds = 1
            more.deadline = now + self.config.timeout * most
        more.tcp = options.tcp or self.config.use_vc
        more.plain = options.edns is None
        more.ignore_tc = options.ignore_tc
        more.final = options.final
        if self.tuning.mixed_case:
            bits = int.from_bytes(self._random(32), "big")
            name = query.tail[:-4]
            mixed = bytes([c ^ 0x20 if chr(c).isalpha() and bits >> n & 1 else c for n, c in enumerate(name)])
            query.tail = (mixed if mixed.lower() == name.lower() else name) + query.tail[-4:]

    def more_of(self, query: Query, now: float) -> More:
        """The question's rare state; made if it has none yet."""
        more = query.more
        if more is None:
            order = [query.state] if self.tuning.sticky else self._order(self._rotation)
            most = self.tuning.tries or self.config.attempts * len(order)
            left = list(islice(cycle(order), most))
            if query.state in left:
                left.remove(query.state)
            elif self.tuning.tries:
                left.pop()  # the try under way is one of them
            started = query.sent if query.link is not None else now
            deadline = started + self.config.timeout * most
            more = query.more = More(left[::-1], deadline, len(order))
        return more

    def probe(self, query: Query, now: float) -> Health | None:
        """A server that is down and should get a copy of this question; None if there is none."""
        self.troubled = False
        for state in self._configured:
            if state.silences:
                self.troubled = True
                if state is not query.state and state.wants_probe(now):
                    return state
        return None

    # -- how ---------------------------------------------------------------------------------------------------

    def body(self, query: Query, state: Health, now: float) -> bytes:
        """The message after its id, for this server."""
        more = query.more
        final = more is not None and more.final
        edns = not (more is not None and more.plain) and (now >= state.plain_until or final)
        cookie = state.cookie(self._random(8)) if self.tuning.cookies and edns and not final else b""
        body = encode_question(query.question, edns, cookie, _PADDING if state.encrypted and not final else 0)
        if query.tail != body[10 : 10 + len(query.tail)]:
            body = body[:10] + query.tail + body[10 + len(query.tail) :]  # mixed case
        return body

    def over_tcp(self, query: Query, state: Health) -> bool:
        """Whether this try goes over a stream."""
        more = query.more
        return state.stream or (more is not None and (more.tcp or more.tcp_once))

    def patience(self, query: Query, now: float) -> float:
        """Seconds until this try is given up; for the last try, all that is left of the question's time."""
        more = query.more
        if more is None:
            return query.state.timeout if self.adapts else self.config.timeout
        timeout: float = query.state.timeout if self.tuning.adaptive_timeout else self.config.timeout
        if not more.left:
            return max(more.deadline - now, 0.0)
        if more.tcp or more.tcp_once or query.state.stream:
            return self.config.timeout
        return min(timeout * float(_RESEND ** (more.tried // more.rounds)), self.config.timeout)

    # -- replies ---------------------------------------------------------------------------------------------

    def reply(self, query: Query, message: bytes, now: float, tcp: bool, state: Health) -> Verdict:
        """A message came on a link of the question, with the id of one of its tries."""
        more, tail = query.more, query.tail
        rtt = now - query.sent
        if rtt < 0:
            rtt = 0.0  # ``now`` is the time of a batch; this question may have left after it
        if more is None:
            # A first try brought an address, as nearly all do: what follows comes to this, at half the price.
            address = wire.first_reply(query.question, message, tail, state.label, rtt, tcp)
            if address is not None:
                state.answered = count = state.answered + 1  # as ``replied``, without a call
                state.heard_at = now
                if state.silences:
                    state.heard(now)
                if not count & TIMED or not state.smoothed:
                    state.timed(rtt)
                if not state.edns_seen:
                    state.edns_seen = message[11] > 0 and len(message) - len(tail) >= 39
                return address
        end = 12 + len(tail)
        if more is not None and more.tcp and not tcp:
            self.ignored += 1  # a forger is guessing: no try over UDP counts any more
            return None
        if message[12:end] != tail or message[2] & 0xFA != 0x80 or message[4:6] != b"\0\1":
            verdict = self._odd(query, message, now, tcp)
            if verdict is not True:
                return verdict  # type: ignore[return-value]
            if message[2] & 2 and not tcp and not (query.more is not None and query.more.ignore_tc):
                return self._truncated(query, now, state)
            if len(message) < end:
                end = 12
        more = query.more  # its rare state may have been made meanwhile
        tries = 1 if more is None else 1 + len(more.failures)
        try:
            answer = decode(query.question, (message, end, state.label, rtt, tcp, tries))
        except WireError as error:
            if not error.unusable:
                return self._missed(query, now, tcp)  # not the server's, perhaps: the right answer may still come
            self.ignored += 1
            return self._refused(query, state, Kind.FORMERR, 1, None, now)
        state.replied(now, None if more is not None else rtt)
        if more is None and not state.edns_seen:
            state.edns_seen = len(message) - end >= 11 and message[11] > 0
        rcode = answer.rcode
        if more is not None and not self._believable(more, state, answer, now):
            return self._missed(query, now, tcp)
        if rcode in _SOFT and rcode in self.tuning.retry:
            if more is not None and more.final:
                return answer
            return self._refused(query, state, _SOFT[rcode], rcode, answer, now)
        if more is not None and more.plain and not more.final and query.question.options in _USUAL:
            state.answered_plain(now, more.guess)
        return answer

    def _truncated(self, query: Query, now: float, state: Health) -> Verdict:
        """Truncated: ask once more over TCP (RFC 7766 §5), even if no time is left for another try."""
        more = self.more_of(query, now)
        more.tcp_once = True
        more.deadline = max(more.deadline, now + self.config.timeout)
        query.state = state
        state.heard(now)
        self.tcp += 1
        return AGAIN

    def _odd(self, query: Query, message: bytes, now: float, tcp: bool) -> Verdict | bool:
        """A reply that does not echo the question as sent: True to go on with it, else a verdict."""
        tail = query.tail
        end = 12 + len(tail)
        header = len(message) >= 12 and message[2] & 0xF8 == 0x80
        if header and message[4:6] == b"\0\1" and message[12:end] == tail:
            return True  # it is cut short, nothing else
        if header and message[4:6] == b"\0\1" and message[12:end].lower() == tail.lower():
            if not self.tuning.mixed_case or tcp:
                return True
            return self.suspicious(query, now)  # in another case: the server's habit or a forgery; TCP decides
        if header and message[4:6] == b"\0\0" and message[3] & 15 in _SOFT:
            return True  # a refusal may leave the question out
        return self._missed(query, now, tcp)

    def _missed(self, query: Query, now: float, tcp: bool) -> Verdict:
        """The message has the question's id but is not its answer. Too many of those are guesses (RFC 5452 §9)."""
        self.ignored += 1
        more = self.more_of(query, now)
        more.misses += 1
        return None if tcp or more.misses < _MISSES else self.suspicious(query, now)

    def suspicious(self, query: Query, now: float) -> Verdict:
        """A forger is guessing (RFC 5452 §9): ask over TCP, once, and believe no datagram any more."""
        more = self.more_of(query, now)
        if self.over_tcp(query, query.state):
            more.tcp = True
            return None
        more.tcp = True
        self.tcp += 1
        return AGAIN

    def _believable(self, more: More, state: Health, answer: WireAnswer, now: float) -> bool:
        if not self.tuning.cookies or more.final or more.plain or answer.tcp:
            return True
        options = answer.edns.options if answer.edns is not None else ()
        return state.accepts_cookie(next((data for code, data in options if code == 10), None), now)

    def _refused(
        self, query: Query, state: Health, kind: Kind, rcode: int, answer: Answer | None, now: float
    ) -> Verdict:
        more = self.more_of(query, now)
        options = query.question.options
        if rcode == _BADCOOKIE and answer is not None and options is not None and options.cookie:
            return answer  # the caller gave a cookie, and wants to see the server's reply to it
        if rcode == _BADCOOKIE and more.badcookies < 3:
            more.badcookies += 1
            more.tcp = more.badcookies == 3
            query.state = state
            return AGAIN
        if rcode in _NO_EDNS and not more.plain and not more.final:
            more.plain = True
            self.plain += 1
            query.state = state
            return AGAIN
        more.failures.append((kind, state.label, "the server said so"))
        more.answer = answer or more.answer
        return self._next(query, more, now)

    # -- no reply ------------------------------------------------------------------------------------------

    def expired(self, query: Query, now: float) -> Verdict:
        """This try's time is over without a reply."""
        state = query.state
        state.silent(now, query.sent)
        self.troubled = self._only is None
        self.timeouts += 1
        more = self.more_of(query, now)
        more.failures.append((Kind.TIMEOUT, state.label, f"no answer in {now - query.sent:.3g} s"))
        return self._next(query, more, now)

    def failed(self, query: Query, error: OSError, now: float) -> Verdict:
        """The kernel, or the connection, reports that this try is lost."""
        state = query.state
        state.unreachable(now)
        self.troubled = self._only is None
        more = self.more_of(query, now)
        more.failures.append((Kind.NETWORK, state.label, error.strerror or str(error)))
        return self._next(query, more, now)

    def _next(self, query: Query, more: More, now: float) -> Verdict:
        if not more.left or now >= more.deadline:
            return more.answer or self._error(query, more)
        before = query.state
        query.state = more.left.pop()
        more.tried += 1
        more.tcp_once = False
        self.retries += 1
        if query.question.options in _USUAL:
            if query.state is not before:
                more.plain = False
            if more.failures[-1][0] is Kind.TIMEOUT and more.tried >= more.rounds and not query.state.edns_seen:
                more.plain = more.guess = (
                    True  # silent before, and never heard with EDNS: it may drop what is new to it
                )
        return AGAIN

    @staticmethod
    def _error(query: Query, more: More) -> ResolveError:
        kind, server, detail = more.failures[-1]
        tried = tuple(f"{one}: {which.value}: {text}" for which, one, text in more.failures)
        return ResolveError(kind, query.question.name, detail=detail, server=server, tried=tried)
