"""libc's own calls: other threads run while it waits, and getnameinfo without CPython's is the same."""

import _socket
import socket
import sys

import pytest

from celadon import resolver
from celadon.hub import sleep, spawn
from celadon.resolver.resolvers import libc_servers as libc
from celadon.resolver.resolvers.libc import LIBC
from celadon.resolver.testing import NameServer, outcome_of

NAMEREQD, NUMERICHOST, NUMERICSERV, DGRAM = 8, 1, 2, 16


def test_getnameinfo_lets_others_run():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        resolver.use("thread", servers=[f"127.0.0.1:{silent.getsockname()[1]}"], timeout=1, attempts=1)
        waiting = spawn(outcome_of, resolver.getnameinfo, ("192.0.2.1", 80), NUMERICSERV)
        for _ in range(20):  # each of them within the second that libc waits
            sleep(0.005)
        assert not waiting.ready()
        assert waiting.get() == {"raises": "gaierror", "args": [-3, "Temporary failure in name resolution"]}


@pytest.mark.skipif(sys.platform != "linux", reason="the layout of Linux' sockaddr")
@pytest.mark.skipif(
    libc.getnameinfo is libc.getnameinfo_by_ctypes,
    reason="CPython's own stops the server's thread, so it has no answers to compare with",
)
def test_getnameinfo_without_cpythons(monkeypatch):
    with NameServer() as server:
        server.add("1.2.0.192.in-addr.arpa", "PTR", "a.test.")
        server.add("1." + "0." * 23 + "8.b.d.0.1.0.0.2.ip6.arpa", "PTR", "six.test.")
        names = resolver.make("thread", servers=server.servers, timeout=1, attempts=1)
        seen = []
        for sockaddr in (
            ("192.0.2.1", 80),
            ("192.0.2.9", 99999),
            ("127.0.0.1", 22),
            ("2001:db8::1", 80, 0, 0),
            ("2001:db8::1", 80),
            ("fe80::9%lo", 80, 5, 1),
            ("a.test", 80),
            ("192.0.2.1", -1),
            (),
            ("192.0.2.1",),
            ("192.0.2.1", 80, 1 << 21),
            ["192.0.2.1", 80],
        ):
            for flags in (NUMERICSERV, NAMEREQD, NUMERICHOST, NUMERICHOST | NAMEREQD, DGRAM):
                monkeypatch.setitem(LIBC, "getnameinfo", _socket.getnameinfo)
                theirs = outcome_of(names.getnameinfo, sockaddr, flags)
                monkeypatch.setitem(LIBC, "getnameinfo", libc.getnameinfo_by_ctypes)
                assert outcome_of(names.getnameinfo, sockaddr, flags) == theirs, (sockaddr, flags)
                seen.append(theirs)
        names.close()
    assert ["a.test", "80"] in seen
    assert ["six.test", "80"] in seen
