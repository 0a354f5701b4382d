"""Responses: PEP 3333, framing, persistence; and what becomes of a request's body."""

import errno
import io
import os
import struct
import wsgiref.validate

import pytest

from celadon.green import create_connection
from celadon.green import socket as green
from celadon.green.servers.wsgi import FileWrapper, WSGIHandler, WSGIServer
from celadon.hub import Event, GreenletExit, Timeout, killall, sleep

from .clients import drain, split_responses, talk
from .corpus import NEXT, get, post

CLOSE = b"Connection: close"


def answer(status="200 OK", fields=(), body=(b"hello",)):
    def application(environ, start_response):
        start_response(status, list(fields))
        return list(body) if isinstance(body, tuple) else body

    return application


# -- how a response ends (RFC 9112 section 6) --------------------------------------------------------------------


def pieces(*parts):
    yield from parts


@pytest.mark.parametrize("version", [b"HTTP/1.0", b"HTTP/1.1"])
@pytest.mark.parametrize("method", [b"GET", b"HEAD", b"POST"])
@pytest.mark.parametrize("status", ["200 OK", "204 No Content", "304 Not Modified", "404 Not Found"])
@pytest.mark.parametrize("body", ["list", "list of two", "empty list", "generator", "empty generator", "length given"])
def test_the_end_of_a_response(serve, version, method, status, body):
    """Two requests on one connection: h11, as a client, finds each response's end."""

    def application(environ, start_response):
        bodiless = status[:3] in ("204", "304")
        start_response(status, [("Content-Length", "5")] if body == "length given" and not bodiless else [])
        if bodiless or body.startswith("empty"):
            return [] if "list" in body else pieces()
        if body == "generator":
            return pieces(b"hel", b"", b"lo")
        return [b"hel", b"lo"] if body == "list of two" else [b"hello"]

    first = get(b"/", b"Connection: keep-alive", method=method, version=version)
    data = talk(serve(application), first + NEXT)
    answers = split_responses(data, [method.decode()])
    wanted = b"hello" if status[:3] in ("200", "404") and not body.startswith("empty") else b""
    assert [one.status for one in answers][:1] == [int(status[:3])]
    assert answers[0].body == (b"" if method == b"HEAD" else wanted)
    if version == b"HTTP/1.1" or status[:3] in ("204", "304") or "generator" not in body:
        assert len(answers) == 2, data
        assert answers[1].body == wanted
    if status[:3] in ("204", "304"):
        assert b"content-length" not in answers[0].fields
        assert b"transfer-encoding" not in answers[0].fields


@pytest.mark.parametrize("given", [(("Content-Length", "3"),), (("Content-Length", "9"),), (("Content-Length", "0"),)])
@pytest.mark.parametrize(
    "make", [lambda: [b"hello"], lambda: pieces(b"he", b"llo"), lambda: FileWrapper(io.BytesIO(b"hello"))]
)
def test_a_body_that_is_not_as_long_as_content_length(serve, given, make):
    """The client never gets more, and the connection is closed, so that it sees when something is missing."""
    server = serve(lambda environ, start_response: start_response("200 OK", list(given)) and make())
    data = talk(server, get() + NEXT)
    assert data.partition(b"\r\n\r\n")[2] == b"hello"[: int(given[0][1])]
    assert "Content-Length" in server.error_log.getvalue()


@pytest.mark.parametrize(("status", "framed"), [("200 OK", False), ("405 Method Not Allowed", True)])
def test_connect(serve, status, framed):
    """What follows a success is a tunnel's, so nothing frames it; and the connection is closed after either."""
    data = talk(serve(answer(status, [("Content-Length", "5")])), get(b"h:443", method=b"CONNECT") + NEXT)
    assert data.count(b"HTTP/1.1 ") == 1
    assert (b"Content-Length" in data) == framed
    assert b"Transfer-Encoding" not in data
    assert b"Connection: close" in data
    assert data.endswith(b"hello")


def test_short_by_the_file(serve, tmp_path):
    (tmp_path / "file").write_bytes(b"hello")
    server = serve(
        lambda environ, start_response: (
            start_response("200 OK", [("Content-Length", "9")])
            and environ["wsgi.file_wrapper"]((tmp_path / "file").open("rb"))
        )
    )
    assert talk(server, get() + NEXT).endswith(b"\r\n\r\nhello")


