"""Where clients may go, by host and port."""

import pytest

from celadon.green.servers.proxy import Destinations
from celadon.green.servers.proxy.destinations import host_pattern, plain_host, port_range

RULES = {
    "everything": (Destinations(), {"a.test:80", "127.0.0.1:1", "::1:22"}, set()),
    "deny": (
        Destinations(deny_hosts=["Evil.test.", "*.ads.test"]),
        {"a.test:80", "ads.test:80", "notevil.test:80", "sub.evil.test:80"},
        {"evil.test:80", "x.ads.test:80", "y.x.ads.test:443"},
    ),
    "allow": (
        Destinations(allow_hosts=["good.test", "*.good.test"], deny_hosts=["secret.good.test"]),
        {"good.test:80", "www.good.test:80"},
        {"goodxtest:80", "bad.test:80", "secret.good.test:80", "127.0.0.1:80", "2130706433:80", "::1:80", "0x7f.1:80"},
    ),
    "ports": (
        Destinations(allow_ports=[443, "8000-8002"], deny_ports=["8001"]),
        {"a.test:443", "a.test:8000", "a.test:8002"},
        {"a.test:80", "a.test:8001", "a.test:8003"},
    ),
    "IDNA": (Destinations(deny_hosts=["*.bücher.test"]), {"a.test:80"}, {"www.xn--bcher-kva.test:80"}),
}


@pytest.mark.parametrize("name", RULES)
def test_rules(name):
    rules, passes, refused = RULES[name]

    def refusal(text):
        host, _, port = text.rpartition(":")
        return rules.refusal(plain_host(host), int(port))

    assert {one for one in passes | refused if refusal(one) is None} == passes


def test_the_reason_names_the_rule():
    rules = Destinations(deny_hosts=["*.ads.test"], allow_ports=[443])
    assert rules.refusal("x.ads.test", 443) == "the host is denied here (*.ads.test)"
    assert rules.refusal("x.test", 25) == "port 25 is not allowed here"


@pytest.mark.parametrize(
    "text", ["", "a b", "a/b", "*", "*.", "a.*.b", "1.2.3.4", "::1", "10.0.0.0/8", "http://a.test"]
)
def test_no_pattern(text):
    with pytest.raises(ValueError, match=r"is not a host|is an address"):
        host_pattern(text)


@pytest.mark.parametrize("text", ["", "0", "65536", "9-1", "a", "80,81", "-1", "1-", 0])
def test_no_port(text):
    with pytest.raises(ValueError, match="not a port"):
        port_range(text)


@pytest.mark.parametrize("text", ["", "a b", "a\0b", "ü.test", "a%31", "fe80::1%eth0", "a@b", "x" * 256, "a\n"])
def test_no_host(text):
    with pytest.raises(ValueError, match="is not a host"):
        plain_host(text)


def test_one_text_is_no_list():
    with pytest.raises(TypeError, match="allow_hosts is a sequence"):
        Destinations(allow_hosts="good.test")
