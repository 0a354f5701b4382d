"""A server that takes connections one after the other, and leaves no descriptor behind, whatever its clients do."""

import gc
import os
import socket as std_socket
import struct

import pytest

from celadon.green import create_connection
from celadon.green.servers import ProxyProtocol, StreamServer
from celadon.green.servers.base_server import Served
from celadon.hub import get_hub, joinall, sleep, spawn

from ..worlds import TLS

ENDS = {
    "a close": lambda one: None,
    "a reset": lambda one: one.setsockopt(std_socket.SOL_SOCKET, std_socket.SO_LINGER, struct.pack("ii", 1, 0)),
    "an end of writing": lambda one: one.shutdown(std_socket.SHUT_WR),
}
KINDS = {
    "plain": ({}, None),
    "secure": ({"certfile": TLS / "server.pem", "keyfile": TLS / "server.key"}, None),
    "proxied": ({}, ProxyProtocol(timeout=0.2)),
    "in a pool": ({"spawn": 20}, None),
    "raw": ({"spawn": "raw"}, None),
}
CLIENTS, EACH = 20, 50


@pytest.mark.parametrize("kind", KINDS)
def test_a_thousand_connections_leave_nothing(kind):
    def handle(client, peer):
        data = client.recv(100)
        if not data:
            raise ArithmeticError("reported, and nothing more")
        client.sendall(data)

    def client_of(number):
        for n in range(EACH):
            with create_connection(server.address, 20) as one:
                if n % 3:
                    one.sendall(b"PROXY UNKNOWN\r\nhello")
                ends[(number + n) % len(ends)](one)

    def failed():
        return server.statistics.failed_handshakes + server.statistics.refused

    get_hub().exception_handler = lambda who, error: None
    ends = list(ENDS.values())
    options, proxy_protocol = KINDS[kind]
    server = StreamServer(("127.0.0.1", 0), handle, **options)
    server.handshake_timeout, server.proxy_protocol = 0.2, proxy_protocol
    with server:
        before = len(os.listdir("/proc/self/fd"))
        joinall([spawn(client_of, n) for n in range(CLIENTS)])
        while server.statistics[:3] != (CLIENTS * EACH, CLIENTS * EACH - failed(), 0) or server.statistics.opening:
            sleep(0.005)
        assert len(os.listdir("/proc/self/fd")) == before
        assert not server.serving
        assert not server.pool


@pytest.mark.parametrize("spawn_as", ["default", 2, "raw", None], ids=str)
def test_a_connection_leaves_no_cycle_to_the_collector(spawn_as):
    with StreamServer(("127.0.0.1", 0), lambda client, peer: client.recv(100), spawn=spawn_as) as server:
        gc.collect()
        gc.disable()
        try:
            for _ in range(10):
                create_connection(server.address, 20).close()
            while server.statistics[:3] != (10, 10, 0):
                sleep(0.001)
            sleep(0)
            assert not [one for one in gc.get_objects() if isinstance(one, Served)]
        finally:
            gc.enable()