def test_one_system_call_for_a_response(serve, monkeypatch):
    """Head and body go in one send, as one segment."""
    sent = []

    class Handler(WSGIHandler):
        def __init__(self, sock, *args):
            super().__init__(sock, *args)
            send = self.connection.socket.sendall
            self.connection.socket = type(
                "", (), {"sendall": lambda _, data: sent.append(data) or send(data), "recv": lambda _, n: sock.recv(n)}
            )()

    server = serve(answer(), handler_class=Handler)
    talk(server, get() + NEXT)
    assert len(sent) == 2
    assert all(one.endswith(b"\r\n\r\nhello") for one in sent)


def test_the_date_is_made_once_a_second(serve, hello):
    answers = split_responses(talk(serve(hello), get() * 5 + NEXT))
    assert len(answers) == 6
    assert len({one.fields[b"date"] for one in answers}) <= 2
    assert answers[0].fields[b"date"].endswith(b" GMT")


def test_a_date_of_the_applications_own(serve):
    data = talk(serve(answer(fields=[("Date", "Thu, 01 Jan 1970 00:00:00 GMT")])), NEXT)
    assert data.count(b"Date: ") == 1
    assert b"1970" in data


# -- what an application must not do (PEP 3333) -------------------------------------------------------------

WRONG_HEADS = {
    "CRLF in a value": ("200 OK", [("X", "a\r\nSet-Cookie: b")]),
    "LF in a value": ("200 OK", [("X", "a\nb")]),
    "CR in a value": ("200 OK", [("X", "a\rb")]),
    "NUL in a value": ("200 OK", [("X", "a\0b")]),
    "DEL in a value": ("200 OK", [("X", "a\x7f")]),
    "CRLF in a name": ("200 OK", [("X\r\nY", "a")]),
    "colon in a name": ("200 OK", [("X:", "a")]),
    "space in a name": ("200 OK", [("X Y", "a")]),
    "empty name": ("200 OK", [("", "a")]),
    "a name that is not ASCII": ("200 OK", [("é", "a")]),
    "a value that is not latin-1": ("200 OK", [("X", "\u20ac")]),
    "a name of bytes": ("200 OK", [(b"X", "a")]),
    "a value of bytes": ("200 OK", [("X", b"a")]),
    "a value that is a number": ("200 OK", [("Content-Length", 5)]),
    "a status of bytes": (b"200 OK", []),
    "a status that is a number": (200, []),
    "CRLF in the status": ("200 OK\r\nX: y", []),
    "LF in the status": ("200 OK\n", []),
    "NUL in the status": ("200 O\0K", []),
    "no status": ("", []),
    "a word as status": ("OK", []),
    "two digits": ("20 OK", []),
    "four digits": ("2000 OK", []),
    "status 000": ("000 No", []),
    "a status of other digits": ("\u0662\u0660\u0660 OK", []),
    "100": ("100 Continue", []),
    "103": ("103 Early Hints", []),
    "101 that was not asked for": ("101 Switching Protocols", []),
    "Connection": ("200 OK", [("Connection", "keep-alive")]),
    "Keep-Alive": ("200 OK", [("Keep-Alive", "timeout=5")]),
    "Transfer-Encoding": ("200 OK", [("Transfer-Encoding", "chunked")]),
    "transfer-encoding": ("200 OK", [("transfer-encoding", "chunked")]),
    "TE": ("200 OK", [("TE", "trailers")]),
    "Trailer": ("200 OK", [("Trailer", "X")]),
    "Upgrade": ("200 OK", [("Upgrade", "h2c")]),
    "Proxy-Authenticate": ("200 OK", [("Proxy-Authenticate", "Basic")]),
    "two Content-Lengths": ("200 OK", [("Content-Length", "5"), ("content-length", "5")]),
    "a negative Content-Length": ("200 OK", [("Content-Length", "-5")]),
    "a Content-Length of words": ("200 OK", [("Content-Length", "five")]),
    "an empty Content-Length": ("200 OK", [("Content-Length", "")]),
    "a list as Content-Length": ("200 OK", [("Content-Length", "5, 5")]),
    "a length for 204": ("204 No Content", [("Content-Length", "5")]),
    "not pairs": ("200 OK", [("X",)]),
    "a name alone": ("200 OK", ["X"]),
    "no list": ("200 OK", None),
}


