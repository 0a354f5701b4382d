"""What TLS sockets do, seen on CPython's threads and on our greenlets, with the same result."""

import errno
import hashlib
import socket
import ssl
import tempfile

import pytest

from celadon.hub import GreenletExit, Timeout, kill, sleep, spawn

from .worlds import Contracts, outcome, run

contract = Contracts()

DATA = bytes(range(256)) * 4096
# Python 3.11.2 has OpenSSL 3 take this end for a clean one; later ones do not (python/cpython#95494).
_IGNORED = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).options & ssl.OP_IGNORE_UNEXPECTED_EOF
RAGGED_END = b"" if _IGNORED else "SSLEOFError"
TIMED_OUT = ("TimeoutError", "The read operation timed out")


def read_all(one):
    parts = []
    while data := one.recv(65536):
        parts.append(data)
    return b"".join(parts)


def kind(seen):
    """The class of an error only: OpenSSL words its messages anew with each version."""
    return seen[0] if isinstance(seen, tuple) else seen


@contract(("TLSv1.3", True, "server.test", None, "web.test", True))
def the_handshake(world):
    client, server = world.tls_pair()
    peer = client.getpeercert()
    name = dict(one for part in peer["subject"] for one in part)["commonName"]
    same = client.cipher()[1:] == server.cipher()[1:]
    binary = client.getpeercert(binary_form=True)
    return (
        client.version(),
        same,
        name,
        server.getpeercert(),
        client.server_hostname,
        hashlib.sha256(binary).digest() is not None and isinstance(client, world.ssl_socket_class),
    )


@contract((True, True, b""))
def data_both_ways_at_once(world):
    client, server = world.tls_pair()

    def both(one):
        def write():
            one.sendall(DATA)

        writing = world.spawn(write)
        data = bytearray()
        while len(data) < len(DATA):
            data += one.recv(65536)
        assert writing.result() is None
        return bytes(data)

    running = [world.spawn(both, client), world.spawn(both, server)]
    seen = [one.result() == DATA for one in running]
    closing = world.spawn(client.unwrap)
    end = server.recv(1)
    server.unwrap()
    closing.result()
    return *seen, end


@contract((b"in clear", b"too", True))
def unwrap_and_go_on_in_clear(world):
    client, server = world.tls_pair()
    unwrapping = world.spawn(server.unwrap)
    mine = world.keep(client.unwrap())
    theirs = world.keep(unwrapping.result())
    mine.sendall(b"in clear")
    first = theirs.recv(100)
    theirs.sendall(b"too")
    return first, mine.recv(100), type(mine) is type(client) or isinstance(mine, socket.socket)


@contract((b"", True))
def half_close(world):
    """A shutdown of one direction ends TLS on this side, as the documentation says; the peer sees the end."""
    client, server = world.tls_pair()
    reading = world.spawn(read_all, server)
    world.settle()
    client.shutdown(socket.SHUT_WR)
    return reading.result(), client.version() is None


@contract(("SSLError", b"", RAGGED_END))
def an_end_without_close_notify(world):
    seen = []
    for ragged in (None, True, False):
        client, server = world.tls_pair()
        client.suppress_ragged_eofs = bool(ragged)
        if ragged is None:
            client.settimeout(0.05)
            try:
                client.unwrap()
            except OSError as error:
                seen.append("SSLError" if isinstance(error, ssl.SSLError | TimeoutError) else repr(error))
            continue
        reading = world.spawn(client.recv, 10)
        world.settle()
        raw = server.detach()
        world.socket_class(fileno=raw).close()
        seen.append(kind(reading.result()))
    return tuple(seen)


@contract((TIMED_OUT, ("TimeoutError", "The write operation timed out"), TIMED_OUT, "SSLWantReadError", b"x"))
def timeouts(world):
    client, server = world.tls_pair()
    client.settimeout(0.05)
    seen = [outcome(client.recv, 1), outcome(client.sendall, DATA * 10), outcome(client.recv_into, bytearray(1))]
    client, server = world.tls_pair()
    client.setblocking(False)
    seen.append(kind(outcome(client.recv, 1)))
    client.settimeout(5)
    reading = world.spawn(client.recv, 1)
    world.settle()
    server.sendall(b"x")
    return *seen, reading.result()


@contract(("TimeoutError", "The handshake operation timed out"))
def a_handshake_with_somebody_silent(world):
    left, _ = world.pair()
    left.settimeout(0.05)
    seen = outcome(world.context().wrap_socket, left, False, True, True, "web.test")
    return seen[0], seen[1].rpartition(": ")[2]  # CPython puts the line of its source before it


@contract(("SSLCertVerificationError", "SSLError"))
def a_certificate_for_another_name(world):
    left, right = world.pair()
    accepting = world.spawn(lambda: world.context(server=True).wrap_socket(right, server_side=True).recv(1))
    seen = outcome(lambda: world.context().wrap_socket(left, server_hostname="web.example"))
    return kind(seen), kind(accepting.result())


@contract(("SSLError", True))
def a_peer_that_speaks_no_tls(world):
    left, right = world.pair()
    accepting = world.spawn(lambda: world.context(server=True).wrap_socket(right, server_side=True))
    left.sendall(b"GET / HTTP/1.0\r\n\r\n")
    seen = accepting.result()
    return kind(seen), right.fileno() == -1


