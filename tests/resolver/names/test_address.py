"""Address literals: what libc takes for one, and nothing else, in whichever form a caller wants it."""

import _socket

import pytest

from celadon.resolver import ResolverConfigError, make
from celadon.resolver.names.address import normal, value_of
from celadon.resolver.system.servers import parse_server

# A text; the family and canonical text if it is in the form of inet_pton(3); the value if libc takes it for an address.
ROWS = [
    ("192.0.2.1", (2, "192.0.2.1"), (32, 0xC0000201)),
    ("127.1", None, (32, 0x7F000001)),
    ("0x7f.1", None, (32, 0x7F000001)),
    ("0177.0.0.1", None, (32, 0x7F000001)),
    ("2130706433", None, (32, 0x7F000001)),
    ("::1", (10, "::1"), (128, 1)),
    ("0:0::0001", (10, "::1"), (128, 1)),
    ("::ffff:192.0.2.1", (10, "::ffff:192.0.2.1"), (128, 0xFFFFC0000201)),
    ("fe80::1%lo", (10, "fe80::1%lo"), (128, 0xFE80 << 112 | 1)),
    # Names and nonsense.
    ("", None, None),
    ("a.test", None, None),
    ("1.2.3.4.5", None, None),
    ("256.0.0.1", None, None),
    ("1.2.3.4.test", None, None),
    ("::1::", None, None),
    ("a:b", None, None),
    ("\u0661.1.1.1", None, None),
    ("1.2\0", None, None),
    # inet_aton(3) stops at white space; getaddrinfo(3) does not.
    ("127.0.0.1 x", None, None),
    ("127.1 ", None, None),
    ("1.2.3.4\n", None, None),
    ("::1 ", None, None),
    # Only IPv6 has scopes, and a scope has a name.
    ("192.0.2.1%lo", None, None),
    ("fe80::1%", None, None),
]


@pytest.mark.parametrize(("text", "canonical", "value"), ROWS, ids=[repr(row[0]) for row in ROWS])
def test_a_literal(text, canonical, value):
    assert (normal(text), value_of(text)) == (canonical, value)
    if text.isascii():
        assert value_of(text.encode()) == value


@pytest.mark.parametrize(("text", "canonical", "value"), ROWS, ids=[repr(row[0]) for row in ROWS])
def test_libc_agrees(text, canonical, value):
    try:
        found = _socket.getaddrinfo(text, 80, 0, 1, 0, _socket.AI_NUMERICHOST)
    except (OSError, ValueError, UnicodeError):
        found = None
    # To libc "" is the loopback address, and a NUL the end of a name: our policy sees neither as a literal.
    if text and "\0" not in text:
        assert (found is not None) == (value is not None)


@pytest.mark.parametrize("bad", ["192.0.2.1%lo", "fe80::1%", "127.1", "127.0.0.1 x"])
def test_what_is_no_address_is_no_server_and_no_override(bad):
    with pytest.raises(ResolverConfigError, match="not an IP address"):
        parse_server(bad)
    with pytest.raises(ResolverConfigError, match="not an IP address"):
        make("python", overrides={"a.test": ["192.0.2.1", bad]})
