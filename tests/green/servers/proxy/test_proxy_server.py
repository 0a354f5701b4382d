"""The proxy between scripted clients and origins: tunnels, plain HTTP, what is refused, limits, time-outs, the end."""

import contextlib
import socket as std_socket
import struct
from base64 import b64encode

import pytest

pytest.importorskip("httptools", reason="the proxy needs httptools")

from celadon.green.servers.proxy import Destinations, ProxyLimits, ProxyServer, proxy_sections
from celadon.hub import Event, fail_after, sleep, spawn
from celadon.resolver import CrawlerResolver
from celadon.resolver.testing import Delay, Drop, Servfail

from .conftest import Client, echo, get, page

# -- tunnels ---------------------------------------------------------------------------------------------------------


def test_connect(proxy, origin, log):
    site, served = origin(echo), proxy()
    with Client(served) as client:
        assert client.connect(f"good.test:{site.port}")[0] == 200
        client.socket.sendall(b"hello")
        assert client.take(5) == b"hello"
    entry = log.wait(1)[0]
    assert (entry["kind"], entry["host"], entry["address"], entry["status"]) == (
        "connect",
        "good.test",
        "127.0.1.1",
        200,
    )
    assert (entry["sent"], entry["received"], entry["error"]) == (5, 5, None)
    assert served.proxy_statistics == (0, 1, 0, 0, {}, 5, 5)


def test_bytes_that_come_with_the_request_are_the_tunnels(proxy, origin):
    site = origin(echo)
    with Client(proxy()) as client:
        client.socket.sendall(f"CONNECT good.test:{site.port} HTTP/1.1\r\nHost: x\r\n\r\nearly".encode())
        assert client.answer()[0] == 200
        assert client.take(5) == b"early"
    with Client(proxy()) as client:
        client.socket.sendall(b"\x05\x01\x00\x05\x01\x00\x03\x09good.test" + site.port.to_bytes(2, "big") + b"early")
        assert client.take(17) == b"\x05\x00\x05\x00\x00\x01" + bytes(6) + b"early"


@pytest.mark.parametrize("address", [b"\x01\x7f\x00\x01\x01", b"\x03\x09127.0.1.1", b"\x03\x0aGOOD.test."])
def test_socks(proxy, origin, address):
    site = origin(echo)
    with Client(proxy()) as client:
        client.socket.sendall(b"\x05\x01\x00\x05\x01\x00" + address + site.port.to_bytes(2, "big"))
        assert client.take(12)[:4] == b"\x05\x00\x05\x00"
        client.socket.sendall(b"hello")
        assert client.take(5) == b"hello"
    assert site.reached == ["127.0.1.1"]


def test_a_half_close_is_passed_on_and_the_other_way_stays_open(proxy, origin):
    def handle(site, sock):
        got = b""
        while more := sock.recv(100):
            got += more
        sock.sendall(got[::-1])

    site = origin(handle)
    with Client(proxy()) as client:
        client.connect(f"good.test:{site.port}")
        client.socket.sendall(b"abc")
        client.socket.shutdown(std_socket.SHUT_WR)
        assert client.rest() == b"cba"


def test_a_reset_is_no_regular_end(proxy, origin):
    def handle(site, sock):
        sock.sendall(b"half of it")
        sock.recv(10)
        sock.setsockopt(std_socket.SOL_SOCKET, std_socket.SO_LINGER, struct.pack("ii", 1, 0))
        sock.close()

    site = origin(handle)
    with Client(proxy()) as client:
        client.connect(f"good.test:{site.port}")
        assert client.take(10) == b"half of it"
        client.socket.sendall(b"x")
        with pytest.raises(ConnectionResetError):
            client.rest()


def test_back_pressure(proxy, origin, log):
    """A client that reads nothing stops the origin: what is on its way is bounded by the kernel's buffers."""
    sent, blocked = [0], Event()

    def handle(site, sock):
        sock.settimeout(0.2)
        try:
            while True:
                sent[0] += sock.send(bytes(65536))
        except TimeoutError:
            blocked.set()
            sock.settimeout(None)
            sock.recv(1)

    site = origin(handle)
    with Client(proxy()) as client:
        client.connect(f"good.test:{site.port}")
        assert blocked.wait(10)
        assert sent[0] < 64 << 20
        left = sent[0] - len(client.got)
        while left:
            left -= len(client.socket.recv(65536))


# -- what is refused -------------------------------------------------------------------------------------------------

HOSTS = ["evil.test", "meta.test", "127.0.0.1", "localhost", "2130706433", "0x7f.1", "0177.0.0.1", "127.1", "0.0.0.0",
         "169.254.169.254", "[::1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[64:ff9b::127.0.0.1]",
         "[fe80::1]", "0"]  # fmt: skip


