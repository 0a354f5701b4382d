"""The server: environments, deadlines, limits, stop, TLS, logs."""

import contextlib
import socket as std_socket
import ssl as std_ssl
import time

import pytest

from celadon.green import create_connection
from celadon.green import socket as green
from celadon.green.servers.proxied import Trusted
from celadon.green.servers.wsgi import (
    BadRequest,
    BodyError,
    Limits,
    SecureEnviron,
    WSGISecureEnviron,
    WSGIServer,
)
from celadon.green.servers.wsgi.forwarded import believe
from celadon.green.servers.wsgi.request_head import parse_head
from celadon.green.ssl import SSLSocket
from celadon.hub import Event, Timeout, getcurrent, sleep, spawn

from ...worlds import TLS
from .clients import drain, split_responses, talk
from .corpus import NEXT, get, post

CLOSE = b"Connection: close"


@pytest.fixture
def shown(serve):
    """``shown(request, **arguments)``: the environment that an application gets of a request."""

    def show(request, **kwargs):
        found = []

        def application(environ, start_response):
            found.append(environ)
            start_response("200 OK", [])
            return []

        server = serve(application, **kwargs)
        data = talk(server, request)
        assert found, (data, server.error_log.getvalue())
        return found[0]

    return show


# -- environments -------------------------------------------------------------------------------------


def test_the_environment_of_a_request(shown):
    request = post(b"Content-Length: 5", b"Content-Type: text/plain", b"X-Two-Words:  v ", body=b"hello")
    environ = shown(
        request.replace(b"POST / ", b"POST /a%20b/%e9?c=%20d HTTP/1.1\r\n", 1).replace(b"\r\nHTTP/1.1\r\n", b"\r\n", 1)
    )
    assert type(environ) is dict
    wanted = {
        "REQUEST_METHOD": "POST",
        "SCRIPT_NAME": "",
        "PATH_INFO": "/a b/\xe9",
        "QUERY_STRING": "c=%20d",
        "RAW_URI": "/a%20b/%e9?c=%20d",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "SERVER_NAME": "127.0.0.1",
        "REMOTE_ADDR": "127.0.0.1",
        "CONTENT_LENGTH": "5",
        "CONTENT_TYPE": "text/plain",
        "HTTP_HOST": "h",
        "HTTP_X_TWO_WORDS": "v",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input_terminated": True,
        "wsgi.multiprocess": False,
    }
    assert {name: environ.get(name) for name in wanted} == wanted
    assert environ["SERVER_PORT"].isdigit()
    assert environ["REMOTE_PORT"].isdigit()
    assert "HTTP_CONTENT_LENGTH" not in environ


@pytest.mark.parametrize(
    ("target", "path", "query"),
    [
        (b"/", "/", ""),
        (b"//evil.example/x", "//evil.example/x", ""),
        (b"/a//b/../c", "/a//b/../c", ""),
        (b"/a?", "/a", ""),
        (b"/a?b?c", "/a", "b?c"),
        (b"/%C3%A9%2F", "/\xc3\xa9/", ""),
        (b"/%zz%", "/%zz%", ""),
        (b"/%00", "/\0", ""),
        (b"http://other.example/a%20?b", "/a ", "b"),
        (b"http://other.example", "/", ""),
        (b"http://other.example?b", "/", "b"),
    ],
)
def test_paths(shown, target, path, query):
    environ = shown(get(target, CLOSE))
    assert (environ["PATH_INFO"], environ["QUERY_STRING"], environ["RAW_URI"]) == (path, query, target.decode())
    assert environ["HTTP_HOST"] == ("other.example" if b"other" in target else "h")


def test_fields_that_clash_or_lie(shown):
    """A name with ``_`` could stand for another that a proxy has checked; Proxy would be HTTP_PROXY (httpoxy)."""
    fields = (
        b"Foo-Bar: right",
        b"Foo_Bar: wrong",
        b"X_Only: wrong",
        b"Content_Length: 5",
        b"Proxy: http://evil.example",
    )
    joined = (b"Cookie: a=b", b"Accept: a/b", b"cookie: c=d", b"accept: c/d")
    environ = shown(get(b"/", *fields, *joined, CLOSE))
    assert environ["HTTP_FOO_BAR"] == "right"
    assert "HTTP_X_ONLY" not in environ
    assert "CONTENT_LENGTH" not in environ
    assert "HTTP_PROXY" not in environ
    assert environ["HTTP_COOKIE"] == "a=b; c=d"
    assert environ["HTTP_ACCEPT"] == "a/b,c/d"


