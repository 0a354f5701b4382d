"""Whatever stands in the system's files, or stands in their place, a lookup gets an answer or the standard error."""

import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from celadon.resolver.system.hosts import parse_hosts
from celadon.resolver.system.reload import System
from celadon.resolver.system.resolv_conf import parse_resolv_conf

FIELDS = rb"""nameserver search domain options ndots: ndots:99 timeout:-1 attempts:x rotate 1.2.3.4
::1 fe80::1%lo 999.1.1.1
a.b . .. # ; localhost 127.0.0.1 hosts: files dns [NOTFOUND=return]"""
WORDS = st.sampled_from([*FIELDS.split(), b"\t", b" ", b"\r\n", b"\n", b"\0", b"\xff\xfe", b"x" * 300])
TEXTS = st.one_of(st.binary(max_size=300), st.lists(WORDS, max_size=40).map(b" ".join))


@settings(max_examples=300, deadline=None)
@given(TEXTS)
def test_no_text_breaks_a_parser(text):
    config = parse_resolv_conf(text)
    assert 1 <= len(config.servers) <= 3
    assert 0 <= config.ndots <= 15
    for name, lines in parse_hosts(text).by_name.items():
        assert name == name.lower()
        assert lines


def make_missing(path):
    """Nothing there."""


def make_folder(path):
    path.mkdir()


def make_loop(path):
    path.symlink_to(path)


def make_binary(path):
    path.write_bytes(bytes(range(256)) * 50)


def make_endless_line(path):
    path.write_bytes(b"nameserver " + b"1" * 100_000)


@pytest.mark.parametrize("make", [make_missing, make_folder, make_loop, make_binary, make_endless_line])
def test_what_cannot_be_read_counts_as_empty(tmp_path, make):
    paths = [tmp_path / name for name in ("resolv.conf", "hosts", "nsswitch.conf")]
    for path in paths:
        make(path)
    world = System(*map(str, paths)).world()
    assert [one.address for one in world.config.servers] == ["127.0.0.1"]
    assert world.hosts.find("anything") == []
    assert "dns" in [one.name for one in world.order]


def test_a_file_that_is_mended_is_read_again(tmp_path):
    now = [0.0]
    path = tmp_path / "resolv.conf"
    path.mkdir()
    system = System(str(path), os.devnull, os.devnull, now=lambda: now[0])
    assert system.world().config.servers[0].address == "127.0.0.1"
    path.rmdir()
    path.write_text("nameserver 192.0.2.53\n")
    now[0] += 60
    assert system.world().config.servers[0].address == "192.0.2.53"