@pytest.mark.parametrize("host", HOSTS)
def test_the_guard_is_asked_by_every_way(proxy, origin, host):
    site, served = origin(page()), proxy()
    with Client(served) as client:
        status, fields, body = client.connect(f"{host}:{site.port}")
        assert (status, b"refused by the guard" in body) == (403, True)
        assert fields["proxy-status"].startswith("celadon; error=destination_ip_prohibited; details=")
    with Client(served) as client:
        client.say(f"GET http://{host}:{site.port}/ HTTP/1.1", "Host: good.test")
        assert client.answer()[0] == 403
    with Client(served) as client:
        assert client.socks(host.strip("[]"), site.port) == 2
    with Client(served) as client:
        client.socket.sendall(b"\x05\x01\x00\x05\x01\x00\x04" + bytes(10) + b"\xff\xff\x7f\0\0\1" + b"\0\x50")
        assert client.take(12)[3] == 2
    assert site.reached == []


def test_of_several_addresses_only_the_good_ones_are_tried(proxy, origin):
    site = origin(echo)
    with Client(proxy()) as client:
        assert client.connect(f"mixed.test:{site.port}")[0] == 200
    assert site.reached == ["127.0.1.1"]


def test_a_name_that_changes_its_mind_is_judged_each_time(proxy, origin, names):
    """DNS rebinding: first public, then private, with a TTL of 0."""
    site, served = origin(page()), proxy()
    names.add("flip.test", "A", "127.0.1.3", ttl=0)
    try:
        for address, status in (("127.0.1.3", 200), ("127.0.0.1", 403), ("169.254.169.254", 403), ("127.0.1.3", 200)):
            names.remove("flip.test")
            names.add("flip.test", "A", address, ttl=0)
            with Client(served) as client:
                assert client.connect(f"flip.test:{site.port}")[0] == status
            with Client(served) as client:
                client.say(f"GET http://flip.test:{site.port}/ HTTP/1.1", "Host: x")
                assert client.answer()[0] == status
    finally:
        names.remove("flip.test")
    assert set(site.reached) == {"127.0.1.3"}


def test_one_lookup_for_one_connection(proxy, origin, names):
    site = origin(echo)
    names.add("once.test", "A", "127.0.1.1", ttl=0)
    with Client(proxy()) as client:
        assert client.connect(f"once.test:{site.port}")[0] == 200
    assert names.count("once.test", "A") == 1


def closed_port():
    with std_socket.socket() as one:
        one.bind(("127.0.1.1", 0))
        return one.getsockname()[1]


CASES = {
    "no such name": ("nx.test", None, 502, 4, 'dns_error; rcode="NXDOMAIN"'),
    "a server that fails": ("servfail.test", None, 502, 4, 'dns_error; rcode="SERVFAIL"'),
    "a server that is silent": ("silent.test", None, 504, 4, "dns_timeout"),
    "nobody listens": ("good.test", "closed", 502, 5, "connection_refused"),
    "no host": ("a_%", None, 400, 1, "http_request_error"),
    "an empty label": ("1..2", None, 400, 1, "http_request_error"),
    "a label of 70 bytes": ("x" * 70 + ".test", None, 400, 1, "http_request_error"),
    "port 0": ("good.test", 0, 400, 1, "http_request_error"),
}


@pytest.mark.parametrize("case", CASES)
def test_why_there_is_no_connection(proxy, names, log, case):
    host, port, status, code, error = CASES[case]
    names.script("servfail.test", *[Servfail()] * 8)
    names.script("silent.test", *[Drop()] * 8)
    port = closed_port() if port == "closed" else 1 if port is None else port
    served = proxy(limits=ProxyLimits(connect_seconds=0.3) if "silent" in host else None)
    with Client(served) as client:
        found, fields, body = client.connect(f"{host}:{port}")
        assert found == status
        assert body.startswith(b"celadon proxy: ")
        assert f"error={error}" in fields.get("proxy-status", "")
        assert fields["connection"] == "close"
    with Client(served) as client:
        assert client.socks(host, port) == code
    assert [entry["status"] for entry in log.wait(2)] == [status, status]


def test_a_connect_that_takes_too_long(proxy, monkeypatch):
    served = proxy(limits=ProxyLimits(connect_seconds=0.1))
    monkeypatch.setattr("celadon.green.connections.socket.connect", lambda *_: sleep(5))
    with Client.__new__(Client) as client:
        monkeypatch.undo()
        Client.__init__(client, served)
        monkeypatch.setattr("celadon.green.connections.socket.connect", lambda *_: sleep(5))
        status, _, body = client.connect("good.test:80")
    assert (status, b"no connection to 127.0.1.1 within 0.1 s" in body) == (504, True)


