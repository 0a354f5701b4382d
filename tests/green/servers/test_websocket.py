"""WebSocket, against the package websockets as an independent client: its protocol without I/O, over a green socket."""

import contextlib
import io
import os
import zlib

import pytest
import simple_websocket
from websockets.client import ClientProtocol
from websockets.exceptions import InvalidStatus
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory
from websockets.frames import Close, Frame, Opcode
from websockets.protocol import State
from websockets.sync.client import connect
from websockets.uri import parse_uri

from celadon.green import create_connection
from celadon.green import socket as green
from celadon.green.servers import websocket as websocket_module
from celadon.green.servers.websocket import WebSocketError, WebSocketHandler, WebSocketWSGI
from celadon.green.servers.wsgi import Limits, WSGIHandler, WSGIServer
from celadon.green.servers.wsgi import connection as connection_module
from celadon.hub import Event, Timeout, joinall, sleep, spawn, to_thread

from .wsgi.clients import drain, split_responses
from .wsgi.corpus import NEXT, get

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
    "decorator": lambda function: (WebSocketWSGI(function), WSGIHandler),
}


@pytest.fixture
def serve():
    with contextlib.ExitStack() as stack:

        def start(application, handler_class=WebSocketHandler, **kwargs):
            arguments = {"log": io.StringIO(), "error_log": io.StringIO(), **kwargs}
            return stack.enter_context(
                WSGIServer(("127.0.0.1", 0), application, handler_class=handler_class, **arguments)
            )

        yield start


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


@pytest.mark.parametrize("deflate", [False, True])
@pytest.mark.parametrize("way", WAYS)
def test_messages_of_all_sizes(serve, way, deflate):
    server = serve(*WAYS[way](echo))
    with Client(server, deflate=deflate) as client:
        assert bool(client.protocol.extensions) == deflate
        for size in (0, 1, 125, 126, 127, 65535, 65536, 65537, 300_000):
            text, data = ("é€" * size)[:size], os.urandom(size)
            client.protocol.send_text(text.encode())
            client.flush()
            assert client.message() == text.encode()
            client.protocol.send_binary(data)
            client.flush()
            assert client.message() == data
        client.protocol.send_close(1000, "bye")
        client.flush()
        assert client.code() == 1000
    assert server.error_log.getvalue() == ""


def test_an_unchanged_client_in_a_thread(serve):
    """websockets' own client with its threads and sockets."""
    server = serve(*WAYS["handler"](echo))

    def talk():
        with connect(f"ws://127.0.0.1:{server.server_port}/", open_timeout=10) as one:
            one.send("hello")
            first = one.recv(10)
            one.send([b"in ", b"pieces"])
            return first, one.recv(10), one.ping().wait(10)

    assert to_thread(talk) == ("hello", b"in pieces", True)


# -- fragments, control frames, codes (RFC 6455 sections 5 to 8) -------------------------------------------------

