"""DDR (RFC 9462): what a plain server designates, and which of it is believed."""

import json

import pytest

from celadon.resolver import Answer, Question, Record, RRType, Server
from celadon.resolver.cli import main
from celadon.resolver.cli.dig.discovery import designated
from celadon.resolver.testing import Drop

OWNER = "_dns.resolver.arpa"
PLAIN = Server("192.0.2.53")


def found(*data, additional=(), plain=PLAIN, addresses=None):
    records = tuple(Record(OWNER, RRType.SVCB, 300, one) for one in data)
    answer = Answer(Question(OWNER, RRType.SVCB), records=records, additional=tuple(additional))
    return designated(answer, plain, addresses or {})


@pytest.mark.parametrize(
    ("data", "uris"),
    [
        ('1 dns.test. alpn="dot" ipv4hint="192.0.2.1"', ["tls://192.0.2.1#192.0.2.53"]),
        ('1 dns.test. alpn="dot" port="8853" ipv4hint="192.0.2.1"', ["tls://192.0.2.1:8853#192.0.2.53"]),
        ('1 dns.test. alpn="doq" ipv6hint="2001:db8::1"', ["quic://[2001:db8::1]#192.0.2.53"]),
        (
            '1 dns.test. alpn="h2,h3" ipv4hint="192.0.2.1" key7="/dns-query{?dns}"',
            ["https://192.0.2.1/dns-query#192.0.2.53"],
        ),
        ('1 dns.test. alpn="h2" ipv4hint="192.0.2.1"', []),  # no path
        ('1 dns.test. alpn="h3" ipv4hint="192.0.2.1" key7="/q{?dns}"', []),  # which we do not speak
        ('0 dns.test. alpn="dot" ipv4hint="192.0.2.1"', []),
        ("0 dns.test.", []),
        ('1 . alpn="dot" ipv4hint="192.0.2.1"', []),
        ('1 dns.test. ipv4hint="192.0.2.1"', []),
        ('1 dns.test. alpn="dot"', []),
        (
            '1 dns.test. alpn="dot,doq" ipv4hint="192.0.2.1"',
            ["tls://192.0.2.1#192.0.2.53", "quic://192.0.2.1#192.0.2.53"],
        ),
    ],
)
def test_records(data, uris):
    try:
        made = found(data)
    except ValueError:
        made = []  # dnspython takes no parameters of an alias
    assert [one.uri for one in made] == uris


def test_the_best_first_and_addresses_from_elsewhere():
    glue = [Record("B.test", RRType.A, 300, "192.0.2.2")]
    made = found(
        '2 a.test. alpn="dot" ipv4hint="192.0.2.1"',
        '1 b.test. alpn="dot"',
        '3 c.test. alpn="dot"',
        additional=glue,
        addresses={"c.test": ("192.0.2.3",)},
    )
    assert [(one.priority, one.server.address) for one in made] == [
        (1, "192.0.2.2"),
        (2, "192.0.2.1"),
        (3, "192.0.2.3"),
    ]


def test_whose_certificate_it_must_be():
    """The plain server's address must be in it, unless it is the very host and the address is private (§4.2, §4.3)."""
    (one,) = found('1 dns.test. alpn="dot" ipv4hint="192.0.2.53"')
    assert (one.server.hostname, one.server.trust) == ("192.0.2.53", "")
    (one,) = found('1 dns.test. alpn="dot" ipv4hint="192.168.1.1"', plain=Server("192.168.1.1"))
    assert one.server.trust is None
    (one,) = found('1 dns.test. alpn="dot" ipv4hint="192.168.1.2"', plain=Server("192.168.1.1"))
    assert one.server.trust == ""


# -- the command -------------------------------------------------------------------------------------------------


def test_discover(server, capsys):
    server.add(OWNER, "SVCB", '1 dns.test. alpn="dot" port="8853" ipv4hint="127.0.0.1"')
    server.add(OWNER, "SVCB", '2 named.test. alpn="doq"')
    server.add("named.test", "A", "192.0.2.7")
    assert main([f"@{server.address}", "--discover"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "1 dns.test tls://127.0.0.1:8853#127.0.0.1",
        "2 named.test quic://192.0.2.7#127.0.0.1",
    ]
    assert main([f"@{server.address}", "--discover", "--json"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(row["uri"], row["verified"]) for row in rows] == [
        ("tls://127.0.0.1:8853#127.0.0.1", False),
        ("quic://192.0.2.7#127.0.0.1", True),
    ]


def test_nothing_is_designated(server, capsys):
    assert main([f"@{server.address}", "--discover"]) == 2
    assert "designates no encrypted server" in capsys.readouterr().err
    assert main([f"@ddr://{server.address}", "x.test"]) == 1
    assert "designates no encrypted server" in capsys.readouterr().err
    server.script(OWNER, Drop())
    assert main([f"@{server.address}", "--discover", "+time=0.1", "+tries=1"]) == 9
    assert main(["@ddr://nonsense", "x.test"]) == 1
    assert "not an IP address" in capsys.readouterr().err
