"""Calls, drawn from lists by a seeded generator: what is asked, of whatever world."""

import random
import socket
from collections.abc import Iterator

from .world import SLOW_ZONE, ZONE

Call = tuple[str, tuple]

LITERALS = [
    "192.0.2.5", "127.1", "0x7f.1", "0177.0.0.1", "2130706433", "256.1.1.1", "127.0.0.1.", "1.2.3", "0",
    "255.255.255.255", "2001:db8::5", "::1", "::", "[::1]", "fe80::1", "fe80::1%lo", "fe80::1%1", "fe80::1%999999",
    "fe80::1%nosuch0", "fe80::1%", "fe80::1%0", "2001:db8::5%lo", "::1%lo", "::1%1", "1.2.3.4%lo",
    "::ffff:192.0.2.5", "::192.0.2.5", "ff02::1%lo", "1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8:9", "FE80::A", "1.2.3.4.5",
    "08.1.1.1", "1.2.3.0x4", "0xffffffff", "4294967296", "1.16777216", " 1.2.3.4", "1.2.3.4 ", "1.2.3.4 x",
    "127.0.0.1\t", "１.2.3.4", "1e3", "::1 ", "a::b::c",
]  # fmt: skip
ODD = [
    "", b"", None, "*", b"*", ".", "..", "a..b", ".a1.test", "a1.test..", b".", b"..", b"a..b", b".a1.test",
    "-dash.test", "a b.test", "http://a1.test", "a1.test:80", "mid.-dash.test", "_under.test", "x" * 63 + ".test",
    "x" * 64 + ".test", "x" * 64, ".".join(["a" * 49] * 6), ".".join(["a" * 49] * 5) + ".abcde", "bücher.test",
    "BÜCHER.test", "中国.test", "faß.test", b"fa\xc3\x9f.test", b"B\xc3\x9cCHER.test", b"\xe4\xb8\xad\xe5\x9b\xbd.test",
    b"a1\xe3\x80\x82test", b"b\xc3\xbc\\cher.test", b"b\xc3cher.test", b"\xc3\xbc" * 90, "idncname.test",
    "xn--a.test", "a1。test", "ａ１.test", "xn--bcher-kva.test", "xn--zz--.test",
    b"b\xc3\xbccher.test", b"\xff", bytearray(b"a1.test"), 3, 1.5, True, ["a"], "a1.test ", " a1.test", "a1\\.test",
    "a1.test\\", "a\tb", "<broadcast>", "broadcasthost", "a,b", "@", "a%b", "a1.test%lo", "LOCALHOST", "localhost",
    "localhost.", "some.localhost", "some.invalid", "invalid", "some.onion", "A1.TEST", "Dual.Test", b"a1.test",
    b"A1.test", "CNAME.test", "é" * 300,
]  # fmt: skip
HOSTS_NAMES = [
    "hostsone", "hostsone.example", "aliasone", "HOSTSONE", "hostsone.", "hosts-multi", "canon.example",
    "alias.example", "canon2.example", "hosts6only", "scoped.example", "mapped.hosts", "indented.example",
    "upper.example", "UPPER.example", "dotted.example", "dotted.example.", "broken.example", "two.example",
    "bad.example", "hex.example", "again.example", "special.onion", "name.localhost", "myhost", "ip6-localhost",
    "both.example",
]  # fmt: skip
SEARCHED = [
    "www", "www.", "hostonly", "two.labels", "alias", "both", "nodatahere", "failhere", "refusehere", "single",
    "nowhere", "no.where", "a1", "www.search.test", "nx.test", "nx.test.", "a1.test.", "deep.er.name.nx",
    "x.wild.test", "wild.test",
]  # fmt: skip
PORTS = [
    80, 0, None, "80", b"80", "", "http", "domain", "ntp", "tftp", "nosuchsvc", "HTTP", -1, 65536, 65535, 1 << 40,
    1 << 70, "65536", "0x50", "+80", " 80", "080", "80 ", "-1", "4294967376", True, 80.0, ["80"], "*", b"http",
    "http\0x", 2147483648, "2147483647", "ssh",
]  # fmt: skip
FAMILIES = [0, 0, 0, 2, 2, 10, 10, 1, -1, 17, 99]
TYPES = [0, 1, 1, 2, 3, 4, 5, 6, 99, 1 | socket.SOCK_NONBLOCK, 10]
PROTOS = [0, 0, 0, 0, 6, 17, 1, 132, 33, 136, 262, 255, 99]
FLAGS = [
    0, 0, 1, 2, 4, 8, 0x10, 0x20, 0x400, 2 | 8, 8 | 0x10, 0x20 | 2, 0x20 | 8, 1 | 4, 2 | 4, 0x40, 0x80, 0x40 | 0x80,
    2 | 0x80, 2 | 0x40, 2 | 0x40 | 0x80, 8 | 0x10 | 0x20, 0x10, 2 | 8 | 0x10, 0x100, 0x200, 0x40 | 4,
    1 << 20, -1, 2 | 0x20 | 8 | 0x10, 1 | 0x20, 0x400 | 2,
]  # fmt: skip
NI_FLAGS = [0, 0, 0, 1, 2, 3, 4, 8, 9, 16, 18, 32, 1 << 10, -1, 8 | 4]
SOCKADDRS = [
    ("192.0.2.15", 80), ("192.0.2.16", 80), ("192.0.2.17", 80), ("192.0.2.18", 80), ("2001:db8::20", 80),
    ("192.0.2.1", 80), ("192.0.2.2", 53), ("192.0.2.3", 80), ("192.0.2.5", 22), ("192.0.2.6", 80),
    ("192.0.2.7", 80), ("192.0.2.8", 80), ("192.0.2.9", 69), ("192.0.2.10", 80), ("192.0.2.12", 80),
    ("192.0.2.13", 80), ("192.0.2.14", 80), ("192.0.2.101", 80), ("192.0.2.102", 80), ("192.0.2.104", 80),
    ("192.0.2.107", 1), ("192.0.2.112", 1), ("127.0.0.1", 80), ("127.0.1.1", 22), ("9.9.9.9", 64999),
    ("0.0.0.0", 0), ("255.255.255.255", 1), ("::1", 80, 0, 0), ("::1", 80), ("2001:db8::10", 80, 0, 0),
    ("2001:db8::102", 80, 5, 7), ("fe80::1%lo", 80, 0, 0), ("fe80::1", 80, 0, 1), ("fe80::1234", 80, 0, 99),
    ("::ffff:192.0.2.1", 80, 0, 0), ("::", 80, 0, 0), ("::192.0.2.1", 80, 0, 0), ("a1.test", 80), ("localhost", 80),
    ("", 80), ("*", 80), ("192.0.2.1", "80"), ("192.0.2.1", -1), ("192.0.2.1", 65536), (), ("192.0.2.1",),
    ("192.0.2.1", 80, 0, 0), ("::1", 80, 1 << 20, 0), ("::1", 80, 0, 1 << 32), [("192.0.2.1"), 80], None,
    ("192.0.2.1", 80, 0, 0, 0), ("127.1", 80), (b"192.0.2.1", 80), ("192.0.2.1\0", 80), ("192.0.2.1", 1.5),
    ("2001:db8::5%lo", 1), ("x" * 300, 1),
]  # fmt: skip
NAMES = [one.replace("\\032", " ") for one in ZONE if "arpa" not in one and "*" not in one]
SLOW = [one for one in SLOW_ZONE if "search" not in one and "arpa" not in one] + ["drophere"]


