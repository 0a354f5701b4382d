"""The PROXY protocol: HAProxy's doc/proxy-protocol.txt, sections 2.1 and 2.2, as tables."""

import contextlib
import socket as std_socket
import struct

import pytest

from celadon.green import create_connection
from celadon.green import socket as green
from celadon.green.servers import ProxyProtocol, ProxyProtocolError, StreamServer, Trusted
from celadon.green.servers.proxy_protocol import AUTHORITY, CRC32C, LONGEST, ProxyHeader, crc32c, parse, wanted
from celadon.hub import sleep

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"


def v2(command=0x21, kind=0x11, rest=b"", size=None):
    return SIGNATURE + struct.pack("!BBH", command, kind, len(rest) if size is None else size) + rest


def field(kind, value):
    return struct.pack("!BH", kind, len(value)) + value


FOUR = std_socket.inet_aton("192.0.2.1") + std_socket.inet_aton("192.0.2.2") + struct.pack("!HH", 4000, 443)
SIX = (
    std_socket.inet_pton(std_socket.AF_INET6, "2001:db8::1")
    + std_socket.inet_pton(std_socket.AF_INET6, "2001:db8::2")
    + struct.pack("!HH", 4000, 443)
)
UNIX = b"/run/client".ljust(108, b"\0") + b"/run/server".ljust(108, b"\0")
TO_FOUR = (("192.0.2.1", 4000), ("192.0.2.2", 443))
TO_SIX = (("2001:db8::1", 4000, 0, 0), ("2001:db8::2", 443, 0, 0))


def with_checksum(head, more=b"", wrong=0):
    plain = v2(rest=head + field(CRC32C, bytes(4)) + more)
    at = 16 + len(head) + 3
    return plain[:at] + struct.pack("!I", crc32c(plain) ^ wrong) + plain[at + 4 :]


GOOD = {
    "v1 four": (b"PROXY TCP4 192.0.2.1 192.0.2.2 4000 443\r\n", ProxyHeader(1, *TO_FOUR)),
    "v1 six": (b"PROXY TCP6 2001:db8::1 2001:db8::2 4000 443\r\n", ProxyHeader(1, *TO_SIX)),
    "v1 least": (b"PROXY TCP6 :: :: 0 0\r\n", ProxyHeader(1, ("::", 0, 0, 0), ("::", 0, 0, 0))),
    "v1 greatest": (
        b"PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n",
        ProxyHeader(1, ("255.255.255.255", 65535), ("255.255.255.255", 65535)),
    ),
    "v1 unknown": (b"PROXY UNKNOWN\r\n", ProxyHeader(1)),
    "v1 unknown and more": (b"PROXY UNKNOWN ffff:f...f:ffff 65535 x\r\n", ProxyHeader(1)),
    "v1 of 107 bytes": (b"PROXY UNKNOWN ".ljust(105, b"x") + b"\r\n", ProxyHeader(1)),
    "v2 four": (v2(rest=FOUR), ProxyHeader(2, *TO_FOUR)),
    "v2 udp": (v2(kind=0x12, rest=FOUR), ProxyHeader(2, *TO_FOUR)),
    "v2 six": (v2(kind=0x21, rest=SIX), ProxyHeader(2, *TO_SIX)),
    "v2 unix": (v2(kind=0x31, rest=UNIX), ProxyHeader(2, b"/run/client", b"/run/server")),
    "v2 local": (v2(command=0x20, kind=0), ProxyHeader(2)),
    "v2 local with addresses": (v2(command=0x20, rest=FOUR), ProxyHeader(2)),
    "v2 local, whatever follows": (v2(command=0x20, kind=0xFF, rest=b"?"), ProxyHeader(2)),
    "v2 unspec": (v2(kind=0), ProxyHeader(2)),
    "v2 fields": (
        v2(rest=FOUR + field(AUTHORITY, b"web.test") + field(0x04, b"...") + field(0xEA, b"")),
        ProxyHeader(2, *TO_FOUR, ((AUTHORITY, b"web.test"), (0xEA, b""))),
    ),
    "v2 checksum": (
        with_checksum(FOUR, field(AUTHORITY, b"x")),
        ProxyHeader(2, *TO_FOUR, ((CRC32C, with_checksum(FOUR, field(AUTHORITY, b"x"))[31:35]), (AUTHORITY, b"x"))),
    ),
}