EURO = "€".encode()
GOOD = {
    "fragments": ([(TEXT, b"a", False), (CONT, b"b", False), (CONT, b"c", True)], [b"abc"]),
    "empty fragments": ([(TEXT, b"", False), (CONT, b"", False), (CONT, b"", True)], [b""]),
    "a ping between fragments": ([(BINARY, b"a", False), (PING, b"p"), (CONT, b"b", True)], [b"ab"]),
    "a pong that nobody asked for": ([(PONG, b"x"), (TEXT, b"a")], [b"a"]),
    "UTF-8 across fragments": ([(TEXT, EURO[:1], False), (CONT, EURO[1:2], False), (CONT, EURO[2:], True)], [EURO]),
    "a byte order mark": ([(TEXT, b"\xef\xbb\xbfa")], [b"\xef\xbb\xbfa"]),
    "NUL": ([(TEXT, b"\0")], [b"\0"]),
    "the last code point": ([(TEXT, "\U0010ffff".encode())], ["\U0010ffff".encode()]),
    "a ping of 125 bytes": ([(PING, b"p" * 125), (TEXT, b"a")], [b"a"]),
    "any bytes as binary": ([(BINARY, bytes(range(256)))], [bytes(range(256))]),
}
BAD = {
    "continuation of nothing": ([(CONT, b"a", True)], 1002),
    "a new message inside another": ([(TEXT, b"a", False), (TEXT, b"b", True)], 1002),
    "a ping of 126 bytes": ([(PING, b"p" * 126)], 1002),
    "a fragmented ping": ([(PING, b"p", False)], 1002),
    "a fragmented close": ([(CLOSE, b"\x03\xe8", False)], 1002),
    "RSV1 without deflate": ([(TEXT, b"a", True, True)], 1002),
    "RSV2": ([(TEXT, b"a", True, False, True)], 1002),
    "RSV3": ([(TEXT, b"a", True, False, False, True)], 1002),
    "bad UTF-8": ([(TEXT, b"\xff")], 1007),
    "overlong UTF-8": ([(TEXT, b"\xc0\x80")], 1007),
    "a surrogate": ([(TEXT, b"\xed\xa0\x80")], 1007),
    "beyond Unicode": ([(TEXT, b"\xf4\x90\x80\x80")], 1007),
    "UTF-8 that ends early": ([(TEXT, EURO[:2])], 1007),
    "UTF-8 that goes wrong in a fragment": ([(TEXT, EURO[:1], False), (CONT, b"a", False)], 1007),
    "a close of one byte": ([(CLOSE, b"\x03")], 1002),
    "a close with a reason that is no UTF-8": ([(CLOSE, b"\x03\xe8\xff")], 1007),
}


@pytest.mark.parametrize("size", [None, 1])
@pytest.mark.parametrize("name", GOOD)
def test_what_is_allowed(serve, name, size):
    frames, messages = GOOD[name]
    with Client(serve(*WAYS["handler"](echo))) as client:
        if size is None:
            client.raw(*frames)
        else:
            for opcode, data, *more in frames:
                for byte in masked(opcode, data, *more):
                    client.sock.sendall(bytes([byte]))
        assert [client.message() for _ in messages] == messages
        client.protocol.send_close(1000)
        client.flush()
        assert client.code() == 1000


@pytest.mark.parametrize("name", BAD)
def test_what_is_forbidden(serve, name):
    frames, code = BAD[name]
    server = serve(*WAYS["handler"](echo))
    with Client(server) as client:
        client.raw(*frames)
        assert client.code() == code
    assert "Traceback" not in server.error_log.getvalue()


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"\x81\x01a", 1002),  # no mask
        (b"\x83\x80\0\0\0\0", 1002),  # reserved opcodes
        (b"\x8b\x80\0\0\0\0", 1002),
        (b"\x82\xfe\x00\x05\0\0\0\0hello", 1002),  # lengths that are not the shortest
        (b"\x82\xff\0\0\0\0\0\0\x00\x05\0\0\0\0hello", 1002),
        (b"\x82\xff\xff\xff\xff\xff\xff\xff\xff\xff\0\0\0\0", 1002),  # a length of 64 bits
    ],
)
def test_frames_that_are_malformed(serve, raw, code):
    with Client(serve(*WAYS["handler"](echo))) as client:
        client.sock.sendall(raw)
        assert client.code() == code


@pytest.mark.parametrize("code", [1000, 1001, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 3000, 3999, 4000, 4999])
def test_codes_that_a_client_may_close_with(serve, code):
    said = []

    def function(websocket):
        assert websocket.receive() is None
        said.append((websocket.close_code, websocket.close_reason))

    with Client(serve(*WAYS["handler"](function))) as client:
        client.raw((CLOSE, Close(code, "reasön").serialize() if code < 5000 else b""))
        assert client.code() == code
    assert said == [(code, "reasön")]


@pytest.mark.parametrize("code", [0, 999, 1004, 1005, 1006, 1014, 1015, 1016, 1100, 2000, 2999, 5000, 65535])
def test_codes_that_no_client_may_close_with(serve, code):
    with Client(serve(*WAYS["handler"](echo))) as client:
        client.raw((CLOSE, code.to_bytes(2, "big")))
        assert client.code() == 1002


