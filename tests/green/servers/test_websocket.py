"""WebSocket, against the package websockets as an independent client: frames, codes, sizes."""

import contextlib
import os
import zlib

import pytest
from websockets.frames import Close
from websockets.sync.client import connect

from celadon.green.servers.websocket import WebSocketHandler
from celadon.hub import Timeout, sleep, to_thread

from .websocket_client import BINARY, CLOSE, CONT, PING, PONG, TEXT, WAYS, Client, as_application, echo, masked


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
