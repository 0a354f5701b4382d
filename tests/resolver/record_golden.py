"""Records what this machine's libc answers to the golden calls: ``python tests/resolver/record_golden.py > FILE``.

Only calls whose outcome does not depend on the machine: no host of its own, no service name, one address family at a
time where the order would depend on routes.
"""

import json
import platform
import sys

from celadon import resolver
from celadon.resolver.testing import ZONE, NameServer, outcome_of

CANONNAME, PASSIVE, NUMERICHOST, NUMERICSERV, V4MAPPED, ALL = 2, 1, 4, 1024, 8, 16
INET, INET6, STREAM, DGRAM, RAW = 2, 10, 1, 2, 3

NAMES = ["a.test", "A.TEST", "a.test.", "six.test", "alias.test", "far.test", "many.test", "nx.test", "dangling.test"]
LITERALS = ["192.0.2.7", "127.1", "0x7f.1", "2130706433", "0177.0.0.1", "::1", "2001:db8::7", "::ffff:1.2.3.4", "1.2.3"]
BROKEN = ["", "a b", "a..b", ".a", "-x.test", "x" * 64, "x" * 64 + ".test", "256.1.1.1", "1.2.3.4.5", "::g", "*"]
CALLS = [
    *(("getaddrinfo", name, 80, family, STREAM) for name in NAMES for family in (INET, INET6)),
    *(("getaddrinfo", name, "80", INET) for name in NAMES),
    *(("getaddrinfo", name, None, INET, 0, 0, CANONNAME) for name in NAMES),
    *(("getaddrinfo", name, 80, 0, STREAM) for name in ("a.test", "six.test", "alias.test", "nx.test")),
    *(("getaddrinfo", name, 80, INET6, STREAM, 0, V4MAPPED) for name in ("a.test", "six.test", "nx.test")),
    *(("getaddrinfo", name, 80, INET6, STREAM, 0, V4MAPPED | ALL) for name in ("a.test", "six.test")),
    *(("getaddrinfo", name, 80, family) for name in LITERALS for family in (0, INET, INET6)),
    *(("getaddrinfo", name, 80, 0, DGRAM, 0, NUMERICHOST) for name in ("a.test", *LITERALS)),
    *(("getaddrinfo", name, 80, INET, STREAM) for name in BROKEN if name != "*"),
    *(("getaddrinfo", None, 80, family, STREAM, 0, flags) for family in (INET, INET6) for flags in (0, PASSIVE)),
    ("getaddrinfo", None, 80, 0, STREAM, 0, CANONNAME),
    *(("getaddrinfo", "a.test", port, INET, STREAM) for port in (0, 65535, 65536, -1, "0", "80", "", "65536", " 80")),
    *(("getaddrinfo", "a.test", "nosuchservice", INET, kind) for kind in (0, STREAM, DGRAM, RAW)),
    *(("getaddrinfo", "a.test", "80x", INET, STREAM, 0, NUMERICSERV),),
    *(("getaddrinfo", "a.test", 80, INET, kind, proto) for kind in (0, STREAM, DGRAM, RAW, 99) for proto in (0, 6, 17)),
    *(("getaddrinfo", "a.test", 80, family, STREAM) for family in (1, 16, 99)),
    *(("getaddrinfo", "a.test", 80, INET, STREAM, 0, 1 << bit) for bit in (1, 10, 20)),
    ("getaddrinfo", "a.test", 1.5),
    ("getaddrinfo", 3, 80),
    ("getaddrinfo", None, None),
    *(("gethostbyname", name) for name in (*NAMES, *LITERALS, *BROKEN, "<broadcast>", None, 3)),
    *(("gethostbyname_ex", name) for name in (*NAMES, *LITERALS, "a..b", "", "<broadcast>", None, 3)),
    *(("gethostbyaddr", name) for name in ("192.0.2.1", "192.0.2.9", "2001:db8::1", "a.test", "nx.test", "", None, 3)),
    *(("getnameinfo", ["192.0.2.1", 80], flags) for flags in (1, 2, 3, 8, 10)),
    *(("getnameinfo", ["192.0.2.9", 80], flags) for flags in (2, 3, 10)),
    ("getnameinfo", ["a.test", 80], 0),
    ("getnameinfo", ["192.0.2.1", 99999], 2),
    ("getnameinfo", [], 0),
    ("getnameinfo", ["::1", 80, 0, 0], 3),
]


def record():
    """The rows, in the order of CALLS."""
    rows = []
    with NameServer() as server:
        for name, node in ZONE.items():
            for rdtype, data in node.items():
                for one in data:
                    server.add(name, rdtype, one)
        libc = resolver.make("block", servers=server.servers, timeout=1, attempts=1)
        for call, *args in CALLS:
            given = [tuple(one) if isinstance(one, list) else one for one in args]
            rows.append({"call": call, "args": args, "outcome": outcome_of(getattr(libc, call), *given)})
    return rows


if __name__ == "__main__":
    lines = ",\n".join(json.dumps(row, ensure_ascii=True) for row in record())
    sys.stdout.write(f'{{"libc": "{" ".join(platform.libc_ver())}", "rows": [\n{lines}\n]}}\n')
