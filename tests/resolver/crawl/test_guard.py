"""The guard, as a function of addresses."""

import ipaddress
import itertools
import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from celadon.resolver.crawl.guard import BlockedAddress, Guard, carried, network
from celadon.resolver.errors import Kind
from celadon.resolver.names.address import value_of

REFUSED = {
    "0.0.0.0": "this network",
    "10.1.2.3": "private",
    "100.64.0.1": "shared by a carrier's NAT",
    "100.127.255.255": "shared by a carrier's NAT",
    "127.0.0.1": "loopback",
    "127.255.255.254": "loopback",
    "169.254.169.254": "link-local",
    "172.16.0.1": "private",
    "172.31.255.255": "private",
    "192.0.0.8": "protocol assignments",
    "192.0.2.1": "documentation",
    "192.168.1.1": "private",
    "198.18.0.1": "benchmarking",
    "198.19.255.255": "benchmarking",
    "203.0.113.9": "documentation",
    "224.0.0.1": "multicast",
    "240.0.0.1": "reserved",
    "255.255.255.255": "reserved",
    # The forms that inet_aton takes.
    "127.1": "loopback",
    "0x7f.1": "loopback",
    "0177.0.0.1": "loopback",
    "2130706433": "loopback",
    "0x7f000001": "loopback",
    "017700000001": "loopback",
    "10.1": "private",
    "0xa9fea9fe": "link-local",
    "0": "this network",
    "::": "unspecified",
    "::1": "loopback",
    "fe80::1": "link-local",
    "fe80::1%eth0": "link-local",
    "fec0::1": "site-local",
    "fc00::1": "private",
    "fdff::1": "private",
    "ff02::1": "multicast",
    "2001:db8::1": "documentation",
    "3fff::1": "documentation",
    "4000::1": "not global unicast",
    "100::1": "discarded",
    "64:ff9b:1::1": "local NAT64",
    # IPv4 inside IPv6.
    "::ffff:127.0.0.1": "loopback, IPv4-mapped",
    "::ffff:a9fe:a9fe": "link-local, IPv4-mapped",
    "::ffff:0:10.0.0.1": "private, IPv4-translated",
    "::127.0.0.1": "loopback, IPv4-compatible",
    "64:ff9b::169.254.169.254": "link-local, NAT64",
    "2002:7f00:1::1": "loopback, 6to4",
    "2002:c0a8:101::": "private, 6to4",
    "2002:808:808::1": "6to4",  # also where it carries a public one
    "2002:7f00:1::5efe:8.8.8.8": "loopback, 6to4",
    "2001:0:4136:e378:8000:63bf:f7f7:f7f7": "protocol assignments",  # Teredo of a public client
    "2001:2::1": "protocol assignments",
    "2001:20::1": "protocol assignments",
    "2001:1ff:ffff::1": "protocol assignments",
    "::8.8.8.8": "not global unicast",
    "2a00:1450::5efe:127.0.0.1": "loopback, ISATAP",
    "2a00:1450::200:5efe:a9fe:a9fe": "link-local, ISATAP",
    "2a00:1450::200:5efe:168.63.129.16": "a cloud's own service, ISATAP",
    "168.63.129.16": "a cloud's own service",
    "::ffff:168.63.129.16": "a cloud's own service, IPv4-mapped",
    "2001:0:4136:e378:8000:63bf:3f57:fefe": "private, Teredo",  # the client is 192.168.1.1, turned over
    "2001:0:a00:1::f7f7:f7f7": "private, Teredo",  # the server is 10.0.0.1
    "2a00:1450::5efe:10.0.0.1": "private, ISATAP",
    "2a00:1450::200:5efe:192.168.0.1": "private, ISATAP",
}
PASSED = [
    "1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255", "128.0.0.0",
    "169.253.255.255", "172.15.255.255", "172.32.0.0", "192.0.1.1", "198.17.255.255", "198.20.0.0", "223.255.255.255",
    "2a00:1450:4001::1", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8", "2001:200::1", "8.8",
    "168.63.129.15", "168.63.129.17", "2a00:1450::5efe:8.8.8.8",
]  # fmt: skip


