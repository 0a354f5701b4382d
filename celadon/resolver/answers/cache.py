"""The cache: positive and negative answers are kept for their TTL. If it is full, the least recently used one goes.

A whole answer is kept under its question and serves that question only, so a record that was not asked for is never
used (RFC 5452 §6). A positive answer is kept for its least TTL, a negative one for what its SOA says (RFC 2308), a
server's refusal for seconds (RFC 9520). If no reply came, nothing is kept: the fault may be this machine's network.
Expired answers may be used while servers fail (RFC 8767).

No clock and no I/O here: the caller gives ``now``, in seconds of a monotonic clock. Threads may share a cache: each
step is one operation of a dict.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator
from typing import Any

from ... import late
from ..dns.wire import decode
from ..frozen import frozen
from ..model import CLASS_IN, Answer, Question, Record, RRType, asking
from .cname import follow

json: Any = late.module("json")  # for dump and load

_NXDOMAIN = 3
_WEEK = 604_800.0


@frozen
class CachePolicy:
    """How long answers are kept; all times in seconds. The defaults suit any program.

    ``entries``: the most answers to keep. ``min_ttl`` and ``max_ttl`` clamp positive answers (a TTL of 0 is not
    kept unless ``min_ttl`` is above 0). ``negative_max``: the most for negative answers with an SOA. ``negative``: for
    those without one. ``failure``: for SERVFAIL and the like. ``stale``: how long after its end an answer may still be
    used if the servers fail, or have not replied within ``client_timeout`` (0: never). It then has the TTL
    ``stale_ttl``, and the servers are asked again at most every ``recheck`` (RFC 8767 §5). ``prefetch``: the last part
    of a TTL, 0 to 1, in which a hit renews the answer (0: never).
    """

    entries: int = 10_000
    min_ttl: float = 0.0
    max_ttl: float = 86_400.0
    negative_max: float = 300.0
    negative: float = 5.0
    failure: float = 1.0
    stale: float = 0.0
    client_timeout: float = 1.8
    stale_ttl: int = 30
    recheck: float = 30.0
    prefetch: float = 0.0

    def __post_init__(self) -> None:
        """ValueError for a time below 0 and the like."""
        if self.entries < 1:
            raise ValueError(f"entries: {self.entries!r} is less than 1")
        for name in ("min_ttl", "max_ttl", "negative_max", "negative", "failure", "stale", "client_timeout", "recheck"):
            if not getattr(self, name) >= 0:
                raise ValueError(f"{name}: {getattr(self, name)!r} is not a number of seconds")
        if not 0 <= self.prefetch < 1:
            raise ValueError(f"prefetch: {self.prefetch!r} is not a part from 0 to less than 1")


@frozen
class CacheStats:
    """Counts since the cache was made: ``hits`` (``negative`` and ``stale`` ones among them), ``misses``, answers
    ``stored``, ``evicted`` for room, ``prefetched``; and how many ``entries`` there are now.
    """

    entries: int
    hits: int
    misses: int
    negative: int
    stale: int
    stored: int
    evicted: int
    prefetched: int


#: A key: the name in lower case for addresses of IPv4, else that, type, class and options. Text is hashed once, and the
#: garbage collector need not look at it.
Key = str | tuple[str, int, int, Any]
#: An entry that holds a reply with one address: the reply, TTL and address, when it was stored, when it expires. It is
#: one tuple of numbers and text, which the garbage collector lets go of at its first look. Three objects in its place,
#: which it looks at as long as they live, cost a tenth of a lookup's instructions.
Packed = tuple[bytes, int, str, float, bool, int, int, str, float, float]


class Entry:
    """One answer: when it was stored, when it expires, and how long its servers are left alone after that."""

    __slots__ = ("answer", "expires", "rest_until", "stored")

    def __init__(self, answer: Answer, stored: float, expires: float) -> None:
        self.answer: Answer = answer
        self.stored: float = stored
        self.expires: float = expires
        self.rest_until: float = 0.0

    @property
    def negative(self) -> bool:
        """Whether the answer is that there is no data."""
        answer = self.answer
        return answer.one is None and bool(answer.rcode or not answer.records)


def key_of(question: Question) -> Key:
    """The question with its name in lower case: one key for every spelling (RFC 4343)."""
    name, rdtype, rdclass, options = question
    low = name.lower()
    return low if rdtype == 1 and rdclass == CLASS_IN and options is None else (low, rdtype, rdclass, options)


def _question(key: Key) -> Question:
    """The question that a key stands for."""
    return asking(key, 1) if isinstance(key, str) else Question(*key)


def asked_as(question: Question, answer: Answer) -> Answer:
    """The answer with the name in the case of this question, in its records too."""
    if answer.question == question:
        return answer
    old, new = answer.question.name, question.name
    records = tuple(one._replace(name=new) if one.name == old else one for one in answer.records)
    return answer.changed(question=question, records=records)


def _soa_ttl(answer: Answer) -> float | None:
    """RFC 2308 §5: the lesser of the SOA's TTL and its minimum field, in seconds; None without an SOA."""
    one = answer.soa()
    minimum = one.data.split()[-1:] if one is not None else []
    if one is None or not minimum or not minimum[0].isdigit():
        return None
    return min(one.ttl, int(minimum[0]))