WRONG = {
    "http": b"GET / HTTP/1.1\r\n\r\n",
    "tls": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\x00",
    "a small difference": b"PROXZ TCP4 192.0.2.1 192.0.2.2 4000 443\r\n",
    "lower case": b"proxy TCP4 192.0.2.1 192.0.2.2 4000 443\r\n",
    "v1 no protocol": b"PROXY \r\n      ",
    "v1 protocol": b"PROXY TCP5 192.0.2.1 192.0.2.2 4000 443\r\n",
    "v1 protocol in lower case": b"PROXY tcp4 192.0.2.1 192.0.2.2 4000 443\r\n",
    "v1 two spaces": b"PROXY TCP4  192.0.2.1 192.0.2.2 4000 443\r\n",
    "v1 a space at the end": b"PROXY TCP4 192.0.2.1 192.0.2.2 4000 443 \r\n",
    "v1 a tab": b"PROXY\tTCP4 192.0.2.1 192.0.2.2 4000 443\r\n",
    "v1 a word less": b"PROXY TCP4 192.0.2.1 192.0.2.2 4000\r\n",
    "v1 a word more": b"PROXY TCP4 192.0.2.1 192.0.2.2 4000 443 1\r\n",
    "v1 name": b"PROXY TCP4 localhost 192.0.2.2 4000 443\r\n",
    "v1 six for four": b"PROXY TCP4 ::1 ::1 4000 443\r\n",
    "v1 four for six": b"PROXY TCP6 192.0.2.1 192.0.2.2 4000 443\r\n",
    "v1 three numbers": b"PROXY TCP4 192.0.2 192.0.2.2 4000 443\r\n",
    "v1 leading zero in a host": b"PROXY TCP4 192.0.02.1 192.0.2.2 4000 443\r\n",
    "v1 leading zero in a port": b"PROXY TCP4 192.0.2.1 192.0.2.2 04000 443\r\n",
    "v1 port too large": b"PROXY TCP4 192.0.2.1 192.0.2.2 65536 443\r\n",
    "v1 sign": b"PROXY TCP4 192.0.2.1 192.0.2.2 +400 443\r\n",
    "v1 underscore": b"PROXY TCP4 192.0.2.1 192.0.2.2 4_0 443\r\n",
    "v1 no port": b"PROXY TCP4 192.0.2.1 192.0.2.2  443\r\n",
    "v1 scope": b"PROXY TCP6 fe80::1%lo ::1 4000 443\r\n",
    "v1 no ascii": b"PROXY TCP4 192.0.2.1 192.0.2.2 4000 44\xb3\r\n",
    "v1 bare LF": b"PROXY TCP4 192.0.2.1 192.0.2.2 4000 443\n",
    "v1 bare CR": b"PROXY TCP4 192.0.2.1 192.0.2.2\r4000 443\r\n",
    "v1 of 108 bytes": b"PROXY UNKNOWN ".ljust(106, b"x") + b"\r\n",
    "v2 version 1": v2(command=0x11, rest=FOUR),
    "v2 version 3": v2(command=0x31, rest=FOUR),
    "v2 command": v2(command=0x22, rest=FOUR),
    "v2 family": v2(kind=0x41, rest=FOUR),
    "v2 protocol": v2(kind=0x13, rest=FOUR),
    "v2 protocol without a family": v2(kind=0x01, rest=FOUR),
    "v2 short four": v2(rest=FOUR[:-1]),
    "v2 short six": v2(kind=0x21, rest=FOUR),
    "v2 short unix": v2(kind=0x31, rest=UNIX[:-1]),
    "v2 half a field": v2(rest=FOUR + b"\x01\0"),
    "v2 field too long": v2(rest=FOUR + b"\x01\0\2x"),
    "v2 unique id": v2(rest=FOUR + field(5, bytes(129))),
    "v2 checksum": with_checksum(FOUR, wrong=1),
    "v2 checksum's size": v2(rest=FOUR + field(CRC32C, b"xyz")),
    "v2 too long": v2(rest=FOUR, size=LONGEST),
}  # fmt: skip


def read(stream, step):
    """Read a header from ``stream`` in pieces of at most ``step`` bytes; returns it, and what is left."""
    data = b""
    while size := wanted(data):
        piece = stream[len(data) : len(data) + min(size, step)]
        if not piece:
            raise EOFError
        data += piece
    return parse(data), stream[len(data) :]


@pytest.mark.parametrize("step", [1, 3, 5000])
@pytest.mark.parametrize("case", GOOD)
def test_good(case, step):
    data, header = GOOD[case]
    assert read(data + b"GET /\r\n\r\n", step) == (header, b"GET /\r\n\r\n")


@pytest.mark.parametrize("step", [1, 5000])
@pytest.mark.parametrize("case", WRONG)
def test_wrong(case, step):
    with pytest.raises(ProxyProtocolError):
        read(WRONG[case] + b"GET /\r\n\r\n" * 1000, step)


@pytest.mark.parametrize("case", [*GOOD, *WRONG])
def test_parse_alone_judges_as_well(case):
    data = GOOD[case][0] if case in GOOD else WRONG[case]
    for end in range(len(data)):
        with pytest.raises(ProxyProtocolError):
            parse(data[:end])


def test_the_checksum_is_castagnoli_s():
    assert crc32c(b"123456789") == 0xE3069283  # RFC 3720, appendix B.4, and every catalogue of CRCs


