"""Plays plans without a hub, a socket or a file: a zone written as text gives the outcomes, the world is a value.

A zone maps ``"name"`` or ``"name TYPE"`` to the data, separated by spaces, to ``"-> target"`` for a CNAME, or to one of
the words of ``OUTCOMES``. A name that is not in it is NXDOMAIN, one that has other types only is NODATA.
"""

from socket import gaierror, herror

from celadon.resolver import Answer, Question, Record, ResolveError, RRType
from celadon.resolver.errors import Kind
from celadon.resolver.policy.getaddrinfo import getaddrinfo
from celadon.resolver.policy.plan import Ask, Sources
from celadon.resolver.system.gai_conf import Interface
from celadon.resolver.system.host_conf import parse_aliases, parse_host_conf
from celadon.resolver.system.hosts import parse_hosts
from celadon.resolver.system.nsswitch import parse_nsswitch
from celadon.resolver.system.resolv_conf import parse_resolv_conf
from celadon.resolver.system.world import Ways, World

# Answers by rcode, and the two ways in which no answer comes: silence, and a port where nobody listens.
OUTCOMES = {"nodata": 0, "formerr": 1, "servfail": 2, "nx": 3, "notimp": 4, "refused": 5, "rcode9": 9}
LOST = {"silent": Kind.TIMEOUT, "unreachable": Kind.NETWORK}

FAMILIES = {"4": 2, "6": 10}
# What a host has that is not on a loopback interface only: family, address, prefix length.
OWN = (("4", "192.0.2.200", 24), ("6", "2001:db8::200", 64))

#: Exactly libc's way, without the switches that docs/differences.md explains.
LIBC = Ways(special_names=False, nul=False, cname_order=False)


def world(resolv="", hosts="", sources="files dns", host_conf="multi on", aliases="", ways=LIBC, **fields):
    """A World from the text of the system's files."""
    conf = parse_host_conf(host_conf.encode())
    return World(
        parse_resolv_conf(resolv.encode()),
        parse_hosts(hosts.encode()),
        parse_nsswitch(f"hosts: {sources}\n".encode()),
        multi=conf.multi,
        reorder=conf.reorder,
        trim=conf.trim,
        aliases=parse_aliases(aliases.encode()) if aliases else {},
        ways=ways,
        **fields,
    )


class Player:
    """Runs plans against a zone. ``asked`` are the questions, one list for each time that some were sent."""

    def __init__(self, zone=(), sources=()):
        self.zone = dict(zone)
        self.sources = dict(sources)
        self.asked = []

    def run(self, plan):
        """What the plan returns or raises."""
        reply = None
        while True:
            try:
                request = plan.send(reply)
            except StopIteration as end:
                return end.value
            if isinstance(request, Ask):
                self.asked.append([f"{one.name} {RRType(one.rdtype).name}" for one in request.questions])
                reply = [self.outcome(one) for one in request.questions]
            elif isinstance(request, Sources):
                reply = [self.sources.get(one[0]) for one in request.destinations]
            else:
                reply = request.function(request.name)

    @property
    def names(self):
        """The names that were asked for, in order."""
        return [one[0].rpartition(" ")[0] for one in self.asked]

    def outcome(self, question: Question):
        """The Answer or ResolveError that the zone has for a question."""
        name, records = question.name, []
        for _ in range(40):
            said = self.zone.get(f"{name} {RRType(question.rdtype).name}", self.zone.get(name))
            if said is None:
                known = any(one.startswith(f"{name} ") for one in self.zone)
                return Answer(question, 0 if known else 3, tuple(records))
            if said in LOST:
                return ResolveError(LOST[said], name)
            if said in OUTCOMES:
                return Answer(question, OUTCOMES[said], tuple(records))
            if not said.startswith("-> "):
                records += [Record(name, question.rdtype, 60, data) for data in said.split()]
                break
            records.append(Record(name, RRType.CNAME, 60, f"{said[3:]}."))
            name = said[3:]
        return Answer(question, 0, tuple(records))


def look(name, family, flags, files, zone):
    """``getaddrinfo`` of one row of a table, as one value that is easy to read in it.

    The addresses in a string, the canonical name in brackets behind them, or the number of the gaierror. ``files`` are
    ``world``'s arguments; ``families`` in it are those that the host has addresses of, as digits.
    """
    found = outcome(getaddrinfo, files, zone, name, 80, family, 1, 0, flags)
    if not isinstance(found, list):
        return found
    return " ".join(one[4][0] for one in found) + (f" ({found[0][3]})" if found[0][3] else "")


def outcome(call, files, zone, *args):
    """What a call's plan comes to: its value, the number of a gaierror, or (class name, number) of another OSError."""
    files = dict(files)
    if "families" in files:
        digits = files.pop("families")
        files["families"] = frozenset(FAMILIES[one] for one in digits)
        files["interfaces"] = {address: Interface(size) for one, address, size in OWN if one in digits}
    try:
        return Player(zone).run(call(world(**files), *args))
    except gaierror as error:
        return error.errno
    except herror as error:
        return "herror", error.errno
    except OSError:
        return "OSError"  # with a number that libc leaves to chance
    except UnicodeError:
        return "UnicodeError"
