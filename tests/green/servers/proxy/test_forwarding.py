"""Requests and responses as they are passed on: hop-by-hop fields, framing, Via; and what is refused."""

import pytest

pytest.importorskip("httptools", reason="the proxy needs httptools")

from celadon.green.servers.proxy.forwarding import BadResponse, authority, is_loop, passed_on, request, response
from celadon.green.servers.wsgi.errors import BadRequest
from celadon.green.servers.wsgi.limits import Limits
from celadon.green.servers.wsgi.request_head import parse_head

ME = b"celadon-1"


def head(line, *fields):
    return "\r\n".join([line, *fields, "", ""]).encode("latin-1")


def asked(line, *fields):
    return request(parse_head(head(line, *fields), Limits()), ME)


def test_a_request():
    found = asked(
        "GET http://Good.test:8080/a?b=http://x HTTP/1.1", "Host: other.test", "X-A:  1 ", "Connection: X-Mine, close",
        "X-Mine: 2", "Proxy-Connection: keep-alive", "Proxy-Authorization: Basic eDp5", "TE: trailers", "Upgrade: h2c",
        "Keep-Alive: 3", "Trailer: X", "Via: 1.0 before", "X-A: 3", "Cookie: c",
    )  # fmt: skip
    assert (found.host, found.port, found.length, found.chunked) == ("Good.test", 8080, None, False)
    assert found.head == head(
        "GET /a?b=http://x HTTP/1.1", "Host: Good.test:8080", "X-A: 1", "X-A: 3", "Cookie: c",
        "Via: 1.0 before, 1.1 celadon-1", "Connection: close",
    )  # fmt: skip


def test_the_path_is_never_empty():
    assert asked("GET http://a.test HTTP/1.1", "Host: a.test").head.startswith(b"GET / HTTP/1.1\r\n")
    assert asked("GET http://a.test?q HTTP/1.1", "Host: a.test").head.startswith(b"GET /?q HTTP/1.1\r\n")
    assert asked("GET http://a.test/? HTTP/1.1", "Host: a.test").head.startswith(b"GET /? HTTP/1.1\r\n")
    assert asked("OPTIONS http://a.test HTTP/1.1", "Host: a.test").head.startswith(b"OPTIONS * HTTP/1.1\r\n")


def test_the_framing_is_made_anew():
    found = asked("POST http://a.test/ HTTP/1.1", "Host: a.test", "Content-Length: 007")
    assert b"\r\nContent-Length: 7\r\n" in found.head
    found = asked("POST http://a.test/ HTTP/1.1", "Host: a.test", "Transfer-Encoding: Chunked", "Connection: host")
    assert b"\r\nTransfer-Encoding: chunked\r\n" in found.head
    assert found.head.count(b"Host: a.test") == 1


@pytest.mark.parametrize(
    ("line", "fields", "status"),
    [
        ("GET /path HTTP/1.1", (), 400),
        ("GET https://a.test/ HTTP/1.1", (), 501),
        ("GET ftp://a.test/ HTTP/1.1", (), 400),
        ("GET http:///x HTTP/1.1", (), 400),
        ("GET http://u:p@a.test/ HTTP/1.1", (), 400),
        ("GET http://a.test:0/ HTTP/1.1", (), 400),
        ("GET http://a.test:99999/ HTTP/1.1", (), 400),
        ("TRACE http://a.test/ HTTP/1.1", (), 405),
        ("POST http://a.test/ HTTP/1.1", ("Transfer-Encoding: chunked", "Content-Length: 3"), 400),
        ("POST http://a.test/ HTTP/1.1", ("Content-Length: 3", "Content-Length: 4"), 400),
        ("POST http://a.test/ HTTP/1.1", ("Transfer-Encoding: gzip, chunked",), 501),
        ("POST http://a.test/ HTTP/1.1", ("Transfer-Encoding : chunked",), 400),
        ("GET http://a.test/ HTTP/1.1", ("A: b", " folded"), 400),
    ],
)
def test_a_wrong_request(line, fields, status):
    with pytest.raises(BadRequest) as caught:
        asked(line, "Host: a.test", *fields)
    assert caught.value.status == status


