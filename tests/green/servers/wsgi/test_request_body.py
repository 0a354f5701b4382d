"""``wsgi.input``, and what becomes of a body that is not read, not complete, or too large."""

import contextlib
import io

import pytest

from celadon.green import create_connection
from celadon.green.servers.wsgi import BodyError, Limits
from celadon.hub import spawn

from .clients import drain, split_responses, talk
from .corpus import NEXT, get, post

CLOSE = b"Connection: close"


def test_wsgi_input_reads_as_a_file(serve):
    text = b"first\nsecond\n\nfourth without end"
    reads = {
        "read": lambda file: [file.read()],
        "read(-1)": lambda file: [file.read(-1)],
        "read(None)": lambda file: [file.read(None)],
        "read(7)": lambda file: list(iter(lambda: file.read(7), b"")),
        "read(1000)": lambda file: [file.read(1000)],
        "read(0)": lambda file: [file.read(0), file.read()],
        "readline": lambda file: list(iter(file.readline, b"")),
        "readline(3)": lambda file: list(iter(lambda: file.readline(3), b"")),
        "readline(100)": lambda file: list(iter(lambda: file.readline(100), b"")),
        "readline(0)": lambda file: [file.readline(0), file.read()],
        "readlines": lambda file: file.readlines(),
        "readlines(8)": lambda file: file.readlines(8),
        "iteration": list,
        "mixed": lambda file: [file.read(2), file.readline(), file.read(3), file.readline(2), *file],
    }
    found = {}

    def application(environ, start_response):
        name = environ["QUERY_STRING"]
        found[name] = reads[name.replace("%20", " ")](environ["wsgi.input"])
        environ["wsgi.input"].close()  # without effect: the server does that
        assert name.startswith("readlines(8)") or environ["wsgi.input"].read() == b""
        start_response("200 OK", [])
        return [b"ok"]

    server = serve(application)
    pieces_of_text = b"".join(
        b"%x\r\n%b\r\n" % (len(text[at : at + 4]), text[at : at + 4]) for at in range(0, len(text), 4)
    )
    bodies = {
        "sized": (b"Content-Length: %d" % len(text), text),
        "chunked": (b"Transfer-Encoding: chunked", pieces_of_text + b"0\r\n\r\n"),
    }
    for name, read in reads.items():
        for field, body in bodies.values():
            head = get(b"/?" + name.encode(), field, CLOSE, method=b"POST")
            for sent in ([head + body], [head, *(body[at : at + 5] for at in range(0, len(body), 5))]):
                assert b" 200 OK" in talk(server, *sent), (name, server.error_log.getvalue())
                assert found[name] == read(io.BytesIO(text)), name


@pytest.mark.parametrize(
    ("field", "body"),
    [
        (b"Content-Length: 10", b"hello"),
        (b"Content-Length: 10", b""),
        (b"Transfer-Encoding: chunked", b"a\r\nhello"),
        (b"Transfer-Encoding: chunked", b"5\r\nhello\r\n"),
        (b"Transfer-Encoding: chunked", b"5\r\nhello\r\n0\r\n"),
        (b"Transfer-Encoding: chunked", b"5\r\nhello\r\n0\r\nX: y\r\n"),
        (b"Transfer-Encoding: chunked", b""),
    ],
)
@pytest.mark.parametrize("how", ["caught", "escapes"])
def test_a_client_that_leaves_early(serve, field, body, how):
    raised = []

    def application(environ, start_response):
        for _ in range(3):  # again and again, it is no endless loop
            try:
                environ["wsgi.input"].read()
            except OSError as error:
                raised.append(error)
        if how == "escapes":
            raise raised[0]
        start_response("200 OK", [])
        return [b"ok"]

    server = serve(application)
    answers = split_responses(talk(server, post(field, body=body)))
    assert [one.status for one in answers] == [200 if how == "caught" else 400]
    assert [type(one) for one in raised] == [BodyError] * 3
    assert "Traceback" not in server.error_log.getvalue()


def test_malformed_chunks_end_the_connection(serve):
    def application(environ, start_response):
        with contextlib.suppress(OSError):
            environ["wsgi.input"].read()
        start_response("200 OK", [])
        return [b"ok"]

    data = talk(serve(application), post(b"Transfer-Encoding: chunked", body=b"x\r\n") + NEXT)
    assert data.count(b"HTTP/1.1 200") == 1