def calls(seed: int, count: int, extra: tuple[str, ...] = ()) -> Iterator[Call]:
    """``count`` calls; the same for the same seed."""
    draw = random.Random(seed)
    pools = [(NAMES, 6), (LITERALS, 2), (ODD, 2), (HOSTS_NAMES, 3), (SEARCHED, 2)]
    if extra:
        pools.append(([*extra], 4))
    lists, weights = zip(*pools, strict=True)

    def host() -> object:
        return draw.choice(draw.choices(lists, weights)[0])

    for _ in range(count):
        kind = draw.random()
        if kind < 0.62:
            # Mostly calls that a program makes; one argument in four is odd.
            port = 80 if draw.random() < 0.6 else draw.choice(PORTS)
            family = draw.choice((0, 0, 2, 10)) if draw.random() < 0.85 else draw.choice(FAMILIES)
            type_ = draw.choice((0, 1, 1, 2)) if draw.random() < 0.8 else draw.choice(TYPES)
            proto = 0 if draw.random() < 0.85 else draw.choice(PROTOS)
            flags = draw.choice((0, 0, 2)) if draw.random() < 0.6 else draw.choice(FLAGS)
            yield "getaddrinfo", (host(), port, family, type_, proto, flags)
        elif kind < 0.78:
            yield draw.choice(("gethostbyname", "gethostbyname_ex")), (host(),)
        elif kind < 0.88:
            one = draw.choice(SOCKADDRS)
            yield "gethostbyaddr", ((one[0] if one and draw.random() < 0.7 else host()),)
        elif kind < 0.97:
            yield "getnameinfo", (draw.choice(SOCKADDRS), draw.choice(NI_FLAGS))
        else:
            name = host()
            yield "getfqdn", (name if isinstance(name, str) else "a1.test",)


def slow_calls() -> Iterator[Call]:
    """Each name that costs a timeout, in every family; meant to be made side by side."""
    for name in SLOW:
        for family in (0, 2, 10):
            for flags in (0, 2):
                yield "getaddrinfo", (name, 80, family, 1, 0, flags)
        yield "gethostbyname", (name,)
        yield "gethostbyname_ex", (name,)
    yield "gethostbyaddr", ("192.0.2.4",)
    for flags in (0, 8):
        yield "getnameinfo", (("192.0.2.4", 80), flags)
