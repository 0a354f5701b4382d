"""A proxy, an origin that says what a test wants, and names: all in this process, and but for the names in one hub."""

import contextlib
import io
import json

import pytest

from celadon.green import create_connection
from celadon.green.servers import StreamServer
from celadon.hub import fail_after, sleep
from celadon.resolver import CrawlerResolver, Guard
from celadon.resolver.testing import NameServer


@pytest.fixture(scope="session")
def names():
    with NameServer() as made:
        for name, address in (("good", "127.0.1.1"), ("two", "127.0.1.2"), ("evil", "127.0.0.1")):
            made.add(f"{name}.test", "A", address)
        made.add("meta.test", "A", "169.254.169.254")
        made.add("mixed.test", "A", "127.0.0.1")
        made.add("mixed.test", "A", "127.0.1.1")
        yield made


@pytest.fixture
def resolver(names):
    made = CrawlerResolver(
        "python",
        servers=names.servers,
        guard=Guard(allow=["127.0.1.0/24"]),
        cache={"min_ttl": 0},
        timeout=1,
        attempts=1,
    )
    yield made
    made.close()


class Origin:
    """Listens at every address of loopback; ``reached`` says at which it was connected to."""

    def __init__(self, handle):
        self.reached, self.heads = [], []
        self._handle = handle

    def __call__(self, sock, peer):
        self.reached.append(sock.getsockname()[0])
        with contextlib.suppress(OSError):
            self._handle(self, sock)

    def read_head(self, sock):
        got = b""
        while b"\r\n\r\n" not in got:
            more = sock.recv(1000)
            if not more:
                break
            got += more
        self.heads.append(got)
        return got.partition(b"\r\n\r\n")[2]


def echo(origin, sock):
    while data := sock.recv(65536):
        sock.sendall(data)


def page(body=b"hello", *fields):
    """Answers one request with this."""
    lines = "".join(f"{one}\r\n" for one in fields or (f"Content-Length: {len(body)}",))

    def handle(origin, sock):
        origin.read_head(sock)
        sock.sendall(f"HTTP/1.1 200 OK\r\n{lines}\r\n".encode() + body)

    return handle


class Client:
    """A client of the proxy, on a green socket."""

    def __init__(self, proxy):
        self.socket = create_connection(proxy.address[:2], timeout=5)
        self.got = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def say(self, *lines):
        self.socket.sendall("".join(f"{one}\r\n" for one in (*lines, "")).encode("latin-1"))

    def take(self, count):
        while len(self.got) < count:
            more = self.socket.recv(65536)
            if not more:
                break
            self.got += more
        data, self.got = self.got[:count], self.got[count:]
        return data

    def rest(self):
        return self.take(1 << 30)

    def head(self):
        while b"\r\n\r\n" not in self.got:
            more = self.socket.recv(65536)
            assert more, self.got
            self.got += more
        head, _, self.got = self.got.partition(b"\r\n\r\n")
        return head.decode("latin-1")

    def answer(self):
        """Status, fields in lower case, and the body, which has a length."""
        first, *lines = self.head().split("\r\n")
        fields = {name.lower(): value.strip() for name, _, value in (one.partition(":") for one in lines)}
        return int(first.split()[1]), fields, self.take(int(fields.get("content-length", 0)))

    def connect(self, where):
        self.say(f"CONNECT {where} HTTP/1.1", f"Host: {where}")
        return self.answer()

    def socks(self, host, port):
        """The code of the reply."""
        self.socket.sendall(b"\x05\x01\x00" + b"\x05\x01\x00\x03" + bytes([len(host)]) + host.encode("latin-1"))
        self.socket.sendall(port.to_bytes(2, "big"))
        assert self.take(2) == b"\x05\x00"
        return self.take(10)[1]


def get(client, site, *fields, line="GET http://good.test:{}/ HTTP/1.1"):
    client.say(line.format(site.port), "Host: good.test", *fields)


class Log(io.StringIO):
    """The lines that a proxy wrote."""

    @property
    def entries(self):
        return [json.loads(line) for line in self.getvalue().splitlines()]

    def wait(self, count):
        with fail_after(5):
            while len(self.entries) < count:
                sleep(0.005)
        return self.entries


@pytest.fixture
def origin():
    """Starts an origin: ``origin(handle)`` gives it, with its ``port``."""
    with contextlib.ExitStack() as stack:

        def start(handle):
            made = Origin(handle)
            server = StreamServer(("0.0.0.0", 0), made)
            server.stop_timeout = 0.0
            stack.enter_context(server)
            made.port, made.server = server.address[1], server
            return made

        yield start


@pytest.fixture
def log():
    return Log()


@pytest.fixture
def proxy(resolver, log):
    """Starts a proxy with these arguments."""
    from celadon.green.servers.proxy import ProxyServer

    with contextlib.ExitStack() as stack:

        def start(**arguments):
            made = ProxyServer(("127.0.0.1", 0), resolver, **{"log": log, **arguments})
            made.stop_timeout = 0.0
            return stack.enter_context(made)

        yield start
