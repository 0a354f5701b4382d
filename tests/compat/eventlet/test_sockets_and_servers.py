"""Sockets, pipes, serve, the WSGI server and WebSockets, by eventlet's names."""

import io
import os
import socket as std
from contextlib import suppress
from pathlib import Path

import pytest

from celadon.compat.eventlet import backdoor, convenience, greenio
from celadon.compat.eventlet.greenthread import kill, sleep, spawn
from celadon.compat.eventlet.timeout import Timeout

TLS = Path(__file__).parents[3] / "fixtures" / "tls"


@pytest.fixture
def listener():
    made = convenience.listen(("127.0.0.1", 0))
    yield made
    made.close()


class TestSockets:
    def test_serve_until_stopped(self, listener):
        def handle(conn, address):
            word = conn.recv(10)
            if word == b"stop":
                raise convenience.StopServe
            conn.sendall(word.upper())

        serving = spawn(convenience.serve, listener, handle)
        with convenience.connect(listener.getsockname()) as one:
            one.sendall(b"hello")
            assert one.recv(10) == b"HELLO"
        with convenience.connect(listener.getsockname()) as one:
            one.sendall(b"stop")
            serving.wait()

    def test_what_a_handler_raises_ends_the_server(self, listener, capsys):
        def handle(conn, address):
            raise ValueError("mine")

        serving = spawn(convenience.serve, listener, handle)
        with convenience.connect(listener.getsockname()), pytest.raises(ValueError, match="mine"):
            serving.wait()
        assert "mine" in capsys.readouterr().err

    def test_ports_may_be_shared(self):
        first = convenience.listen(("127.0.0.1", 0), reuse_port=False)
        port = first.getsockname()[1]
        first.close()
        one, two = convenience.listen(("127.0.0.1", port)), convenience.listen(("127.0.0.1", port))
        one.close(), two.close()
        with pytest.warns(convenience.ReuseRandomPortWarning):
            convenience.listen(("127.0.0.1", 0), reuse_port=True).close()

    def test_one_over_a_plain_socket(self):
        left, right = std.socketpair()
        green = greenio.GreenSocket(left)
        assert green.fd is left
        assert isinstance(green, greenio.GreenSocket)
        reading = spawn(green.recv, 5)
        sleep(0)
        right.send(b"x")
        assert reading.wait() == b"x"
        green.close()
        assert left.fileno() == -1
        right.close()
        greenio.shutdown_safe(green)

    def test_one_that_is_dropped_is_closed(self):
        left, right = std.socketpair()
        greenio.GreenSocket(left)
        assert left.fileno() >= 0
        left.send(b"x")
        left.close(), right.close()
        alone = greenio.GreenSocket()
        number = alone.fileno()
        assert alone.fd is alone
        with pytest.warns(ResourceWarning):
            del alone
        with pytest.raises(OSError, match="descriptor"):
            os.fstat(number)

    def test_what_is_accepted_is_one_too(self, listener):
        with convenience.connect(listener.getsockname()):
            made, _ = listener.accept()
            assert type(made) is greenio.GreenSocket
            made.close()

    def test_a_pipe(self):
        read, write = os.pipe()
        source, sink = greenio.GreenPipe(read, "r"), greenio.GreenPipe(write, "w")
        reading = spawn(source.readline)
        sleep(0)
        sink.write("line\n")
        sink.flush()
        assert reading.wait() == "line\n"
        source.close(), sink.close()

    def test_a_prompt(self, listener, capsys):
        serving = spawn(backdoor.backdoor_server, listener, {"answer": 42})
        with convenience.connect(listener.getsockname()) as one, one.makefile("rw") as file, Timeout(5):
            while file.read(4) != ">>> ":
                file.readline()
            file.write("answer\n")
            file.flush()
            assert file.readline() == "42\n"
        kill(serving)
        sleep(0.01)
        assert "backdoor server listening" in capsys.readouterr().out