@contract((True, b"hello", True))
def a_wrapped_listener_accepts(world):
    listening = world.listener()
    address = listening.getsockname()
    wrapped = world.keep(world.context(server=True).wrap_socket(listening, server_side=True))

    def serve():
        connection, peer = wrapped.accept()
        with connection:
            connection.sendall(b"hello")
            return peer

    serving = world.spawn(serve)
    plain = world.keep(world.create_connection(address, 5))
    client = world.keep(world.context().wrap_socket(plain, server_hostname="localhost"))
    data = client.recv(10)
    return plain.fileno() == -1, data, serving.result() == client.getsockname()


@contract((True, ["web.test"]))
def server_name_callback(world):
    left, right = world.pair()
    names = []
    server_context = world.context(server=True)
    server_context.sni_callback = lambda sock, name, context: names.append(name)
    accepting = world.spawn(lambda: server_context.wrap_socket(right, server_side=True))
    client = world.keep(world.context().wrap_socket(left, server_hostname="web.test"))
    server = world.keep(accepting.result())
    return isinstance(server, world.ssl_socket_class) and client.version() == server.version(), names


@contract((False, True))
def session_resumption(world):
    """TLS 1.2: the client takes its session to the next connection."""
    server_context, client_context = world.context(server=True), world.context()
    client_context.maximum_version = ssl.TLSVersion.TLSv1_2
    seen, session = [], None
    for _ in range(2):
        left, right = world.pair()
        accepting = world.spawn(lambda right=right: server_context.wrap_socket(right, server_side=True))
        client = world.keep(client_context.wrap_socket(left, server_hostname="web.test", session=session))
        world.keep(accepting.result())
        seen.append(client.session_reused)
        session = client.session
    return tuple(seen)


@contract((len(DATA), True, 10, b"abc"))
def files_and_buffers(world):
    client, server = world.tls_pair()
    with tempfile.TemporaryFile() as file:
        file.write(DATA)
        file.seek(0)
        reading = world.spawn(lambda: server.makefile("rb").read(len(DATA)) == DATA)
        sent = client.sendfile(file)
        same = reading.result()
    buffer = bytearray(10)
    server.sendall(memoryview(b"0123456789abc"))
    got = client.recv_into(buffer)
    return sent, same, got, client.read(10)


@contract([(None, size) for size in (0, 1, 16384, 16385, 100000)])
def sendall_of_bytes_by_size(world):
    client, server = world.tls_pair()
    seen = []
    for size in (0, 1, 16384, 16385, 100000):
        sending = world.spawn(server.sendall, b"x" * size)
        got = sum(map(len, iter(lambda left=[size]: read_some(client, left), b"")))
        seen.append((sending.result(), got))
    return seen


def read_some(connection, left):
    """What is there of the ``left`` bytes; b"" when nothing is left."""
    data = connection.recv(left[0]) if left[0] else b""
    left[0] -= len(data)
    return data


@contract([("ValueError", None)] * 5)
def what_tls_does_not_allow(world):
    client, _ = world.tls_pair()
    calls = [
        (client.recv, 1, socket.MSG_PEEK),
        (client.send, b"x", 1),
        (client.sendall, b"x", 1),
        (client.recvfrom, 1, 0),
    ]
    calls.append((client.sendto, b"x", ("127.0.0.1", 1)))
    return [(outcome(*call)[0], None) for call in calls]


@contract((("OSError", errno.EBADF), True))
def after_close(world):
    # Without session tickets: a close over unread ones is a reset, which Python reports since 3.13.
    client, server = world.tls_pair(server_settings={"num_tickets": 0})
    reading = world.spawn(server.recv, 1)
    world.settle()
    client.close()
    return outcome(client.recv, 1), reading.result() == b""


@pytest.mark.parametrize(("world", "function", "expected"), **contract.cases())
def test_contract(world, function, expected):
    assert run(world, function) == expected


# -- what only greenlets have --------------------------------------------------------------------------------


def test_closing_under_a_reader(world):
    client, _ = world.tls_pair()
    reading = world.spawn(client.recv, 1)
    world.settle()
    client.close()
    assert reading.result() == ("OSError", errno.EBADF)


@pytest.mark.parametrize("how", ["recv", "sendall", "handshake", "unwrap"])
def test_a_timeout_and_a_kill_interrupt(world, how):
    def calls():
        if how == "handshake":
            left, _ = world.pair()
            client = world.context().wrap_socket(left, server_hostname="web.test", do_handshake_on_connect=False)
            return world.keep(client).do_handshake, ()
        client, _ = world.tls_pair()
        return {"recv": (client.recv, (1,)), "sendall": (client.sendall, (DATA * 10,)), "unwrap": (client.unwrap, ())}[
            how
        ]

    function, args = calls()
    with pytest.raises(Timeout), Timeout(0.02):
        function(*args)
    function, args = calls()
    victim = spawn(function, *args)
    sleep(0.005)
    kill(victim)
    assert isinstance(victim.value, GreenletExit)