def test_a_close_without_a_code(serve):
    said = []

    def function(websocket):
        assert websocket.receive() is None
        said.append(websocket.close_code)

    with Client(serve(*WAYS["handler"](function))) as client:
        client.raw((CLOSE, b""))
        assert client.code() == 1005
    assert said == [1005]


def test_a_ping_is_answered_and_sent(serve):
    def function(websocket):
        websocket.ping(b"from the server")
        with pytest.raises(ValueError, match="125"):
            websocket.ping(b"x" * 126)
        echo(websocket)

    with Client(serve(*WAYS["handler"](function))) as client:
        frame = client.frame()
        assert (frame.opcode, frame.data) == (PING, b"from the server")
        client.raw((PING, b"hello"))
        frame = client.frame()
        assert (frame.opcode, frame.data) == (PONG, b"hello")


def test_a_silent_client_is_pinged_and_given_up(serve):
    ends = []

    class Handler(WebSocketHandler):
        ping_seconds = 0.05

    def function(websocket):
        ends.append((websocket.receive(), websocket.close_code))

    with Client(serve(as_application(function), Handler)) as client:
        client.sock.settimeout(5)
        data = client.sock.recv(100)
        assert data[:1] == b"\x89"
        with Timeout(5):
            while not ends:
                sleep(0.01)
    assert ends == [(None, 1006)]


# -- sizes -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["frame", "fragments", "text", "deflate", "announced"])
def test_a_message_that_is_too_large(serve, how):
    class Handler(WebSocketHandler):
        max_size = 10_000

    with Client(serve(as_application(echo), Handler), deflate=how == "deflate") as client:
        client.protocol.send_binary(b"x" * 10_000)
        client.flush()
        assert len(client.message()) == 10_000
        if how == "frame":
            client.raw((BINARY, b"x" * 10_001))
        elif how == "text":
            client.raw((TEXT, "é".encode() * 5_001))
        elif how == "deflate":
            client.protocol.send_binary(b"x" * 10_001)
            client.flush()
        elif how == "announced":
            with contextlib.suppress(ConnectionError):
                client.sock.sendall(b"\x82\xff" + (1 << 40).to_bytes(8, "big") + b"\0\0\0\0" + b"x" * 20_000)
        else:
            client.raw((BINARY, b"x" * 6_000, False), (CONT, b"x" * 6_000, True))
        assert client.code() == 1009


def test_a_deflate_bomb_does_not_fill_the_memory(serve):
    import resource

    packer = zlib.compressobj(1, zlib.DEFLATED, -15)
    bomb = b"".join(packer.compress(b"\0" * (1 << 20)) for _ in range(200)) + packer.flush(zlib.Z_SYNC_FLUSH)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with Client(serve(*WAYS["handler"](echo)), deflate=True) as client:
        client.raw((BINARY, bomb[:-4], True, True))
        assert client.code() == 1009
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 80 << 10


# -- the handshake (RFC 6455 section 4.2) ------------------------------------------------------------------------

FIELDS = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}


def shake(server, method=b"GET", **changes):
    fields = {**FIELDS, **{name.replace("_", "-"): value for name, value in changes.items()}}
    lines = [f"{name}: {value}".encode() for name, value in fields.items() if value is not None]
    with create_connection(server.address, 10) as one:
        one.sendall(get(b"/", *lines, method=method))
        one.shutdown(green._std.SHUT_WR)
        return split_responses(drain(one))[0]


