"""Private worlds: a name server on 127.0.0.1:53, the resolver's files, and addresses of their own.

A world is plain data, so that the process which plays it (``play``, in namespaces of its own) can make it true.
"""

from dataclasses import dataclass, field

from celadon.resolver.testing import Drop, NameServer, Rcode, Refused, Script, Servfail, Truncate

HOSTS = """\
127.0.0.1 localhost
::1 localhost ip6-localhost
127.0.1.1\tmyhost.dom myhost
192.0.2.101 hostsone.example hostsone aliasone # a comment
192.0.2.102 hosts-multi
192.0.2.103 hosts-multi
2001:db8::102 hosts-multi
192.0.2.104 canon.example alias.example
192.0.2.105 canon2.example alias.example
2001:db8::106 hosts6only
fe80::1%lo scoped.example
::ffff:192.0.2.107 mapped.hosts
  192.0.2.108   indented.example   Upper.Example
192.0.2.109 dotted.example.
not-an-address broken.example
192.0.2.110
192.0.2.111 two.example two.example two.example
192.0.2.300 bad.example
0x7f.1 hex.example
192.0.2.101 again.example hostsone
10.0.0.1 invalid
10.0.0.2 special.onion
10.0.0.3 name.localhost
2001:db8::107 both.example
192.0.2.112 both.example
192.0.2.112 both.example
"""

RESOLV = "nameserver 127.0.0.1\nsearch search.test\noptions timeout:1 attempts:1\n"
NSSWITCH = "hosts: files dns\nservices: files\nprotocols: files\n"


@dataclass(frozen=True)
class World:
    """What the files say, which addresses the host has beside loopback, and which calls are made in it."""

    hosts: str = HOSTS
    resolv: str = RESOLV
    nsswitch: str = NSSWITCH
    gai: str = ""
    host_conf: str = "multi on\n"
    addresses: tuple[str, ...] = ()
    routes: tuple[str, ...] = ()
    names: tuple[str, ...] = ()  # asked beside the usual ones
    environ: dict[str, str] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    hostname: str = "vm"
    second: str = ""  # a second server on 127.0.0.2: the "same", or "healthy", which knows the same and never fails


