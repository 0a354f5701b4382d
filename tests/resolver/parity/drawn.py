"""Worlds that nobody thought of: files drawn by a seed, in which good lines stand among broken ones."""

import random

from .world import DUAL, World

ADDRESSES = [
    "192.0.2.101", "192.0.2.102", "192.0.2.103", "192.0.2.1", "127.0.0.1", "127.0.0.1", "127.0.0.2", "10.0.0.1",
    "0.0.0.0",
    "255.255.255.255", "2001:db8::101", "2001:db8::102", "2001:DB8:0:0::103", "::1", "::", "fe80::1", "fd00::1",
    "::ffff:192.0.2.104", "::FFFF:c000:0269", "::192.0.2.105", "2001:db8::1.2.3.4",
]  # fmt: skip
BROKEN_ADDRESSES = [
    "127.1", "0x7f.1", "0177.0.0.1", "1.2.3", "1.2.3.4.5", "256.1.1.1", "fe80::1%lo", "fe80::1%1", "::1%lo", ":::",
    "::g",
    "[::1]", "1.2.3.4/8", "::1/128", "localhost", "-", "\\", "192.0.2.101,", "0", "01.2.3.4", "1.2.3.4\0", "1::2::3",
    "2001:db8::00101", "::ffff:1.2.3", "::ffff:01.2.3.4", "192.0.2.101:80", "'192.0.2.101'",
]  # fmt: skip
NAMES = [
    "h1", "h2", "h3.example", "H3.Example", "h4.example.", "h5", "h5.search.test", "a1.test", "dual.test",
    "nx.test", "www",
    "localhost", "localhost.localdomain", "v6only.test", "xn--bcher-kva.test", "-dash.test", "un_der",
    "b\u00fccher.test",
    "127.0.0.1", "192.0.2.5", "::1", "1.2.3", "x" * 63, "x" * 64, ".".join(["y" * 60] * 5), "h.", ".h", "h..h", "*",
    "*.wild",
    "a/b", "a@b", "h1", "h2", "h1.example", "target.test", "servfail.test", "some.onion", "#h", "h#6", "h;7",
    "\"h8\"", "A1.Test",
    "myhost",
]  # fmt: skip
BETWEEN = [" ", " ", "\t", "  ", " \t ", "\v", "\f", "\r", "\xa0", ",", "\0", "  # ", "#", " #", " ; "]


def _space(draw: random.Random) -> str:
    return draw.choice(BETWEEN[:5]) if draw.random() < 0.93 else draw.choice(BETWEEN)


def _lines(draw: random.Random, lines: list[str]) -> str:
    """As a file: an odd line end here and there, and perhaps none at the end."""
    text = ""
    for one in lines:
        text += ("" if draw.random() < 0.9 else draw.choice(BETWEEN)) + one
        text += "\n" if draw.random() < 0.93 else draw.choice(["\r\n", " \n", "\n\n", "\t\n", "\n \n", "\n#\n", "\0\n"])
    return text if draw.random() < 0.8 else text.rstrip("\n")


def _hosts(draw: random.Random) -> str:
    if draw.random() < 0.05:
        return ""
    lines = []
    few = draw.sample(NAMES, 12)  # so that names come again
    for _ in range(draw.choice((3, 12, 12, 30))):
        address = draw.choice(ADDRESSES if draw.random() < 0.8 else BROKEN_ADDRESSES)
        words = [draw.choice(few) for _ in range(draw.choice((0, 1, 1, 1, 2, 2, 3, 8)))]
        if draw.random() < 0.02:
            words += [f"alias{n}" for n in range(300)]
        lines.append(address + "".join(_space(draw) + one for one in words))
    if draw.random() < 0.05:
        lines.append("192.0.2.99 " + "z" * 5000 + " afterlong")
    return _lines(draw, lines).rstrip("\n") + "\n"  # without an end, glibc's last name has characters of others


