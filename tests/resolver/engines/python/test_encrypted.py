"""Servers by tls://, https://, quic://: the same questions and answers; nobody is believed who is not who he should
be.
"""

import asyncio
import base64
import re
import socket
import ssl
import threading
from contextlib import suppress
from pathlib import Path

import h2.config
import h2.connection
import h2.events
import h2.exceptions
import h2.settings
import pytest
from aioquic.asyncio import QuicConnectionProtocol, serve
from aioquic.quic import events
from aioquic.quic.configuration import QuicConfiguration

from celadon import resolver
from celadon.hub import joinall, sleep, spawn
from celadon.resolver import Config, Question, ResolverConfigError, Server
from celadon.resolver.cli import main
from celadon.resolver.engines.python import python_engine
from celadon.resolver.resolvers.stub import ask
from celadon.resolver.system.servers import parse_server
from celadon.resolver.testing import ZONE, Drop, NameServer, check_engine

KEYS = Path(__file__).parents[4] / "fixtures" / "tls"
CA = str(KEYS / "ca.pem")


class Front:
    """Takes questions over TLS, and asks the name server behind; a thread for each connection and each question."""

    protocol = None
    patience = 5.0
    resets = 0

    def __init__(self, behind):
        self.behind = behind
        self.connections = 0
        self.headers = []
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(KEYS / "server.pem", KEYS / "server.key")
        if self.protocol:
            self.context.set_alpn_protocols([self.protocol])
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.open = []
        self.threads = [threading.Thread(target=self.run)]
        self.threads[0].start()

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for one in self.open:
            with suppress(OSError):
                one.raw.shutdown(socket.SHUT_RDWR)
        for one in self.threads:
            one.join()

    def start(self, function, *args):
        made = threading.Thread(target=function, args=args)
        made.start()
        self.threads.append(made)

    def run(self):
        while True:
            try:
                raw, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            made = self.speak(self, raw)
            self.open.append(made)
            self.start(made.run)

    def ask(self, query, reply):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
            asking.settimeout(self.patience)
            asking.connect((self.behind.host, self.behind.port))
            asking.send(query)
            try:
                answer = asking.recv(65535)
            except (TimeoutError, ConnectionRefusedError):  # the server behind is silent, or closed meanwhile
                return
        reply(answer)


class Speaker:
    """One connection. OpenSSL's objects are not for two threads at once: they work on memory, under a lock."""

    def __init__(self, front, raw):
        self.front, self.raw, self.lock = front, raw, threading.Lock()
        self.come, self.go = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = front.context.wrap_bio(self.come, self.go, server_side=True)
        self.begun = False

    def run(self):
        try:
            while data := self.raw.recv(65536):
                with self.lock:
                    self.come.write(data)
                    self.turn()
        except OSError:
            pass
        finally:
            self.raw.close()

    def turn(self):
        try:
            if not self.begun:
                self.tls.do_handshake()
                self.begun = True
                self.begin()
            while data := self.tls.read(65536):
                self.received(data)
        except ssl.SSLWantReadError:
            pass
        finally:
            self.flush()

    def flush(self):
        if self.go.pending:
            self.raw.sendall(self.go.read())

    def begin(self):
        pass

    def answer(self, how, reply):
        with self.lock:
            try:
                self.write(how, reply)
                self.flush()
            except OSError:
                pass  # the asker has gone


class Dot(Speaker):
    def begin(self):
        self.buffer = b""

    def received(self, data):
        self.buffer += data
        while len(self.buffer) >= 2 and len(self.buffer) >= 2 + (size := int.from_bytes(self.buffer[:2], "big")):
            query, self.buffer = self.buffer[2 : 2 + size], self.buffer[2 + size :]
            self.front.start(self.front.ask, query, lambda reply: self.answer(None, reply))

    def write(self, how, reply):
        self.tls.write(len(reply).to_bytes(2, "big") + reply)


