"""TLS of a server: who is slow takes nobody's place, and certificates are renewed while it runs."""

import shutil
import ssl as std_ssl

import pytest

from celadon.green import create_connection
from celadon.green import ssl as green_ssl
from celadon.green.servers import StreamServer
from celadon.hub import joinall, sleep, spawn

from ..worlds import TLS

LOCAL = ("127.0.0.1", 0)
FILES = {"certfile": TLS / "server.pem", "keyfile": TLS / "server.key"}


def client_context():
    context = std_ssl.create_default_context(cafile=TLS / "ca.pem")
    context.sslsocket_class = green_ssl.SSLSocket
    return context


def ask(address, context=None, see=lambda one: one.recv(100)):
    with (
        create_connection(address, 10) as plain,
        (context or client_context()).wrap_socket(plain, server_hostname="web.test") as one,
    ):
        one.sendall(b"hello")
        return see(one)


def upper(client, peer):
    client.sendall(client.recv(100).upper())


def test_slow_handshakes_take_no_place_of_the_pool():
    with StreamServer(LOCAL, upper, spawn=1, **FILES) as server:
        slow = [create_connection(server.address, 10) for _ in range(50)]
        while server.statistics.opening < 50:
            sleep(0.001)
        assert not server.full()
        asking = [spawn(ask, server.address) for _ in range(5)]
        joinall(asking)
        assert [one.get() for one in asking] == [b"HELLO"] * 5
        assert server.statistics._replace(errors=0)[:4] == (55, 5, 0, 50)
        server.kill()
        assert [one.recv(100) for one in slow] == [b""] * 50
        for one in slow:
            one.close()
    assert server.statistics.opening == 0


def test_the_oldest_handshake_gives_way():
    server = StreamServer(LOCAL, upper, **FILES)
    server.max_handshakes = 3
    with server:
        slow = []
        for n in range(5):
            slow.append(create_connection(server.address, 10))
            while server.statistics.accepted <= n:
                sleep(0.001)
        assert ask(server.address) == b"HELLO"
        assert [one.recv(100) for one in slow[:3]] == [b""] * 3
        assert server.statistics.opening == 2
        assert server.statistics.failed_handshakes == 3
        for one in slow:
            one.close()


def test_the_handshake_time_out_is_counted():
    server = StreamServer(LOCAL, upper, **FILES)
    server.handshake_timeout = 0.01
    with server, create_connection(server.address, 10) as slow:
        assert slow.recv(100) == b""
        assert server.statistics.failed_handshakes == 1


def test_stop_lets_handshakes_end():
    server = StreamServer(LOCAL, upper, **FILES)
    server.start()
    with create_connection(server.address, 10) as plain:
        while not server.statistics.opening:
            sleep(0.001)
        stopping = spawn(server.stop, 10)
        sleep(0)
        with client_context().wrap_socket(plain, server_hostname="web.test") as one:
            one.sendall(b"hello")
            assert one.recv(100) == b"HELLO"
        stopping.get()


def test_a_handshake_by_the_handler():
    def handle(client, peer):
        seen.append(client.version())
        client.do_handshake()
        upper(client, peer)

    seen = []
    with StreamServer(LOCAL, handle, do_handshake_on_connect=False, **FILES) as server:
        assert ask(server.address) == b"HELLO"
    assert seen == [None]


def test_an_own_way_to_wrap():
    class Own(StreamServer):
        def wrap_socket_and_handle(self, client_socket, address):
            with self.ssl_context.wrap_socket(client_socket, server_side=True) as secure:
                return self.handle(secure, address)

    with Own(LOCAL, upper, **FILES) as server:
        assert server.ssl_enabled
        assert ask(server.address) == b"HELLO"
    assert not StreamServer(LOCAL, upper).ssl_enabled


def put_certificate(folder, name):
    for ending in ("pem", "key"):
        shutil.copy(TLS / f"{name}.{ending}", folder / f"now.{ending}")


def certificate_of(one):
    return one.getpeercert(binary_form=True)


def test_certificates_are_read_anew(tmp_path):
    put_certificate(tmp_path, "server")
    context = std_ssl.SSLContext(std_ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, std_ssl.CERT_NONE
    context.sslsocket_class = green_ssl.SSLSocket
    files = {"certfile": tmp_path / "now.pem", "keyfile": tmp_path / "now.key"}
    with StreamServer(LOCAL, upper, **files) as server:
        first = ask(server.address, context, certificate_of)
        with (
            create_connection(server.address, 10) as plain,
            context.wrap_socket(plain, server_hostname="web.test") as open_before,
        ):
            put_certificate(tmp_path, "other")
            assert ask(server.address, context, certificate_of) == first
            server.reload_tls()
            second = ask(server.address, context, certificate_of)
            assert second != first
            (tmp_path / "now.pem").write_text("")
            with pytest.raises(OSError, match="PEM"):
                server.reload_tls()
            assert ask(server.address, context, certificate_of) == second
            open_before.sendall(b"hello")
            assert open_before.recv(100) == b"HELLO"


def test_a_context_is_swapped():
    context = std_ssl.SSLContext(std_ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(**FILES)
    with StreamServer(LOCAL, upper, ssl_context=context) as server:
        with pytest.raises(TypeError, match="pass a context"):
            server.reload_tls()
        other = std_ssl.SSLContext(std_ssl.PROTOCOL_TLS_SERVER)
        other.load_cert_chain(**FILES)
        server.reload_tls(other)
        assert server.ssl_context is other
        assert ask(server.address) == b"HELLO"


WRONG = {
    "unknown": ({"cert": "x"}, "for TLS pass ssl_context"),
    "a key alone": ({"keyfile": "x"}, "for TLS pass ssl_context"),
    "both": ({"ssl_context": std_ssl.SSLContext(std_ssl.PROTOCOL_TLS_SERVER), "certfile": "x"}, "not both"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_arguments(case):
    options, says = WRONG[case]
    with pytest.raises(TypeError, match=says):
        StreamServer(LOCAL, upper, **options)


def test_clients_certificates_and_alpn():
    options = {"ca_certs": TLS / "ca.pem", "cert_reqs": std_ssl.CERT_REQUIRED, "alpn": ("h2", "http/1.1")}
    with StreamServer(LOCAL, lambda client, peer: client.sendall(b"in"), **FILES, **options) as server:
        with pytest.raises(OSError, match=r"CERTIFICATE_REQUIRED|alert|reset"):
            ask(server.address)
        context = client_context()
        context.load_cert_chain(**FILES)
        context.set_alpn_protocols(["http/1.1"])
        assert ask(server.address, context, lambda one: one.selected_alpn_protocol()) == "http/1.1"