OPTIONS = [
    "ndots:0", "ndots:1", "ndots:2", "ndots:3", "ndots:15", "ndots:99", "ndots:", "ndots", "ndots:x", "ndots:-1",
    "ndots: 2",
    "ndots:2x", "ndots:+2", "NDOTS:2", "timeout:1", "timeout:0", "attempts:1", "attempts:2", "attempts:9", "rotate",
    "edns0", "trust-ad", "single-request", "single-request-reopen", "use-vc", "no-aaaa", "no-reload", "no-tld-query",
    "inet6", "debug", "insecure1", "rotate:2", "edns0x", "no-such", "use-vcx", "no-aaaax", "ndots:1,",
    "single-requestx",
]  # fmt: skip
DOMAINS = [
    "search.test", "one.test", "two.test", "search.test.", ".", "..", ".search.test", "test", "nowhere",
    "SEARCH.test", "-bad",
    "search.test,", "x" * 70, "a b", "#search.test", "one.test#", ";x", ".".join(["d" * 60] * 4), "un_der",
    "lost.test",
]  # fmt: skip
SERVERS = [
    "127.0.0.1", "127.0.0.1", "127.0.0.1", "127.1", "0x7f000001", "127.0.0.1 # x", "127.0.0.1#53",
    "127.0.0.1 127.0.0.9",
    "127.0.0.1,", "::1", "::ffff:127.0.0.1", "::1%lo", "localhost", "", "127.0.0.256", "[::1]", "127.0.0.1;x",
    "fe80::1%nosuch",
]  # fmt: skip


def _resolv(draw: random.Random) -> str:
    lines = ["options timeout:1 attempts:1"] if draw.random() < 0.7 else []
    for _ in range(draw.choice((1, 2, 4))):
        kind = draw.random()
        if kind < 0.35:
            lines.append("nameserver" + _space(draw) + draw.choice(SERVERS))
        elif kind < 0.65:
            word = draw.choice(("search", "search", "domain"))
            lines.append(
                word + "".join(_space(draw) + draw.choice(DOMAINS) for _ in range(draw.choice((0, 1, 1, 2, 3, 8))))
            )
        elif kind < 0.9:
            lines.append(
                "options" + "".join(_space(draw) + draw.choice(OPTIONS) for _ in range(draw.choice((1, 1, 2, 4))))
            )
        else:
            lines.append(
                draw.choice(
                    (
                        "# nameserver 127.0.0.9", ";x", "nameservers 127.0.0.9", "Search one.test",
                        "SEARCH one.test", "lookup file bind",
                        "sortlist 192.0.2.2/255.255.255.255 10.0.0.0", "sortlist 192.0.2.0 127.0.0.0/255.0.0.0",
                        "family inet4",
                        "search:one.test", "options:ndots:3", "nameserver127.0.0.9", "x", "domain", "search",
                        "options",
                    )
                )
            )  # fmt: skip
    draw.shuffle(lines)
    # A server that answers stands there in any case: silence costs seconds, and has a world of its own.
    lines.insert(draw.choice((0, len(lines))), "nameserver 127.0.0.1")
    return _lines(draw, lines)


SOURCES = ["files", "dns"] * 8 + ["nosuch", "mdns4_minimal", "myhostname", "Files", "dns#", "compat",
"db"]  # fmt: skip
CRITERIA = [
    "[NOTFOUND=return]", "[!UNAVAIL=return]", "[SUCCESS=continue]", "[TRYAGAIN=return]", "[UNAVAIL=return]",
    "[notfound=RETURN]", "[ NOTFOUND = return ]", "[NOTFOUND=return UNAVAIL=continue]", "[!SUCCESS=return]",
    "[!NOTFOUND=continue]", "[NOTFOUND=continue]", "[ !NOTFOUND=return]", "[! NOTFOUND=return]", "[SUCCESS=return]",
]  # fmt: skip
BROKEN_CRITERIA = [
    "[", "]", "[]", "[NOTFOUND]", "[NOTFOUND=]", "[=return]", "[NOTFOUND=return", "NOTFOUND=return]",
    "[NOSUCH=return]",
    "[NOTFOUND=nosuch]", "[[NOTFOUND=return]]", "[NOTFOUND=return]]", "[NOTFOUND return]", "[,]", "[!]",
]  # fmt: skip


def _nsswitch(draw: random.Random) -> str:
    lines = ["services: files", "protocols: files"]
    for _ in range(draw.choice((1, 1, 1, 1, 2))):
        text = draw.choice(
            ("hosts:", "hosts:", "hosts:", "hosts: ", "hosts", "hosts :", " hosts:", "\thosts:", "Hosts:", "hosts::")
        )
        for _ in range(draw.choice((1, 2, 2, 2, 3, 4))):  # none at all, and glibc crashes
            text += draw.choice(BETWEEN[:9]) + draw.choice(SOURCES)
            if draw.random() < 0.25:
                text += draw.choice((" ", "", "\t")) + draw.choice(
                    CRITERIA if draw.random() < 0.85 else BROKEN_CRITERIA
                )
        lines.insert(draw.randrange(len(lines) + 1), text)
    if draw.random() < 0.1:
        lines.insert(
            draw.randrange(len(lines) + 1),
            draw.choice(
                (
                    "# hosts: files",
                    "x",
                    ":",
                    "hosts",
                    "passwd: [",
                    "passwd: files [x]",
                    "sudoers: [x]",
                    "group: a[!]",
                    "networks:",
                )
            ),
        )
    return _lines(draw, lines)