class Doh(Speaker):
    status = "200"

    def begin(self):
        self.h2 = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False, header_encoding="utf-8"))
        self.h2.local_settings = h2.settings.Settings(
            client=False, initial_values={h2.settings.SettingCodes.MAX_CONCURRENT_STREAMS: 10}
        )
        self.h2.initiate_connection()
        self.bodies = {}
        self.tls.write(self.h2.data_to_send())

    def received(self, data):
        for event in self.h2.receive_data(data):
            if isinstance(event, h2.events.RequestReceived):
                self.front.headers.append(dict(event.headers))
                template = self.front.headers[-1][":path"].partition("?dns=")[2]  # by GET (RFC 8484 §4.1)
                self.bodies[event.stream_id] = base64.urlsafe_b64decode(template + "=" * (-len(template) % 4))
            elif isinstance(event, h2.events.DataReceived):
                self.bodies[event.stream_id] += event.data
                self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            elif isinstance(event, h2.events.StreamReset):
                self.front.resets += 1
            elif isinstance(event, h2.events.WindowUpdated):
                self.more()
            elif isinstance(event, h2.events.StreamEnded):
                stream = event.stream_id
                query = self.bodies.pop(stream)
                assert query[:2] == b"\0\0"
                self.front.start(self.front.ask, query, lambda reply, stream=stream: self.answer(stream, reply))
        if out := self.h2.data_to_send():
            self.tls.write(out)

    def write(self, how, reply):
        headers = [(":status", self.status), ("content-type", "application/dns-message")]
        try:
            self.h2.send_headers(how, headers)
            self.h2.send_data(how, reply, end_stream=True)
        except h2.exceptions.ProtocolError:
            return  # the asker has reset the stream
        self.tls.write(self.h2.data_to_send())

    def more(self):
        pass


class EndlessDot(Dot):
    def write(self, how, reply):
        self.tls.write(b"\xff\xff" + bytes(40000))


class EndlessDoh(Doh):
    stream = None

    def write(self, how, reply):
        self.stream = how
        self.h2.send_headers(how, [(":status", "200"), ("content-type", "application/dns-message")])
        self.more()

    def more(self):
        """As much as the asker allows."""
        try:
            while self.stream and (room := min(self.h2.local_flow_control_window(self.stream), 16384)) > 0:
                self.h2.send_data(self.stream, bytes(room))
        except h2.exceptions.ProtocolError:
            self.stream = None  # the asker has reset it
        self.tls.write(self.h2.data_to_send())


class DotFront(Front):
    scheme, speak = "tls", Dot


class DohFront(Front):
    scheme, speak, protocol = "https", Doh, "h2"


class Doq(QuicConnectionProtocol):
    """One connection of a QUIC server, on a loop of asyncio's in a thread."""

    front = None

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.buffers = {}
        self.front.connections += 1

    def quic_event_received(self, event):
        if isinstance(event, events.StopSendingReceived):
            self.front.resets += 1
        if isinstance(event, events.StreamDataReceived):
            query = self.buffers.pop(event.stream_id, b"") + event.data
            if not event.end_stream:
                self.buffers[event.stream_id] = query
                return
            assert query[2:4] == b"\0\0"
            assert int.from_bytes(query[:2], "big") == len(query) - 2
            loop, stream = asyncio.get_running_loop(), event.stream_id
            self.front.start(
                self.front.ask, query[2:], lambda reply: loop.call_soon_threadsafe(self.answer, stream, reply)
            )

    def answer(self, stream, reply):
        self._quic.send_stream_data(stream, len(reply).to_bytes(2, "big") + reply, end_stream=True)
        self.transmit()


class EndlessDoq(Doq):
    def answer(self, stream, reply):
        self._quic.send_stream_data(stream, b"\xff\xff" + bytes(100_000))
        self.transmit()


class DoqFront(Front):
    scheme, speak = "quic", Doq

    def __init__(self, behind):
        self.behind, self.connections, self.headers, self.threads = behind, 0, [], []
        self.loop = asyncio.new_event_loop()
        self.up, self.stop = threading.Event(), asyncio.Event()
        self.start(self.loop.run_until_complete, self.serve())
        self.up.wait()

    async def serve(self):
        configuration = QuicConfiguration(is_client=False, alpn_protocols=["doq"])
        configuration.load_cert_chain(KEYS / "server.pem", KEYS / "server.key")
        speak = type("Speaking", (self.speak,), {"front": self})
        server = await serve("127.0.0.1", 0, configuration=configuration, create_protocol=speak)
        self.port = server._transport.get_extra_info("sockname")[1]
        self.up.set()
        await self.stop.wait()
        server.close()
        await asyncio.sleep(0)

    def close(self):
        for one in self.threads[1:]:
            one.join()
        self.loop.call_soon_threadsafe(self.stop.set)
        self.threads[0].join()
        self.loop.close()


@pytest.fixture
def behind():
    with NameServer() as server:
        for name, rrsets in ZONE.items():
            for rdtype, rows in rrsets.items():
                for row in rows:
                    server.add(name, rdtype, row)
        yield server


@pytest.fixture(params=[DotFront, DohFront, DoqFront], ids=["tls", "https", "quic"])
def front(request, behind):
    made = request.param(behind)
    yield made
    made.close()


ENDLESS = {"tls": EndlessDot, "https": EndlessDoh, "quic": EndlessDoq}


@pytest.fixture(params=[DotFront, DohFront, DoqFront], ids=["tls", "https", "quic"])
def endless(request, behind):
    made = type("Endless", (request.param,), {"speak": ENDLESS[request.param.scheme]})(behind)
    yield made
    made.close()