DUAL = ("192.0.2.200/24", "2001:db8::200/64")
WORLDS = {
    "plain": World(),
    "dual": World(addresses=DUAL, routes=("default dev lo", "-6 default dev lo")),
    "v4": World(addresses=("192.0.2.200/24",), routes=("default dev lo",)),
    "v6": World(addresses=("2001:db8::200/64",), routes=("-6 default dev lo",)),
    "linklocal": World(addresses=("192.0.2.200/24", "fe80::200/64")),
    "noroute": World(addresses=("10.9.8.7/16", "fd00:1::7/48", "2001:db8::200/64", "192.0.2.200/28")),
    "search": World(
        resolv="search one.test search.test. two.test\nnameserver 127.0.0.1\noptions ndots:2 timeout:1 attempts:1\n",
    ),
    "ndots0": World(resolv="domain search.test\nnameserver 127.0.0.1\noptions ndots:0 timeout:1 attempts:1\n"),
    "nosearch": World(resolv="nameserver 127.0.0.1\nsearch .\noptions timeout:1 attempts:1\n"),
    "lastwins": World(
        resolv="search wrong.test\ndomain search.test more\n; comment\n# comment\nnameserver 127.0.0.1 # no\n"
        "nameserver  127.0.0.1\noptions ndots:3 timeout:1 attempts:1 single-request no-such-option\n"
    ),
    "noaaaa": World(resolv=RESOLV + "options no-aaaa single-request-reopen edns0 trust-ad\n"),
    "tcp": World(resolv=RESOLV + "options use-vc\n"),
    "dnsfirst": World(nsswitch="hosts: dns files\n"),
    "filesonly": World(nsswitch="hosts: files\n"),
    "dnsonly": World(nsswitch="hosts:\tdns # only\n"),
    "stop": World(nsswitch="hosts: files [NOTFOUND=return] dns\n"),
    "goon": World(nsswitch="hosts: files [SUCCESS=continue] dns\n"),
    "stopfail": World(nsswitch="hosts: dns [!UNAVAIL=return] files\n"),
    "tryagain": World(nsswitch="hosts: dns [TRYAGAIN=return UNAVAIL=return NOTFOUND=continue] files\n"),
    "absent": World(nsswitch="hosts: mdns4_minimal [NOTFOUND=return] nosuch files [!UNAVAIL=return] dns\n"),
    "nonsswitch": World(nsswitch="passwd: files\n"),
    "nothing": World(hosts="", resolv="", nsswitch=""),
    "multioff": World(host_conf="order hosts,bind\n"),
    "gaiconf": World(
        addresses=DUAL,
        routes=("default dev lo", "-6 default dev lo"),
        gai="precedence ::ffff:0:0/96  100\nlabel 2001:db8::/32 9\nscopev4 ::ffff:192.0.2.0/120 5 # x\n",
    ),
    "gaiconf2": World(
        addresses=(*DUAL, "10.9.8.7/8", "fd00:1::7/48"),
        gai="label ::1/128 0\nlabel ::/0 1\nlabel ::ffff:0:0/96 4\nprecedence fd00::/8 70\nprecedence bad\n"
        "scopev4 10.0.0.0/8 5\nreload yes\n",
    ),
    "crlf": World(
        hosts="127.0.0.1 localhost\r\n192.0.2.101 crlf.example crlf\r\n\f192.0.2.102\vodd.example\n"
        "192.0.2.103 last.example",
        resolv="\tnameserver 127.0.0.1\n nameserver 127.0.0.9\nnameserver\t127.0.0.1\r\nsearch search.test\r\n"
        "options timeout:1 attempts:1\n",
        names=("crlf.example", "crlf", "odd.example", "last.example"),
    ),
    "deadfirst": World(resolv="nameserver 127.0.0.9\n" + RESOLV),
    "nobody": World(resolv="nameserver 127.0.0.9\nnameserver 127.0.0.8\nsearch search.test\n"),
    "noroute2": World(resolv="nameserver 2001:db8:ffff::1\nnameserver 203.0.113.1\n" + RESOLV),
    "two": World(resolv=RESOLV + "nameserver 127.0.0.2\n", second="healthy"),
    "twosame": World(resolv=RESOLV + "nameserver 127.0.0.2\n", second="same"),
    "tworotate": World(resolv="nameserver 127.0.0.2\noptions rotate single-request\n" + RESOLV, second="same"),
    "secondfirst": World(resolv="nameserver 127.0.0.2\n" + RESOLV + "options use-vc ndots:2\n", second="healthy"),
    "localdomain": World(environ={"LOCALDOMAIN": "one.test two.test", "RES_OPTIONS": "ndots:2 timeout:1"}),
    "hostaliases": World(
        environ={"HOSTALIASES": "/etc/aliases.test"},
        files={"/etc/aliases.test": "short a1.test\nLONG target.test extra\n"},
        names=("short", "long", "LONG", "short."),
    ),
}


def only(rdtype: int, script: Script) -> Script:
    """The script, for questions of one type only; the others are answered as they are."""

    return _then(rdtype, script, Script(lambda query, reply: [reply]))


def rename(new: bytes) -> Script:
    """The right answer, of another owner."""

    def change(query: bytes, reply: bytes) -> list[bytes]:
        if reply[6:8] == b"\0\0":
            return [reply]
        at = 12
        while query[at]:
            at += query[at] + 1
        at += 5
        assert reply[at : at + 2] == b"\xc0\x0c"
        return [reply[:at] + new + reply[at + 2 :]]

    return Script(change)


def _then(first: int, one: Script, other: Script) -> Script:
    def change(query: bytes, reply: bytes) -> list[bytes]:
        end = 12
        while query[end]:
            end += query[end] + 1
        return (one if query[end + 2] == first else other).change(query, reply)

    return Script(change)


