"""What the error of a failed lookup says: libc's text, a note with the facts, and no frames of ours below the door."""

import socket
import traceback

import pytest

from celadon import resolver
from celadon.resolver.testing import NameServer, Rcode

DOOR = ("in_use.py", "record_queries.py")
CALLS = {
    "getaddrinfo": lambda: resolver.getaddrinfo("nx.test", 80),
    "gethostbyname": lambda: resolver.gethostbyname("nx.test"),
    "gethostbyname_ex": lambda: resolver.gethostbyname_ex(b"nx.test"),
    "gethostbyaddr": lambda: resolver.gethostbyaddr("192.0.2.77"),
    "getnameinfo": lambda: resolver.getnameinfo(("192.0.2.77", 80), socket.NI_NAMEREQD),
    "query": lambda: resolver.query("nx.test"),
}


@pytest.fixture(scope="module")
def server():
    with NameServer() as made:
        made.add("bad.test", "A", "192.0.2.1")
        made.script("bad.test", *[Rcode(2)] * 50)
        yield made


def failed(call):
    with pytest.raises(OSError, match=r".") as caught:
        call()
    return caught.value


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("name", ["python", "ares"])
def test_one_note_and_our_frames_hidden(server, name, call):
    with resolver.scope(name, servers=server.servers):
        first, second = failed(CALLS[call]), failed(CALLS[call])
    assert first is not second
    for error in (first, second):
        (note,) = error.__notes__
        host = "192.0.2.77" if call in ("gethostbyaddr", "getnameinfo") else "nx.test"
        assert host in note
        assert f"resolver {name}" in note
        assert "\n" not in str(error)
        files = [one.filename for one in traceback.extract_tb(error.__traceback__)]
        ours = [one for one in files if "/celadon/" in one and "/tests/" not in one]
        assert len(ours) == 1
        assert ours[0].endswith(DOOR)
    assert str(first) == str(second)


def test_the_servers_are_named(server):
    with resolver.scope("python", servers=server.servers, attempts=1):
        error = failed(lambda: resolver.getaddrinfo("bad.test", 80))
    assert str(error) == "[Errno -3] Temporary failure in name resolution"
    (note,) = error.__notes__
    assert "SERVFAIL" in note
    assert f"127.0.0.1#{server.port}" in note
    assert all(one in note for one in error.tried)


def test_libc_and_a_program_s_own_resolver():
    with resolver.scope("block"):
        (note,) = failed(lambda: resolver.getaddrinfo("127.0.0.1", 80, flags=9999999)).__notes__
    assert "'127.0.0.1' with the resolver block" in note

    always = socket.gaierror(socket.EAI_NONAME, "mine")

    class Own:
        def getaddrinfo(self, *args, **kwargs):
            raise always

        def close(self):
            pass

    with resolver.scope(Own()):
        for _ in range(2):  # the same object twice: still one note
            error = failed(lambda: resolver.getaddrinfo("x.test", 80))
        (note,) = error.__notes__
    assert "Own" in note
    assert traceback.extract_tb(error.__traceback__)[-1].name == "getaddrinfo", "the program's own frame is kept"