def test_a_field():
    header = parse(GOOD["v2 fields"][0])
    assert header.field(AUTHORITY) == b"web.test"
    assert header.field(0x20) is None


TRUST = {
    "loopback": (Trusted(), ("127.1.2.3", 1), True),
    "others": (Trusted(), ("192.0.2.1", 1), False),
    "six": (Trusted(), ("::1", 1, 0, 0), True),
    "mapped": (Trusted(), ("::ffff:127.0.0.1", 1, 0, 0), True),
    "mapped others": (Trusted(), ("::ffff:192.0.2.1", 1, 0, 0), False),
    "scope": (Trusted(("fe80::/10",)), ("fe80::1%eth0", 1, 0, 2), True),
    "network": (Trusted(("10.0.0.0/8",)), ("10.9.8.7", 1), True),
    "not in the network": (Trusted(("10.0.0.0/8",)), ("11.9.8.7", 1), False),
    "nobody": (Trusted(()), ("127.0.0.1", 1), False),
    "everybody": (Trusted(("*",)), ("192.0.2.1", 1), True),
    "unix": (Trusted(()), "", True),
}


@pytest.mark.parametrize("case", TRUST)
def test_who_is_trusted(case):
    trusted, peer, answer = TRUST[case]
    assert (peer in trusted) is answer


@pytest.mark.parametrize("peers", [("name.test",), ("10.0.0.1/8",), ("",)])
def test_wrong_peers(peers):
    with pytest.raises(ValueError, match=r"does not appear|host bits"):
        Trusted(peers)
    with pytest.raises(TypeError, match="sequence"):
        Trusted("127.0.0.1")


# -- a server --------------------------------------------------------------------------------------------------

LOCAL = ("127.0.0.1", 0)


def show(client, peer):
    client.sendall(repr((tuple(peer), client.recv(100))).encode())


def server_of(proxy_protocol):
    made = StreamServer(LOCAL, show)
    made.proxy_protocol = proxy_protocol
    return made


@pytest.mark.parametrize("case", ["v1 four", "v1 six", "v2 four", "v2 six"])
def test_the_handler_sees_the_client(case):
    data, header = GOOD[case]
    with server_of(ProxyProtocol()) as server, create_connection(server.address, 10) as one:
        one.sendall(data + b"hello")
        assert one.recv(1000) == repr((header.source, b"hello")).encode()


def test_the_header_in_pieces():
    with server_of(ProxyProtocol()) as server, create_connection(server.address, 10) as one:
        for n in range(len(GOOD["v2 four"][0])):
            one.sendall(GOOD["v2 four"][0][n : n + 1])
            sleep(0)
        one.sendall(b"hello")
        assert one.recv(1000) == repr((TO_FOUR[0], b"hello")).encode()


@pytest.mark.parametrize("case", ["v1 unknown", "v2 local"])
def test_the_proxy_itself(case):
    with server_of(ProxyProtocol()) as server, create_connection(server.address, 10) as one:
        one.sendall(GOOD[case][0] + b"hello")
        assert one.recv(1000) == repr((one.getsockname(), b"hello")).encode()


def test_everything_of_the_header_is_at_hand():
    def handle(client, peer):
        client.sendall(peer.header.field(AUTHORITY))

    server = StreamServer(LOCAL, handle)
    server.proxy_protocol = ProxyProtocol()
    with server, create_connection(server.address, 10) as one:
        one.sendall(GOOD["v2 fields"][0])
        assert one.recv(100) == b"web.test"


REFUSED = {
    "none": (ProxyProtocol(), b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"),
    "cut off": (ProxyProtocol(), b"PROXY TCP4 192."),
    "untrusted": (ProxyProtocol(Trusted(("192.0.2.0/24",))), GOOD["v1 four"][0]),
    "slow": (ProxyProtocol(timeout=0.01), b""),
}


@pytest.mark.parametrize("case", REFUSED)
def test_who_is_refused(case, caplog):
    caplog.set_level("INFO")
    protocol, data = REFUSED[case]
    with server_of(protocol) as server, create_connection(server.address, 10) as one:
        one.sendall(data)
        with contextlib.suppress(OSError):  # it may have been closed, with bytes that nobody has read
            if case != "slow":
                one.shutdown(std_socket.SHUT_WR)
            assert one.recv(100) == b""
        assert server.statistics.refused == 1
        assert server.statistics.handled == 0
    assert "refuses" in caplog.text


def test_a_client_on_a_unix_socket(tmp_path):
    server = StreamServer(str(tmp_path / "socket"), lambda client, peer: client.sendall(str(peer).encode()))
    server.proxy_protocol = ProxyProtocol()
    with server, green.socket(std_socket.AF_UNIX) as one:
        one.connect(str(tmp_path / "socket"))
        one.sendall(GOOD["v2 unix"][0])
        assert one.recv(100) == b"/run/client"