@pytest.mark.parametrize("way", WAYS)
def test_the_example_of_the_rfc(serve, way):
    response = shake(serve(*WAYS[way](echo)))
    assert response.status == 101
    assert response.fields[b"sec-websocket-accept"] == b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
    assert response.fields[b"connection"] == b"Upgrade"
    assert b"sec-websocket-protocol" not in response.fields
    assert b"sec-websocket-extensions" not in response.fields


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"Sec_WebSocket_Key": None}, 400),
        ({"Sec_WebSocket_Key": ""}, 400),
        ({"Sec_WebSocket_Key": "dGhlIHNhbXBsZQ=="}, 400),
        ({"Sec_WebSocket_Key": "not base 64 at all !!!!!"}, 400),
        ({"Sec_WebSocket_Version": "12"}, 426),
        ({"Sec_WebSocket_Version": None}, 426),
        ({"Sec_WebSocket_Version": "13, 8"}, 426),
        ({"method": b"POST"}, 400),
        ({"Upgrade": "WebSocket"}, 101),
        ({"Upgrade": "h2c, websocket"}, 101),
        ({"Connection": "keep-alive, upgrade"}, 101),
        ({"Sec_WebSocket_Extensions": "permessage-deflate"}, 101),
        ({"Sec_WebSocket_Extensions": "permessage-deflate; client_max_window_bits=x"}, 400),
        ({"Sec_WebSocket_Extensions": "permessage-deflate; client_max_window_bits=99"}, 101),
        ({"Sec_WebSocket_Extensions": "unknown; a=b"}, 101),
        ({"Sec_WebSocket_Protocol": "unknown"}, 101),
    ],
)
def test_handshakes(serve, way, changes, status):
    response = shake(serve(*WAYS[way](echo)), **changes)
    assert response.status == status
    if status == 426:
        assert response.fields[b"sec-websocket-version"] == b"13"


def test_a_request_that_asks_for_no_websocket(serve):
    """With the handler it is an ordinary one, and the connection goes on; with the decorator it is refused."""

    def application(environ, start_response):
        assert environ.get("wsgi.websocket") is None
        start_response("200 OK", [])
        return [b"hello"]

    with create_connection(serve(application).address, 5) as one:
        one.sendall(get() + NEXT)
        assert [answer.body for answer in split_responses(drain(one))] == [b"hello"] * 2
    assert shake(serve(WebSocketWSGI(echo), WSGIHandler), Upgrade=None).status == 400


def test_subprotocols(serve):
    spoken = []

    class Handler(WebSocketHandler):
        protocols = ("b", "c")

    def function(websocket):
        spoken.append((websocket.protocol, websocket.path, websocket.origin, websocket.version))

    with Client(
        serve(as_application(function), Handler), "/chat?x", subprotocols=["a", "c", "b"], origin="http://h"
    ) as client:
        assert client.protocol.subprotocol == "c"
    configured = WebSocketWSGI.configured(supported_protocols=["b"])(function)
    with Client(serve(configured, WSGIHandler), subprotocols=["a", "b"]) as client:
        assert client.protocol.subprotocol == "b"
    assert spoken == [("c", "/chat", "http://h", "13"), ("b", "/", None, "13")]


def test_origins(serve):
    configured = WebSocketWSGI.configured(echo, origin_checker=lambda host, origin: origin == f"http://{host}")
    server = serve(configured, WSGIHandler)
    assert shake(server, Origin="http://h").status == 101
    assert shake(server, Origin="http://evil.example").status == 403
    with Client(server) as client:
        assert isinstance(client.protocol.handshake_exc, InvalidStatus)


# -- programs ----------------------------------------------------------------------------------------------------


def test_what_a_program_meets_at_the_end(serve):
    met = []

    def function(websocket):
        assert websocket.receive() == "hello"
        assert websocket.receive() is None
        met.append(websocket.closed)
        met.append(websocket.wait())
        for call in (websocket.receive, lambda: websocket.send("x"), websocket.ping):
            with pytest.raises(WebSocketError, match="closed"):
                call()
        websocket.close()

    with Client(serve(as_application(function))) as client:
        client.raw((TEXT, b"hello"), (CLOSE, b""))
        assert client.code() == 1005
    assert met == [True, None]