PREFIXES = [
    "::1/128", "::/0", "2001:db8::/32", "2001:db8::/129", "fd00::/8", "fc00::/7", "::ffff:0:0/96",
    "::ffff:192.0.2.0/120", "2002::/16",
    "10.0.0.0/8", "::", "2001:db8::1", "x/8", "fe80::/10", "::ffff:10.0.0.0/104", "2001::/-1", "192.0.2.0/24",
    "::ffff:0.0.0.0/96",
]  # fmt: skip


def _gai(draw: random.Random) -> str:
    lines = []
    for _ in range(draw.choice((0, 2, 4, 8))):
        word = draw.choice(("label", "precedence", "scopev4", "scopev4", "Label", "reload", "nosuch", "#label"))
        value = draw.choice(
            ("0", "1", "2", "5", "14", "40", "100", "-1", "x", "99999999999", "3 # x", "3x", "0x10", "0")
        )
        lines.append(word + _space(draw) + draw.choice(PREFIXES) + _space(draw) + value)
    return _lines(draw, lines)


HOST_CONF = [
    "multi on", "multi off", "multi on", "multi", "multi yes", "MULTI on", "multi ON", "multi=on",
    "order hosts,bind", "trim .test",
    "trim search.test", "trim .search.test,.test", "reorder on", "nospoof on", "spoof warn", "# multi on",
    "multi on # x", "multi on,off",
    "multi on;", "nosuch on", "alert on", "multi off multi on", "\tmulti on", "multion", "multi onx",
]  # fmt: skip


def drawn(seed: int) -> World:
    """The world of this seed, always the same."""
    draw = random.Random(f"world {seed}")
    environ = {}
    if draw.random() < 0.15:
        environ["LOCALDOMAIN"] = " ".join(draw.choices(DOMAINS, k=draw.choice((0, 1, 2))))
    if draw.random() < 0.15:
        environ["RES_OPTIONS"] = " ".join(draw.choices(OPTIONS, k=draw.choice((0, 1, 3))))
    files = {}
    if draw.random() < 0.15:
        environ["HOSTALIASES"] = draw.choice(("/etc/aliases.drawn", "/etc/aliases.drawn", "/etc/no-such", "/etc", ""))
        pairs = [f"{draw.choice(NAMES)}{_space(draw)}{draw.choice(NAMES)}" for _ in range(8)]
        files["/etc/aliases.drawn"] = _lines(draw, [*pairs, "h", "# h1 a1.test", "", " h1 a1.test"])
    if draw.random() < 0.15:
        for name in (
            "RESOLV_MULTI",
            "RESOLV_REORDER",
            "RESOLV_ADD_TRIM_DOMAINS",
            "RESOLV_OVERRIDE_TRIM_DOMAINS",
            "RESOLV_HOST_CONF",
        ):
            if draw.random() < 0.3:
                environ[name] = draw.choice(("on", "off", "", ".test", "search.test", "/etc/host.conf", "x"))
    addresses = draw.choice(
        (
            (), (), DUAL, ("192.0.2.200/24",), ("2001:db8::200/64",), (*DUAL, "10.9.8.7/8"), ("fe80::200/64",
            "192.0.2.200/24"),
            ("10.9.8.7/8", "fd00:1::7/48", "fe80::7/64"), ("169.254.3.4/16", "2002:c000:2c8::1/48"),
        )
    )  # fmt: skip
    routes: tuple[str, ...] = ()
    if draw.random() < 0.5:
        routes = tuple(
            one
            for one, there in (("default dev lo", "."), ("-6 default dev lo", ":"))
            if any(there in address for address in addresses)
        )
    return World(
        hosts=_hosts(draw),
        resolv=_resolv(draw),
        nsswitch=_nsswitch(draw),
        gai=_gai(draw),
        host_conf=_lines(draw, draw.choices(HOST_CONF, k=draw.choice((0, 1, 1, 2, 4)))),
        addresses=addresses,
        routes=routes,
        environ=environ,
        files=files,
        hostname=draw.choice(("vm", "vm", "vm.search.test", "vm.one.test.", "a.b.c.d", "h1", "vm.")),
        names=(*(one for one in NAMES if "\0" not in one), "alias7", "afterlong", "z" * 5000, "short"),
    )
