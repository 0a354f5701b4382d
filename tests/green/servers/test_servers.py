"""StreamServer and DatagramServer: what a server must stand."""

import contextlib
import errno
import os
import socket as std_socket
import ssl as std_ssl
import subprocess
import sys

import pytest

from celadon.green import create_connection
from celadon.green import socket as green
from celadon.green import ssl as green_ssl
from celadon.green.servers import DatagramServer, StreamServer
from celadon.hub import Event, Pool, fail_after, get_hub, joinall, sleep, spawn

from ..worlds import TLS


def echo(client, peer):
    while data := client.recv(65536):
        client.sendall(data)


def ask(address, data=b"hello"):
    with create_connection(address, 10) as one:
        one.sendall(data)
        return one.recv(100)


@pytest.fixture
def told():
    """What was reported of greenlets that failed."""
    found = []
    get_hub().exception_handler = lambda who, error: found.append(error)
    return found


def test_echo_to_many():
    with StreamServer(("127.0.0.1", 0), echo) as server:
        asking = [spawn(ask, server.address, b"%d" % n) for n in range(100)]
        joinall(asking, timeout=10)
        assert [one.get() for one in asking] == [b"%d" % n for n in range(100)]
        assert (server.server_host, server.server_port) == server.address
        assert server.started
    assert server.closed
    assert not server.started
    with pytest.raises(ConnectionRefusedError):
        create_connection(server.address, 5)
    with pytest.raises(RuntimeError, match="was stopped"):
        server.start()


@pytest.mark.parametrize(
    "form",
    [
        "text",
        "number",
        pytest.param("ipv6", marks=pytest.mark.ipv6),
        "green socket",
        "socket of the standard library",
        "unix",
    ],
)
def test_forms_of_a_listener(form, tmp_path):
    made = None
    if form == "green socket":
        made = listener = green.socket()
        made.bind(("127.0.0.1", 0))
        made.listen()
    elif form == "socket of the standard library":
        made = listener = std_socket.create_server(("127.0.0.1", 0))
    else:
        listener = {"text": "127.0.0.1:0", "number": 0, "ipv6": "[::1]:0", "unix": str(tmp_path / "socket")}[form]
    with StreamServer(listener, echo) as server:
        if form == "unix":
            with green.socket(std_socket.AF_UNIX) as one:
                one.connect(listener)
                one.sendall(b"hello")
                assert one.recv(100) == b"hello"
            assert server.server_port is None
        else:
            assert ask(("::1" if form == "ipv6" else "127.0.0.1", server.server_port)) == b"hello"
    if made is not None:
        made.close()
    assert not os.path.exists(tmp_path / "socket")


def test_a_subclass_handles():
    class Shout(StreamServer):
        def handle(self, client, peer):
            client.sendall(client.recv(100).upper())

    with Shout(("127.0.0.1", 0)) as server:
        assert ask(server.address) == b"HELLO"
    with pytest.raises(TypeError, match="spawn is"):
        StreamServer(0, echo, spawn="many")
    with pytest.raises(TypeError, match="pass handle"):
        StreamServer(0)


def test_a_pool_bounds_how_many_are_handled():
    inside, most, leave = 0, 0, Event()

    def handle(client, peer):
        nonlocal inside, most
        inside += 1
        most = max(most, inside)
        leave.wait()
        inside -= 1
        client.sendall(b"done")

    with StreamServer(("127.0.0.1", 0), handle, spawn=3) as server:
        asking = [spawn(ask, server.address) for _ in range(10)]
        while inside < 3:
            sleep(0)
        for _ in range(10):
            sleep(0)
        assert inside == 3
        assert server.pool.full()
        leave.set()
        joinall(asking, timeout=10)
        assert [one.get() for one in asking] == [b"done"] * 10
        assert most == 3


def test_one_pool_for_two_servers():
    pool = Pool(1)
    with (
        StreamServer(("127.0.0.1", 0), echo, spawn=pool) as one,
        StreamServer(("127.0.0.1", 0), echo, spawn=pool) as two,
    ):
        assert ask(one.address) == ask(two.address) == b"hello"