@pytest.mark.parametrize("name", WRONG_HEADS)
def test_a_head_that_is_refused(serve, name):
    """At ``start_response``, in the application, so that it can be found; the client gets a 500 of the server's own."""
    status, fields = WRONG_HEADS[name]
    raised = []

    def application(environ, start_response):
        try:
            start_response(status, fields)
        except Exception as error:
            raised.append(error)
            raise
        return [b"hello"]

    server = serve(application)
    answers = split_responses(talk(server, get() + NEXT))
    assert [one.status for one in answers] == [500]
    assert len(raised) == 1
    assert "Traceback" in server.error_log.getvalue()


def test_what_is_latin_1_is_sent_as_latin_1(serve):
    data = talk(serve(answer("200 Été", [("X-Name", "caf\xe9"), ("X-Tab", "a\tb")])), NEXT)
    assert data.startswith(b"HTTP/1.1 200 \xc9t\xe9\r\n")
    assert b"X-Name: caf\xe9\r\n" in data


def test_start_response_twice(serve):
    """Without exc_info it is an error; with it the new head counts, if the first was not sent."""

    def application(environ, start_response):
        start_response("200 OK", [])
        if environ["PATH_INFO"] == "/twice":
            start_response("404 Not Found", [])
        try:
            raise ArithmeticError("planted")
        except ArithmeticError as error:
            start_response("418 Teapot", [("X", "y")], (type(error), error, error.__traceback__))
        return [b"short"]

    server = serve(application)
    assert split_responses(talk(server, get(b"/twice") + NEXT))[0].status == 500
    answers = split_responses(talk(server, NEXT))
    assert (answers[0].status, answers[0].body) == (418, b"short")


def test_start_response_after_the_head_was_sent_raises_the_error_again(serve):
    closed = []

    class Body:
        def __init__(self, start_response):
            self.start_response, self.sent = start_response, False

        def __iter__(self):
            return self

        def __next__(self):
            if not self.sent:
                self.sent = True
                return b"x" * 10
            try:
                raise ArithmeticError("planted")
            except ArithmeticError as error:
                self.start_response("500 Oops", [], (type(error), error, error.__traceback__))

        def close(self):
            closed.append(True)

    server = serve(lambda environ, start_response: start_response("200 OK", []) and Body(start_response))
    data = talk(server, get() + NEXT)
    assert data.count(b"HTTP/1.1 ") == 1
    assert not data.endswith(b"0\r\n\r\n"), "the client must see that the body is not complete"
    assert "planted" in server.error_log.getvalue()
    assert closed == [True]


WRONG_BODIES = {
    "None": lambda environ, start_response: start_response("200 OK", []) and None,
    "a number": lambda environ, start_response: start_response("200 OK", []) and 5,
    "str": lambda environ, start_response: start_response("200 OK", []) and ["hello"],
    "a list of numbers": lambda environ, start_response: start_response("200 OK", []) and [1, 2],
    "no start_response": lambda environ, start_response: [b"hello"],
    "no start_response and nothing": lambda environ, start_response: [],
    "a body for 204": answer("204 No Content"),
    "a body for 304": answer("304 Not Modified"),
    "raises": lambda environ, start_response: 1 / 0,
    "raises after start_response": lambda environ, start_response: start_response("200 OK", []) and 1 / 0,
    "a Timeout": lambda environ, start_response: (_ for _ in ()).throw(Timeout(1)),
    "not callable": None,
}


@pytest.mark.parametrize("name", WRONG_BODIES)
def test_an_application_that_fails(serve, name):
    server = serve(WRONG_BODIES[name])
    answers = split_responses(talk(server, get() + NEXT))
    assert [one.status for one in answers] == [500]
    assert b"Traceback" not in answers[0].body
    assert "Traceback" in server.error_log.getvalue()
    assert split_responses(talk(server, get(b"/", CLOSE)))[0].status == 500, "the server goes on"


def test_write(serve):
    """The callable that start_response returns sends at once, before what is returned."""

    def application(environ, start_response):
        write = start_response("200 OK", [])
        write(b"first, ")
        write(b"")
        write("")
        write(b"second, ")
        return [b"third"]

    assert split_responses(talk(serve(application), NEXT))[0].body == b"first, second, third"


def test_a_piece_is_sent_before_the_next_is_asked_for(serve):
    goes_on = Event()

    def application(environ, start_response):
        start_response("200 OK", [])
        yield b"first"
        goes_on.wait()
        yield b"second"

    with create_connection(serve(application).address, 5) as one:
        one.sendall(NEXT)
        data = b""
        while b"first" not in data:
            data += one.recv(1000)
        goes_on.set()
        assert split_responses(data + drain(one))[0].body == b"firstsecond"