@pytest.mark.parametrize("reads", [True, False])
def test_100_continue_is_sent_when_the_application_reads(serve, reads):
    """And if it does not, the connection is closed: whether the client sends the body, nobody knows."""

    def application(environ, start_response):
        if reads and "CONTENT_LENGTH" in environ:
            assert environ["wsgi.input"].read(2) + environ["wsgi.input"].read() == b"hello"
        start_response("200 OK", [])
        return [b"ok"]

    server = serve(application)
    with create_connection(server.address, 5) as one:
        one.sendall(post(b"Content-Length: 5", b"Expect: 100-continue"))
        first = one.recv(1000)
        assert first.startswith(b"HTTP/1.1 100 Continue\r\n\r\n") == reads
        if reads:
            one.sendall(b"hello" + NEXT)
        else:
            assert b"Connection: close" in first
            with contextlib.suppress(OSError):
                one.sendall(NEXT[:5] + NEXT)  # it sends a body after all, and that is no request
        data = first + drain(one)
    assert data.count(b" 200 OK") == (2 if reads else 1)


def test_100_continue_with_an_empty_body(serve, hello):
    data = talk(serve(hello), post(b"Content-Length: 0", b"Expect: 100-continue") + NEXT)
    assert data.count(b" 200 OK") == 2
    assert b"100 Continue" not in data


def test_no_100_after_the_head(serve):
    def application(environ, start_response):
        start_response("200 OK", [])(b"first ")
        return [environ["wsgi.input"].read()]

    with create_connection(serve(application).address, 5) as one:
        one.sendall(post(b"Content-Length: 5", b"Expect: 100-continue"))
        one.sendall(b"hello")
        assert split_responses(drain(one))[0].body == b"first hello"


@pytest.mark.parametrize("field", ["sized", "chunked"])
@pytest.mark.parametrize("size", [10, 60_000, 300_000])
def test_a_body_that_is_not_read(serve, hello, field, size):
    """A small one is thrown away; after a large one the connection is closed, and the response arrives all the same."""
    body = b"x" * size
    request = (
        post(b"Content-Length: %d" % size, body=body)
        if field == "sized"
        else post(b"Transfer-Encoding: chunked", body=b"%x\r\n%b\r\n0\r\n\r\n" % (size, body))
    )
    answers = split_responses(talk(serve(hello), request + NEXT))
    assert [one.body for one in answers] == [b"hello"] * (2 if size < 65536 else 1)


@pytest.mark.parametrize("field", ["sized", "chunked"])
def test_a_body_that_is_too_large(serve, field):
    called = []

    def application(environ, start_response):
        called.append(len(environ["wsgi.input"].read()))
        start_response("200 OK", [])
        return [b"ok"]

    server = serve(application, limits=Limits(body=1000))
    for size, status in ((1000, 200), (1001, 413)):
        body = b"x" * size
        request = (
            post(b"Content-Length: %d" % size, body=body)
            if field == "sized"
            else post(b"Transfer-Encoding: chunked", body=b"%x\r\n%b\r\n0\r\n\r\n" % (size, body))
        )
        assert split_responses(talk(server, request + NEXT))[0].status == status
    assert called == [1000, 0]  # and that of NEXT, after the first


def test_trailers_are_kept_apart(serve):
    found = []

    def application(environ, start_response):
        environ["wsgi.input"].read()
        found.append((environ["wsgi.input"].trailers, [name for name in environ if "SUM" in name]))
        start_response("200 OK", [])
        return []

    talk(serve(application), post(b"Transfer-Encoding: chunked", body=b"0\r\nX-Sum: 1\r\nX-Sum: 2 \r\n\r\n") + NEXT)
    assert found[0] == ([("X-Sum", "1"), ("X-Sum", "2")], [])


def test_a_long_body_in_constant_memory(serve):
    """The short form of benchmarks.http --stream, which sends 1 GB."""
    size, most = 40 << 20, 0

    def application(environ, start_response):
        nonlocal most
        start_response("200 OK", [("Content-Length", environ["CONTENT_LENGTH"])])
        while data := environ["wsgi.input"].read(65536):
            most = max(most, len(data))
            yield data

    def send(one):
        one.sendall(post(b"Content-Length: %d" % size, CLOSE))
        block = b"x" * 65536
        for _ in range(size // len(block)):
            one.sendall(block)

    before = max_memory()
    with create_connection(serve(application).address, 10) as one:
        sending, got = spawn(send, one), 0
        while data := one.recv(65536):
            got += len(data)
        sending.get()
    assert got > size
    assert most == 65536
    assert max_memory() - before < size / 4


def max_memory():
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
