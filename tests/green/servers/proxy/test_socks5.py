"""SOCKS 5, RFC 1928 and RFC 1929, without a socket: each handshake whole and byte by byte, and each that is wrong."""

import pytest

from celadon.green.servers.proxy.socks5 import Asked, Reply, Socks5, SocksError, SocksLoginError, reply

HELLO, NO_AUTH = b"\x05\x01\x00", b"\x05\x00"
NAME = b"\x05\x01\x00\x03\x09good.test\x01\xbb"
LOGIN = b"\x01\x04user\x06secret"


def login(user, password):
    return (user, password) == (b"user", b"secret")


GOOD = {
    "a name": (None, HELLO + NAME, NO_AUTH, Asked("good.test", 443)),
    "IPv4": (None, HELLO + b"\x05\x01\x00\x01\x7f\x00\x00\x01\x00\x50", NO_AUTH, Asked("127.0.0.1", 80)),
    "IPv6": (None, HELLO + b"\x05\x01\x00\x04" + bytes(15) + b"\x01\x00\x50", NO_AUTH, Asked("::1", 80)),
    "several methods": (None, b"\x05\x03\x01\x02\x00" + NAME, NO_AUTH, Asked("good.test", 443)),
    "a password": (login, b"\x05\x01\x02" + LOGIN + NAME, b"\x05\x02\x01\x00", Asked("good.test", 443)),
    "a password that nobody asked for": (
        None, b"\x05\x01\x02" + LOGIN + NAME, b"\x05\x02\x01\x00", Asked("good.test", 443),
    ),
    "bytes of the tunnel": (None, HELLO + NAME + b"TLS", NO_AUTH, Asked("good.test", 443)),
    "the reserved byte is not looked at": (None, HELLO + b"\x05\x01\x07" + NAME[3:], NO_AUTH, Asked("good.test", 443)),
    "a name of no bytes": (None, HELLO + b"\x05\x01\x00\x03\x00\x00\x50", NO_AUTH, Asked("", 80)),
    "a name with a NUL": (None, HELLO + b"\x05\x01\x00\x03\x03a\x00b\x00\x50", NO_AUTH, Asked("a\0b", 80)),
}  # fmt: skip


@pytest.mark.parametrize("case", GOOD)
def test_good(case):
    ask, data, answer, asked = GOOD[case]
    whole = Socks5(ask)
    assert whole.feed(data) == answer
    assert whole.asked == asked
    piecewise, out = Socks5(ask), b""
    for at in range(len(data)):
        out += piecewise.feed(data[at : at + 1])
        if piecewise.asked is not None:
            break
    assert (out, piecewise.asked) == (answer, asked)
    assert whole.rest == data[at + 1 :]


def test_who_it_was():
    one = Socks5(login)
    one.feed(b"\x05\x01\x02" + LOGIN + NAME)
    assert one.user == "user"


WRONG = {
    "SOCKS 4": (None, b"\x04\x01", b"", SocksError),
    "no method": (None, b"\x05\x00", b"\x05\xff", SocksError),
    "GSSAPI only": (None, b"\x05\x01\x01", b"\x05\xff", SocksError),
    "no password where one is asked for": (login, HELLO, b"\x05\xff", SocksLoginError),
    "a wrong password": (login, b"\x05\x01\x02\x01\x04user\x05wrong", b"\x01\x01", SocksLoginError),
    "an empty user": (login, b"\x05\x01\x02\x01\x00\x00", b"\x01\x01", SocksLoginError),
    "a wrong version of the password": (login, b"\x05\x01\x02\x05", b"", SocksError),
    "a wrong version of the request": (None, HELLO + b"\x04\x01\x00\x01\x00", reply(Reply.FAILURE), SocksError),
    "BIND": (None, HELLO + b"\x05\x02\x00\x01\x00", reply(Reply.COMMAND), SocksError),
    "UDP ASSOCIATE": (None, HELLO + b"\x05\x03\x00\x01\x00", reply(Reply.COMMAND), SocksError),
    "an address type": (None, HELLO + b"\x05\x01\x00\x02\x00", reply(Reply.ADDRESS_TYPE), SocksError),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong(case):
    ask, data, last, kind = WRONG[case]
    with pytest.raises(SocksError) as caught:
        Socks5(ask).feed(data)
    assert type(caught.value) is kind
    assert caught.value.last.endswith(last)
    assert len(caught.value.last) - len(last) in (0, 2), "what answers the messages before it"


def test_the_reply_is_ten_bytes():
    assert reply(Reply.NOT_ALLOWED) == b"\x05\x02\x00\x01\x00\x00\x00\x00\x00\x00"
