"""The system's files as glibc reads them, line by odd line; what libc makes of each was seen in the drawn worlds."""

import os

import pytest

from celadon.resolver import Config, Server
from celadon.resolver.engines.ares.library import Channel
from celadon.resolver.system.gai_conf import Rules, parse_gai_conf
from celadon.resolver.system.host_conf import parse_aliases, parse_host_conf
from celadon.resolver.system.hosts import parse_hosts
from celadon.resolver.system.nsswitch import parse_nsswitch
from celadon.resolver.system.reload import System
from celadon.resolver.system.resolv_conf import parse_resolv_conf

RETURNS = {"success"}
NOTFOUND = {"success", "notfound"}


@pytest.mark.parametrize(
    ("text", "order"),
    [
        (b"hosts: dns\n", [("dns", RETURNS)]),
        (b"hosts dns\n", [("dns", RETURNS)]),
        (b"\t hosts:\tdns\n", [("dns", RETURNS)]),
        (b"hosts : dns\n", [(":", RETURNS), ("dns", RETURNS)]),
        (b"hosts: dns[NOTFOUND=return]files\n", [("dns", NOTFOUND), ("files", RETURNS)]),
        (b"hosts: dns [ notfound = RETURN SUCCESS=continue]\n", [("dns", {"notfound"})]),
        (b"hosts: dns [!UNAVAIL=return] files\n", [("dns", NOTFOUND | {"tryagain"}), ("files", RETURNS)]),
        # no comment but a whole line
        (b"hosts: dns #\n", [("dns", RETURNS), ("#", RETURNS)]),
        (b"#hosts: dns\nhosts: files\n", [("files", RETURNS)]),
        (b"hosts: dns\nhosts: files\n", [("files", RETURNS)]),
        # a last line without its end is none, and so is one of another name
        (b"hosts: dns", [("files", RETURNS), ("dns", RETURNS)]),
        (b"host: dns\nHosts: dns\nhosts\n", [("files", RETURNS), ("dns", RETURNS)]),
        (b"hosts: dns\0 files\n", [("dns", RETURNS)]),
        # the second group of criteria ends the line
        (b"hosts: dns [NOTFOUND=return] [x] files\n", [("dns", NOTFOUND)]),
    ],
)
def test_nsswitch(text, order):
    assert [(one.name, set(one.returns)) for one in parse_nsswitch(text)] == order


@pytest.mark.parametrize(
    "criteria",
    ["[x]", "[]", "[NOTFOUND]", "[! NOTFOUND=return]", "[NOTFOUND=no]", "[NOTFOUND=returnSUCCESS=return]", "["],
)
def test_broken_criteria_leave_no_source(criteria):
    for text in (
        f"hosts: files {criteria} dns\n",
        f"passwd: files {criteria}\nhosts: files dns\n",
        f"hosts: dns\nshadow: files {criteria}\n",
    ):
        (only,) = parse_nsswitch(text.encode())
        assert only.name not in ("files", "dns")
    assert len(parse_nsswitch(f"sudoers: files {criteria}\nhosts: files dns\n".encode())) == 2


@pytest.mark.parametrize(
    ("options", "fields"),
    [
        ("ndots:3", {"ndots": 3}),
        ("ndots: 3", {"ndots": 3, "options": ("3",)}),  # atoi passes over white space
        ("ndots:2x", {"ndots": 2}),
        ("ndots:+2", {"ndots": 2}),
        ("ndots:x", {"ndots": 0}),
        ("ndots:-1", {"ndots": 15}),  # four bits
        ("ndots:99", {"ndots": 15}),
        ("no-aaaax", {"no_aaaa": True}),  # only the beginning counts
        ("single-request-reopenx", {"single_request_reopen": True}),
        ("single-requestx rotate:2", {"single_request": True, "rotate": True}),
        ("no-tld-query", {"no_tld_query": True}),
        ("NDOTS:3", {"options": ("NDOTS:3",)}),
    ],
)
def test_options(options, fields):
    text = f"nameserver 192.0.2.1\noptions {options}\n".encode()
    wanted = Config(servers=(Server("192.0.2.1"),), **fields)
    assert parse_resolv_conf(text) == wanted