# name -> records; the names are the reference's, so that its tables can be read beside this.
ZONE = {
    "a1.test": {"A": ["192.0.2.1"]},
    "v4only.test": {"A": ["192.0.2.11"]},
    "v6only.test": {"AAAA": ["2001:db8::11"]},
    "dual.test": {"A": ["192.0.2.10"], "AAAA": ["2001:db8::10"]},
    "multi.test": {"A": ["192.0.2.1", "192.0.2.2", "192.0.2.3"]},
    "multi6.test": {"AAAA": ["2001:db8::3", "2001:db8:1::2", "fd00:1::1", "2002:c000:201::1", "2001:db8::2"]},
    "mixed.test": {
        "A": ["10.1.2.3", "192.0.2.2", "127.0.0.7", "169.254.1.1", "10.9.1.1", "192.0.2.201"],
        "AAAA": [
            "fe80::1",
            "fec0::1",
            "::1",
            "2001:db8::9",
            "fd00:1::9",
            "2001::5",
            "2002:a00:1::1",
            "::ffff:192.0.2.9",
        ],
    },
    "many.test": {"A": [f"10.0.{n // 250}.{n % 250 + 1}" for n in range(60)]},
    "target.test": {"A": ["192.0.2.20"], "AAAA": ["2001:db8::20"]},
    "cname.test": {"CNAME": ["target.test."]},
    "cnamecase.test": {"CNAME": ["Target.Test."]},
    "chain.test": {"CNAME": ["c2.test."]},
    "c2.test": {"CNAME": ["c3.test."]},
    "c3.test": {"CNAME": ["target.test."]},
    "cnamev4.test": {"CNAME": ["v4only.test."]},
    "cnamev6.test": {"CNAME": ["v6only.test."]},
    "dangle.test": {"CNAME": ["nodata.test."]},
    "danglenx.test": {"CNAME": ["nx.nowhere.test."]},
    "loop.test": {"CNAME": ["loop2.test."]},
    "loop2.test": {"CNAME": ["loop.test."]},
    "self.test": {"CNAME": ["self.test."]},
    "badcname.test": {"CNAME": ["bad\\032name.test."]},
    "bad\\032name.test": {"A": ["192.0.2.33"], "AAAA": ["2001:db8::33"]},
    "dashcname.test": {"CNAME": ["-dash.test."]},
    "throughbad.test": {"CNAME": ["badcname.test."]},
    "-dash.test": {"A": ["192.0.2.72"]},
    "mid.-dash.test": {"A": ["192.0.2.71"]},
    "_under.test": {"A": ["192.0.2.30"]},
    "under_score.test": {"A": ["192.0.2.31"]},
    "*.wild.test": {"A": ["192.0.2.34"]},
    "nodata.test": {"TXT": ["x"]},
    "unrelated.test": {"A": ["192.0.2.23"], "AAAA": ["2001:db8::23"]},
    "servfail.test": {"A": ["192.0.2.3"]},
    "refused.test": {"A": ["192.0.2.3"]},
    "notimp.test": {"A": ["192.0.2.3"]},
    "formerr.test": {"A": ["192.0.2.3"]},
    "rcode9.test": {"A": ["192.0.2.3"]},
    "ok-fail.test": {"A": ["192.0.2.41"], "AAAA": ["2001:db8::41"]},
    "fail-ok.test": {"A": ["192.0.2.42"], "AAAA": ["2001:db8::42"]},
    "ok-nx.test": {"A": ["192.0.2.43"], "AAAA": ["2001:db8::43"]},
    "nx-ok.test": {"A": ["192.0.2.44"], "AAAA": ["2001:db8::44"]},
    "nodata-fail.test": {"TXT": ["x"]},
    "fail-nodata.test": {"TXT": ["x"]},
    "nx-fail.test": {"TXT": ["x"]},
    "fail-nx.test": {"TXT": ["x"]},
    "nodata-nx.test": {"TXT": ["x"]},
    "nx-nodata.test": {"TXT": ["x"]},
    "ok-refused.test": {"A": ["192.0.2.45"], "AAAA": ["2001:db8::45"]},
    "refused-ok.test": {"A": ["192.0.2.46"], "AAAA": ["2001:db8::46"]},
    "nodata-refused.test": {"TXT": ["x"]},
    "ok-formerr.test": {"A": ["192.0.2.47"], "AAAA": ["2001:db8::47"]},
    "formerr-ok.test": {"A": ["192.0.2.48"], "AAAA": ["2001:db8::48"]},
    "nodata-formerr.test": {"TXT": ["x"]},
    "formerr-nodata.test": {"TXT": ["x"]},
    "tc.test": {"A": [f"192.0.2.{n}" for n in range(1, 61)], "AAAA": [f"2001:db8::{n}" for n in range(1, 61)]},
    "ll.test": {"AAAA": ["fe80::1234"]},
    "mapped.test": {"AAAA": ["::ffff:192.0.2.77"]},
    "v4mapped.test": {"A": ["192.0.2.78"], "AAAA": ["::ffff:192.0.2.79"]},
    "xn--bcher-kva.test": {"A": ["192.0.2.50"]},
    "xn--fiqs8s.test": {"A": ["192.0.2.52"]},
    "idncname.test": {"CNAME": ["xn--bcher-kva.test."]},
    "xn--fa-hia.test": {"A": ["192.0.2.53"]},
    "fass.test": {"A": ["192.0.2.54"]},
    "xn--a.test": {"A": ["192.0.2.55"]},
    "dup.test": {"A": ["192.0.2.60"]},
    "invalid": {"A": ["192.0.2.61"]},
    "some.invalid": {"A": ["192.0.2.62"]},
    "some.onion": {"A": ["192.0.2.63"]},
    "localhost": {"A": ["192.0.2.66"]},
    "some.localhost": {"A": ["192.0.2.67"]},
    "www": {"A": ["192.0.2.44"]},
    "www.search.test": {"A": ["192.0.2.40"]},
    "hostonly.search.test": {"A": ["192.0.2.74"], "AAAA": ["2001:db8::74"]},
    "two.labels.search.test": {"A": ["192.0.2.43"]},
    "alias.search.test": {"CNAME": ["target.test."]},
    "www.one.test": {"TXT": ["nodata here"]},
    "both.one.test": {"A": ["192.0.2.81"]},
    "both.two.test": {"A": ["192.0.2.82"]},
    "nodatahere.search.test": {"TXT": ["x"]},
    "failhere.one.test": {"A": ["192.0.2.3"]},
    "failhere.two.test": {"A": ["192.0.2.83"]},
    "failhere.search.test": {"A": ["192.0.2.3"]},
    "refusehere.one.test": {"A": ["192.0.2.3"]},
    "refusehere.two.test": {"A": ["192.0.2.84"]},
    "refusehere.search.test": {"A": ["192.0.2.3"]},
    "hostsone": {"A": ["192.0.2.85"]},
    "hosts6only": {"A": ["192.0.2.86"]},
    "single": {"A": ["192.0.2.87"]},
    "1.2.0.192.in-addr.arpa": {"PTR": ["ptr1.test.", "ptr2.test."]},
    "2.2.0.192.in-addr.arpa": {"CNAME": ["2.0-127.2.0.192.in-addr.arpa."]},
    "2.0-127.2.0.192.in-addr.arpa": {"PTR": ["classless.test."]},
    "3.2.0.192.in-addr.arpa": {"PTR": ["never.test."]},
    "5.2.0.192.in-addr.arpa": {"TXT": ["x"]},
    "6.2.0.192.in-addr.arpa": {"PTR": ["bad\\032name.test."]},
    "7.2.0.192.in-addr.arpa": {"PTR": ["-dash.test."]},
    "8.2.0.192.in-addr.arpa": {"PTR": ["Mixed.Case.Test."]},
    "15.2.0.192.in-addr.arpa": {"PTR": ["\\<script\\>.test."]},
    "12.2.0.192.in-addr.arpa": {"CNAME": ["nowhere.test."]},
    "13.2.0.192.in-addr.arpa": {"PTR": ["under_score.test."]},
    "14.2.0.192.in-addr.arpa": {"PTR": ["never.test."]},
    "16.2.0.192.in-addr.arpa": {"PTR": ["xn--bcher-kva.test."]},
    "17.2.0.192.in-addr.arpa": {"PTR": ["xn--a.test."]},
    "18.2.0.192.in-addr.arpa": {"PTR": ["a.search.test.", "b.test."]},
    "101.2.0.192.in-addr.arpa": {"PTR": ["dns101.test."]},
    "9.9.9.9.in-addr.arpa": {"PTR": ["nine.dom."]},
}
ZONE["0.1.0.0." + "0.0.0.0." * 5 + "8.b.d.0.1.0.0.2.ip6.arpa"] = {"PTR": ["ptr6.test."]}
ZONE["4.3.2.1." + "0.0.0.0." * 6 + "0.8.e.f.ip6.arpa"] = {"PTR": ["ll6.test."]}

