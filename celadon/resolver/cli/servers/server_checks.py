"""What a name server is asked to find out whether it is fit for use, and what its replies say. Pure.

Each check has a word: alive, honest (NXDOMAIN for names that cannot exist), answers (what is known to be true), edns
(RFC 6891), tcp (RFC 7766), ad (the bit of validated data, RFC 4035 §3.2.3), speed, rate.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from ...answers.cname import follow
from ...errors import ResolveError
from ...frozen import frozen
from ...model import Answer, QueryOptions, Question, Rcode, RRType, rcode_name
from ...protocols import Outcome

WORDS = ("alive", "honest", "answers", "edns", "tcp", "ad", "speed", "rate")
#: Names whose addresses are known and do not change: root servers (RFC 7720; the root zone).
KNOWN = {"a.root-servers.net": "198.41.0.4", "f.root-servers.net": "192.5.5.241", "k.root-servers.net": "193.0.14.129"}
ZONES = ("com", "net", "org")
_AD = 0x0020
_ENOUGH = 0.95  # of the questions of a burst that must be answered


@frozen
class Wanted:
    """What is asked and expected. ``known`` maps names to addresses (None: any answer with data will do).

    ``signed`` is the name whose SOA record a validating server gives with the AD bit; ``ad`` whether it must.
    ``slowest`` is the longest median round trip time in seconds that is accepted.
    """

    zones: tuple[str, ...] = ZONES
    known: tuple[tuple[str, frozenset[str] | None], ...] = ()
    signed: str = ""
    ad: bool = False
    slowest: float = 0.5


@frozen
class Finding:
    """What a check came to: ``ok`` None means that it could not be made, or that nothing is expected."""

    check: str
    ok: bool | None
    why: str = ""


# A check, the question that is asked for it, and what is expected.
Probe = tuple[str, Question, "frozenset[str] | None"]


def probes(wanted: Wanted, label: Callable[[], str]) -> list[Probe]:
    """The questions for one server; ``label`` makes labels that nobody has registered."""
    # Beside a bare label one behind www: some answer only what a person may have typed.
    made: list[Probe] = [
        ("honest", Question(f"{before}{label()}.{zone}", RRType.A), None)
        for zone in wanted.zones
        for before in ("", "www.")
    ]
    made += [("answers", Question(name, RRType.A), data) for name, data in wanted.known]
    first, data = wanted.known[0] if wanted.known else (wanted.zones[0], None)
    made.append(("edns", Question(first, RRType.A, options=QueryOptions(final=True)), None))
    made.append(("tcp", Question(first, RRType.A, options=QueryOptions(tcp=True)), data))
    made.append(("ad", Question(wanted.signed, RRType.SOA, options=QueryOptions(ad=True)), None))
    return made


def judge(wanted: Wanted, asked: Sequence[Probe], outcomes: Sequence[Outcome]) -> list[Finding]:
    """The findings, in the order of ``WORDS``; a server that says nothing at all has one."""
    by_check: dict[str, list[tuple[Probe, Outcome]]] = {}
    for probe, outcome in zip(asked, outcomes, strict=True):
        by_check.setdefault(probe[0], []).append((probe, outcome))
    replies = [one for one in outcomes if isinstance(one, Answer)]
    if not replies:
        error = next(one for one in outcomes if isinstance(one, ResolveError))
        return [Finding("alive", False, error.detail or error.kind.value)]
    found = [Finding("alive", True)]
    for check, rule in _RULES.items():
        reasons = [rule(probe, outcome) for probe, outcome in by_check.get(check, ())]
        bad = next(filter(None, reasons), "")
        if check == "tcp" and _same_by_udp(by_check):
            bad = ""  # it speaks TCP; what is wrong with its answers has other words
        found.append(Finding(check, not bad, bad) if reasons else Finding(check, None))
    found.append(_validates(wanted, by_check["ad"][0][1]))
    median = middle([one.rtt for one in replies if not one.tcp])
    slow = median > wanted.slowest
    found.append(Finding("speed", not slow, f"the median round trip took {median * 1000:.0f} ms" if slow else ""))
    return found


def _honest(probe: Probe, outcome: Outcome) -> str:
    name = probe[1].name
    if isinstance(outcome, ResolveError):
        return f"{name}: {outcome.detail or outcome.kind.value}"
    if outcome.records:
        return f"{name} cannot exist, but it has {outcome.records[0].data}"
    return (
        "" if outcome.rcode == Rcode.NXDOMAIN else f"{name} cannot exist, but the reply is {rcode_name(outcome.rcode)}"
    )


def _true(probe: Probe, outcome: Outcome) -> str:
    name = probe[1].name
    if isinstance(outcome, ResolveError):
        return f"{name}: {outcome.detail or outcome.kind.value}"
    data = addresses(outcome)
    if not data:
        return f"{name}: {rcode_name(outcome.rcode)}, no address"
    expected = probe[2]
    if expected is None or data <= expected:
        return ""
    return f"{name} is {', '.join(sorted(expected))}, not {', '.join(sorted(data))}"


def _edns(probe: Probe, outcome: Outcome) -> str:
    if isinstance(outcome, ResolveError):
        return f"no reply to a question with EDNS: {outcome.detail or outcome.kind.value}"
    if outcome.rcode in (Rcode.FORMERR, Rcode.NOTIMP, Rcode.BADVERS):
        return f"a question with EDNS is answered by {rcode_name(outcome.rcode)}"
    return "" if outcome.edns is not None else "the reply to a question with EDNS has none"


def _tcp(probe: Probe, outcome: Outcome) -> str:
    if isinstance(outcome, ResolveError):
        return outcome.detail or outcome.kind.value
    if outcome.rcode not in (Rcode.NOERROR, Rcode.NXDOMAIN):
        return f"a question over TCP is answered by {rcode_name(outcome.rcode)}"
    return f"over TCP, {why}" if probe[2] is not None and (why := _true(probe, outcome)) else ""


_RULES: Mapping[str, Callable[[Probe, Outcome], str]] = {
    "honest": _honest,
    "answers": _true,
    "edns": _edns,
    "tcp": _tcp,
}


def _same_by_udp(by_check: Mapping[str, list[tuple[Probe, Outcome]]]) -> bool:
    """Whether the question that was asked over TCP was answered so over UDP as well."""
    udp, tcp = by_check["edns"][0][1], by_check["tcp"][0][1]
    if isinstance(udp, ResolveError) or isinstance(tcp, ResolveError):
        return False
    return (udp.rcode, addresses(udp)) == (tcp.rcode, addresses(tcp))


def _validates(wanted: Wanted, outcome: Outcome) -> Finding:
    about = f"the SOA record of {wanted.signed or '.'}"
    if isinstance(outcome, ResolveError):
        return Finding("ad", False if wanted.ad else None, f"{about}: {outcome.detail or outcome.kind.value}")
    has = bool(outcome.flags & _AD)
    if has or not wanted.ad:
        return Finding("ad", has or None, "" if has else "no AD bit")
    if outcome.rcode:
        return Finding("ad", False, f"{about}: {rcode_name(outcome.rcode)}")
    return Finding("ad", False, f"{about} is signed, but comes without the AD bit")


def addresses(answer: Answer) -> frozenset[str]:
    """The addresses at the end of the answer's chain."""
    return frozenset(follow(answer).data) if answer.rcode == 0 else frozenset()


def rate_finding(asked: int, answered: int, seconds: float) -> Finding:
    """What a burst came to."""
    short = answered < asked * _ENOUGH
    return Finding(
        "rate", not short, f"{answered} of {asked} questions in {seconds:.1f} s were answered" if short else ""
    )


def middle(numbers: Sequence[float]) -> float:
    """The median; 0 of nothing."""
    ordered = sorted(numbers)
    return ordered[len(ordered) // 2] if ordered else 0.0


def reasons(findings: Sequence[Finding], allowed: frozenset[str] = frozenset()) -> list[str]:
    """The words of the checks that a server fails, and that are not forgiven."""
    return [one.check for one in findings if one.ok is False and one.check not in allowed]


def expected_of(
    known: Sequence[tuple[str, frozenset[str] | None]], outcomes: Sequence[Outcome]
) -> list[tuple[str, frozenset[str] | None]]:
    """The known names with what a trusted server answers, where nothing was said."""
    made = []
    for (name, data), outcome in zip(known, outcomes, strict=True):
        told = addresses(outcome) if isinstance(outcome, Answer) else frozenset()
        made.append((name, data if data is not None else told or None))
    return made