def test_the_search_list_and_the_sort_list():
    config = parse_resolv_conf(
        b"search .a.test b.test. . .. c.. x\xa0y\nsortlist 10.0.0.0 192.0.2.1/255.255.255.255 x\n"
    )
    assert config.search == ("a.test", "b.test", "", ".", "c..", "x\\160y")
    assert config.sortlist == ((0x0A000000, 0xFF000000), (0xC0000201, 0xFFFFFFFF))


@pytest.mark.parametrize(
    ("text", "multi"),
    [
        ("", False),
        ("multi on", True),
        (" MULTI\tON # x", True),
        ("multi on;", True),
        ("multi onx", True),
        ("multi on\nmulti off", False),
        ("multi on\nmulti yes", True),
        ("multi=on", False),
        ("# multi on", False),
        ("multi on,off", True),
    ],
)
def test_host_conf(text, multi):
    assert parse_host_conf(text.encode()).multi is multi


def test_host_conf_in_full_and_its_variables(tmp_path, monkeypatch):
    text = b"trim .a.test,b.test:c.test\nreorder on\n"
    assert parse_host_conf(text) == (False, True, (".a.test", "b.test", "c.test"))
    environ = {"RESOLV_REORDER": "off", "RESOLV_MULTI": "on", "RESOLV_ADD_TRIM_DOMAINS": ".d"}
    assert parse_host_conf(text, environ) == (True, False, (".a.test", "b.test", "c.test", ".d"))
    assert parse_host_conf(text, {"RESOLV_OVERRIDE_TRIM_DOMAINS": ".d"}).trim == (".d",)
    other = tmp_path / "host.conf"
    other.write_text("multi on\n")
    monkeypatch.setenv("RESOLV_HOST_CONF", str(other))
    assert System(*[os.devnull] * 5).world().multi
    monkeypatch.delenv("RESOLV_HOST_CONF")
    assert not System(*[os.devnull] * 5).world().multi


def test_aliases():
    text = b"one a.test x\nOne b.test\n two c.test\nthree\nthree d.test\nfour. e.test"
    assert parse_aliases(text) == {"one": "a.test", "": "two", "three": "", "four": "e.test"}


def test_hosts_end_at_a_nul():
    hosts = parse_hosts(b"192.0.2.1 one\0 two\n192.0.2.2\0 three\n192.0.2.3 four\n")
    assert {name: [one.address for one in lines] for name, lines in hosts.by_name.items()} == {
        "one": ["192.0.2.1"],
        "": ["192.0.2.2"],
        "four": ["192.0.2.3"],
    }


@pytest.mark.parametrize(
    "line", ["::/0", "label ::", "label ::1 5", "label ::1/129 5", "label ::1/-1 5", "label ::1/128 x", "label ::/0 -1"]
)
def test_gai_conf_without_effect(line):
    assert parse_gai_conf(f"{line}\nscopev4 ::ffff:10.0.0.0/95 1\nscopev4 10.0.0.0/8 99999999999\n".encode()) == Rules()


def test_gai_conf_values():
    assert parse_gai_conf(b"label ::/\n").label == ((0, 0, 0),)  # strtoul of nothing is 0
    assert parse_gai_conf(b"scopev4 10.0.0.0/8 5\n").scope4 == ((0x0A000000, 8, 5), (0, 0, 14))


@pytest.mark.parametrize("address", ["fe80::1%nosuch0", "fe80::1%999999", "fe80::1%lo", "fe80::1%1", "::1"])
def test_c_ares_takes_any_server_that_libc_takes(address):
    """An interface that is not there made pycares raise an error of its own from the middle of a lookup."""
    Channel(Config(servers=(Server(address),)), 1.0, lambda fd, readable, writable: None).close()
