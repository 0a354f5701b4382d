"""A patched program: cooperative, never in libc's resolver, bounded, and put back."""

import http.client
import os
import select
import selectors
import socket
import ssl
import subprocess
import sys
import time
import urllib.request

import pytest

from celadon import patch_all, resolver
from celadon.green import is_patched, original, restore
from celadon.hub import joinall, sleep, spawn, spawn_later
from celadon.resolver.testing import Delay, Drop, NameServer


@pytest.fixture(params=["ares", "python"])
def names(request, monkeypatch):
    with NameServer() as server:
        server.add("web.test", "A", "127.0.0.1")
        server.add("dead.test", "A", "127.0.0.1")
        server.script("dead.test", Drop())
        server.add("slow.test", "A", "127.0.0.1")
        server.script("slow.test", Delay(0.05))
        patch_all(request.param, servers=server.servers)
        yield server
        restore()


@pytest.fixture
def site(names):
    listener = socket.create_server(("127.0.0.1", 0), backlog=200)

    def handle(connection):
        with connection:
            while connection.recv(4096):
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")

    def serve():
        while True:
            spawn(handle, listener.accept()[0])

    serving = spawn(serve)
    yield listener.getsockname()[1]
    serving.kill()
    listener.close()


def test_every_path_that_takes_a_name(site):
    opened = urllib.request.build_opener(urllib.request.ProxyHandler({})).open
    with opened(f"http://web.test:{site}/") as answer:
        assert answer.read() == b"hello"
    connection = http.client.HTTPConnection("web.test", site)
    connection.request("GET", "/")
    assert connection.getresponse().read() == b"hello"
    connection.close()
    with socket.socket() as one:
        one.connect(("web.test", site))
    with socket.socket() as one:
        assert one.connect_ex(("web.test", site)) == 0
    with socket.create_connection(("web.test", site), timeout=5):
        pass
    with socket.socket(type=socket.SOCK_DGRAM) as one, socket.socket(type=socket.SOCK_DGRAM) as other:
        one.bind(("web.test", 0))
        other.sendto(b"x", ("web.test", one.getsockname()[1]))
        assert one.recvfrom(10)[0] == b"x"
        other.sendmsg([b"y"], [], 0, ("web.test", one.getsockname()[1]))
        assert one.recvmsg(10)[0] == b"y"
    with pytest.raises(socket.gaierror):
        socket.create_connection(("nx.test", site))


def test_the_timeout_covers_the_lookup(names):
    for attempt in (
        lambda: socket.create_connection(("dead.test", 1), timeout=0.1),
        lambda: _connect_with_timeout("dead.test"),
    ):
        begin = time.monotonic()
        with pytest.raises(TimeoutError, match="timed out"):
            attempt()
        assert time.monotonic() - begin < 1


def _connect_with_timeout(host):
    with socket.socket() as one:
        one.settimeout(0.1)
        one.connect((host, 1))


def test_many_at_once(site):
    def fetch():
        with socket.create_connection(("slow.test", site)) as one:
            one.sendall(b"GET")
            return one.recv(100)[-5:]

    fetching = [spawn(fetch) for _ in range(100)]
    joinall(fetching)
    assert [one.get() for one in fetching] == [b"hello"] * 100


def test_timeouts_as_the_user_set_them(names):
    left, right = socket.socketpair()
    with left, right:
        assert left.gettimeout() is None
        assert left.getblocking()
        left.settimeout(0.01)
        assert left.timeout == 0.01
        with pytest.raises(TimeoutError, match="timed out"):
            left.recv(1)
        left.setblocking(False)
        with pytest.raises(BlockingIOError):
            left.recv(1)
        with pytest.raises(ValueError, match=r"non-negative|out of range"):
            left.settimeout(-1)


def test_a_detached_fd_blocks_as_its_user_set_it(names):
    for timeout in (None, 0, 5):
        left, right = socket.socketpair()
        left.settimeout(timeout)
        fd = left.detach()
        assert os.get_blocking(fd) is (timeout is None)
        os.close(fd)
        right.close()


def test_closing_wakes_a_reader(names):
    left, right = socket.socketpair()

    def read():
        with pytest.raises(OSError, match="Bad file"):
            left.recv(1)
        return True

    reading = spawn(read)
    sleep(0)
    left.close()
    assert reading.get()
    right.close()


def test_sendall_of_more_than_fits_and_makefile(names):
    left, right = socket.socketpair()
    data = bytes(range(256)) * 20_000

    def send():
        with left:
            left.sendall(data)

    sending = spawn(send)
    with right, right.makefile("rb") as file:
        assert file.read() == data
    sending.get()