def test_rules_by_host_and_port(proxy, origin):
    site = origin(echo)
    served = proxy(destinations=Destinations(deny_hosts=["*.test"], allow_ports=[site.port]))
    with Client(served) as client:
        assert b"the host is denied here (*.test)" in client.connect(f"good.test:{site.port}")[2]
    with Client(served) as client:
        assert client.socks("127.0.1.1", 1) == 2
    with Client(served) as client:
        assert client.connect(f"127.0.1.1:{site.port}")[0] == 200


def test_the_proxy_does_not_connect_to_itself(resolver, names, log):
    names.add("me.test", "A", "127.0.1.9")
    with ProxyServer(("127.0.1.9", 0), resolver, log=log) as served, Client(served) as client:
        status, _, body = client.connect(f"me.test:{served.address[1]}")
        assert (status, b"this is the proxy itself" in body) == (502, True)
    names.remove("me.test")


def test_a_request_that_was_here_before(proxy, origin):
    site, served = origin(page()), proxy()
    with Client(served) as client:
        client.say(f"GET http://good.test:{site.port}/ HTTP/1.1", "Host: x", f"Via: 1.1 {served.pseudonym.decode()}")
        status, fields, _ = client.answer()
        assert (status, "proxy_loop_detected" in fields["proxy-status"]) == (502, True)
    assert site.reached == []


def test_a_pinned_host_passes_for_itself_alone(proxy, origin, resolver):
    site, served = origin(echo), proxy()
    resolver.pin("inside.test", ["127.0.0.1"])
    for host, status in (("inside.test", 200), ("evil.test", 403), ("127.0.0.1", 403)):
        with Client(served) as client:
            assert client.connect(f"{host}:{site.port}")[0] == status
    assert site.reached == ["127.0.0.1"]


class Full:
    """A log on a full disk."""

    def write(self, text):
        raise OSError(28, "No space left on device")


def test_a_log_that_cannot_be_written_stops_nobody(proxy, origin, caplog):
    site, served = origin(echo), proxy(log=Full())
    for _ in range(3):
        with Client(served) as client:
            assert client.connect(f"good.test:{site.port}")[0] == 200
            client.socket.sendall(b"x")
            assert client.take(1) == b"x"
    with fail_after(5):
        while served.proxy_statistics.open:
            sleep(0.005)
    assert caplog.text.count("cannot write its log") == 1


# -- who may use it --------------------------------------------------------------------------------------------------


def test_a_user_of_http(proxy, origin, log):
    site, served = origin(page()), proxy(users={"ann": "s:3"})

    def ask(*fields):
        with Client(served) as client:
            client.say(f"GET http://good.test:{site.port}/ HTTP/1.1", "Host: x", *fields)
            return client.answer()

    status, fields, _ = ask()
    assert (status, fields["proxy-authenticate"][:5]) == (407, "Basic")
    for wrong in ("Basic", "Basic !", f"Basic {b64encode(b'ann').decode()}", f"Bearer {b64encode(b'ann:s:3').decode()}",
                  f"Basic {b64encode(b'ann:s').decode()}", f"Basic {b64encode(b'bob:').decode()}"):  # fmt: skip
        assert ask(f"Proxy-Authorization: {wrong}")[0] == 407
    assert site.reached == []
    assert ask(f"Proxy-Authorization: Basic {b64encode(b'ann:s:3').decode()}")[0] == 200
    assert log.wait(8)[-1]["user"] == "ann"
    assert b"authorization" not in site.heads[0].lower()


def test_a_user_of_socks(proxy, origin):
    site, served = origin(echo), proxy(users={"ann": "secret"})
    where = b"\x05\x01\x00\x01\x7f\x00\x01\x01" + site.port.to_bytes(2, "big")
    for greeting, answer in (
        (b"\x05\x01\x00", b"\x05\xff"),
        (b"\x05\x01\x02\x01\x03ann\x05wrong", b"\x05\x02\x01\x01"),
        (b"\x05\x01\x02\x01\x03ann\x06secret" + where, b"\x05\x02\x01\x00\x05\x00\x00\x01" + bytes(6)),
    ):
        with Client(served) as client:
            client.socket.sendall(greeting)
            assert client.take(len(answer)) == answer
    assert len(site.reached) == 1


@pytest.mark.parametrize("host", ["0.0.0.0", "::", ""])
def test_beyond_loopback_users_are_needed(host, resolver):
    with pytest.raises(ValueError, match="open to everybody"):
        ProxyServer((host, 0), resolver).start()
    with ProxyServer((host, 0), resolver, users={"a": "b"}) as served:
        assert served.started


def test_a_unix_socket_needs_no_user(resolver, tmp_path):
    with ProxyServer(str(tmp_path / "s"), resolver) as served:
        assert served.started