def test_an_answer_that_does_not_end(endless):
    """It is cut at 65,535 bytes or with its lookup, whichever comes first, and nothing of it is kept."""
    engine = python_engine.make(Config(servers=(at(endless),), timeout=1.0, attempts=1))
    [outcome] = ask(engine, (Question("a.test", 1),))
    assert outcome.kind is resolver.Kind.TIMEOUT
    if endless.scheme == "tls":
        assert not engine._streams  # the connection goes with it
    else:
        [link] = engine._streams.values()
        streams = link.layer._inner if endless.scheme == "https" else link
        kept = streams._bodies if endless.scheme == "https" else streams._buffers
        assert not kept
        assert not streams._names
        for _ in range(100):
            if endless.resets:
                break
            sleep(0.01)
        assert endless.resets == 1
    engine.close()


def at(front, **changes):
    path = "/dns-query" if front.scheme == "https" else ""
    values = {"hostname": "dns.test", "trust": CA, **changes}
    return Server("127.0.0.1", front.port, front.scheme, values["hostname"], path, values["trust"])


def config(front, **changes):
    return Config(servers=(at(front, **changes),), timeout=10.0, attempts=1)


def test_every_promise_of_an_engine(front):
    assert check_engine(lambda: python_engine.make(config(front)))


def test_many_over_one_connection(front, behind):
    resolver.use("python", servers=[at(front)])
    for n in range(60):
        behind.add(f"n{n}.test", "A", f"192.0.2.{n}")
    asked = [spawn(resolver.gethostbyname, f"n{n}.test") for n in range(60)]
    joinall(asked, raise_error=True)
    assert [one.get() for one in asked] == [f"192.0.2.{n}" for n in range(60)]
    assert front.connections == 1
    for one in front.headers:
        assert (one[":method"], one[":path"], one[":authority"]) == ("POST", "/dns-query", f"dns.test:{front.port}")
        assert one["content-length"] == "128"  # padded (RFC 8467)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"hostname": "elsewhere.example"}, "ostname mismatch"),
        ({"trust": ""}, "unable to get local issuer|self-signed|self signed"),
        ({"trust": str(KEYS / "none.pem")}, "No such file"),
    ],
)
def test_who_is_not_who_he_should_be(front, behind, changes, why):
    resolver.use("python", servers=[at(front, **changes)], attempts=1)
    behind.add("n.test", "A", "192.0.2.1")
    with pytest.raises(resolver.ResolveError) as caught:
        resolver.query("n.test", "A")
    # aioquic cannot put a long reason into its last packet, and says only that.
    assert re.search(f"{why}|QuicPacketBuilderStop" if front.scheme == "quic" else why, str(caught.value.detail))
    assert behind.queries == []


def test_nobody_asked_who_he_is(front, behind):
    resolver.use("python", servers=[at(front, hostname="elsewhere.example", trust=None)])
    behind.add("n.test", "A", "192.0.2.1")
    assert resolver.gethostbyname("n.test") == "192.0.2.1"


def test_a_server_that_speaks_something_else(behind):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

        def speak():
            for _ in range(2):
                one, _ = listener.accept()
                one.sendall(b"SSH-2.0-OpenSSH_9\r\n")
                one.close()

        speaking = threading.Thread(target=speak)
        speaking.start()
        for scheme in ("tls", "https"):
            made = python_engine.make(Config(servers=(Server("127.0.0.1", port, scheme),), timeout=1.0, attempts=1))
            came = []
            made.submit(resolver.Question("n.test", 1), came.append)
            while not came:
                sleep(0.001)
            assert isinstance(came[0], resolver.ResolveError)
            assert came[0].kind is resolver.Kind.NETWORK
            made.close()
        speaking.join()


def test_an_http_error(front, behind, monkeypatch):
    monkeypatch.setattr(Doh, "status", "503")
    behind.add("n.test", "A", "192.0.2.1")
    resolver.use("python", servers=[at(front)], attempts=1)
    if front.scheme == "https":
        with pytest.raises(resolver.ResolveError) as caught:
            resolver.query("n.test", "A")
        assert "HTTP status 503" in str(caught.value.detail)
    else:
        assert resolver.gethostbyname("n.test") == "192.0.2.1"


def test_the_next_server_is_asked(front, behind):
    behind.add("n.test", "A", "192.0.2.1")
    resolver.use("python", servers=[at(front, hostname="elsewhere.example"), behind.address])
    assert resolver.gethostbyname("n.test") == "192.0.2.1"


def test_a_lost_answer_ends_the_lookup_in_time(front, behind):
    behind.script("n.test", Drop())
    front.patience = 0.5
    resolver.use("python", servers=[at(front)], timeout=0.2, attempts=1)
    with pytest.raises(resolver.ResolveError) as caught:
        resolver.query("n.test", "A")
    assert caught.value.kind is resolver.Kind.TIMEOUT


