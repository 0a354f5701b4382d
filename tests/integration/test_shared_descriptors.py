"""Who takes the descriptor of a green socket and goes on with it: inetd's children, multiprocessing, pyOpenSSL.

Each program runs in a process of its own, patched before anything else.
"""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

from . import servers

PATCHED = "from celadon import patch_all\npatch_all(resolver='thread')\n"


def play(program, *words):
    """Run it; it must end by itself, well, and without a word on stderr."""
    ended = subprocess.run(
        [sys.executable, "-X", "faulthandler", "-c", PATCHED + program, *words],
        capture_output=True,
        text=True,
        timeout=30,
        cwd=Path(__file__).parents[2],
    )
    assert (ended.returncode, ended.stderr) == (0, "")


INETD = """
import socket, subprocess, threading

SIZE = 500_000
listener = socket.create_server(("127.0.0.1", 0))

def serve():
    while True:
        connection, _ = listener.accept()
        with connection:
            subprocess.Popen(["cat"], stdin=connection, stdout=connection)

threading.Thread(target=serve, daemon=True).start()

def talk(n):
    with socket.create_connection(listener.getsockname(), 10) as client:
        sending = threading.Thread(target=lambda: (client.sendall(bytes([n]) * SIZE), client.shutdown(socket.SHUT_WR)))
        sending.start()
        data = b"".join(iter(lambda: client.recv(65536), b""))
        sending.join()
    assert data == bytes([n]) * SIZE, len(data)
    done.append(n)

done = []
clients = [threading.Thread(target=talk, args=(n,)) for n in range(3)]
for one in clients: one.start()
for one in clients: one.join()
assert sorted(done) == [0, 1, 2], done
"""

CONNECTIONS = """
import multiprocessing.connection as mpc, os, socket, threading

with mpc.Listener(("127.0.0.1", 0), authkey=b"key") as listener:
    def serve():
        with listener.accept() as server:
            while (message := server.recv()) is not None:
                server.send(message)
    serving = threading.Thread(target=serve)
    serving.start()
    with mpc.Client(listener.address, authkey=b"key") as client:
        for size in (0, 1, 3_000_000):
            client.send(bytes(size))
            assert client.recv() == bytes(size)
        client.send(None)
    serving.join()

left, right = socket.socketpair()  # by the numbers, with the sockets still there
one, other = mpc.Connection(os.dup(left.fileno())), mpc.Connection(os.dup(right.fileno()))
sending = threading.Thread(target=one.send_bytes, args=(bytes(3_000_000),))
sending.start()
assert len(other.recv_bytes()) == 3_000_000
sending.join()
reading = []
waiting = threading.Thread(target=lambda: reading.append(other.recv()))
waiting.start()
one.send("late")
waiting.join()
assert reading == ["late"]
one.close(); other.close()
"""

OPENSSL = """
import socket, ssl, sys, threading
from OpenSSL import SSL
from celadon.hub import to_thread

folder = sys.argv[1]
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(folder + "/server.pem", folder + "/server.key")
left, right = socket.socketpair()

def serve():
    with context.wrap_socket(right, server_side=True) as server:
        while data := server.recv(65536):
            server.sendall(data)

serving = threading.Thread(target=serve)
serving.start()

def talk():
    client = SSL.Connection(SSL.Context(SSL.TLS_CLIENT_METHOD), left)
    client.set_connect_state()
    client.do_handshake()  # WantReadError, were the descriptor not a blocking one
    for _ in range(5):
        client.sendall(b"x" * 10_000)
        size = 0
        while size < 10_000:
            size += len(client.recv(65536))
    client.shutdown()

to_thread(talk)  # OpenSSL waits in C: the greenlets that serve it run meanwhile
assert left.gettimeout() is None
left.close()
serving.join()
"""


def test_an_inetd_that_spawns_cat():
    play(INETD)


def test_connections_of_multiprocessing():
    play(CONNECTIONS)


@pytest.mark.skipif(importlib.util.find_spec("OpenSSL") is None, reason="pyOpenSSL is not installed")
def test_pyopenssl_on_a_green_socket():
    play(OPENSSL, str(servers.TLS))
