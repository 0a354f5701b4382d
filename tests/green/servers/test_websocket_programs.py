"""WebSocket: the handshake, and what programs meet."""

import contextlib
import gc
import weakref

import pytest
import simple_websocket
from websockets.exceptions import InvalidStatus

from celadon.green import create_connection
from celadon.green import socket as green
from celadon.green.servers import websocket as websocket_module
from celadon.green.servers.websocket import OfferingHandler, WebSocketError, WebSocketHandler, WebSocketWSGI
from celadon.green.servers.wsgi import Limits, WSGIHandler
from celadon.green.servers.wsgi import connection as connection_module
from celadon.green.servers.wsgi.request_body import EMPTY, Input
from celadon.green.servers.wsgi.upgrade import Upgrade
from celadon.hub import Event, Timeout, joinall, sleep, spawn

from .websocket_client import CLOSE, TEXT, WAYS, Client, as_application, echo
from .wsgi.clients import drain, split_responses, talk
from .wsgi.corpus import NEXT, get, post

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


#: Ways that answer the handshake themselves, before the application does anything.
AT_ONCE = [way for way in WAYS if way != "offer"]


@pytest.mark.parametrize("way", AT_ONCE)
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


@pytest.mark.parametrize("way", AT_ONCE)
def test_an_application_that_fails(serve, way):
    server = serve(*WAYS[way](lambda websocket: 1 / 0))
    with Client(server) as client:
        assert client.code() == 1011
    assert server.error_log.getvalue().count("ZeroDivisionError") == 1


# -- an offer: the handshake is answered by the first use -----------------------------------------------------------


def test_an_offer_that_is_not_taken_is_answered_by_http(serve):
    def application(environ, start_response):
        assert environ["wsgi.websocket"] is not None
        assert not hasattr(environ["wsgi.websocket"], "nothing of a WebSocket")
        start_response("403 Forbidden", [("Content-Type", "text/plain")])
        return [b"no\n"]

    server = serve(application, OfferingHandler)
    response = shake(server)
    assert (response.status, response.body) == (403, b"no\n")
    assert '"GET / HTTP/1.1" 403 ' in server.log.getvalue()


@pytest.mark.parametrize("changes", [{"Sec_WebSocket_Key": ""}, {"Upgrade": "h2c"}, {"Sec_WebSocket_Version": "12"}])
def test_no_offer_for_what_is_no_handshake(serve, changes):
    def application(environ, start_response):
        start_response("200 OK", [])
        return [repr(environ["wsgi.websocket"]).encode()]

    assert shake(serve(application, OfferingHandler), **changes).body == b"None"


def test_what_an_application_returns_beside_its_open_offer_is_thrown_away(serve):
    def application(environ, start_response):
        environ["wsgi.websocket"].send(b"1")
        start_response("200 OK", [("Content-Type", "text/plain")])
        yield b"not HTTP any more"
        environ["wsgi.websocket"].send(b"2")

    server = serve(application, OfferingHandler)
    with Client(server) as client:
        assert [client.message(), client.message(), client.code()] == [b"1", b"2", 1000]
    assert server.error_log.getvalue() == ""


def test_an_offer_whose_application_fails(serve):
    def application(environ, start_response):
        environ["wsgi.websocket"].send(b"1")
        raise ArithmeticError("planted")

    server = serve(application, OfferingHandler)
    with Client(server) as client:
        assert [client.message(), client.code()] == [b"1", 1011]
    assert server.error_log.getvalue().count("ArithmeticError: planted") == 1


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


@pytest.mark.parametrize("way", ["plain", "expect", "not read", "chunked", "fails", "upgrade", "refused", *WAYS])
def test_a_connection_is_freed_without_the_collector(serve, way):
    """Nothing of it refers to itself: with a thousand connections a second that would be memory, and pauses."""
    alive = []

    def application(environ, start_response):
        if way == "fails":
            raise ArithmeticError("planted")
        if way != "not read":
            environ["wsgi.input"].read()
        if way == "upgrade":
            start_response("101 Switching Protocols", [("Upgrade", "x"), ("Connection", "Upgrade")])
        else:
            start_response("200 OK", [])
        return [b"hello"]

    handler_class = WSGIHandler
    if way in WAYS:
        application, handler_class = WAYS[way](echo)

    class Seen(handler_class):
        def __init__(self, *args):
            super().__init__(*args)
            alive.append(weakref.ref(self))

    server = serve(application, Seen)
    gc.collect()
    gc.disable()
    try:
        if way in WAYS:
            with Client(server) as client:
                client.raw((TEXT, b"a"), (CLOSE, b""))
                client.code()
        else:
            talk(
                server,
                {
                    "expect": post(b"Content-Length: 1", b"Expect: 100-continue", body=b"x"),
                    "not read": post(b"Content-Length: 1", b"Expect: 100-continue"),
                    "chunked": post(b"Transfer-Encoding: chunked", body=b"1\r\nx\r\n0\r\n\r\n"),
                    "upgrade": get(b"/", b"Connection: Upgrade", b"Upgrade: x"),
                    "refused": b"GET\r\n\r\n",
                }.get(way, get()),
            )
        while server._handlers:
            sleep(0.001)
        sleep(0.001)
        assert [one() for one in alive] == [None]
        kinds = (connection_module.Connection, websocket_module.WebSocket, Upgrade, Input)
        assert not [one for one in gc.get_objects() if isinstance(one, kinds) and one is not EMPTY]
    finally:
        gc.enable()


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


@pytest.mark.parametrize("handler_class", [WSGIHandler, OfferingHandler])
def test_simple_websocket_finds_the_socket(serve, handler_class):
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

    server = serve(application, handler_class)
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