NX = Rcode(3)
SCRIPTS = {
    "servfail.test": Servfail(),
    "refused.test": Refused(),
    "notimp.test": Rcode(4),
    "formerr.test": Rcode(1),
    "rcode9.test": Rcode(9),
    "ok-fail.test": only(28, Servfail()),
    "fail-ok.test": only(1, Servfail()),
    "ok-nx.test": only(28, NX),
    "nx-ok.test": only(1, NX),
    "nodata-fail.test": only(28, Servfail()),
    "fail-nodata.test": only(1, Servfail()),
    "nx-fail.test": _then(1, NX, Servfail()),
    "fail-nx.test": _then(1, Servfail(), NX),
    "nodata-nx.test": only(28, NX),
    "nx-nodata.test": only(1, NX),
    "ok-refused.test": only(28, Refused()),
    "refused-ok.test": only(1, Refused()),
    "nodata-refused.test": only(28, Refused()),
    "ok-formerr.test": only(28, Rcode(1)),
    "formerr-ok.test": only(1, Rcode(1)),
    "nodata-formerr.test": only(28, Rcode(1)),
    "formerr-nodata.test": only(1, Rcode(1)),
    "tc.test": Truncate(),
    "unrelated.test": rename(b"\x05other\x04test\0"),
    "failhere.one.test": Servfail(),
    "failhere.search.test": Servfail(),
    "refusehere.one.test": Refused(),
    "refusehere.search.test": Refused(),
    "3.2.0.192.in-addr.arpa": Servfail(),
    "14.2.0.192.in-addr.arpa": Refused(),
}