@pytest.mark.parametrize("users", [{"a:b": "c"}, {"": "c"}, {"a": ""}, {"a" * 256: "b"}])
def test_users_that_cannot_be(users):
    with pytest.raises(ValueError, match="a name without a colon"):
        ProxyServer(users=users, resolver=CrawlerResolver("thread"))


# -- limits ----------------------------------------------------------------------------------------------------------


def test_connections_per_host(proxy, origin):
    site, served = origin(echo), proxy(limits=ProxyLimits(per_host=1, connect_seconds=0.3))
    with Client(served) as first, Client(served) as second, Client(served) as other, Client(served) as late:
        assert first.connect(f"good.test:{site.port}")[0] == 200
        assert other.connect(f"two.test:{site.port}")[0] == 200
        status, _, body = second.connect(f"GOOD.test.:{site.port}")
        assert (status, b"1 connections are open" in body) == (503, True)
        assert proxy_sections([served])["proxy_hosts"]() == [
            {"name": "good.test", "connections": 1}, {"name": "two.test", "connections": 1},
        ]  # fmt: skip
        waiting = spawn(late.connect, f"good.test:{site.port}")
        sleep(0.02)
        first.socket.close()
        assert waiting.get()[0] == 200
    with fail_after(5):
        while proxy_sections([served])["proxy_hosts"]():
            sleep(0.005)


@pytest.mark.parametrize("first", [b"", b"CONNECT good", b"\x05", b"\x05\x01\x00\x05\x01"])
def test_a_client_that_does_not_say_what_it_wants(proxy, first):
    with Client(proxy(limits=ProxyLimits(header_seconds=0.05))) as client:
        client.socket.sendall(first)
        with fail_after(5):
            client.rest()


def test_an_idle_tunnel_is_reset(proxy, origin, log):
    site = origin(echo)
    with Client(proxy(limits=ProxyLimits(idle_seconds=0.2))) as client:
        client.connect(f"good.test:{site.port}")
        for _ in range(4):  # not idle
            client.socket.sendall(b"x")
            assert client.take(1) == b"x"
            sleep(0.1)
        with pytest.raises(ConnectionResetError):
            client.rest()
    assert log.wait(1)[0]["error"] == "connection_timeout"


def test_an_origin_that_does_not_answer(proxy, origin):
    site = origin(lambda site, sock: sock.recv(1000) and sleep(3))
    with Client(proxy(limits=ProxyLimits(idle_seconds=0.1))) as client:
        get(client, site)
        status, _, body = client.answer()
        assert (status, b"no answer for 0.1 s" in body) == (504, True)


@pytest.mark.parametrize("value", [0, -1])
def test_limits_that_cannot_be(value):
    with pytest.raises(ValueError, match="is more than 0"):
        ProxyLimits(per_host=value)


# -- the end ---------------------------------------------------------------------------------------------------------


def test_stop_lets_tunnels_end_and_closes_who_is_idle(proxy, origin):
    site, served = origin(echo), proxy()
    with Client(served) as client, Client(served) as idle, Client(served) as between:
        client.connect(f"good.test:{site.port}")
        sleep(0.01)
        stopping = spawn(served.stop, 5)
        assert idle.rest() == b""
        client.socket.sendall(b"still")
        assert client.take(5) == b"still"
        assert not stopping.ready()
        client.socket.shutdown(std_socket.SHUT_WR)
        assert client.rest() == b""
        with fail_after(5):
            stopping.join()
        assert between.rest() == b""


def test_kill_ends_all(proxy, origin, names):
    names.add("late.test", "A", "127.0.1.1")
    names.script("late.test", Delay(0.5))
    site, served = origin(echo), proxy()
    with Client(served) as tunnel, Client(served) as looking:
        tunnel.connect(f"good.test:{site.port}")
        looking.say(f"CONNECT late.test:{site.port} HTTP/1.1", "Host: x")
        sleep(0.02)
        served.kill()
        for one in (tunnel, looking):
            with contextlib.suppress(ConnectionResetError):
                assert one.rest() == b""
    sleep(0)


def test_who_leaves_early_costs_nothing(proxy, origin):
    """Clients that are gone before the answer leave nothing behind; the fixture of all tests looks."""
    site, served = origin(echo), proxy()
    lines = [f"CONNECT good.test:{site.port}", "CONNECT nx.test:1", f"GET http://good.test:{site.port}/", "CONNECT x"]
    heads = [f"{one} HTTP/1.1\r\nHost: x\r\n\r\n".encode() for one in lines]
    for data in (b"", b"\x05\x01\x00", *heads):
        with Client(served) as client:
            client.socket.sendall(data)
            client.socket.setsockopt(std_socket.SOL_SOCKET, std_socket.SO_LINGER, struct.pack("ii", 1, 0))
    with fail_after(5):
        while served.proxy_statistics.open or served.statistics.active:
            sleep(0.005)