def test_a_handler_that_fails_is_reported_and_others_go_on(told):
    def handle(client, peer):
        raise ArithmeticError(client.recv(100))

    with StreamServer(("127.0.0.1", 0), handle) as server:
        assert ask(server.address) == b""
        assert ask(server.address, b"again") == b""
    assert [one.args for one in told] == [(b"hello",), (b"again",)]


def test_stop_gives_time_and_then_kills():
    ends = []

    def handle(client, peer):
        data = client.recv(100)
        try:
            sleep(0.02 if data == b"short" else 100)
            ends.append("served")
            client.sendall(b"served")
        except BaseException as error:
            ends.append(type(error).__name__)
            raise

    server = StreamServer(("127.0.0.1", 0), handle)
    server.start()
    asking = [spawn(ask, server.address, data) for data in (b"short", b"long")]
    while len(server.pool) < 2:
        sleep(0)
    sleep(0.005)
    server.stop(timeout=0.2)
    assert ends == ["served", "GreenletExit"]
    joinall(asking)
    assert [one.get() for one in asking] == [b"served", b""]
    assert not len(server.pool)


def test_a_connection_is_closed_though_its_greenlet_never_began():
    server = StreamServer(("127.0.0.1", 0), echo)
    server.start()
    with create_connection(server.address, 5) as one:
        while not len(server.pool):
            sleep(0)
        server.stop(timeout=0)
        assert one.recv(100) == b""


def test_serve_forever_returns_as_a_handler_stops_it():
    def handle(client, peer):
        server.stop()
        client.sendall(b"last")

    server = StreamServer(("127.0.0.1", 0), handle)
    server.start()
    asking = spawn(ask, server.address)
    server.serve_forever()
    assert asking.get() == b"last"


def test_whoever_stops_it_second_waits_as_the_first_does():
    """A signal's handler stops it with 30 seconds; serve_forever, which returns then, stops it as well."""
    ends = []

    def handle(client, peer):
        sleep(0.05)
        ends.append(client.recv(100))

    server = StreamServer(("127.0.0.1", 0), handle)
    server.stop_timeout = 0  # else a second: it must not count
    server.start()
    serving, asking = spawn(server.serve_forever), spawn(ask, server.address)
    while not len(server.pool):
        sleep(0)
    with fail_after(5):
        server.stop(30)
        serving.join()
    assert (ends, asking.get()) == ([b"hello"], b"")


def test_kill_does_not_wait_for_another_stop():
    server = StreamServer(("127.0.0.1", 0), lambda client, peer: sleep(100 if client.recv(100) else 0))
    server.start()
    asking = spawn(ask, server.address)
    while not len(server.pool):
        sleep(0)
    stopping = spawn(server.stop, 30)
    sleep(0.01)
    with fail_after(5):
        server.kill()
        stopping.join()
    assert asking.get() == b""


def test_stop_accepting_and_go_on():
    with StreamServer(("127.0.0.1", 0), echo) as server:
        server.stop_accepting()
        asking = spawn(ask, server.address)
        assert not joinall([asking], timeout=0.02)
        server.start_accepting()
        assert asking.get() == b"hello"


# -- TLS -------------------------------------------------------------------------------------------------------


def client_context():
    context = std_ssl.create_default_context(cafile=TLS / "ca.pem")
    context.sslsocket_class = green_ssl.SSLSocket
    return context


def ask_secure(address, context):
    with (
        create_connection(address, 10) as plain,
        context.wrap_socket(plain, server_hostname="web.test") as one,
    ):
        one.sendall(b"hello")
        return one.recv(100)