@pytest.mark.parametrize(("address", "reason"), REFUSED.items())
def test_refused(address, reason):
    assert Guard().reason(address) == reason
    for kind in (str.encode, lambda text: bytearray(text, "ascii"), lambda text: memoryview(text.encode())):
        assert Guard().reason(kind(address)) == reason


@pytest.mark.parametrize("address", PASSED)
def test_passed(address):
    assert Guard().reason(address) is None


@pytest.mark.parametrize("name", ["", "example.com", "1.2.3.4.example", "a:b", "1.2.3.4.5", "0x", "::1::", "\u00e9"])
def test_a_name_is_not_judged(name):
    assert value_of(name) is None
    assert Guard().reason(name) is None


def test_allow_and_block():
    guard = Guard(allow=["10.1.2.0/24", "::1"], block=["8.8.8.0/24", "2606:4700::/32"])
    assert guard.reason("10.1.2.255") is None
    assert guard.reason("::ffff:10.1.2.3") is None, "what is allowed is allowed in every guise"
    assert guard.reason("10.1.3.0") == "private"
    assert guard.reason("::1") is None
    assert guard.reason("8.8.8.8") == "blocked here"
    assert guard.reason("::ffff:8.8.8.8") == "blocked here, IPv4-mapped"
    assert guard.reason("2606:4700::1") == "blocked here"
    assert Guard(allow="127.0.0.1", block="127.0.0.0/8").reason("127.0.0.1") is None, "the allow-list comes first"


@pytest.mark.parametrize("bad", ["", "x", "10.0.0.0/33", "10.0.0.1/8", "10.0.0.0/", "::/129", "10.0.0.0/٣"])
def test_bad_networks(bad):
    with pytest.raises(ValueError, match=r"network|host bits"):
        Guard(allow=[bad])


def test_the_error():
    error = Guard().refusal(b"evil.test", ["127.0.0.1", "::ffff:10.0.0.1"])
    assert isinstance(error, BlockedAddress)
    assert isinstance(error, socket.gaierror)
    assert error.errno == socket.EAI_FAIL
    assert error.kind is Kind.BLOCKED
    assert error.explain() == (
        "evil.test: BLOCKED: refused by the guard: 127.0.0.1 is loopback, ::ffff:10.0.0.1 is private, IPv4-mapped"
    )
    assert type(error.fresh()) is BlockedAddress


@given(st.integers(0, 2**32 - 1))
def test_v4_agrees_with_the_standard_library_where_that_refuses(number):
    address = ipaddress.IPv4Address(number)
    ours = Guard().reason(str(address))
    if not address.is_global and address not in ipaddress.ip_network("192.0.0.0/24"):
        assert ours, f"{address} is not global"
    for form in (str(number), hex(number), f"0{number:o}", f"{number >> 24}.{number & 0xFFFFFF}"):
        assert Guard().reason(form) == ours


@given(st.integers(0, 2**128 - 1))
def test_v6_agrees_with_the_standard_library_where_that_refuses(number):
    address = ipaddress.IPv6Address(number)
    if not address.is_global and carried(number) is None:
        assert Guard().reason(str(address))


@pytest.mark.parametrize("table", [ipaddress._IPv4Constants, ipaddress._IPv6Constants])
def test_every_network_that_the_standard_library_does_not_call_global(table):
    """Both ends of each, in as far as this Python knows it; IPv4-mapped addresses are judged by what they carry."""
    for one in table._private_networks:
        if str(one) != "::ffff:0:0/96":
            assert Guard().reason(str(one[0])), one
            assert Guard().reason(str(one[-1])), one


def test_no_two_networks_of_the_table_overlap():
    from celadon.resolver.crawl.guard import _V4, _V6

    for table in (_V4, _V6):
        rows = sorted(network(one) for one in table)
        assert all(a.last < b.first for a, b in itertools.pairwise(rows))