class TestServer:
    @pytest.fixture
    def serve(self, listener):
        wsgi = pytest.importorskip("celadon.compat.eventlet.wsgi", exc_type=ImportError)
        running, log = [], io.StringIO()

        def start(application, **options):
            running.append(spawn(wsgi.server, options.pop("sock", listener), application, log=log, **options))
            return listener.getsockname()

        yield start, log
        for one in running:
            kill(one)
            one.join(5)

    @staticmethod
    def ask(address, request=b"GET /a?b HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"):
        with convenience.connect(address) as one:
            one.sendall(request)
            return one.makefile("rb").read()

    def test_a_request(self, serve):
        start, log = serve
        seen = {}

        def application(environ, start_response):
            seen.update(environ)
            environ["eventlet.posthooks"].append((lambda env, word: seen.update(hook=word), ("run",), {}))
            start_response("200 OK", [("conTENT-type", "text/plain")])
            return ["hello"]

        answer = self.ask(start(application, environ={"mine": 1}))
        assert answer.startswith(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n")
        assert answer.endswith(b"hello")
        assert (seen["mine"], seen["RAW_PATH_INFO"], seen["QUERY_STRING"], seen["hook"]) == (1, "/a", "b", "run")
        assert ("Host", "x") in seen["headers_raw"]
        assert seen["eventlet.input"] is seen["wsgi.input"]
        assert '"GET /a?b HTTP/1.1" 200 5 ' in log.getvalue()

    def test_a_failure(self, serve):
        start, log = serve
        address = start(lambda environ, start_response: 1 / 0)
        assert b"ZeroDivisionError" in self.ask(address)
        assert "ZeroDivisionError" in log.getvalue()

    def test_a_failure_that_clients_do_not_see(self, serve):
        start, _ = serve
        answer = self.ask(start(lambda environ, start_response: 1 / 0, debug=False))
        assert answer.startswith(b"HTTP/1.1 500 ")
        assert answer.endswith(b"Content-Length: 0\r\nConnection: close\r\n\r\n")

    def test_100_continue_with_fields(self, serve):
        start, _ = serve

        def application(environ, start_response):
            environ["wsgi.input"].set_hundred_continue_response_headers([("x-mine", "1")])
            body = environ["wsgi.input"].read()
            start_response("200 OK", [])
            return [body]

        head = b"PUT / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n"
        with convenience.connect(start(application)) as one:
            one.sendall(head)
            assert one.recv(100) == b"HTTP/1.1 100 Continue\r\nX-Mine: 1\r\n\r\n"
            one.sendall(b"hi")
            assert one.makefile("rb").read().endswith(b"hi")

    def test_an_application_that_answers_by_itself(self, serve):
        start, _ = serve
        wsgi = pytest.importorskip("celadon.compat.eventlet.wsgi", exc_type=ImportError)

        def application(environ, start_response):
            environ["eventlet.input"].get_socket().sendall(b"no HTTP")
            wsgi.WSGI_LOCAL.already_handled = True
            return []

        assert self.ask(start(application)) == b"no HTTP"

    def test_a_kill_closes_idle_connections(self, serve, listener):
        start, log = serve
        address = start(lambda environ, start_response: start_response("200 OK", []) and [b""])
        with convenience.connect(address) as one:
            one.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            assert one.recv(1000)
            listener.close()
            assert one.recv(1000) == b""
        sleep(0.01)
        assert "wsgi exited" in log.getvalue()

    def test_one_request_for_each_connection(self, serve):
        start, _ = serve
        address = start(lambda environ, start_response: start_response("200 OK", []) and [b""], keepalive=False)
        assert b"Connection: close" in self.ask(address, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")

    def test_a_websocket(self, serve):
        start, _ = serve
        websocket = pytest.importorskip("celadon.compat.eventlet.websocket", exc_type=ImportError)

        @websocket.WebSocketWSGI
        def application(ws):
            for message in ws:
                ws.send(message)

        with convenience.connect(start(application)) as one:
            one.sendall(
                b"GET /chat HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: d9MXuOzlVQ0h+qRllvSCIg==\r\n"
                b"Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits = 11\r\n\r\n"
            )
            head = one.recv(1000)
            assert head.startswith(b"HTTP/1.1 101 ")
            assert b"Sec-WebSocket-Accept: ywSyWXCPNsDxLrQdQrn5RFNRfBU=\r\n" in head
            assert head.endswith(b"permessage-deflate; server_max_window_bits=11\r\n\r\n")
            agreed = {"permessage-deflate": {"server_max_window_bits": 11}}
            client = websocket.RFC6455WebSocket(one, {}, client=True, extensions=agreed)
            for message in ("text", b"bytes", "x" * 100_000, ""):
                client.send(message)
                assert client.wait() == message
            client.send(b"ping", control_code=9)
            client.close()

    def test_a_websocket_that_is_refused(self, serve):
        start, _ = serve
        websocket = pytest.importorskip("celadon.compat.eventlet.websocket", exc_type=ImportError)
        address = start(websocket.WebSocketWSGI.configured(lambda ws: None, origin_checker=lambda host, origin: False))
        assert self.ask(address).startswith(b"HTTP/1.1 400 ")
        upgrade = b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: x\r\n"
        for version, status in ((b"7", b"426"), (b"13", b"403")):
            request = b"GET / HTTP/1.1\r\nHost: x\r\n%bSec-WebSocket-Version: %b\r\n\r\n" % (upgrade, version)
            assert self.ask(address, request).startswith(b"HTTP/1.1 %b " % status)


def test_a_slow_handshake_does_not_stop_who_accepts(listener):
    secure = convenience.wrap_ssl(listener, str(TLS / "server.key"), str(TLS / "server.pem"), server_side=True)

    def handle(conn, address):
        with conn, suppress(OSError):
            conn.sendall(conn.recv(10).upper())

    def accept():
        for _ in range(2):
            spawn(handle, *secure.accept())

    accepting = spawn(accept)
    with (
        convenience.connect(secure.getsockname()) as silent,
        convenience.wrap_ssl(convenience.connect(secure.getsockname())) as one,
        Timeout(5),
    ):
        one.sendall(b"hello")
        assert one.recv(10) == b"HELLO"
        accepting.wait()
        silent.sendall(b"no TLS, and so the end of its handler")
    sleep(0.01)
    secure.close()


def test_a_server_needs_a_certificate(listener):
    with pytest.raises(ValueError, match="certfile"):
        convenience.wrap_ssl(listener, server_side=True)
