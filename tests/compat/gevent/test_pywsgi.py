"""gevent.pywsgi: where it is milder than Celadon's own server, and where it is not."""

import pytest

from celadon.compat import gevent
from celadon.compat.gevent import pywsgi, socket

pytest.importorskip("httptools")


def ask(application, request):
    """The answer to one request, what the hub was told, what the server logged."""
    told, log = [], []
    gevent.get_hub().handle_error = lambda *args: told.append(args)
    server = pywsgi.WSGIServer(
        ("127.0.0.1", 0), application, log=None, error_log=type("Log", (), {"write": staticmethod(log.append)})
    )
    try:
        with server, socket.create_connection(server.address) as client, gevent.Timeout(10):
            client.sendall(request)
            client.shutdown(socket.SHUT_WR)
            return client.makefile("rb").read(), told, "".join(log)
    finally:
        del gevent.get_hub().handle_error


def hello(environ, start_response):
    start_response("200 OK", [])
    return [b"hello"]


def test_host_may_be_missing():
    assert ask(hello, b"GET / HTTP/1.1\r\n\r\n")[0].endswith(b"hello")


@pytest.mark.parametrize(
    "wrong",
    [
        b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
        b"Host: a\r\n b\r\n\r\n",
        b"Content-Length: +5\r\n\r\nhello",
    ],
)
def test_what_hides_a_second_request_is_refused_all_the_same(wrong):
    assert ask(hello, b"POST / HTTP/1.1\r\n" + wrong)[0].startswith(b"HTTP/1.1 400 ")


def test_an_application_that_never_calls_start_response_is_answered_and_logged():
    answer, told, log = ask(lambda environ, start_response: [], b"GET / HTTP/1.1\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 500 ")
    assert told == []
    assert "did not call start_response" in log


@pytest.mark.parametrize(
    ("status", "name", "value", "error", "text"),
    [
        ("200 OK\r\nA: b", "A", "b", ValueError, "carriage return or newline in status"),
        ("200 OK", "A\r\n", "b", ValueError, "carriage return or newline in header name"),
        ("200 OK", "A", "b\r\nC: d", ValueError, "carriage return or newline in header value"),
        ("200 OK", "A", "\u1f4a3", UnicodeError, "latin-1"),
        ("200 OK", "A", b"bytes", UnicodeError, "native string"),
    ],
)
def test_what_a_response_must_not_say(status, name, value, error, text):
    """With gevent's errors; the hub is told, without the values of the environment."""

    def application(environ, start_response):
        start_response(status, [(name, value)])

    answer, told, _ = ask(application, b"GET / HTTP/1.1\r\nCookie: secret\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 500 ")
    context, kind, found, _ = told[0]
    assert issubclass(kind, error)
    assert text in str(found)
    assert isinstance(context, pywsgi.SecureEnviron)
    assert "secret" not in repr(context)


@pytest.mark.parametrize("half", [b"Connection: upgrade", b"Upgrade: websocket"])
def test_half_an_upgrade_is_enough(half):
    def application(environ, start_response):
        start_response("101 Switching Protocols", [("Upgrade", "websocket"), ("Connection", "Upgrade")])
        return [environ["wsgi.input"].read(2)[::-1]]

    answer, told, _ = ask(application, b"GET / HTTP/1.1\r\n" + half + b"\r\n\r\nab")
    assert answer.startswith(b"HTTP/1.1 101 ")
    assert not told
