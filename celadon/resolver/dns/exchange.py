"""Asking name servers, as decisions: which one, how, how long, whether to believe what came, and what next.

Nothing here sends, waits or looks at a clock; the engine does, and tells what happened and when. Of a question,
``begin`` chooses the first server; then each event (``reply``, ``expired``, ``failed``) gives None for *wait on*,
AGAIN for *send once more*, or the outcome. The rules are those of RFC 5452 (what is believed), RFC 6891 (EDNS and its
absence), RFC 7766 (truncation), RFC 7873 (cookies); where a server is silent, the next one is asked, and a late
word from the first still counts: every try stays open until the question ends.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from ..errors import Kind, ResolveError
from ..model import Answer, Config, QueryOptions, Question, Server
from ..protocols import Done, Outcome
from .pace import Pace, Window
from .server_health import Health
from .wire import OPT, WITH_OPT, OneAddress, WireAnswer, WireError, decode, encode_question, question_tail

_SOFT = {1: Kind.FORMERR, 2: Kind.SERVFAIL, 4: Kind.NOTIMP, 5: Kind.REFUSED, 16: Kind.NOTIMP, 23: Kind.REFUSED}
_NO_EDNS = (1, 4, 16)  # FORMERR, NOTIMP, BADVERS: what servers say who do not know it
_BADCOOKIE = 23
_MISSES = 20  # forged replies to one question, then TCP is asked
_RESEND = 2  # each round waits that much longer than the one before
_PADDING = 128  # bytes: the block that an encrypted question is padded to (RFC 8467 §4.1)
_TIMED = 7  # one reply in eight is timed: enough to know a server


class _Again:
    def __repr__(self) -> str:
        return "AGAIN"


AGAIN: Final = _Again()
Verdict = Outcome | _Again | None


@dataclass(frozen=True, slots=True)
class Tuning:
    """How hard servers are asked. The defaults suit a program's own lookups; ``bulk`` runs on others.

    ``in_flight`` questions at most are under way, the others wait in line; ``in_flight_per_server`` and
    ``rate_per_server`` (questions a second) bound each server, ``rate`` all together; 0 is no bound. ``adaptive`` lets
    loss narrow the window. ``adaptive_timeout`` lets a server's own speed decide when to ask again, within the
    configured time, which stays the bound of the whole. ``mixed_case`` puts bits into the name's case (0x20),
    ``cookies`` sends DNS cookies (RFC 7873). ``uses`` is how many questions leave from one source port. ``retry`` are
    the response codes upon which another server is asked.
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


class Query:
    """One question on its way. ``link``, ``id``, ``bucket``, ``engine`` are the driver's; ``more`` is what is rare."""

    __slots__ = ("bucket", "done", "engine", "id", "link", "more", "question", "sent", "state", "tail")

    state: Health
    link: Any
    id: bytes
    bucket: Any
    sent: float

    def __init__(self, question: Question, done: Done, engine: Any) -> None:
        self.tail = question_tail(question)
        self.question = question
        self.done: Done | None = done
        self.engine = engine
        self.more: More | None = None
        self.link = self.bucket = None

    def cancel(self) -> None:
        """Nobody waits for it any more."""
        self.engine.forget(self)


class More:
    """What a question has beyond a first try: what is left to try, what failed, and what else binds it."""

    __slots__ = (
        "answer", "badcookies", "deadline", "failures", "final", "guess", "ignore_tc", "left", "misses", "old", "plain",
        "rounds", "tcp", "tcp_once", "tried",
    )  # fmt: skip

    def __init__(self, left: list[Health], deadline: float, rounds: int) -> None:
        self.left = left  # next one last
        self.rounds = rounds  # how many tries make a round over all servers
        self.deadline = deadline
        self.tried = 0
        self.failures: list[tuple[Kind, str, str]] = []
        self.answer: Answer | None = None  # a reply that says no, kept in case nobody says better
        self.plain = False  # without EDNS
        self.guess = False  # because of silence, which may mean that
        self.tcp = False  # never over UDP; what comes over UDP all the same is not believed
        self.tcp_once = False  # this try over TCP
        self.ignore_tc = False
        self.final = False  # the first reply counts, whatever it says
        self.misses = 0
        self.badcookies = 0
        self.old: list[tuple[Any, bytes]] = []  # (link, id) of earlier tries, which may still be answered


