"""What c-ares read, as an Answer whose records are made when somebody looks at them."""

from __future__ import annotations

from ...answers.undecoded import Undecoded, computed, with_defaults
from ...model import CLASS_IN, Answer, Question, Record, RRType
from .library import READ, Reply, name_text


class AresAnswer(Undecoded):
    """An answer that keeps what was taken of c-ares' records, and makes a section of it when that is read."""

    __slots__ = ("one", "reply")

    one: tuple[int, str] | None  # type: ignore[misc]  # a constant of the class elsewhere
    reply: Reply

    def _section(self, index: int) -> tuple[Record, ...]:
        return tuple(
            [
                Record(name_text(owner), rdtype, _seconds(ttl), READ[rdtype][1](data), rdclass)
                for owner, rdtype, ttl, rdclass, data in self.reply.sections[index]
            ]
        )

    rcode: int = vars(Answer)["rcode"]
    server: str | None = vars(Answer)["server"]
    rtt: float = vars(Answer)["rtt"]
    records: tuple[Record, ...] = computed(lambda self: self._section(0))
    authority: tuple[Record, ...] = computed(lambda self: self._section(1))
    additional: tuple[Record, ...] = computed(lambda self: self._section(2))
    flags: int = computed(lambda self: self.reply.flags)
    unrelated: int = computed(lambda self: self.reply.unread)
    engine = "ares"


with_defaults(AresAnswer)
_new = object.__new__
# The slots' own setters, because the class is frozen: instances are made here.
_set_question, _set_rcode, _set_server, _set_rtt = (
    vars(Answer)[name].__set__ for name in ("question", "rcode", "server", "rtt")
)
_set_one, _set_reply = (vars(AresAnswer)[name].__set__ for name in AresAnswer.__slots__)


def _seconds(ttl: int) -> int:
    return 0 if ttl >> 31 else ttl  # RFC 2181 §8


def answer_of(question: Question, name: bytes, rcode: int, reply: Reply, server: str | None, rtt: float) -> AresAnswer:
    """The answer to a question for ``name``, which is the question's as c-ares has it."""
    made: AresAnswer = _new(AresAnswer)
    _set_question(made, question)
    _set_rcode(made, rcode)
    _set_server(made, server)
    _set_rtt(made, rtt)
    _set_reply(made, reply)
    one = None
    taken = reply.sections[0]
    if len(taken) == 1 and not rcode and not reply.unread:
        owner, rdtype, ttl, rdclass, data = taken[0]
        if owner == name and rdtype == RRType.A == question.rdtype and rdclass == CLASS_IN:
            one = _seconds(ttl), READ[rdtype][1](data)
    _set_one(made, one)
    return made