def test_an_environment_of_the_users(shown):
    environ = shown(get(b"/", CLOSE), environ={"SERVER_NAME": "web.test", "SCRIPT_NAME": "/app", "x.y": 1})
    assert (environ["SERVER_NAME"], environ["SCRIPT_NAME"], environ["x.y"]) == ("web.test", "/app", 1)


def test_servers_that_share_a_listener_accept_one_at_a_time(hello):
    assert WSGIServer(0, hello, environ={"wsgi.multiprocess": True}).max_accept == 1
    assert WSGIServer(0, hello).max_accept > 1


def test_environments_that_do_not_print_secrets(shown):
    class Server(WSGIServer):
        environ_class = WSGISecureEnviron

    environ = shown(get(b"/", b"Authorization: secret", CLOSE), server_class=Server)
    assert "secret" not in repr(environ)
    assert "'REMOTE_ADDR': '127.0.0.1'" in repr(environ)
    assert "hidden keys" in str(environ)
    assert "secret" not in repr(environ.copy())
    environ = SecureEnviron(a="secret")
    assert "secret" not in repr(environ)
    environ.whitelist_keys = ("b",)
    assert repr(environ) == "{'a': '<MASKED>'}"
    environ.secure_repr = False
    assert repr(environ) == "{'a': 'secret'}"
    with pytest.raises(AttributeError):
        _ = environ.other


ME, NET, PLAIN = ("127.0.0.1",), ("127.0.0.1", "10.0.0.0/8"), ("127.0.0.1", "http", "h")
FORWARDED = {
    "untrusted": ((), b"X-Forwarded-For: 192.0.2.1", PLAIN),
    "one": (ME, b"X-Forwarded-For: 192.0.2.1", ("192.0.2.1", "http", "h")),
    "a network": (("127.0.0.0/8",), b"X-Forwarded-For: 192.0.2.1", ("192.0.2.1", "http", "h")),
    "another network": (("10.0.0.0/8",), b"X-Forwarded-For: 192.0.2.1", PLAIN),
    "a lie before it": (ME, b"X-Forwarded-For: 203.0.113.9, 192.0.2.1", ("192.0.2.1", "http", "h")),
    "two proxies": (NET, b"X-Forwarded-For: 203.0.113.9, 192.0.2.1, 10.1.1.1", ("192.0.2.1", "http", "h")),
    "all proxies": (NET, b"X-Forwarded-For: 10.2.2.2, 10.1.1.1", ("10.2.2.2", "http", "h")),
    "no address": (ME, b"X-Forwarded-For: unknown", PLAIN),
    "scheme and host": (
        ME,
        b"X-Forwarded-Proto: https\r\nX-Forwarded-Host: web.test",
        ("127.0.0.1", "https", "web.test"),
    ),
    "IPv6": (ME, b"X-Forwarded-For: 2001:db8::1", ("2001:db8::1", "http", "h")),
    "Forwarded": (ME, b"Forwarded: for=192.0.2.1;proto=https;host=web.test", ("192.0.2.1", "https", "web.test")),
    "Forwarded, IPv6 and a port": (ME, b'Forwarded: For="[2001:db8::1]:4711"', ("2001:db8::1", "http", "h")),
    "Forwarded, two": (ME, b"Forwarded: for=203.0.113.9;proto=https, for=192.0.2.1", ("192.0.2.1", "http", "h")),
    "Forwarded, hidden": (ME, b"Forwarded: for=_hidden;proto=https", ("127.0.0.1", "https", "h")),
    "Forwarded wins": (ME, b"X-Forwarded-For: 203.0.113.9\r\nForwarded: for=192.0.2.1", ("192.0.2.1", "http", "h")),
    "Forwarded, untrusted": ((), b"Forwarded: for=192.0.2.1;proto=https", PLAIN),
}


