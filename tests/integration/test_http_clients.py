"""The HTTP server and clients that others wrote: curl, requests, h2load, and a page with its parts in Chromium."""

import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest

from .browser import browser, chromium

ROOT = Path(__file__).parents[2]
needs_parser = pytest.mark.skipif(
    importlib.util.find_spec("httptools") is None, reason="httptools is not installed; make test-integration has it"
)
pytestmark = [needs_parser, pytest.mark.timeout(150)]

SERVER = """
import hashlib
from celadon.green.servers.wsgi import WSGIServer

PAGE = b'''<!doctype html><title>-</title><script src=/script></script>
<script>
async function tell() {
    const parts = await Promise.all(Array.from({length: 40}, (_, n) => fetch('/part/' + n).then(one => one.text())));
    const sent = await fetch('/digest', {method: 'POST', body: 'x'.repeat(300000)}).then(one => one.text());
    document.title = [loaded, parts.join('').length, sent].join(' ');
}
tell();
</script>'''

def application(environ, start_response):
    path, kind = environ["PATH_INFO"], "text/plain"
    if path == "/":
        body, kind = [PAGE], "text/html"
    elif path == "/script":
        body, kind = [b"const loaded = 'loaded';"], "text/javascript"
    elif path == "/digest":
        found = hashlib.sha256()
        for block in iter(lambda: environ["wsgi.input"].read(65536), b""):
            found.update(block)
        body = [found.hexdigest().encode()]
    elif path == "/chunks":
        start_response("200 OK", [("Content-Type", kind)])
        return (b"%06d" % n for n in range(1000))
    else:
        body = [b"x" * 100]
    start_response("200 OK", [("Content-Type", kind), ("Content-Length", str(len(body[0])))])
    return body

server = WSGIServer(("127.0.0.1", 0), application, log=None)
server.start()
print(server.server_port, flush=True)
server.serve_forever()
"""


@contextmanager
def served():
    """The server in a process of its own; gives its URL."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        [sys.executable, "-c", SERVER], stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.terminate()


@pytest.fixture(autouse=True)
def leaves_nothing():
    """Not looked for in this process."""


def run(*command, data=None):
    done = subprocess.run(command, input=data, capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, (command, done.stderr)
    return done.stdout.decode()


def digest(data):
    return hashlib.sha256(data).hexdigest()


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_curl():
    data = os.urandom(3_000_000)
    with served() as url:
        assert len(run("curl", "-sS", f"{url}/chunks")) == 6000
        # Several requests on one connection; a body with Expect: 100-continue; a chunked one; HEAD; HTTP/1.0.
        assert run("curl", "-sS", *[f"{url}/{n}" for n in range(5)]) == "x" * 500
        told = run("curl", "-sSv", "-H", "Expect: 100-continue", "--data-binary", "@-", f"{url}/digest", data=data)
        assert told == digest(data)
        assert run("curl", "-sS", "-T", "-", f"{url}/digest", data=data) == digest(data)
        assert run("curl", "-sSI", f"{url}/one").startswith("HTTP/1.1 200 OK\r\n")
        assert run("curl", "-sS0", f"{url}/chunks")[-6:] == "000999"


def test_requests():
    requests = pytest.importorskip("requests")
    data = os.urandom(1_000_000)
    with served() as url, requests.Session() as session:
        assert len(session.get(f"{url}/chunks").content) == 6000
        assert session.post(f"{url}/digest", data=data).text == digest(data)
        pieces = (data[n : n + 70_001] for n in range(0, len(data), 70_001))
        assert session.post(f"{url}/digest", data=pieces).text == digest(data)
        with session.get(f"{url}/chunks", stream=True) as answer:
            assert b"".join(answer.iter_content(999))[-6:] == b"000999"
        assert session.head(f"{url}/one").headers["Content-Length"] == "100"


@pytest.mark.skipif(shutil.which("h2load") is None, reason="h2load is not installed (Debian: nghttp2-client)")
def test_h2load_over_http_1_1():
    with served() as url:
        told = run("h2load", "--h1", "-n", "5000", "-c", "50", "-m", "10", f"{url}/one")  # ten pipelined on each
        assert "5000 succeeded, 0 failed, 0 errored, 0 timeout" in told, told
        assert re.search(r"status codes: 5000 2xx", told), told


@pytest.mark.skipif(chromium() is None, reason="Chromium is not installed")
@pytest.mark.skipif(importlib.util.find_spec("websockets") is None, reason="websockets is not installed")
def test_chromium():
    with served() as url, browser(url) as tab:
        tab.until(f"document.title === 'loaded 4000 {digest(b'x' * 300_000)}'")
