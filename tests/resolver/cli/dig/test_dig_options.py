"""The command: data on stdout, one line on stderr, an exit status, never a traceback."""

import json

import pytest

from celadon import resolver
from celadon.resolver.cli import main
from celadon.resolver.cli.dig.dig_options import PLUS, find
from celadon.resolver.cli.dig.grammar import parse
from celadon.resolver.cli.dig.text import option
from celadon.resolver.testing import Drop, Servfail, synthetic_address

SYNTHETIC = True
RECORDS = [
    ("fail.test", "A", "192.0.2.1"),
    ("dead.test", "A", "192.0.2.1"),
]
SCRIPTS = {"fail.test": Servfail(), "dead.test": Drop()}


def test_one_name(server, capsys):
    assert main([f"@{server.address}", "www.test", "A", "+short"]) == 0
    assert capsys.readouterr() == (synthetic_address("www.test") + "\n", "")
    assert main([f"@{server.address}", "www.test", "--json", "--resolver", "ares"]) == 0
    assert json.loads(capsys.readouterr().out)["data"]["answers"][0]["data"] == synthetic_address("www.test")
    assert main([f"@{server.address}", "www.test", "A", "AAAA"]) == 0
    out = capsys.readouterr().out
    assert out.count("status: NOERROR") == 2
    assert f"SERVER: 127.0.0.1#{server.port}" in out


def test_why(server, capsys):
    assert main([f"@{server.address}", "www.test", "a%b.test", "--why", "+short"]) == 0
    told = capsys.readouterr().err.splitlines()
    assert told[0].startswith("resolve: why: python (the command's default) asks 127.0.0.1#")
    assert "resolve: why: a program's getaddrinfo looks up www.test" in told
    assert any("A and AAAA side by side for www.test" in line for line in told)
    assert any("thread, libc itself: a name with %" in line for line in told)


@pytest.mark.parametrize(
    ("args", "code", "cause"),
    [
        (["@SERVER", ""], 1, "empty"),
        (["@SERVER", "x" * 64], 1, "legal"),
        (["@SERVER", ".".join(["abcdefg"] * 40)], 1, "legal"),
        (["@SERVER", "a\0b"], 1, "null"),
        (["@SERVER", "\udcff"], 1, "IDNA"),
        (["@SERVER", "x", "--resolver", "nonsense"], 1, "nonsense"),
        (["@SERVER", "x", "-t", "NONSENSE"], 1, "NONSENSE"),
        (["@nowhere", "x"], 1, "nowhere"),
        (["@SERVER", "x", "-p", "99999"], 1, "99999"),
        (["@SERVER", "x", "--nonsense"], 1, "--nonsense"),
        (["@SERVER", "-x", "a"], 1, "IP address"),
        (["@127.0.0.1:1", "x", "--timeout", "0.1", "--attempts", "1"], 9, "UNREACHABLE"),
        (["@SERVER", "dead.test", "--timeout", "0.1", "--attempts", "1"], 9, "TIMEOUT"),
        (["bulk", "/nonexistent", "-r", "SERVER"], 8, "/nonexistent"),
        (["bulk", "/etc/hosts", "-r", "SERVER", "-w", "/nonexistent/x"], 8, "/nonexistent/x"),
        (["bulk", "-r"], 1, "needs a value"),
    ],
)
def test_bad_input_is_one_line(server, capsys, args, code, cause):
    assert main([one.replace("SERVER", server.address) for one in args]) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("resolve: ")
    assert err.count("\n") == 1
    assert cause in err


def test_auto_asks_by_an_engine(server, capsys):
    assert main([f"@{server.address}", "www.test", "+short", "--resolver", "auto"]) == 0
    assert capsys.readouterr().out == synthetic_address("www.test") + "\n"


def test_a_query_is_no_zone_transfer():
    with pytest.raises(resolver.ResolverConfigError, match="zone transfer"):
        resolver.query("x.test", "AXFR")


@pytest.mark.parametrize(
    ("given", "whole"), [("qu", "question"), ("ti", "timeout"), ("tim", "timeout"), ("ttl", "ttlid"), ("v", "vc")]
)
def test_beginnings_that_dig_takes(given, whole):
    """Options of our own must not make them ambiguous."""
    assert find(given, PLUS) is PLUS[whole]


def test_numbers_that_dig_rounds_up():
    settings = parse(["x", "+timeout=0", "+tries=0"]).lookups[0].settings
    assert (settings.timeout, settings.tries) == (1.0, 1)


@pytest.mark.parametrize(
    ("given", "name"),
    [("10", "10.in-addr.arpa"), ("192.0.2", "2.0.192.in-addr.arpa"), ("192.0.2.", "2.0.192.in-addr.arpa")],
)
def test_the_zone_of_a_network(given, name):
    assert parse(["-x", given]).lookups[0].name == name


@pytest.mark.parametrize(("data", "text"), [("00015180", "EXPIRE: 86400 (1 day)"), ("", "OPT=9")])
def test_expire(data, text):
    assert ": ".join(option(9, bytes.fromhex(data))).removesuffix(": ") == text