def test_select_poll_epoll_selectors(names):
    left, right = socket.socketpair()
    with left, right:
        assert select.select([left], [], [], 0.001) == ([], [], [])
        spawn_later(0.001, right.send, b"x")
        assert select.select([left], [], [])[0] == [left]
        polled = select.poll()
        polled.register(left, select.POLLIN)
        assert polled.poll(10) == [(left.fileno(), select.POLLIN)]
        left.recv(1)
        spawn_later(0.001, right.send, b"x")
        assert polled.poll() == [(left.fileno(), select.POLLIN)]
        with select.epoll() as group:
            group.register(left, select.EPOLLIN)
            assert group.poll() == [(left.fileno(), select.EPOLLIN)]
            left.recv(1)
            assert group.poll(0.001) == []
        for kind in (selectors.DefaultSelector, selectors.SelectSelector, selectors.PollSelector):
            with kind() as chosen:
                chosen.register(left, selectors.EVENT_READ)
                spawn_later(0.001, right.send, b"x")
                assert len(chosen.select(1)) == 1
                left.recv(1)


def test_patch_and_restore():
    before = socket.socket
    made_before = socket.socket()
    patch_all(ssl=False)
    patch_all(ssl=False)
    assert is_patched("socket")
    assert not is_patched("ssl")
    assert original("socket", "socket") is before
    assert isinstance(made_before, socket.socket)
    assert isinstance(socket.SocketType, type)
    made_before.close()
    with pytest.raises(TypeError, match="nonsense"):
        patch_all(nonsense=True)
    with pytest.raises(resolver.ResolverConfigError):
        patch_all(resolver="nonsense")
    with pytest.raises(ValueError, match="non-negative"):
        time.sleep(-1)
    restore()
    assert socket.socket is before
    assert ssl.SSLContext.sslsocket_class is ssl.SSLSocket


TRAP = """
import _socket, sys
def trap(*args):
    raise SystemExit(f"libc's resolver was asked for {args}")
numeric = _socket.getaddrinfo
def checked(host, port, family=0, type=0, proto=0, flags=0):
    return numeric(host, port, family, type, proto, flags) if flags & _socket.AI_NUMERICHOST else trap(host, port)
_socket.getaddrinfo = checked
_socket.gethostbyname = _socket.gethostbyname_ex = _socket.gethostbyaddr = trap
from celadon import patch_all
patch_all(sys.argv[1], servers=[sys.argv[2]])
import http.client, socket, urllib.request
def refused(call, *args):
    try:
        call(*args)
    except OSError as error:
        assert getattr(error, "reason", error).errno == 111, error
with socket.socket() as one:
    one.settimeout(1)
    assert one.connect_ex(("web.test", 1)) == 111
with socket.socket() as one:
    refused(one.connect, ("web.test", 1))
with socket.socket(type=socket.SOCK_DGRAM) as one:
    one.bind(("web.test", 0))
    one.sendto(b"x", ("web.test", one.getsockname()[1]))
    assert one.sendmsg([b"x"], [], 0, ("web.test", one.getsockname()[1])) == 1
refused(socket.create_connection, ("web.test", 1))
refused(urllib.request.build_opener(urllib.request.ProxyHandler({})).open, "http://web.test:1/")
refused(http.client.HTTPConnection("web.test", 1).connect)
socket.create_server(("web.test", 0)).close()
assert socket.gethostbyname("web.test") == "127.0.0.1"
assert socket.gethostbyname_ex("web.test")[2] == ["127.0.0.1"]
assert socket.getaddrinfo("web.test", 80, socket.AF_INET, socket.SOCK_STREAM)[0][4] == ("127.0.0.1", 80)
socket.getfqdn("web.test")
try:
    _socket.getaddrinfo("web.test", 80)
except SystemExit:
    print("clean")
"""


@pytest.mark.parametrize("engine", ["ares", "python"])
def test_libc_is_never_asked(engine):
    with NameServer() as server:
        server.add("web.test", "A", "127.0.0.1")
        command = [sys.executable, "-c", TRAP, engine, server.address]
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert done.stdout == "clean\n", done.stderr


def test_python_m_celadon(tmp_path):
    script = tmp_path / "script.py"
    script.write_text("import socket, sys; print(socket.socket.__module__, sys.argv[1:]); sys.exit(3)")
    command = [sys.executable, "-m", "celadon", "--resolver", "python", str(script), "a", "-b"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, done.stdout) == (3, "celadon.green.socket ['a', '-b']\n")
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "__main__.py").write_text(
        "import ssl, sys\n"
        "print(ssl.SSLContext.sslsocket_class.__module__, type(sys.stdout).__mro__[1].__name__, sys.argv[1:])"
    )
    command[3:] = ["--resolver=python", "--no-ssl", "--sys", "-m", "package", "--no-time"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "ssl TextIOWrapper ['--no-time']\n"), done.stderr
    command[3:] = ["--resolver", "python", str(script)]
    bad = subprocess.run(
        [*command[:4], "nonsense", str(script)], capture_output=True, text=True, timeout=30, check=False
    )
    assert bad.returncode == 2
    assert bad.stderr.count("\n") == 1
    assert "nonsense" in bad.stderr
