"""One library green, the process as it is: copies that nobody else gets."""

import concurrent.futures
import http.client
import importlib.util
import socket
import ssl
import subprocess
import sys
import threading
import time
import urllib.error

import pytest

from celadon.green import create_server, import_patched, is_patched
from celadon.green import ssl as green_ssl
from celadon.hub import joinall, sleep, spawn


@pytest.fixture
def site():
    """A server that answers only when ten wait: a client that blocked the process would wait for ever."""
    waiting = []

    def handle(connection):
        with connection:
            connection.recv(4096)
            waiting.append(1)
            while len(waiting) < 10:
                sleep(0.001)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello")

    def serve():
        while True:
            spawn(handle, listening.accept()[0])

    with create_server(("127.0.0.1", 0), backlog=50) as listening:
        serving = spawn(serve)
        yield listening.getsockname()[1]
        serving.kill()


def ten(function):
    running = [spawn(function) for _ in range(10)]
    joinall(running, timeout=20)
    return [one.get(timeout=1) for one in running]


def test_the_standard_librarys_client(site):
    client = import_patched("http.client")
    assert client is import_patched("http.client")
    assert client is not http.client

    def get():
        connection = client.HTTPConnection("127.0.0.1", site)
        connection.request("GET", "/")
        with connection.getresponse() as answer:
            return answer.read()

    assert ten(get) == [b"hello"] * 10
    with pytest.raises(ConnectionRefusedError):
        client.HTTPConnection("127.0.0.1", 1).connect()
    assert client.HTTPException is http.client.HTTPException


@pytest.mark.skipif(importlib.util.find_spec("requests") is None, reason="requests is not installed")
def test_requests_with_what_it_needs(site):
    before = set(sys.modules)
    requests = import_patched("requests")

    def get():
        with requests.Session() as session:
            session.trust_env = False
            return session.get(f"http://127.0.0.1:{site}/").text

    assert ten(get) == ["hello"] * 10
    with pytest.raises(requests.exceptions.ConnectionError):
        requests.Session().get("http://127.0.0.1:1/", proxies={"http": ""})
    assert not [one for one in set(sys.modules) - before if one.startswith(("requests", "urllib3"))]


def test_threads_children_and_errors_that_all_know():
    futures, processes = import_patched("concurrent.futures"), import_patched("subprocess")

    def run(n):
        return processes.run(["sh", "-c", f"sleep 0.1; echo {n}"], capture_output=True, text=True, check=True).stdout

    ticks = []
    ticking = spawn(lambda: [ticks.append(sleep(0.005)) for _ in range(10)])
    with futures.ThreadPoolExecutor(5) as pool:
        assert list(pool.map(run, range(5))) == [f"{n}\n" for n in range(5)]
    ticking.kill()
    assert len(ticks) > 1, "the hub ran meanwhile; how often is the machine's affair"
    with pytest.raises(subprocess.CalledProcessError):
        processes.run(["false"], check=True)
    with processes.Popen(["sleep", "10"]) as child:
        with pytest.raises(subprocess.TimeoutExpired) as caught:
            child.wait(timeout=0.01)
        child.kill()
    assert caught.value.timeout == 0.01, "what is replaced in the copy catches the shared error as well"
    request = import_patched("urllib.request")
    opener = request.build_opener(request.ProxyHandler({}))
    with pytest.raises(urllib.error.URLError):
        opener.open("http://127.0.0.1:1/")


def test_tls_contexts_of_its_own():
    copy = import_patched("ssl")
    assert copy.create_default_context().sslsocket_class is green_ssl.SSLSocket
    assert isinstance(copy.create_default_context(), ssl.SSLContext)
    assert ssl.create_default_context().sslsocket_class is ssl.SSLSocket


def test_the_process_stays_as_it_is():
    import_patched("socketserver")
    assert not is_patched("socket")
    assert type(time.sleep) is type(len)
    assert socket.socket.__module__ == "socket"
    assert concurrent.futures.ThreadPoolExecutor.__init__.__globals__["threading"] is threading
    assert ssl.SSLContext.sslsocket_class is ssl.SSLSocket


LIBRARY = {
    "__init__.py": "from . import deep\nfrom .deep import *\nimport time as clock\n",
    "deep.py": """
        from __future__ import annotations
        import dataclasses, importlib, sys
        __all__ = ["Point", "later", "me"]

        @dataclasses.dataclass
        class Point:
            x: int
            y: int = 0

        me = sys.modules[__name__]

        def later():
            import socket
            from . import lazy
            return socket.socket, lazy, importlib.import_module(".lazy", __package__)
    """,
    "lazy.py": "import queue\n",
}


def test_a_librarys_own_ways_to_import(tmp_path, monkeypatch):
    package = tmp_path / "some_library"
    package.mkdir()
    for name, text in LIBRARY.items():
        (package / name).write_text("\n".join(line.removeprefix("        ") for line in text.split("\n")))
    monkeypatch.syspath_prepend(tmp_path)
    library = import_patched("some_library")
    assert library.Point(1).y == 0
    assert library.me is library.deep
    made, lazy, same = library.later()
    assert made.__module__ == "celadon.green.socket"
    assert lazy is same
    assert lazy is library.lazy
    assert lazy.queue.Queue.__module__ == "queue"
    assert type(library.clock.sleep) is not type(len)
    assert "some_library" not in sys.modules
    with pytest.raises(ModuleNotFoundError, match="no_such_library"):
        import_patched("no_such_library")