def test_start_response_may_be_called_by_the_first_next(serve):
    def application(environ, start_response):
        start_response("200 OK", [("Content-Length", "5")])
        yield b"hello"

    assert split_responses(talk(serve(application), NEXT))[0].body == b"hello"


@pytest.mark.parametrize("how", ["read to the end", "HEAD", "reset by the client", "killed"])
def test_close_is_always_called(serve, how):
    closed, begun = [], Event()

    def application(environ, start_response):
        start_response("200 OK", [])
        return Body()

    class Body:
        def __iter__(self):
            begun.set()
            if how in ("read to the end", "HEAD"):
                return iter([b"hello"])
            return iter(self.forever, None)

        def forever(self):
            sleep(0)
            return b"x" * 65536

        def close(self):
            closed.append(True)

    server = serve(application)
    if how in ("read to the end", "HEAD"):
        talk(server, get(b"/", CLOSE, method=b"HEAD" if how == "HEAD" else b"GET"))
    else:
        with create_connection(server.address, 5) as one:
            one.sendall(NEXT)
            begun.wait()
            if how == "reset by the client":
                one.setsockopt(green._std.SOL_SOCKET, green._std.SO_LINGER, struct.pack("ii", 1, 0))
            else:
                server.stop(0)
    with Timeout(5):
        while not closed:
            sleep(0.001)
    assert closed == [True]
    assert "Traceback" not in server.error_log.getvalue()


def test_an_oserror_of_the_applications_own_is_not_taken_for_the_clients(serve):
    def application(environ, start_response):
        raise ConnectionResetError(errno.ECONNRESET, "from a database")

    server = serve(application)
    assert split_responses(talk(server, NEXT))[0].status == 500
    assert "from a database" in server.error_log.getvalue()


def test_the_validator_of_the_standard_library_is_content(serve):
    @wsgiref.validate.validator
    def application(environ, start_response):
        environ["wsgi.input"].read(3)
        environ["wsgi.input"].readline()
        environ["wsgi.input"].readlines()
        list(environ["wsgi.input"])
        environ["wsgi.errors"].write("words")
        environ["wsgi.errors"].writelines(["words"])
        environ["wsgi.errors"].flush()
        write = start_response("200 OK", [("Content-Type", "text/plain")])
        write(b"one ")
        return environ["wsgi.file_wrapper"](io.BytesIO(b"two")) if environ["PATH_INFO"] == "/file" else [b"two"]

    server = serve(application)
    for target in (b"/", b"/file", b"/a%20b?c", b"//x"):
        assert split_responses(talk(server, get(target, CLOSE)))[0].body == b"one two"
    body = post(b"Transfer-Encoding: chunked", CLOSE, body=b"5\r\na\nb\nc\r\n0\r\n\r\n")
    assert split_responses(talk(server, body))[0].body == b"one two"
    assert split_responses(talk(server, get(b"*", CLOSE, method=b"OPTIONS")))[0].status == 200
    assert "Traceback" not in server.error_log.getvalue()


def test_connection_close_of_the_application(serve):
    data = talk(serve(answer(fields=[("Connection", "close")])), get() + NEXT)
    assert data.count(b"HTTP/1.1 200") == 1
    assert data.count(b"Connection: close") == 1


