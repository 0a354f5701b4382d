"""The examples of the HTTP server, and clients that others wrote."""

import http.client
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import requests
from websockets.sync.client import connect

from celadon.green.servers.wsgi import WSGIServer
from celadon.hub import to_thread
from examples.chat import Chat
from examples.reverse_proxy import ReverseProxy

from .wsgi.clients import split_responses, talk
from .wsgi.corpus import NEXT, get, post


@pytest.fixture
def upstream():
    """An application that says what it got."""

    def application(environ, start_response):
        body = environ["wsgi.input"].read()
        start_response("200 OK" if environ["PATH_INFO"] != "/missing" else "404 Not Found", [("X-Up", "yes")])
        yield f"{environ['REQUEST_METHOD']} {environ['RAW_URI']} {environ.get('HTTP_X_FORWARDED_FOR')} ".encode()
        yield body

    with WSGIServer(("127.0.0.1", 0), application, log=None) as server:
        yield server


def test_the_chat():
    with WSGIServer(("127.0.0.1", 0), Chat(), log=None) as server:
        assert b"<title>Chat</title>" in talk(server, NEXT.replace(b"/next", b"/"))
        assert split_responses(talk(server, NEXT))[0].status == 404
        url = f"ws://127.0.0.1:{server.server_port}/chat"

        def chat():
            with connect(url) as one, connect(url, origin=f"http://127.0.0.1:{server.server_port}") as two:
                one.send("hello")
                said = [one.recv(10), two.recv(10)]
                two.send("good evening")
                return [*said, one.recv(10), two.recv(10)]

        assert to_thread(chat) == ["hello", "hello", "good evening", "good evening"]

        def intrude():
            with pytest.raises(Exception, match="403"):
                connect(url, origin="http://evil.example")

        to_thread(intrude)
        assert not server.application.present


def test_the_reverse_proxy(upstream):
    with WSGIServer(("127.0.0.1", 0), ReverseProxy(upstream.address), log=None) as server:
        for request, said in (
            (get(b"/a?b=c", b"X-Forwarded-For: 203.0.113.9"), b"GET /a?b=c 127.0.0.1 "),
            (get(b"/missing"), b"GET /missing 127.0.0.1 "),
            (post(b"Content-Length: 100000", body=b"x" * 100_000), b"POST / 127.0.0.1 " + b"x" * 100_000),
            (post(b"Transfer-Encoding: chunked", body=b"5\r\nhello\r\n0\r\n\r\n"), b"POST / 127.0.0.1 hello"),
        ):
            first, second = split_responses(talk(server, request + NEXT))
            assert first.body == said
            assert first.status == (404 if b"missing" in request else 200)
            assert first.fields[b"x-up"] == b"yes"
            assert second.body == b"GET /next 127.0.0.1 "
    upstream.stop()
    with WSGIServer(("127.0.0.1", 0), ReverseProxy(upstream.address), log=None) as server:
        assert split_responses(talk(server, NEXT))[0].status == 502


def test_requests_as_a_client(upstream):
    def talk_to():
        base = f"http://127.0.0.1:{upstream.server_port}"
        with requests.Session() as session:
            session.trust_env = False
            first = session.get(f"{base}/a", params={"b": "c d"}, timeout=10)
            second = session.post(base, data=iter([b"in ", b"chunks"]), timeout=10)
            third = session.head(f"{base}/missing", timeout=10)
            return first.text, second.text, third.status_code, third.headers["X-Up"]

    assert to_thread(talk_to) == ("GET /a?b=c+d None ", "POST / None in chunks", 404, "yes")


def test_http_client_of_the_standard_library(upstream):
    def talk_to():
        one = http.client.HTTPConnection("127.0.0.1", upstream.server_port, timeout=10)
        said = []
        for body in (b"a", b"b" * 10_000):
            one.request("PUT", "/x", body)
            said.append(one.getresponse().read())
        one.close()
        return said

    assert to_thread(talk_to) == [b"PUT /x None a", b"PUT /x None " + b"b" * 10_000]


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_curl(upstream, tmp_path):
    (tmp_path / "body").write_bytes(b"x" * 2_000_000)  # from 1 MiB on curl sends Expect: 100-continue
    url = f"http://127.0.0.1:{upstream.server_port}"
    curl = ["curl", "-sS", "--noproxy", "*", "--max-time", "20"]

    def run(*args):
        return subprocess.run([*curl, *args], capture_output=True, text=True, timeout=30, check=True).stdout

    assert to_thread(run, f"{url}/a", f"{url}/b") == "GET /a None GET /b None "
    said = to_thread(run, "-v", "--data-binary", f"@{tmp_path / 'body'}", url)
    assert len(said) == len("POST / None ") + 2_000_000
    assert to_thread(run, "-T", str(tmp_path / "body"), "-H", "Transfer-Encoding: chunked", url).startswith("PUT")
    assert "HTTP/1.1 404 Not Found" in to_thread(run, "-I", f"{url}/missing")
    assert to_thread(run, "--http1.0", url) == "GET / None "


@pytest.mark.skipif(shutil.which("h2load") is None, reason="h2load is not installed (nghttp2-client)")
def test_h2load(upstream):
    def run():
        command = ["h2load", "--h1", "-n300", "-c10", "-m4", f"http://127.0.0.1:{upstream.server_port}/"]
        return subprocess.run(command, capture_output=True, text=True, timeout=30, check=True).stdout

    assert "300 succeeded, 0 failed, 0 errored, 0 timeout" in to_thread(run)


@pytest.mark.parametrize(
    ("module", "missing", "what"),
    [
        ("wsgi", "httptools", "HTTP server"),
        ("websocket", "wsproto", "WebSocket"),
        ("websocket", "httptools", "HTTP server"),
    ],
)
def test_what_is_said_without_the_extra(module, missing, what):
    """One clear line; and the other servers do not need it."""
    code = (
        f"import sys; sys.modules[{missing!r}] = None\nimport celadon.green.servers\n"
        f"try:\n    import celadon.green.servers.{module}\nexcept ImportError as error:\n    print(error)"
    )
    root = Path(__file__).parents[3]
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, timeout=30, check=False
    )
    assert done.stdout == f"celadon's {what} needs the package {missing}: pip install 'celadon[serve]'\n", done.stderr