@pytest.mark.parametrize("way", WAYS)
def test_a_client_that_vanishes(serve, way):
    met, begun = [], Event()

    def function(websocket):
        begun.set()
        met.append((websocket.receive(), websocket.close_code))

    server = serve(*WAYS[way](function))
    with Client(server):
        begun.wait()
    with Timeout(5):
        while not met:
            sleep(0.001)
    assert met == [(None, 1006)]
    while server._handlers:
        sleep(0.001)
    assert "Traceback" not in server.error_log.getvalue()


@pytest.mark.parametrize("way", WAYS)
def test_an_application_that_fails(serve, way):
    server = serve(*WAYS[way](lambda websocket: 1 / 0))
    with Client(server) as client:
        assert client.code() == 1011
    assert server.error_log.getvalue().count("ZeroDivisionError") == 1


def test_a_client_that_never_answers_the_close(serve, monkeypatch):
    monkeypatch.setattr(websocket_module, "_CLOSE_SECONDS", 0.05)
    monkeypatch.setattr(connection_module, "_LINGER_SECONDS", 0.05)
    done = Event()
    application = as_application(lambda websocket: websocket.close(4000, "enough"))
    server = serve(application, limits=Limits(write_seconds=0.2))
    with Client(server) as client, Timeout(10):
        client.protocol.receive_data = lambda data: None  # so that it does not answer
        while client.read():
            pass
        while server._handlers:
            sleep(0.01)
        done.set()
    assert done.is_set()


def test_a_client_that_does_not_read(serve):
    met = []

    def function(websocket):
        try:
            while True:
                websocket.send(b"x" * 1_000_000)
        except WebSocketError as error:
            met.append(error)
            raise

    server = serve(as_application(function), limits=Limits(write_seconds=0.1))
    with Client(server), Timeout(10):
        while not met:
            sleep(0.01)
    assert "took nothing" in str(met[0])


def test_many_greenlets_send_at_once(serve):
    """Frames of several senders do not mix, also where the client reads slowly, and with deflate."""

    def function(websocket):
        joinall([spawn(websocket.send, bytes([n]) * 200_000) for n in range(20)], raise_error=True)

    with Client(serve(as_application(function)), deflate=True) as client:
        messages = [client.message() for _ in range(20)]
    assert sorted({one[0] for one in messages}) == list(range(20))
    assert all(one == one[:1] * 200_000 for one in messages)


def test_the_log_has_a_line_for_a_websocket(serve):
    server = serve(as_application(echo))
    with Client(server) as client:
        client.raw((CLOSE, b""))
        client.code()
    while server._handlers:
        sleep(0.001)
    assert '"GET / HTTP/1.1" 101 ' in server.log.getvalue()


def test_stop_ends_websockets(serve):
    server = serve(as_application(echo))
    with Client(server) as client:
        client.raw((TEXT, b"a"))
        assert client.message() == b"a"
        with Timeout(5):
            server.stop(0.01)
        assert client.code() is None


def test_simple_websocket_finds_the_socket(serve):
    """What Flask-Sock and Flask-SocketIO use; its thread and event are greenlets, as under patch_all."""

    class Thread:
        name = "(_thread)"

        def __init__(self, target):
            self.target = target

        def start(self):
            spawn(self.target)

    class GreenEvent(Event):
        def wait(self, timeout=None):
            return super().wait(timeout)

    def application(environ, start_response):
        websocket = simple_websocket.Server.accept(environ, thread_class=Thread, event_class=GreenEvent)
        with contextlib.suppress(simple_websocket.ConnectionClosed):
            while True:
                websocket.send(websocket.receive())
        if environ["PATH_INFO"] == "/stop":
            raise StopIteration  # flask-sock's way to say that it has answered
        return []

    server = serve(application, WSGIHandler)
    for path in ("/", "/stop"):
        with Client(server, path, deflate=True) as client:
            for text in ("hello", "x" * 100_000):
                client.protocol.send_text(text.encode())
                client.flush()
                assert client.message() == text.encode()
            client.protocol.send_close(1000)
            client.flush()
            assert client.code() == 1000
    while server._handlers:
        sleep(0.001)
    assert server.error_log.getvalue() == ""
