"""Plain HTTP through the proxy: request after request, bodies of each framing, what is cut off, malformed, smuggled."""

import socket as std_socket

import pytest

pytest.importorskip("httptools", reason="the proxy needs httptools")

from celadon.hub import sleep

from .conftest import Client, get, page


def test_request_after_request(proxy, origin, log):
    site = origin(page())
    with Client(proxy()) as client:
        for _ in range(3):
            get(client, site)
            status, fields, body = client.answer()
            assert (status, fields["connection"], body) == (200, "keep-alive", b"hello")
        get(client, site, "Connection: close")
        assert client.answer()[1]["connection"] == "close"
        assert client.rest() == b""
    assert len(log.wait(4)) == 4
    assert site.heads[0].startswith(b"GET / HTTP/1.1\r\nHost: good.test:")


def test_pipelined_requests(proxy, origin):
    site = origin(page())
    with Client(proxy()) as client:
        get(client, site)
        get(client, site)
        assert [client.answer()[2] for _ in range(2)] == [b"hello", b"hello"]


@pytest.mark.parametrize(
    ("sent", "passed"),
    [
        (page(b"hello", "Content-Length: 5"), b"hello"),
        (page(b"hello", "Connection: close"), b"hello"),
        (page(b"2;x=y\r\nhe\r\n3\r\nllo\r\n0\r\nX-Last: x\r\n\r\n", "Transfer-Encoding: chunked"), None),
        (page(b"hello", "Content-Length: 0"), b""),
        (page(b"hellorest", "Content-Length: 5"), b"hello"),
    ],
)
def test_bodies(proxy, origin, sent, passed):
    site = origin(sent)
    with Client(proxy()) as client:
        get(client, site, "Connection: close")
        client.head()
        got = client.rest()
        if passed is None:  # of one chunk or two: framed anew, without extensions and trailers
            assert got in (b"5\r\nhello\r\n0\r\n\r\n", b"2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n")
        else:
            assert got == passed


def test_chunks_for_a_client_that_does_not_know_them(proxy, origin):
    site = origin(page(b"2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n", "Transfer-Encoding: chunked"))
    with Client(proxy()) as client:
        get(client, site, line="GET http://good.test:{}/ HTTP/1.0")
        assert "chunked" not in client.head()
        assert client.rest() == b"hello"


@pytest.mark.parametrize(
    "sent",
    [
        page(b"hell", "Content-Length: 5"),
        page(b"5\r\nhell", "Transfer-Encoding: chunked"),
        page(b"5\r\nhello\r\n", "Transfer-Encoding: chunked"),
        page(b"xyz\r\nhello\r\n", "Transfer-Encoding: chunked"),
    ],
)
def test_a_body_that_is_cut_off_is_a_reset(proxy, origin, log, sent):
    site = origin(sent)
    with Client(proxy()) as client:
        get(client, site)
        with pytest.raises(ConnectionResetError):
            client.rest()
    assert log.wait(1)[0]["error"] == "http_response_incomplete"


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (b"", 502),
        (b"HTTP/1.1 200", 502),
        (b"SSH-2.0-OpenSSH\r\n\r\n", 502),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 502),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 70000, 502),
        (b"HTTP/1.1 100 Continue\r\n\r\n" * 20, 100),
    ],
)
def test_a_wrong_response(proxy, origin, answer, status):
    def handle(site, sock):
        site.read_head(sock)
        sock.sendall(answer)

    site = origin(handle)
    with Client(proxy()) as client:
        get(client, site)
        assert client.answer()[0] == status


def test_interim_responses(proxy, origin):
    def handle(site, sock):
        site.read_head(sock)
        sock.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        data = sock.recv(100)
        sock.sendall(b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n" + data)

    site = origin(handle)
    with Client(proxy()) as client:
        get(client, site, "Expect: 100-continue", "Content-Length: 3", line="PUT http://good.test:{}/ HTTP/1.1")
        assert client.answer()[0] == 100
        client.socket.sendall(b"abc")
        assert client.answer()[0] == 103
        assert client.answer()[2] == b"abc"


def bodies(site, sock):
    """Answers with the raw bytes of the request's body."""
    rest = site.read_head(sock)
    chunked = b"chunked" in site.heads[-1]
    while not (rest.endswith(b"0\r\n\r\n") if chunked else len(rest) >= 6):
        more = sock.recv(1000)
        if not more:
            return
        rest += more
    sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(rest), rest))


def test_a_body_of_a_request(proxy, origin):
    site = origin(bodies)
    with Client(proxy()) as client:
        get(client, site, "Content-Length: 6", line="PUT http://good.test:{}/ HTTP/1.1")
        client.socket.sendall(b"abc")
        sleep(0.01)
        client.socket.sendall(b"def")
        assert client.answer()[2] == b"abcdef"
        get(client, site, "Transfer-Encoding: chunked", line="PUT http://good.test:{}/ HTTP/1.1")
        client.socket.sendall(b"3;ext=1\r\nabc\r\n0\r\nA-Trailer: x\r\n\r\n")
        assert client.answer()[2] == b"3\r\nabc\r\n0\r\n\r\n"


@pytest.mark.parametrize("body", [b"zz\r\n", b"3\r\nabcd\r\n", b"-1\r\n"])
def test_a_malformed_body_of_a_request(proxy, origin, body):
    site = origin(bodies)
    with Client(proxy()) as client:
        get(client, site, "Transfer-Encoding: chunked", line="PUT http://good.test:{}/ HTTP/1.1")
        client.socket.sendall(body)
        status, _, text = client.answer()
        assert (status, b"the body of the request" in text) == (400, True)


def test_an_answer_before_the_end_of_the_request(proxy, origin):
    site = origin(page(b"no", "Content-Length: 2"))
    with Client(proxy()) as client:
        get(client, site, "Content-Length: 1000000", line="PUT http://good.test:{}/ HTTP/1.1")
        client.socket.sendall(bytes(1000))
        assert client.answer()[2] == b"no"
        client.socket.shutdown(std_socket.SHUT_WR)
        assert client.rest() == b""


SMUGGLED = [
    ("Content-Length: 3", "Transfer-Encoding: chunked"),
    ("Content-Length: 3", "Content-Length: 30"),
    ("Transfer-Encoding: chunked", "Transfer-Encoding: identity"),
    ("Transfer-Encoding: xchunked",),
    ("Content-Length : 3",),
    ("X: y\nContent-Length: 3",),
    ("Content-Length: 0x3",),
]


@pytest.mark.parametrize("fields", SMUGGLED)
def test_smuggling(proxy, origin, fields):
    site = origin(page())
    with Client(proxy()) as client:
        get(client, site, *fields, line="POST http://good.test:{}/ HTTP/1.1")
        assert client.answer()[0] == 400
    assert site.reached == []


def test_what_is_asked_of_a_web_server(proxy):
    with Client(proxy()) as client:
        client.say("GET / HTTP/1.1", "Host: x")
        status, _, body = client.answer()
        assert (status, b"this is a proxy" in body) == (400, True)


@pytest.mark.parametrize("data", [b"\x04\x01\0\x50\x7f\0\0\1\0", b"\x16\x03\x01\x02\x00", b"\0" * 20, b"\r\n\r\n\0"])
def test_other_protocols(proxy, data):
    with Client(proxy()) as client:
        client.socket.sendall(data)
        client.socket.shutdown(std_socket.SHUT_WR)
        assert b" 400 " in client.rest()
