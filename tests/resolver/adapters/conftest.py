"""A web site and a name server on loopback, and a resolver thread that may reach only 127.0.1.0/24 there."""

import contextlib
import http.server
import socket
import threading
import time
from urllib.parse import parse_qs, urlsplit

import pytest

from celadon.resolver import CrawlerResolver, Guard
from celadon.resolver.adapters import ResolverThread
from celadon.resolver.testing import NameServer


class Page(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        parts = urlsplit(self.path)
        target = parse_qs(parts.query).get("to")
        body = f"{self.headers['Host'].partition(':')[0]} at {self.connection.getsockname()[0]}".encode()
        self.send_response(302 if target else 200)
        if target:
            self.send_header("Location", target[0])
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(body)))
        if "close" in parts.path:
            self.send_header("Connection", "close")
            self.close_connection = True
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


class Site(http.server.ThreadingHTTPServer):
    request_queue_size = 1024
    daemon_threads = True

    def __init__(self):
        super().__init__(("0.0.0.0", 0), Page)
        self.port = self.server_address[1]
        #: The addresses that were connected to, one for each connection.
        self.reached = []
        self.open = set()

    def get_request(self):
        made, peer = super().get_request()
        self.reached.append(made.getsockname()[0])
        self.open.add(made)
        return made, peer

    def shutdown_request(self, request):
        super().shutdown_request(request)
        self.open.discard(request)

    def handle_error(self, request, client_address):
        pass


@pytest.fixture
def site():
    made = Site()
    serving = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.01})
    serving.start()
    yield made
    made.shutdown()
    serving.join()
    made.server_close()
    for one in list(made.open):
        with contextlib.suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)
    deadline = time.monotonic() + 5
    while made.open and time.monotonic() < deadline:
        time.sleep(0.01)


@pytest.fixture
def names():
    with NameServer() as made:
        made.add("good.test", "A", "127.0.1.1")
        made.add("two.test", "A", "127.0.1.2")
        made.add("evil.test", "A", "127.0.0.1")
        made.add("meta.test", "A", "169.254.169.254")
        made.add("flip.test", "A", "127.0.1.3", ttl=0)
        # The first address is one where nobody listens.
        made.add("half.test", "A", "127.0.1.4")
        made.add("half.test", "AAAA", "::1")
        yield made


@pytest.fixture
def options(names):
    return {
        "servers": names.servers,
        "timeout": 1,
        "attempts": 2,
        "guard": Guard(allow=["127.0.1.0/24"]),
        "cache": {"min_ttl": 0},
    }


@pytest.fixture
def thread(options):
    with ResolverThread("python", **options) as made:
        yield made


@pytest.fixture(params=["thread", "loop"])
def here_or_there(request, options):
    """What the adapters for asyncio take: a thread, or a resolver that then works on the running loop."""
    make = ResolverThread if request.param == "thread" else CrawlerResolver
    made = make("python", **options)
    yield made
    made.close()


@pytest.fixture
def flip(names):
    """Have flip.test lead to the machine itself from now on."""

    def now(address="127.0.0.1"):
        names.remove("flip.test")
        names.add("flip.test", "A", address, ttl=0)

    return now


@pytest.fixture
def private(site):
    """URLs that must never be fetched, each in another guise."""
    hosts = ["127.0.0.1", "2130706433", "0x7f.1", "127.1", "localhost", "evil.test", "meta.test", "169.254.169.254",
             "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0"]  # fmt: skip
    return [f"http://{host}:{site.port}/" for host in hosts]
