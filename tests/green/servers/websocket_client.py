"""A client of WebSockets: the protocol of the package websockets, without I/O, over a green socket."""

import contextlib

from websockets.client import ClientProtocol
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory
from websockets.frames import Frame, Opcode
from websockets.protocol import State
from websockets.uri import parse_uri

from celadon.green import create_connection
from celadon.green.servers.websocket import OfferingHandler, WebSocketHandler, WebSocketWSGI
from celadon.green.servers.wsgi import WSGIHandler
from celadon.hub import Timeout

TEXT, BINARY, CONT, CLOSE, PING, PONG = (
    Opcode.TEXT,
    Opcode.BINARY,
    Opcode.CONT,
    Opcode.CLOSE,
    Opcode.PING,
    Opcode.PONG,
)


def echo(websocket):
    for message in websocket:
        websocket.send(message)


def as_application(function):
    def application(environ, start_response):
        function(environ["wsgi.websocket"])
        return []

    return application


WAYS = {
    "handler": lambda function: (as_application(function), WebSocketHandler),
    "offer": lambda function: (as_application(function), OfferingHandler),
    "decorator": lambda function: (WebSocketWSGI(function), WSGIHandler),
}


def masked(opcode, data, fin=True, *reserved):
    first = opcode | fin << 7 | sum(bit << at for bit, at in zip(reserved, (6, 5, 4), strict=False))
    size = len(data)
    short = size if size < 126 else 126 if size < 1 << 16 else 127
    longer = b"" if short < 126 else size.to_bytes(2 if short == 126 else 8, "big")
    key = b"\1\2\3\4"
    stream = (key * (size // 4 + 1))[:size]
    mixed = (int.from_bytes(data, "big") ^ int.from_bytes(stream, "big")).to_bytes(size, "big")
    return bytes([first, short | 0x80]) + longer + key + mixed


class Client:
    """websockets' protocol of a client over a green socket."""

    def __init__(self, server, path="/", deflate=False, **kwargs):
        self.sock = create_connection(server.address, 10)
        if deflate:
            kwargs["extensions"] = [ClientPerMessageDeflateFactory(client_max_window_bits=True)]
        self.protocol = ClientProtocol(parse_uri(f"ws://127.0.0.1:{server.server_port}{path}"), **kwargs)
        self.request = self.protocol.connect()
        self.protocol.send_request(self.request)
        self.got = []
        self.flush()
        while self.protocol.state is State.CONNECTING and self.protocol.handshake_exc is None:
            self.read()
        self.response = next((one for one in self.got if hasattr(one, "status_code")), None)
        self.got = [one for one in self.got if isinstance(one, Frame)]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.sock.close()

    def flush(self):
        for data in self.protocol.data_to_send():
            if data:
                self.sock.sendall(data)

    def read(self):
        data = b""
        with contextlib.suppress(ConnectionError):
            data = self.sock.recv(65536)
        if data:
            self.protocol.receive_data(data)
        else:
            self.protocol.receive_eof()
        self.got += self.protocol.events_received()
        with contextlib.suppress(ConnectionError):
            self.flush()
        return bool(data)

    def frame(self):
        """The next frame; None at the end of the connection."""
        while not self.got:
            if not self.read():
                return None
        return self.got.pop(0)

    def message(self):
        frame = self.frame()
        while frame is not None and frame.opcode not in (TEXT, BINARY):
            frame = self.frame()
        if frame is None:
            return None
        data = bytes(frame.data)
        while not frame.fin:
            frame = self.frame()
            data += frame.data
        return data

    def raw(self, *frames):
        """Send frames as they are, also such that the protocol forbids: (opcode, data, fin, rsv1, rsv2, rsv3)."""
        for frame in frames:
            self.sock.sendall(masked(*frame))

    def code(self):
        """With what code the server closes; it must close the connection as well."""
        with Timeout(10):
            while self.frame() is not None:
                pass
        return self.protocol.close_rcvd.code if self.protocol.close_rcvd else None