# Only for calls made side by side: each costs a timeout.
SLOW_ZONE = {
    "drop.test": {"A": ["192.0.2.90"]},
    "aaaadrop.test": {"A": ["192.0.2.91"], "AAAA": ["2001:db8::91"]},
    "adrop.test": {"A": ["192.0.2.92"], "AAAA": ["2001:db8::92"]},
    "nodata-drop.test": {"TXT": ["x"]},
    "drop-nodata.test": {"TXT": ["x"]},
    "drop-nx.test": {"TXT": ["x"]},
    "nx-drop.test": {"TXT": ["x"]},
    "drop-fail.test": {"TXT": ["x"]},
    "drophere.search.test": {"A": ["192.0.2.93"]},
    "4.2.0.192.in-addr.arpa": {"PTR": ["never.test."]},
}


SLOW_SCRIPTS = {
    "drop.test": Drop(),
    "aaaadrop.test": only(28, Drop()),
    "adrop.test": only(1, Drop()),
    "nodata-drop.test": only(28, Drop()),
    "drop-nodata.test": only(1, Drop()),
    "drop-nx.test": _then(1, Drop(), NX),
    "nx-drop.test": _then(1, NX, Drop()),
    "drop-fail.test": _then(1, Drop(), Servfail()),
    "drophere.search.test": Drop(),
    "4.2.0.192.in-addr.arpa": Drop(),
}


def serve(host: str = "127.0.0.1", port: int = 53, scripts: bool = True) -> NameServer:
    """The name server of all worlds, not started yet; without ``scripts`` it knows the same and never fails."""
    server = NameServer(host=host, port=port)
    for name, node in {**ZONE, **SLOW_ZONE}.items():
        for rdtype, data in node.items():
            for one in data:
                server.add(name, rdtype, one)
    if scripts:
        for name, script in {**SCRIPTS, **SLOW_SCRIPTS}.items():
            server.script(name, script)
    return server
