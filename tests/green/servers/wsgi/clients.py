"""Raw clients: bytes in, responses out. Beside them a socket that gives what it is told, for tests without a server."""

import contextlib
import socket as std_socket
from typing import NamedTuple

import h11

from celadon.green import create_connection


class Response(NamedTuple):
    status: int
    fields: dict
    body: bytes


def split_responses(data, methods=()):
    """Responses in the bytes of a connection, by h11; ``methods`` of the requests, GET for what is not listed."""
    found, at, methods = [], data, list(methods)
    while at:
        client = h11.Connection(h11.CLIENT)
        method = methods.pop(0) if methods else "GET"
        client.send(
            h11.Request(method=method, target="/", headers=[("Host", "h"), ("Connection", "upgrade"), ("Upgrade", "x")])
        )
        client.send(h11.EndOfMessage())
        client.receive_data(at)
        client.receive_data(b"")
        head, body = None, b""
        while True:
            event = client.next_event()
            if isinstance(event, h11.InformationalResponse):
                found.append(Response(event.status_code, dict(event.headers), b""))
                if event.status_code == 101:
                    return found
            elif isinstance(event, h11.Response):
                head = event
            elif isinstance(event, h11.Data):
                body += event.data
            else:
                break
        assert isinstance(event, h11.EndOfMessage), (event, at)
        found.append(Response(head.status_code, dict(head.headers), body))
        at = client.trailing_data[0]
    return found


def talk(server, *pieces, end=True, timeout=10):
    """Send the pieces, with the end of the stream behind them, and give all that comes until the server closes."""
    with create_connection(server.address, timeout) as one:
        with contextlib.suppress(ConnectionError):  # refused before all was sent
            for piece in pieces:
                one.sendall(piece)
            if end:
                one.shutdown(std_socket.SHUT_WR)
        return drain(one)


def drain(one):
    """All that comes until the other side closes."""
    parts = []
    with contextlib.suppress(ConnectionResetError):
        while data := one.recv(65536):
            parts.append(data)
    return b"".join(parts)


class Script:
    """A socket that gives these pieces, then its end, and keeps what it is sent."""

    def __init__(self, *pieces):
        self.pieces = [one for one in pieces if one]
        self.sent = b""

    def recv(self, size):
        if not self.pieces:
            return b""
        piece = self.pieces.pop(0)
        if len(piece) > size:
            self.pieces.insert(0, piece[size:])
        return piece[:size]

    def sendall(self, data):
        self.sent += bytes(data)