@pytest.mark.parametrize("name", FORWARDED)
def test_what_proxies_say(shown, name):
    trusted, field, wanted = FORWARDED[name]
    environ = shown(get(b"/", field, CLOSE), trusted_proxies=trusted)
    assert (environ["REMOTE_ADDR"], environ["wsgi.url_scheme"], environ["HTTP_HOST"]) == wanted
    if wanted == PLAIN and b"unknown" not in field:
        assert not [one for one in environ if "FORWARDED" in one]


def test_without_trusted_proxies_the_fields_mean_nothing(shown):
    environ = shown(get(b"/", b"X-Forwarded-For: 192.0.2.1", b"X-Forwarded-Proto: https", CLOSE))
    assert (environ["REMOTE_ADDR"], environ["wsgi.url_scheme"]) == ("127.0.0.1", "http")
    assert environ["HTTP_X_FORWARDED_FOR"] == "192.0.2.1"


@pytest.mark.parametrize(
    "field",
    [
        b'Forwarded: for="',
        b"Forwarded: for",
        b"X-Forwarded-Proto: ftp",
        b"X-Forwarded-Host: a b",
        b"Forwarded: for=1;;x=y",
    ],
)
def test_what_a_proxy_says_wrongly(serve, hello, field):
    data = talk(serve(hello, trusted_proxies=["127.0.0.1"]), get(b"/", field) + NEXT)
    assert [one.status for one in split_responses(data)] == [400]


@pytest.mark.parametrize(
    "value",
    [" " * 8000 + "x", ":" * 8000 + "x", "for=" + "a" * 8000 + "=", "for=1;" * 1500 + '"', "a," * 4000, '"' * 8000],
)
def test_no_value_takes_long_to_read(value):
    """What a trusted proxy passes on may be any client's."""
    begin = time.process_time()
    for name in ("HTTP_FORWARDED", "HTTP_X_FORWARDED_FOR", "HTTP_X_FORWARDED_HOST", "HTTP_X_FORWARDED_PROTO"):
        with contextlib.suppress(BadRequest):
            believe({"REMOTE_ADDR": "127.0.0.1", name: value}, Trusted(("127.0.0.1",)))
    assert time.process_time() - begin < 0.5


@pytest.mark.parametrize(
    "head", [b"a: b\r\n" * 9000 + b"x", b"X: " + b" " * 60_000 + b"\0", b"X:" + b"\t" * 8000 + b"\0"]
)
def test_no_head_takes_long_to_read(head):
    begin = time.process_time()
    with pytest.raises(BadRequest):
        parse_head(b"GET / HTTP/1.1\r\nHost: h\r\n" + head + b"\r\n\r\n", Limits())
    assert time.process_time() - begin < 0.5