# -- files -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["file", "from the middle", "length given", "bytes", "pipe", "text"])
@pytest.mark.parametrize("method", [b"GET", b"HEAD"])
def test_file_wrapper(serve, tmp_path, kind, method):
    size = 300_000
    data = bytes(range(256)) * (size // 256 + 1)
    data = data[:size]
    (tmp_path / "file").write_bytes(data)
    opened = []

    def application(environ, start_response):
        start_response("200 OK", [("Content-Length", "1000")] if kind == "length given" else [])
        if kind == "bytes":
            file = io.BytesIO(data)
        elif kind == "pipe":
            reading, writing = os.pipe()
            os.write(writing, data[:5000])
            os.close(writing)
            file = os.fdopen(reading, "rb")
        elif kind == "text":
            file = (tmp_path / "file").open(encoding="latin-1")
        else:
            file = (tmp_path / "file").open("rb")
        if kind == "from the middle":
            file.seek(100_000)
        opened.append(file)
        return environ["wsgi.file_wrapper"](file, 8192)

    server = serve(application)
    answers = split_responses(talk(server, get(method=method) + NEXT), [method.decode()])
    wanted = {"from the middle": data[100_000:], "length given": data[:1000], "pipe": data[:5000]}.get(kind, data)
    if kind == "text":
        assert answers[0].status == 500
    else:
        assert [one.body for one in answers] == [b"" if method == b"HEAD" else wanted, wanted]
    assert all(file.closed for file in opened)


# -- subclasses, as they are written for gevent.pywsgi -----------------------------------------------------------


def test_a_subclass_as_for_gevent(serve):
    """The hooks and attributes that gevent-websocket, gunicorn's gevent worker and programs use."""
    seen = {}

    class Handler(WSGIHandler):
        def get_environ(self):
            environ = super().get_environ()
            environ["x.seen"] = (self.command, self.path, self.request_version, self.headers.get("x-y"))
            return environ

        def run_application(self):
            self.response_headers_before = self.response_headers
            super().run_application()

        def start_response(self, status, headers, exc_info=None):
            return super().start_response(status, [*headers, ("X-More", "yes")], exc_info)

        def finalize_headers(self):
            super().finalize_headers()
            self.response_headers.append((b"X-Last", b"yes"))

        def log_request(self):
            seen["line"] = self.format_request()
            seen["times"] = self.time_finish - self.time_start
            seen["status"] = (self.status, self.code, self.response_length, self.headers_sent, self._orig_status)
            super().log_request()

        def format_request(self):
            return f"{self.client_address[0]} {self.requestline}"

    def application(environ, start_response):
        seen["environ"] = environ["x.seen"]
        start_response("200 OK", [])
        return [b"hello"]

    server = serve(application, handler_class=Handler)
    one = split_responses(talk(server, get(b"/a?b", b"X-Y: z", CLOSE)))[0]
    assert (one.fields[b"x-more"], one.fields[b"x-last"]) == (b"yes", b"yes")
    assert seen["environ"] == ("GET", "/a?b", "HTTP/1.1", "z")
    assert seen["line"] == "127.0.0.1 GET /a?b HTTP/1.1"
    assert seen["status"] == (b"200 OK", 200, 5, True, "200 OK")
    assert 0 <= seen["times"] < 10
    assert server.log.getvalue() == "127.0.0.1 GET /a?b HTTP/1.1\n"


def test_handle_one_request_may_answer_by_itself(serve, hello):
    class Handler(WSGIHandler):
        def handle_one_request(self):
            super().handle_one_request()
            return "418", b"HTTP/1.1 418 Teapot\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"

    assert [one.status for one in split_responses(talk(serve(hello, handler_class=Handler), get()))] == [200, 418]


def test_an_upgrade_by_the_application(serve):
    """101: what follows is read from wsgi.input, raw, and written with write."""

    def application(environ, start_response):
        write = start_response("101 Switching Protocols", [("Upgrade", "echo"), ("Connection", "Upgrade")])
        write(b"ready\n")
        for line in iter(environ["wsgi.input"].readline, b""):
            write(line.upper())
        return []

    with create_connection(serve(application).address, 5) as one:
        one.sendall(get(b"/", b"Connection: Upgrade", b"Upgrade: echo"))
        data = b""
        while not data.endswith(b"ready\n"):
            data += one.recv(1000)
        assert data.startswith(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\nConnection: Upgrade\r\n")
        assert b"Transfer-Encoding" not in data
        one.sendall(b"hello\n")
        assert one.recv(100) == b"HELLO\n"
        one.shutdown(green._std.SHUT_WR)
        assert drain(one) == b""


def test_a_kill_ends_a_request_without_a_report(serve):
    inside = Event()
    found = []

    def application(environ, start_response):
        try:
            inside.set()
            sleep(100)
        except GreenletExit:
            found.append(True)
            raise

    server = serve(application)
    with create_connection(server.address, 5) as one:
        one.sendall(NEXT)
        inside.wait()
        killall(list(server.pool))
        assert drain(one) == b""
    assert found == [True]
    assert server.error_log.getvalue() == ""


def test_the_server_class_may_hold_the_application(serve):
    class Server(WSGIServer):
        def application(self, environ, start_response):
            start_response("200 OK", [])
            return [b"of the class"]

    assert b"of the class" in talk(serve(None, server_class=Server), NEXT)