class Exchange:
    """The state of an engine's dealings with its servers. ``random(n)`` gives n bytes nobody can guess."""

    def __init__(self, config: Config, tuning: Tuning, now: float, random: Callable[[int], bytes]) -> None:
        self.config = config
        self.tuning = tuning
        self.servers = [self._health(index, one, now) for index, one in enumerate(config.servers)]
        self._configured = list(self.servers)
        self._only = self.servers[0] if len(self.servers) == 1 else None
        self._rotation = 0
        self._random = random
        self.window = Window(tuning.in_flight, tuning.adaptive)
        self.pace = Pace(tuning.rate, now) if tuning.rate else None
        self._simple = not (tuning.mixed_case or tuning.cookies or config.use_vc)
        self._bounded = bool(tuning.in_flight_per_server or tuning.rate_per_server)
        #: The server that every plain question goes to at once, if nothing at all is to be decided about it.
        self.direct = self._only if self._simple and not self._bounded and self.pace is None else None
        #: Whether a first try's patience is its server's (else it is the configured one).
        self.adapts = tuning.adaptive_timeout and (config.attempts > 1 or self._only is None)
        #: What happened, for people: replies believed, packets that were not, tries without a reply, TCP, fallbacks.
        self.troubled = False  # some server of several may be down
        self.answers = self.ignored = self.timeouts = self.tcp = self.plain = self.retries = 0

    def _health(self, index: int, server: Server, now: float) -> Health:
        rate = self.tuning.rate_per_server
        return Health(index, server, self.config.timeout, Pace(rate, now) if rate else None)

    def state_of(self, server: Server, now: float) -> Health:
        """The state of a server that a question names."""
        for state in self.servers:
            if state.server == server:
                return state
        self.servers.append(self._health(len(self.servers), server, now))
        return self.servers[-1]

    # -- which server ----------------------------------------------------------------------------------------

    def _first(self) -> Health:
        """The server for a first try: the only one, the one whose turn it is, or the best that is left."""
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
        """Choose who is asked first; the seconds until somebody may be, 0 for now, in which case it was chosen.

        Infinity: not before an answer to another question makes room.
        """
        if self.pace is not None or self._bounded:
            wait = self._admit(query, now)
            if wait:
                return wait
        else:
            query.state = self._only or self._first()
        if query.question.options is not None or not self._simple:
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
            more.left = [query.state] * (self.config.attempts - 1)
            more.rounds = 1
            more.deadline = now + self.config.timeout * self.config.attempts
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
        """What is rare about a question, from now on kept."""
        more = query.more
        if more is None:
            order = self._order(self._rotation)
            left = order * self.config.attempts
            if query.state in left:
                left.remove(query.state)
            started = query.sent if query.link is not None else now
            deadline = started + self.config.timeout * self.config.attempts * len(order)
            more = query.more = More(left[::-1], deadline, len(order))
        return more

    def probe(self, query: Query, now: float) -> Health | None:
        """A server that is down and that a copy of this question should be sent to, if any."""
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
        if more is None and now >= state.plain_until and not state.encrypted:
            return WITH_OPT + query.tail + OPT
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
        """Seconds until this try is given up; for the last one, all that is left of the whole time."""
        more = query.more
        if more is None:
            return query.state.timeout if self.adapts else self.config.timeout
        timeout: float = query.state.timeout if self.tuning.adaptive_timeout else self.config.timeout
        if not more.left:
            return max(more.deadline - now, 0.0)
        if more.tcp or more.tcp_once or query.state.stream:
            return self.config.timeout
        return min(timeout * float(_RESEND ** (more.tried // more.rounds)), self.config.timeout)

    # -- what came ---------------------------------------------------------------------------------------------

    def reply(self, query: Query, message: bytes, now: float, tcp: bool, state: Health) -> Verdict:
        """A message from a server that was asked, under an id that was asked."""
        more = query.more
        if more is not None and more.tcp and not tcp:
            self.ignored += 1  # somebody is guessing: of the tries over UDP none counts any more
            return None
        tail = query.tail
        end = 12 + len(tail)
        if message[12:end] != tail or message[2] & 0xFA != 0x80 or message[4:6] != b"\0\1":
            verdict = self._odd(query, message, now, tcp)
            if verdict is not True:
                return verdict  # type: ignore[return-value]
            if message[2] & 2 and not tcp and not (query.more is not None and query.more.ignore_tc):
                return self._truncated(query, now, state)
            if len(message) < end:
                end = 12
        more = query.more  # it may have come into being meanwhile
        rtt = now - query.sent
        if rtt < 0:
            rtt = 0.0  # ``now`` is that of a batch, and this one may have left within it
        try:
            answer = decode(
                query.question,
                (message, end, state.label, rtt, tcp, 1 if more is None else 1 + len(more.failures)),
            )
        except WireError as error:
            if not error.unusable:
                return self._missed(query, now, tcp)  # whoever sent it, a right answer may still come
            self.ignored += 1
            return self._refused(query, state, Kind.FORMERR, 1, None, now)
        self.answers += 1
        state.answered = count = state.answered + 1
        state.heard_at = now
        if state.silences:
            state.heard(now)
        if more is None:
            if not state.edns_seen:
                state.edns_seen = len(message) - end >= 11 and message[11] > 0
            if not count & _TIMED or not state.smoothed:
                state.timed(rtt)
            if type(answer) is OneAddress:
                return answer
        rcode = answer.rcode
        if more is not None and not self._believable(more, state, answer, now):
            return self._missed(query, now, tcp)
        if rcode in _SOFT and rcode in self.tuning.retry:
            if more is not None and more.final:
                return answer
            return self._refused(query, state, _SOFT[rcode], rcode, answer, now)
        if more is not None and more.plain and not more.final and query.question.options is None:
            state.answered_plain(now, more.guess)
        return answer

    def _truncated(self, query: Query, now: float, state: Health) -> Verdict:
        """More than a datagram holds: once more over TCP (RFC 7766 §5), for which there is always time."""
        more = self.more_of(query, now)
        more.tcp_once = True
        more.deadline = max(more.deadline, now + self.config.timeout)
        query.state = state
        state.heard(now)
        self.tcp += 1
        return AGAIN

    def _odd(self, query: Query, message: bytes, now: float, tcp: bool) -> Verdict | bool:
        """A reply that does not echo the question as it was sent: True to go on with it, else a verdict."""
        tail = query.tail
        end = 12 + len(tail)
        header = len(message) >= 12 and message[2] & 0xF8 == 0x80
        if header and message[4:6] == b"\0\1" and message[12:end] == tail:
            return True  # it is cut short, nothing else
        if header and message[4:6] == b"\0\1" and message[12:end].lower() == tail.lower():
            if not self.tuning.mixed_case or tcp:
                return True
            return self.suspicious(query, now)  # in another case: the server's habit or a forgery, TCP tells
        if header and message[4:6] == b"\0\0" and message[3] & 15 in _SOFT:
            return True  # a refusal may leave the question out
        return self._missed(query, now, tcp)

    def _missed(self, query: Query, now: float, tcp: bool) -> Verdict:
        """What came under the question's id is not its answer; too many of those are guesses (RFC 5452 §9)."""
        self.ignored += 1
        more = self.more_of(query, now)
        more.misses += 1
        return None if tcp or more.misses < _MISSES else self.suspicious(query, now)

    def suspicious(self, query: Query, now: float) -> Verdict:
        """Somebody is guessing (RFC 5452 §9): ask over TCP, once, and believe no datagram any more."""
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
            return answer  # whoever brings a cookie of his own wants to see what the server says to it
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

    # -- what did not ------------------------------------------------------------------------------------------

    def expired(self, query: Query, now: float) -> Verdict:
        """No reply in the time that this try had."""
        state = query.state
        state.silent(now, query.sent)
        self.troubled = self._only is None
        self.timeouts += 1
        more = self.more_of(query, now)
        more.failures.append((Kind.TIMEOUT, state.label, f"no answer in {now - query.sent:.3g} s"))
        return self._next(query, more, now)

    def failed(self, query: Query, error: OSError, now: float) -> Verdict:
        """The kernel, or the connection, says that this try is lost."""
        state = query.state
        state.unreachable(now)
        self.troubled = self._only is None
        more = self.more_of(query, now)
        more.failures.append((Kind.NETWORK, state.label, str(error)))
        return self._next(query, more, now)

    def _next(self, query: Query, more: More, now: float) -> Verdict:
        if not more.left or now >= more.deadline:
            return more.answer or self._error(query, more)
        before = query.state
        query.state = more.left.pop()
        more.tried += 1
        more.tcp_once = False
        self.retries += 1
        if query.question.options is None:
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