def test_host_is_not_asked_for_if_the_limits_say_so():
    head = b"GET / HTTP/1.1\r\n\r\n"
    with pytest.raises(BadRequest, match="without Host"):
        parse_head(head, Limits())
    assert parse_head(head, Limits(host=False)).path == "/"
    with pytest.raises(BadRequest, match="not valid"):
        parse_head(b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", Limits(host=False))


def test_cookies_are_joined_by_semicolons_and_others_by_commas():
    twice = b"".join(b"%b: a\r\n%b: b\r\n" % (name, name) for name in (b"Cookie", b"Cookie2", b"Accept"))
    found = parse_head(b"GET / HTTP/1.1\r\nHost: h\r\n" + twice + b"\r\n", Limits()).variables
    assert (found["HTTP_COOKIE"], found["HTTP_COOKIE2"], found["HTTP_ACCEPT"]) == ("a; b", "a; b", "a,b")


def test_a_unix_socket(shown, tmp_path):
    found = []

    def application(environ, start_response):
        found.append(environ)
        start_response("200 OK", [])
        return []

    path = str(tmp_path / "socket")
    with WSGIServer(path, application, log=None, trusted_proxies=[]), green.socket(std_socket.AF_UNIX) as one:
        one.connect(path)
        one.sendall(get(b"/", b"X-Forwarded-For: 192.0.2.1", CLOSE))
        assert b"200 OK" in drain(one)
    assert found[0]["REMOTE_ADDR"] == "192.0.2.1"
    assert found[0]["SERVER_PORT"] == ""


# -- deadlines ---------------------------------------------------------------------------------------------

SHORT = Limits(header_seconds=0.1, keep_alive_seconds=0.1, body_seconds=0.1, write_seconds=0.1)


@pytest.mark.parametrize("begin", [b"G", b"GET / HTTP/1.1\r\n", b"GET / HTTP/1.1\r\nHost: h\r\nX: "])
def test_a_head_that_takes_too_long(serve, hello, begin):
    """The time is for the whole head: a byte now and then does not prolong it."""
    server = serve(hello, limits=SHORT)
    with create_connection(server.address, 5) as one, Timeout(5):
        one.sendall(begin)
        data, dripping = b"", spawn(drip, one)
        data = drain(one)
        dripping.kill()
    assert [one.status for one in split_responses(data)] == [408]
    assert b"Connection: close" in data


def drip(one):
    with contextlib.suppress(OSError):
        while True:
            sleep(0.02)
            one.sendall(b"a")


def test_a_connection_that_says_nothing_is_closed(serve, hello):
    server = serve(hello, limits=SHORT)
    with create_connection(server.address, 5) as one, Timeout(5):
        assert drain(one) == b""
    with create_connection(server.address, 5) as one, Timeout(5):
        one.sendall(get())
        data = drain(one)
        assert data.count(b"HTTP/1.1 200") == 1
        assert b"408" not in data


@pytest.mark.parametrize("field", [b"Content-Length: 10", b"Transfer-Encoding: chunked"])
def test_a_body_that_takes_too_long(serve, field):
    raised = []

    def application(environ, start_response):
        try:
            environ["wsgi.input"].read()
        except BodyError as error:
            raised.append(error.status)
            raise

    server = serve(application, limits=SHORT)
    with create_connection(server.address, 5) as one, Timeout(5):
        one.sendall(post(field, body=b"5\r\n"))
        data = drain(one)
    assert raised == [408]
    assert [one.status for one in split_responses(data)] == [408]


def test_a_client_that_does_not_read(serve):
    closed = Event()

    def application(environ, start_response):
        start_response("200 OK", [("Content-Length", str(50 << 20))])
        try:
            for _ in range(50):
                yield b"x" * (1 << 20)
        finally:
            closed.set()

    server = serve(application, limits=SHORT)
    with create_connection(server.address, 5) as one:
        one.sendall(get())
        assert closed.wait(5)
    assert "Traceback" not in server.error_log.getvalue()


def test_a_slow_client_that_goes_on_reading_gets_all(serve):
    """The time to write is for each piece, not for the response."""
    size = 8 << 20
    server = serve(
        lambda environ, start_response: start_response("200 OK", []) and [b"x" * size],
        limits=Limits(write_seconds=0.5),
    )
    with create_connection(server.address, 10) as one:
        one.sendall(NEXT)
        got = 0
        for _ in range(20):
            got += len(one.recv(200_000))
            sleep(0.05)
        got += len(drain(one))
    assert got > size


def test_slow_lorises_do_not_stop_service(serve, hello):
    """The short form of benchmarks.http --loris (1,000): each sends a byte now and then, and never ends its head."""
    server = serve(hello, limits=Limits(header_seconds=1.0))
    with contextlib.ExitStack() as stack:
        lorises = [stack.enter_context(create_connection(server.address, 10)) for _ in range(200)]
        for piece in [b"GET / HTTP/1.1\r\nX", *[b"x"] * 10]:
            for one in lorises:
                with contextlib.suppress(OSError):  # on a busy machine its second is over
                    one.sendall(piece)
            assert b"hello" in talk(server, NEXT)
        with Timeout(20):
            ends = [drain(one) for one in lorises]
    assert {split_responses(one)[0].status for one in ends if one} == {408}


# -- limits ------------------------------------------------------------------------------------------------


def test_requests_per_connection(serve, hello):
    data = talk(serve(hello, limits=Limits(requests_per_connection=3)), get() * 5)
    answers = split_responses(data)
    assert len(answers) == 3
    assert [b"connection" in one.fields for one in answers] == [False, False, True]


def test_a_connection_too_many_closes_one_that_is_idle(serve, hello):
    server = serve(hello, limits=Limits(connections=2))
    with contextlib.ExitStack() as stack:
        first, second = [stack.enter_context(create_connection(server.address, 5)) for _ in range(2)]
        for one in (first, second):
            one.sendall(get())
            assert b"hello" in one.recv(1000)
            sleep(0.01)
        assert b"hello" in talk(server, NEXT)
        assert first.recv(1000) == b""
        second.sendall(get())
        assert b"hello" in second.recv(1000)


@pytest.mark.parametrize("limits", [Limits(connections=2), Limits(connections_per_address=2)])
def test_a_connection_too_many_while_all_are_busy(serve, limits):
    goes_on, inside = Event(), []

    def application(environ, start_response):
        inside.append(1)
        if environ["PATH_INFO"] == "/wait":
            goes_on.wait()
        start_response("200 OK", [])
        return [b"hello"]

    server = serve(application, limits=limits)
    busy = [create_connection(server.address, 5) for _ in range(2)]
    for one in busy:
        one.sendall(get(b"/wait", CLOSE))
    while len(inside) < 2:
        sleep(0.001)
    assert [one.status for one in split_responses(talk(server, NEXT))] == [503]
    goes_on.set()
    for one in busy:
        assert b"hello" in drain(one)
        one.close()
    assert b"hello" in talk(server, NEXT)


def test_a_number_as_spawn_bounds_connections(serve, hello):
    server = serve(hello, spawn=1)
    with create_connection(server.address, 5) as one:
        one.sendall(get())
        assert b"hello" in one.recv(1000)
        waiting = spawn(talk, server, NEXT)
        sleep(0.01)
        assert not waiting.ready()
    assert b"hello" in waiting.get()


def test_no_descriptors_left_for_a_while(serve, hello, monkeypatch):
    server = serve(hello)
    accept, failures = server.socket.accept, [OSError(24, "Too many open files")] * 3

    def scarce():
        if failures:
            raise failures.pop()
        return accept()

    server.min_delay = 0.001
    monkeypatch.setattr(type(server.socket), "accept", lambda one: scarce() if one is server.socket else accept())
    assert b"hello" in talk(server, NEXT)
    assert not failures


def test_nothing_is_kept_of_connections(serve, hello):
    server = serve(hello)
    for _ in range(50):
        talk(server, get() + NEXT)
    while server._handlers:
        sleep(0.001)
    assert server._looking is None
    assert not server._by_address


# -- stop --------------------------------------------------------------------------------------------------------


def test_stop_lets_requests_end_and_closes_idle_connections(serve):
    goes_on, inside = Event(), Event()

    def application(environ, start_response):
        if environ["PATH_INFO"] == "/wait":
            inside.set()
            goes_on.wait()
        start_response("200 OK", [])
        return [b"hello"]

    server = serve(application)
    with create_connection(server.address, 5) as idle, create_connection(server.address, 5) as busy:
        idle.sendall(get())
        assert b"hello" in idle.recv(1000)
        busy.sendall(get(b"/wait") + NEXT)
        inside.wait()
        stopping = spawn(server.stop, 5)
        assert idle.recv(1000) == b""
        assert not stopping.ready()
        goes_on.set()
        answers = split_responses(drain(busy))
        assert [one.body for one in answers] == [b"hello"]
        assert answers[0].fields[b"connection"] == b"close"
    stopping.get(timeout=5)


def test_stop_kills_what_does_not_end(serve):
    inside = Event()

    def application(environ, start_response):
        inside.set()
        sleep(100)

    server = serve(application)
    with create_connection(server.address, 5) as one:
        one.sendall(get())
        inside.wait()
        with Timeout(5):
            server.stop(0.01)
        assert drain(one) == b""


def test_a_new_connection_without_a_request_does_not_hold_up_a_stop(serve, hello):
    server = serve(hello)
    with create_connection(server.address, 5) as one:
        while not server._handlers:
            sleep(0.001)
        with Timeout(1):
            server.stop(5)
        assert drain(one) == b""


def test_a_client_that_has_just_connected_is_served_by_a_server_that_stops(serve, hello):
    """It knows of no end of its connection: a restart must not lose its request."""
    server = serve(hello)
    with create_connection(server.address, 5) as one:
        while not server._handlers:
            sleep(0.001)
        server.close()
        one.sendall(get())
        assert [answer.status for answer in split_responses(drain(one))] == [200]
    server.stop()
    assert server._last_chance is None


# -- TLS ---------------------------------------------------------------------------------------------------


def test_tls(serve, tmp_path):
    """Scheme, a large response, a file, a body; and nothing below TLS 1.2."""
    (tmp_path / "file").write_bytes(b"file" * 50_000)

    def application(environ, start_response):
        start_response("200 OK", [("X-Scheme", environ["wsgi.url_scheme"])])
        if environ["PATH_INFO"] == "/file":
            return environ["wsgi.file_wrapper"]((tmp_path / "file").open("rb"))
        return [environ["wsgi.input"].read() or b"x" * 1_000_000]

    server = serve(application, certfile=TLS / "server.pem", keyfile=TLS / "server.key")
    assert server.ssl_context.minimum_version == std_ssl.TLSVersion.TLSv1_2
    context = std_ssl.SSLContext(std_ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(TLS / "ca.pem")
    context.sslsocket_class = SSLSocket
    for request, body in (
        (get(b"/", CLOSE), b"x" * 1_000_000),
        (get(b"/file", CLOSE), b"file" * 50_000),
        (post(b"Content-Length: 5", CLOSE, body=b"hello"), b"hello"),
    ):
        with context.wrap_socket(create_connection(server.address, 5), server_hostname="web.test") as one:
            one.sendall(request)
            answer = split_responses(drain(one))[0]
            assert (answer.body, answer.fields[b"x-scheme"]) == (body, b"https")


def test_deadlines_over_tls(serve, hello):
    """The connection is closed, mostly without a 408: it is shut down below the TLS layer."""
    server = serve(hello, certfile=TLS / "server.pem", keyfile=TLS / "server.key", limits=SHORT)
    context = std_ssl.SSLContext(std_ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(TLS / "ca.pem")
    context.sslsocket_class = SSLSocket
    with context.wrap_socket(create_connection(server.address, 5), server_hostname="web.test") as one, Timeout(5):
        one.sendall(get() + b"GET / HT")
        data = b""
        with contextlib.suppress(std_ssl.SSLError):
            while more := one.recv(1000):
                data += more
        # Whether the TLS layer still writes is OpenSSL's matter.
        assert [answer.status for answer in split_responses(data)] in ([200], [200, 408])
    while server._handlers:
        sleep(0.001)


def test_the_callback_for_sni_runs_in_the_connections_greenlet(serve, hello):
    context = std_ssl.SSLContext(std_ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(TLS / "server.pem", TLS / "server.key")
    found = []

    def callback(sock, name, given):
        found.append((name, getcurrent()))
        sleep(0.01)  # it may wait, and holds up nobody

    context.sni_callback = callback
    server = serve(hello, ssl_context=context)
    client = std_ssl.SSLContext(std_ssl.PROTOCOL_TLS_CLIENT)
    client.load_verify_locations(TLS / "ca.pem")
    client.sslsocket_class = SSLSocket
    with client.wrap_socket(create_connection(server.address, 5), server_hostname="web.test") as one:
        one.sendall(NEXT)
        assert b"hello" in drain(one)
    assert found[0][0] == "web.test"
    assert found[0][1] is not server._accepting


def test_a_client_that_does_not_speak_tls(serve, hello):
    server = serve(hello, certfile=TLS / "server.pem", keyfile=TLS / "server.key")
    assert b"hello" not in talk(server, NEXT)