def lifetime(answer: Answer, policy: CachePolicy) -> float:
    """For how many seconds an answer may be kept; 0 for not at all."""
    one = answer.one
    if one is not None:  # the commonest: what the rules below come to
        kept = one[0]
        return kept if policy.min_ttl <= kept <= policy.max_ttl else min(max(kept, policy.min_ttl), policy.max_ttl)
    if answer.rcode not in (0, _NXDOMAIN):
        return policy.failure
    records = answer.records
    ttl = float(min(each.ttl for each in records)) if records else policy.max_ttl
    if answer.rcode == 0 and records and (answer.question.rdtype == RRType.ANY or follow(answer).data):
        return min(max(ttl, policy.min_ttl), policy.max_ttl)
    soa = _soa_ttl(answer)
    return min(policy.negative if soa is None else min(soa, policy.negative_max), ttl)


class Cache:
    """See the module. ``policy`` is a CachePolicy."""

    def __init__(self, policy: CachePolicy | None = None) -> None:
        self.policy: CachePolicy = policy or CachePolicy()
        #: Changes whenever an answer is removed before its time: results made from it are then out of date.
        self.generation: int = 0
        self._entries: OrderedDict[Key, Entry | Packed] = OrderedDict()
        self._hits = self._misses = self._negative = self._stale = 0
        self._stored = self._evicted = self._prefetched = 0

    def __len__(self) -> int:
        return len(self._entries)

    def __repr__(self) -> str:
        return f"<Cache, {len(self._entries)} of {self.policy.entries} entries>"

    def get(self, question: Question, now: float) -> Entry | None:
        """The entry that may be used without a query: fresh, or stale while its servers are left alone; else None."""
        kept = self.find(key_of(question), now)
        return None if kept is None else unpacked(question, kept)

    def find(self, key: Key, now: float) -> Entry | Packed | None:
        """As ``get``, by the question's ``key_of``, and perhaps packed: see ``unpacked``."""
        entries = self._entries
        kept = entries.get(key)
        if kept is None:
            self._misses += 1
            return None
        if kept.__class__ is tuple:
            if now >= kept[9]:
                self._misses += 1
                return None
        elif not self._usable(kept, now):  # type: ignore[arg-type]
            self._misses += 1
            return None
        self._hits += 1
        try:  # as ``_touch``, without a call
            entries.move_to_end(key)
        except KeyError:
            return kept  # another thread has just evicted it
        return kept

    def _usable(self, entry: Entry, now: float) -> bool:
        if now >= entry.expires:
            if now >= entry.rest_until:
                return False
            self._stale += 1
        if entry.answer.one is None and entry.negative:
            self._negative += 1
        return True

    def _touch(self, key: Key) -> None:
        try:
            self._entries.move_to_end(key)
        except KeyError:
            return  # another thread has just evicted it

    def peek(self, question: Question) -> Entry | None:
        """The entry, however old it is; counts nothing."""
        kept = self._entries.get(key_of(question))
        return None if kept is None else unpacked(question, kept)

    def stale(self, question: Question, now: float) -> Entry | None:
        """The expired answer that may be used because the servers failed (RFC 8767); None if there is none."""
        if not self.policy.stale:
            return None
        entry = self.peek(question)
        if entry is None or now >= entry.expires + self.policy.stale or entry.answer.rcode not in (0, _NXDOMAIN):
            return None
        return entry

    def served_stale(self, entry: Entry, now: float) -> None:
        """The entry was used though it is stale: leave its servers alone for ``recheck`` seconds."""
        self._stale += 1
        entry.rest_until = now + self.policy.recheck

    def wants_refresh(self, entry: Entry, now: float) -> bool:
        """Whether a hit now is near enough to the entry's end to renew it."""
        part = self.policy.prefetch
        return bool(part) and entry.expires - (entry.expires - entry.stored) * part <= now < entry.expires

    def prefetching(self) -> None:
        """Count a renewal."""
        self._prefetched += 1

    def put(self, answer: Answer, now: float, key: Key | None = None) -> bool:
        """Keep an answer for as long as the policy allows. False if the policy does not allow it.

        ``key`` is its question's ``key_of``, if the caller has it.
        """
        policy, one, entries = self.policy, answer.one, self._entries
        if one is not None and policy.min_ttl <= one[0] <= policy.max_ttl:
            seconds: float = one[0]  # what ``lifetime`` comes to, without a call
        else:
            seconds = lifetime(answer, policy)
        if key is None:
            key = key_of(answer.question)
        if seconds <= 0:
            entries.pop(key, None)
            return False
        if key in entries:
            if answer.rcode not in (0, _NXDOMAIN) and self.stale(answer.question, now) is not None:
                return False  # a failure must not replace an answer that may still be used
            self._touch(key)
        told = answer.told
        if told is None or one is None or policy.stale:
            entries[key] = Entry(answer, now, now + seconds)
        else:
            entries[key] = told + (one[0], one[1], now, now + seconds)  # noqa: RUF005  (half the bytecodes)
        self._stored += 1
        if len(entries) > policy.entries:
            self._make_room()
        return True

    def _make_room(self) -> None:
        while len(self._entries) > self.policy.entries:
            self._entries.popitem(last=False)
            self._evicted += 1

    def flush(self, name: str | None = None) -> int:
        """Forget everything, or everything about one name. Returns the number of answers."""
        self.generation += 1
        if name is None:
            count = len(self._entries)
            self._entries.clear()
            return count
        low = name.lower().removesuffix(".")
        keys = [one for one in list(self._entries) if _question(one).name == low]
        for one in keys:
            self._entries.pop(one, None)
        return len(keys)

    def discard(self, name: str, address: str) -> bool:
        """Forget one address of a name, because connecting to it failed, say. True if it was there.

        An answer that has lost its last address is removed, so the name is asked for again.
        """
        found = False
        for rdtype in (RRType.A, RRType.AAAA):
            question = Question(name.lower().removesuffix("."), int(rdtype))
            key, entry = key_of(question), self.peek(question)
            if entry is None:
                continue
            left = tuple(one for one in entry.answer.records if one.rdtype != rdtype or one.data != address)
            if len(left) == len(entry.answer.records):
                continue
            found = True
            if any(one.rdtype == rdtype for one in left):
                made = Entry(entry.answer.changed(records=left), entry.stored, entry.expires)
                self._entries[key] = made
            else:
                self._entries.pop(key, None)
        if found:
            self.generation += 1
        return found

    def stats(self) -> CacheStats:
        """A snapshot of the counts."""
        return CacheStats(
            len(self._entries),
            self._hits,
            self._misses,
            self._negative,
            self._stale,
            self._stored,
            self._evicted,
            self._prefetched,
        )

    # -- to a file and back ---------------------------------------------------------------------------

    def dump(self, now: float, wall: float) -> Iterator[str]:
        """The answers as lines of JSON, least recently used first. ``wall`` is the wall clock's time at ``now``."""
        for key, kept in list(self._entries.items()):
            entry = unpacked(_question(key), kept)
            answer = entry.answer
            if answer.rcode not in (0, _NXDOMAIN) or now >= entry.expires + self.policy.stale:
                continue
            question = answer.question
            if question != Question(question.name, question.rdtype, question.rdclass):
                continue  # asked with options of its own
            row = {
                "name": question.name,
                "type": int(question.rdtype),
                "class": question.rdclass,
                "rcode": answer.rcode,
                "stored": round(wall - (now - entry.stored), 3),
                "expires": round(wall + (entry.expires - now), 3),
                "records": _rows(answer.records),
                "authority": _rows(answer.authority),
                "flags": answer.flags,
                "server": answer.server,
                "engine": answer.engine,
                "unrelated": answer.unrelated,
            }
            yield json.dumps(row, separators=(",", ":"))

    def load(self, lines: Iterable[str], now: float, wall: float) -> int:
        """Load what ``dump`` wrote, aged by the wall clock. Returns the number of answers.

        Expired answers and lines of any other form are ignored.
        """
        count = 0
        for line in lines:
            try:
                row = json.loads(line)
                question = Question(str(row["name"]), int(row["type"]), int(row["class"]))
                records, authority = (
                    tuple(
                        Record(str(name), int(rdtype), int(ttl), str(data), int(rdclass))
                        for name, rdtype, ttl, data, rdclass in row[section]
                    )
                    for section in ("records", "authority")
                )
                answer = Answer(
                    question,
                    int(row["rcode"]),
                    records,
                    authority,
                    flags=int(row["flags"]),
                    server=row["server"] and str(row["server"]),
                    engine=str(row["engine"]),
                    unrelated=int(row.get("unrelated", 0)),
                )
                age, left = wall - float(row["stored"]), float(row["expires"]) - wall
            except (ValueError, KeyError, TypeError):
                continue
            if not 0 <= age <= _WEEK or left > _WEEK or left + self.policy.stale <= 0:
                continue
            entry = Entry(answer, now - age, now + left)
            if self._entries.setdefault(key_of(question), entry) is entry:
                count += 1
        self._make_room()
        return count


def unpacked(question: Question, kept: Entry | Packed) -> Entry:
    """What ``find`` has found for a question. A packed reply is decoded, with the name as it is asked for now."""
    if isinstance(kept, Entry):
        return kept
    return Entry(decode(question, kept[:6]), kept[8], kept[9])


def _rows(records: tuple[Record, ...]) -> list[list[object]]:
    return [[one.name, int(one.rdtype), one.ttl, one.data, one.rdclass] for one in records]


def aged(entry: Entry, now: float, policy: CachePolicy) -> Answer:
    """The entry's answer as a hit returns it: ``cached``, its TTLs counted down; or ``stale``, with ``stale_ttl``."""
    answer = entry.answer
    if now >= entry.expires:
        records = tuple(one._replace(ttl=policy.stale_ttl) for one in answer.records)
        return answer.changed(records=records, cached=True, stale=True)
    age, left = int(now - entry.stored), int(entry.expires - now)
    records = tuple(one._replace(ttl=max(min(one.ttl - age, left), 0)) for one in answer.records)
    return answer.changed(records=records, cached=True)
