"""Where a zone transfer begins and ends (RFC 5936 §2.2, RFC 1995 §4), and messages signed by TSIG (RFC 8945)."""

import time

import dns.message
import dns.name
import dns.tsig
import pytest

from celadon.resolver import Record, ResolverConfigError, RRType
from celadon.resolver.dns.transfer import BrokenTransfer, Transfer
from celadon.resolver.dns.tsig import SignedExchange, TsigError, key_of, key_of_file


def soa(serial, name="a.test"):
    return Record(name, RRType.SOA, 300, f"ns.a.test. root.a.test. {serial} 1 2 3 4")


A, B, C = (Record(f"{one}.a.test", RRType.A, 300, "192.0.2.1") for one in "abc")


def taken(serial, *messages):
    """What each record is, and whether the transfer is done after all messages."""
    transfer = Transfer("A.test", serial)
    found = []
    for message in messages:
        found += [transfer.take(one) for one in message]
        transfer.message_ends()
    return found, transfer.done


@pytest.mark.parametrize(
    ("serial", "messages", "found", "done"),
    [
        (None, [[soa(3), A, B, soa(3)]], ["", "", "", ""], True),
        (None, [[soa(3)], [A], [B, soa(3)]], ["", "", "", ""], True),
        (None, [[soa(3), soa(3)]], ["", ""], True),
        (None, [[soa(3), A]], ["", ""], False),
        (None, [[soa(3)]], [""], False),
        (None, [[soa(3), soa(9, "other.test"), soa(3)]], ["", "", ""], True),
        (1, [[soa(3), soa(1), A, soa(2), B, soa(2), B, soa(3), C, soa(3)]],
         ["", *["delete"] * 2, *["add"] * 2, *["delete"] * 2, *["add"] * 2, ""], True),
        (1, [[soa(3)], [soa(1), A], [soa(3)], [C, soa(3)]], ["", "delete", "delete", "add", "add", ""], True),
        (1, [[soa(3), A, soa(3)]], ["", "", ""], True),  # the whole zone after all
        (1, [[soa(3), soa(3)]], ["", ""], True),
        (3, [[soa(3)]], [""], True),  # nothing is newer
        (4, [[soa(3)]], [""], True),
        (0xFFFFFFFF, [[soa(3)]], [""], False),  # serials begin anew
        (3, [[soa(0xFFFFFFFF)]], [""], True),
    ],
)  # fmt: skip
def test_transfers(serial, messages, found, done):
    assert taken(serial, *messages) == (found, done)


@pytest.mark.parametrize(
    ("serial", "records", "why"),
    [
        (None, [A], "the first record is no SOA of a.test"),
        (None, [soa(3, "b.test")], "the first record is no SOA of a.test"),
        (None, [soa(3), A, soa(4)], "another SOA, of serial 4"),
        (None, [soa(3), A, soa(3), A], "records after the end"),
        (1, [soa(3), A, soa(1)], "another SOA, of serial 1"),
    ],
)
def test_what_is_no_transfer(serial, records, why):
    with pytest.raises(BrokenTransfer, match=why):
        taken(serial, records)


# -- keys and signatures ------------------------------------------------------------------------------------------

SECRET = "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0"


@pytest.mark.parametrize(
    ("text", "algorithm"),
    [
        (f"k1:{SECRET}", "hmac-md5.sig-alg.reg.int"),
        (f"hmac-md5:k1:{SECRET}", "hmac-md5.sig-alg.reg.int"),
        (f"hmac-sha256:k1:{SECRET}", "hmac-sha256"),
        (f"HMAC-SHA512:k1:{SECRET}", "hmac-sha512"),
        (f"hmac-sha512-256:k1:{SECRET}", "hmac-sha512-256"),
    ],
)
def test_keys(text, algorithm):
    assert key_of(text)[:2] == ("k1", algorithm)
    assert key_of(text).secret == b"secretsecretsecretsecret"
    assert SECRET not in repr(key_of(text))
    assert "secret" not in repr(key_of(text))


@pytest.mark.parametrize(
    "text", ["", "k", "a:b:c:d", "hmac-rot13:k:AAAA", "k:!!", "k:", ":AAAA", f"{'x' * 64}:AAAA", "k:AAA"]
)
def test_what_is_no_key(text):
    with pytest.raises(ResolverConfigError):
        key_of(text)


@pytest.mark.parametrize(
    "text",
    [
        f'key "k1" {{\n\talgorithm hmac-sha256;\n\tsecret "{SECRET}";\n}};\n',
        f'// one\nkey k1 {{ secret "{SECRET}"; algorithm "hmac-sha256"; }};',
        f'# hmac-sha256:k1:x\nother {{ }}; key "k1" {{ algorithm hmac-sha256; secret "{SECRET}"; }};',
    ],
)
def test_key_files(text):
    assert key_of_file(text) == key_of(f"hmac-sha256:k1:{SECRET}")


@pytest.mark.parametrize("text", ["", "key {", 'key "k" { algorithm hmac-sha256; };', 'key "k" { secret "AAAA"; };'])
def test_key_files_without_a_key(text):
    with pytest.raises(ResolverConfigError):
        key_of_file(text)


KEY = key_of(f"hmac-sha256:k1:{SECRET}")
RING = {dns.name.from_text("k1"): dns.tsig.Key("k1", SECRET, "hmac-sha256")}


def exchange(now=None):
    """A signed question, as a server reads it, and the exchange that it is the beginning of."""
    made = SignedExchange(KEY, now or time.time)
    sent = made.signed(dns.message.make_query("a.test.", "SOA").to_wire())
    return made, dns.message.from_wire(sent, keyring=RING)


def test_a_signed_exchange():
    made, asked = exchange()
    assert asked.had_tsig
    assert made.check(dns.message.make_response(asked).to_wire())


def test_several_messages_with_unsigned_ones_between():
    made, asked = exchange()
    context = None
    for signed in (True, False, False, True):
        reply = dns.message.make_response(asked)
        reply.request_mac = asked.mac
        if signed:
            wire = reply.to_wire(multi=True, tsig_ctx=context)
            context = reply.tsig_ctx
        else:
            reply.tsig = None
            wire = reply.to_wire()
            context.update(wire)
        assert made.check(wire) is signed


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda wire: wire[:3] + bytes((wire[3] ^ 1,)) + wire[4:], "BadSignature"),
        (lambda wire: wire[:10] + b"\0\0" + wire[12:-74], "not signed"),
        (lambda wire: wire[:-1], "FormError|BadTSIG|cannot be read"),
        (lambda wire: b"", "ShortHeader"),
        (lambda wire: wire.replace(b"\2k1\0", b"\2k2\0"), "another key"),
    ],
)
def test_forged_replies(change, why):
    made, asked = exchange()
    with pytest.raises(TsigError, match=why):
        made.check(change(dns.message.make_response(asked).to_wire()))


def test_a_reply_to_another_question():
    made, _ = exchange()
    _, other = exchange()
    with pytest.raises(TsigError, match="BadSignature"):
        made.check(dns.message.make_response(other).to_wire())