def test_tls():
    files = {"certfile": TLS / "server.pem", "keyfile": TLS / "server.key"}
    with StreamServer(("127.0.0.1", 0), echo, **files) as server:
        assert server.ssl_context.minimum_version == std_ssl.TLSVersion.TLSv1_2
        asking = [spawn(ask_secure, server.address, client_context()) for _ in range(5)]
        joinall(asking)
        assert [one.get() for one in asking] == [b"hello"] * 5
    context = std_ssl.SSLContext(std_ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(**files)
    with StreamServer(("127.0.0.1", 0), echo, ssl_context=context) as server:
        assert ask_secure(server.address, client_context()) == b"hello"
    with pytest.raises(TypeError, match="not both"):
        StreamServer(0, echo, ssl_context=context, **files)


def test_a_client_without_a_handshake_holds_up_nobody(told):
    files = {"certfile": TLS / "server.pem", "keyfile": TLS / "server.key"}
    server = StreamServer(("127.0.0.1", 0), echo, **files)
    server.handshake_timeout = 0.1
    with server, create_connection(server.address, 5) as silent, create_connection(server.address, 5) as rude:
        assert ask_secure(server.address, client_context()) == b"hello"
        rude.sendall(b"GET / HTTP/1.0\r\n\r\n")
        with contextlib.suppress(ConnectionResetError):
            while rude.recv(100):
                pass  # an alert
        assert silent.recv(100) == b""
    assert not told


# -- faults ----------------------------------------------------------------------------------------------------


class Faulty(green.socket):
    """A listener whose accept fails with what it is told."""

    __slots__ = ("errors",)

    def accept(self):
        if self.errors:
            number = self.errors.pop(0)
            raise OSError(number, os.strerror(number))
        return super().accept()


@pytest.mark.parametrize("number", [errno.ECONNABORTED, errno.EPROTO, errno.EPERM, errno.ENETDOWN, errno.EHOSTUNREACH,
                                    errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM])  # fmt: skip
def test_errors_of_accept_that_pass(number, caplog):
    listener = Faulty()
    listener.errors = [number] * 3
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    with StreamServer(listener, echo) as server:
        server.min_delay = 0.001
        assert ask(server.address) == b"hello"
    assert len(caplog.records) == (number in (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM))


def test_a_listener_that_is_gone_ends_the_server(caplog):
    listener = Faulty()
    listener.errors = [errno.EBADF]
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    server = StreamServer(listener, echo)
    server.serve_forever()
    assert server.closed
    assert "has lost its listener" in caplog.text


NO_DESCRIPTORS = """
import logging, os, resource, time
from celadon.green.servers import StreamServer
from celadon.green.socket import socket
from celadon.hub import sleep, spawn, joinall

logging.basicConfig(format="%(message)s")
def handle(client, peer):
    client.sendall(b"served")
with StreamServer(("127.0.0.1", 0), handle) as server:
    sleep(0)
    clients = [socket() for _ in range(3)]
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
    taken = []
    try:
        while True:
            taken.append(os.dup(0))
    except OSError:
        pass
    for one in clients:
        one.connect(server.address)
    begin = time.process_time()
    sleep(0.5)
    assert time.process_time() - begin < 0.1
    for one in taken:
        os.close(one)
    begin = time.monotonic()
    for one in clients:
        one.settimeout(5)
        assert one.recv(100) == b"served"
        one.close()
    assert time.monotonic() - begin < 2
"""


def test_no_descriptors_left():
    done = subprocess.run(
        [sys.executable, "-c", NO_DESCRIPTORS], capture_output=True, text=True, timeout=50, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("cannot accept") == 1
    assert "Too many open files" in done.stderr


# -- datagrams -------------------------------------------------------------------------------------------------


def test_datagrams(told):
    class Echo(DatagramServer):
        def handle(self, data, peer):
            self.sendto(data[::-1], peer)
            if data == b"fail":
                raise ArithmeticError

    with Echo(("127.0.0.1", 0)) as server, green.socket(type=std_socket.SOCK_DGRAM) as one:
        one.settimeout(5)
        for data in (b"abc", b"fail", b"", b"x" * 5000):
            one.sendto(data, server.address)
            assert one.recv(10000) == data[::-1]
        with pytest.raises(OSError, match="in use"):
            DatagramServer(server.address, echo).start()
    with pytest.raises(OSError, match="Bad file"):
        server.sendto(b"x", server.address)
    assert [type(one) for one in told] == [ArithmeticError]