@pytest.mark.parametrize(
    ("text", "server"),
    [
        ("tls://192.0.2.1", Server("192.0.2.1", 853, "tls")),
        ("tls://192.0.2.1:8853#dns.example", Server("192.0.2.1", 8853, "tls", "dns.example")),
        ("tls://[2001:db8::1]:8853", Server("2001:db8::1", 8853, "tls")),
        ("https://192.0.2.1/dns-query{?dns}", Server("192.0.2.1", 443, "https", "", "/dns-query")),
        ("https://192.0.2.1", Server("192.0.2.1", 443, "https", "", "/dns-query")),
        ("https://[2001:db8::1]:444/q/x#a.b", Server("2001:db8::1", 444, "https", "a.b", "/q/x")),
        ("tcp://192.0.2.1", Server("192.0.2.1", 53, "tcp")),
        ("udp://192.0.2.1:54", Server("192.0.2.1", 54, "udp")),
    ],
)
def test_uris(text, server):
    assert parse_server(text) == server


@pytest.mark.parametrize(
    "text", ["http://192.0.2.1", "tls://dns.example", "tls://192.0.2.1/x", "https://", "tls://1.2.3.4:x"]
)
def test_what_is_no_uri_of_a_server(text):
    with pytest.raises(ResolverConfigError, match="server"):
        parse_server(text)


@pytest.mark.parametrize("name", ["ares", "thread", "block"])
def test_nothing_goes_out_in_clear(name):
    with pytest.raises(ResolverConfigError, match=f"{name} cannot speak tls:// to 192.0.2.1#853"):
        resolver.make(name, servers=["tls://192.0.2.1"])


@pytest.mark.parametrize(
    ("words", "good"),
    [
        ([], True),
        (["+tls-ca=" + CA], False),  # the address 127.0.0.1 is in the certificate, other.test is not
        (["+tls-ca=" + CA, "+tls-hostname=dns.test"], True),
        (["+tls-ca", "+tls-hostname=dns.test"], False),
    ],
)
def test_the_command(front, behind, capsys, words, good):
    behind.add("n.test", "A", "192.0.2.1")
    where = "/dns-query" if front.scheme == "https" else ""
    hostname = [] if "+tls-hostname=dns.test" in words else ["+tls-hostname=other.test"]
    scheme = f"+{front.scheme}{'=' + where if where else ''}"
    code = main(["@127.0.0.1", "-p", str(front.port), scheme, *hostname, *words, "+tries=1", "n.test"])
    out = capsys.readouterr().out
    assert (code, "192.0.2.1" in out) == ((0, True) if good else (9, False))
    if good:
        assert f";; SERVER: 127.0.0.1#{front.port}(127.0.0.1) ({front.scheme.upper()})" in out


def test_the_command_takes_uris(front, behind, capsys, monkeypatch):
    behind.add("n.test", "A", "192.0.2.1")
    uri = f"{front.scheme}://127.0.0.1:{front.port}"
    assert main(["@" + uri, "+tls-ca=" + CA, "+short", "n.test"]) == 0
    assert capsys.readouterr().out == "192.0.2.1\n"
    assert main(["@" + uri, "+short", "+tries=1", "n.test"]) == 9  # the system knows no such authority


def test_https_by_get(behind, capsys):
    front = DohFront(behind)
    try:
        behind.add("n.test", "A", "192.0.2.1")
        assert main([f"@127.0.0.1#{front.port}", "+https-get", "n.test", "+short"]) == 0
        assert main([f"@127.0.0.1#{front.port}", "+https-get=/q", "n.test", "+short"]) == 0
    finally:
        front.close()
    assert capsys.readouterr().out == "192.0.2.1\n" * 2
    first, second = front.headers
    assert (first[":method"], first[":path"].partition("?dns=")[0]) == ("GET", "/dns-query")
    assert second[":path"].startswith("/q?dns=AAAB")  # id 0, RD
    assert "content-type" not in first


def test_a_designated_server_is_used(behind, capsys):
    """``@ddr://``: the plain server says who speaks TLS for it (RFC 9462)."""
    front = DotFront(behind)
    try:
        behind.add("_dns.resolver.arpa", "SVCB", f'1 dns.test. alpn="dot" port="{front.port}" ipv4hint="127.0.0.1"')
        behind.add("n.test", "A", "192.0.2.1")
        assert main([f"@ddr://{behind.address}", "n.test"]) == 0
    finally:
        front.close()
    out = capsys.readouterr().out
    assert "\tA\t192.0.2.1\n" in out
    assert f";; SERVER: 127.0.0.1#{front.port}(ddr://{behind.address}) (TLS)" in out
    assert front.connections == 1
