"""pyOpenSSL over the descriptor of a green socket: OpenSSL waits in C, in a thread, and greenlets run meanwhile."""

import importlib.util

import pytest

from ..green.test_shared_descriptors import play
from . import servers

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


@pytest.mark.skipif(importlib.util.find_spec("OpenSSL") is None, reason="pyOpenSSL is not installed")
def test_pyopenssl_on_a_green_socket():
    play(OPENSSL, str(servers.TLS))