@pytest.mark.parametrize(
    ("text", "found"), [("a:1", ("a", 1)), ("[::1]:443", ("::1", 443)), ("a", ("a", 80)), ("[::1]", ("::1", 80))]
)
def test_authority(text, found):
    assert authority(text, 80) == found


def test_a_loop():
    assert is_loop([(b"Via", b"1.1 other"), (b"via", b"1.0 x, 1.1 celadon-1 (comment)")], ME)
    assert not is_loop([(b"Via", b"1.1 celadon-12"), (b"X", b"celadon-1")], ME)


def answered(line, *fields, method="GET", version="HTTP/1.1", keep_alive=True):
    found = response(head(line, *fields), method)
    return found, passed_on(found, method, version, keep_alive, ME)


def test_a_response():
    found, passed = answered(
        "HTTP/1.1 404 Not Found", "Content-Length: 3", "Connection: X-Mine", "X-Mine: 1", "Keep-Alive: 3",
        "Upgrade: x", "Set-Cookie: a", "Set-Cookie: b", "Proxy-Authenticate: Basic",
    )  # fmt: skip
    assert (found.status, found.length, found.chunked) == (404, 3, False)
    assert passed == head(
        "HTTP/1.1 404 Not Found", "Set-Cookie: a", "Set-Cookie: b", "Via: 1.1 celadon-1", "Content-Length: 3",
        "Connection: keep-alive",
    )  # fmt: skip


def test_chunks_are_not_for_old_clients():
    found, passed = answered("HTTP/1.1 200 OK", "Transfer-Encoding: chunked", version="HTTP/1.0", keep_alive=False)
    assert found.chunked
    assert b"Transfer-Encoding" not in passed


def test_the_length_of_what_is_not_sent():
    assert b"Content-Length: 9\r\n" in answered("HTTP/1.1 200 OK", "Content-Length: 9", method="HEAD")[1]
    assert b"Content-Length: 9\r\n" in answered("HTTP/1.1 304 Not Modified", "Content-Length: 9")[1]
    assert b"Connection" not in answered("HTTP/1.1 103 Early Hints", "Link: x")[1]


def test_a_response_without_a_reason():
    assert answered("HTTP/1.0 200")[0].status == 200
    assert answered("HTTP/1.0 200 ")[0].length is None


@pytest.mark.parametrize(
    ("line", "fields"),
    [
        ("HTTP/1.1 200 OK", ("Transfer-Encoding: chunked", "Content-Length: 3")),
        ("HTTP/1.1 200 OK", ("Content-Length: 3", "Content-Length: 4")),
        ("HTTP/1.1 200 OK", ("Content-Length: 3", "Content-Length: 3")),
        ("HTTP/1.1 200 OK", ("Content-Length: +3",)),
        ("HTTP/1.1 200 OK", ("Transfer-Encoding: gzip",)),
        ("HTTP/1.0 200 OK", ("Transfer-Encoding: chunked",)),
        ("HTTP/1.1 101 Switching Protocols", ("Upgrade: x", "Connection: upgrade")),
        ("HTTP/1.1 200 OK", ("A: b", " folded")),
        ("HTTP/1.1 200 OK", ("A : b",)),
        ("HTTP/1.1 200 OK", ("A: b\nC: d",)),
        ("HTTP/2 200 OK", ()),
        ("HTTP/1.1 20 OK", ()),
        ("SSH-2.0-OpenSSH", ()),
        ("HTTP/1.1 200 OK", tuple(f"X-{n}: 1" for n in range(300))),
    ],
)
def test_a_wrong_response(line, fields):
    with pytest.raises(BadResponse):
        response(head(line, *fields), "GET")
