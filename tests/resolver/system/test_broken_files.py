"""Whatever stands in the system's files, or stands in their place, a lookup gets an answer or the standard error."""

import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from celadon.resolver import factory
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


def remove(path):
    path.unlink()


def make_unreadable(path):
    path.unlink()
    path.symlink_to(path)  # as root every file can be read that can be opened


def put_folder(path):
    path.unlink()
    path.mkdir()


def put_pipe(path):
    path.unlink()
    os.mkfifo(path)  # open(2) would wait for a writer


def drop_parent(path):
    path.unlink()
    path.parent.rmdir()


GOOD = {
    "resolv.conf": b"nameserver 192.0.2.53\nsearch one.test\n",
    "hosts": b"192.0.2.1 there\n",
    "nsswitch.conf": b"hosts: dns files\n",
    "gai.conf": b"precedence ::/0 7\nprecedence ::ffff:0:0/96 9\n",
    "host.conf": b"multi on\n",
}


@pytest.fixture
def files(tmp_path):
    """A System over good files of its own, and the clock that it looks at them by."""
    folder = tmp_path / "etc"
    folder.mkdir()
    for name, text in GOOD.items():
        (folder / name).write_bytes(text)
    now = [0.0]
    system = System(*(str(folder / name) for name in GOOD), now=lambda: now[0])

    def look():
        now[0] += 60
        return system.world()

    return folder, look


def facts(world):
    return world.config, world.hosts, world.order, world.rules, world.multi


@pytest.mark.parametrize("name", GOOD)
@pytest.mark.parametrize("spoil", [remove, make_unreadable, put_folder, put_pipe])
def test_what_a_file_said_last_holds_until_it_can_be_read_again(files, name, spoil):
    folder, look = files
    before = look()
    spoil(folder / name)
    spoilt = look()
    assert facts(spoilt) == facts(before)
    assert str(folder / name) in spoilt.kept
    assert spoilt.trouble == "", "libc, which fails or asks 127.0.0.1, must not be asked in our place"
    assert look() is spoilt, "said once"
    (folder / name).rmdir() if (folder / name).is_dir() else (folder / name).unlink(missing_ok=True)
    (folder / name).write_bytes(GOOD[name].replace(b"192.0.2", b"198.51.100"))
    mended = look()
    assert mended.kept == ""
    assert (facts(mended) == facts(before)) == (b"192.0.2" not in GOOD[name])


def test_a_folder_that_vanishes_with_all_its_files(files):
    folder, look = files
    before = look()
    for name in list(GOOD)[1:]:
        (folder / name).unlink()
    drop_parent(folder / "resolv.conf")
    assert facts(look()) == facts(before)
    assert all(name in look().kept for name in GOOD)


@pytest.mark.parametrize(
    "rubbish",
    [
        b"",
        b"\n",
        b"# written by nobody\n",
        b"search two.test\n",
        bytes(range(256)),
        b"nameserver " + b"1" * 9999,
        b"nameserver\n",
        b" nameserver 192.0.2.9\n",
        b"nameserver x.example\n",
    ],
)
def test_a_resolv_conf_without_servers_after_one_with_some(files, rubbish):
    folder, look = files
    before = look()
    (folder / "resolv.conf").write_bytes(rubbish)
    assert facts(look()) == facts(before)
    assert "No name server" in look().kept
    (folder / "resolv.conf").write_bytes(b"nameserver 127.0.0.1\n")
    assert look().config.servers[0].address == "127.0.0.1", "one that names this host is taken at its word"
    assert look().kept == ""


def test_without_an_earlier_state_there_is_nothing_to_keep(files):
    folder, look = files
    (folder / "resolv.conf").write_bytes(b"search two.test\n")
    assert look().config.servers[0].address == "127.0.0.1"
    (folder / "resolv.conf").unlink()
    world = look()
    assert world.config.search != ("two.test",), "as libc, for which an empty file is there now"
    assert world.kept == ""


@pytest.mark.parametrize("name", ["hosts", "nsswitch.conf", "gai.conf", "host.conf"])
def test_other_files_may_be_emptied(files, name):
    folder, look = files
    before = look()
    (folder / name).write_bytes(b"")
    assert facts(look()) != facts(before)
    assert look().kept == ""


def test_the_file_of_hostaliases(tmp_path, monkeypatch, files):
    path = tmp_path / "aliases"
    path.write_bytes(b"short long.example\n")
    monkeypatch.setenv("HOSTALIASES", str(path))
    _, look = files
    assert look().aliases["short"] == "long.example"
    path.unlink()
    assert look().aliases["short"] == "long.example"
    assert str(path) in look().kept


def test_a_listener_and_explain_say_it_once(files, monkeypatch):
    folder, look = files
    (folder / "nsswitch.conf").write_bytes(b"hosts: files\n")
    monkeypatch.setattr(factory, "_system", type("Here", (), {"world": staticmethod(look)}))
    events = []
    made = factory.make("python", cache=None, on_event=events.append)
    try:
        made.getaddrinfo("there", 80)
        (folder / "hosts").unlink()
        for _ in range(3):
            assert made.getaddrinfo("there", 80)[0][4][0] == "192.0.2.1"
        told = [one for one in events if one.kind == "kept"]
        assert len(told) == 1
        assert str(told[0]) == f"what was read earlier still holds ({folder / 'hosts'}: No such file or directory)"
        assert told[0].detail in str(made.explain("there"))
    finally:
        made.close()
