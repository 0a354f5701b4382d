"""``resolve zone AXFR``, signed questions, and messages with a header or an address of one's own."""

import json
import socket
import threading

import dns.flags
import dns.message
import dns.name
import dns.rrset
import dns.tsig
import pytest

from celadon.resolver.cli import main
from celadon.resolver.testing import NameServer, Servfail

SECRET = "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0"
RING = {dns.name.from_text("k1"): dns.tsig.Key("k1", SECRET, "hmac-sha256")}
KEY = f"hmac-sha256:k1:{SECRET}"
ZONE = [
    "a.test. 300 IN SOA ns.a.test. root.a.test. 7 1 2 3 4",
    "a.test. 300 IN NS ns.a.test.",
    "b.a.test. 60 IN A 192.0.2.1",
]
WHOLE = [*ZONE, ZONE[0]]


def records(lines):
    return [dns.rrset.from_text(*line.split(" ", 4)) for line in lines]


def both():
    """A UDP and a TCP socket on one port, which others' connections may have in use for one of them."""
    while True:
        udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        udp.bind(("127.0.0.1", 0))
        try:
            return udp, socket.create_server(udp.getsockname())
        except OSError:
            udp.close()


class Authority:
    """A server on loopback: ``reply(query)`` gives the messages, as Messages or bytes; ``seen`` are the questions."""

    def __init__(self, reply):
        self.reply, self.seen, self.peers = reply, [], []
        self.udp, self.tcp = both()
        self.port = self.udp.getsockname()[1]
        self.threads = [threading.Thread(target=one, daemon=True) for one in (self._datagrams, self._streams)]

    def __enter__(self):
        for one in self.threads:
            one.start()
        return self

    def __exit__(self, *_):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:
            last.sendto(b"", ("127.0.0.1", self.port))
        self.tcp.shutdown(socket.SHUT_RDWR)
        for one in self.threads:
            one.join(5)
        self.tcp.close()
        self.udp.close()

    def _made(self, wire):
        asked = dns.message.from_wire(wire, keyring=RING, ignore_trailing=True)
        self.seen.append(asked)
        context = None
        for one in self.reply(asked):
            if isinstance(one, bytes):
                yield wire[:2] + one
                continue
            yield one.to_wire(multi=True, tsig_ctx=context)
            context = one.tsig_ctx

    def _datagrams(self):
        while True:
            wire, peer = self.udp.recvfrom(4096)
            if not wire:
                return
            self.peers.append(peer)
            for one in self._made(wire):
                self.udp.sendto(one, peer)

    def _streams(self):
        while True:
            try:
                stream, peer = self.tcp.accept()
            except OSError:
                return
            self.peers.append(peer)
            with stream:
                data = stream.recv(4096)
                for one in self._made(data[2:]):
                    stream.sendall(len(one).to_bytes(2, "big") + one)


def answers(*messages, rcode=0):
    """A reply function: each message has these records."""

    def reply(asked):
        for number, lines in enumerate(messages):
            made = dns.message.make_response(asked)
            made.flags |= dns.flags.AA
            made.set_rcode(rcode)
            if number:
                made.question.clear()
            made.answer.extend(records(lines))
            yield made

    return reply


@pytest.fixture
def run(capsys):
    def command(reply, *words):
        with Authority(reply) as server:
            code = main([f"@127.0.0.1#{server.port}", "+timeout=2", "+tries=1", *words])
        return code, *capsys.readouterr(), server

    return command


def test_a_zone_in_digs_lines(run):
    code, out, err, server = run(answers(WHOLE[:2], WHOLE[2:]), "a.test", "AXFR")
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[3:8] == [
        ";; global options: +cmd",
        "a.test.\t\t\t300\tIN\tSOA\tns.a.test. root.a.test. 7 1 2 3 4",
        "a.test.\t\t\t300\tIN\tNS\tns.a.test.",
        "b.a.test.\t\t60\tIN\tA\t192.0.2.1",
        "a.test.\t\t\t300\tIN\tSOA\tns.a.test. root.a.test. 7 1 2 3 4",
    ]
    assert any(one.startswith(";; XFR size: 4 records (messages 2, bytes ") for one in lines)
    assert f";; SERVER: 127.0.0.1#{server.port}(127.0.0.1) (TCP)" in lines
    assert run(answers(WHOLE), "a.test", "-t", "AXFR", "+short")[1].splitlines()[2] == "192.0.2.1"


def test_a_zone_as_json(run):
    code, out, _, _ = run(answers(WHOLE), "a.test", "AXFR", "--json")
    rows = [json.loads(line) for line in out.splitlines()]
    assert code == 0
    assert rows[2] == {"name": "b.a.test", "type": "A", "class": "IN", "ttl": 60, "data": "192.0.2.1"}
    assert len(rows) == 4


def test_ixfr(run):
    lines = [ZONE[0], ZONE[0].replace(" 7 ", " 6 "), "c.a.test. 60 IN A 192.0.2.2", ZONE[0], ZONE[2], ZONE[0]]
    code, out, _, server = run(answers(lines), "a.test", "IXFR=6", "--json")
    assert code == 0
    assert [json.loads(line).get("change", "") for line in out.splitlines()] == ["", *["delete"] * 2, *["add"] * 2, ""]
    asked = server.seen[0]
    assert (asked.question[0].rdtype.name, asked.authority[0][0].serial) == ("IXFR", 6)
    assert run(answers([ZONE[0]]), "a.test", "IXFR=7", "+short")[1].count("\n") == 1


@pytest.mark.parametrize("rcode", [5, 9])
def test_refused_as_dig(run, rcode):
    code, out, err, _ = run(answers([], rcode=rcode), "a.test", "AXFR")
    assert code == 0  # as dig's
    assert out.endswith("; Transfer failed.\n")
    assert ("REFUSED" if rcode == 5 else "NOTAUTH") in err
    assert run(answers([], rcode=rcode), "a.test", "AXFR", "--exit-status=rcode")[0] == 3
    row = json.loads(run(answers([], rcode=rcode), "a.test", "AXFR", "--json")[1])
    assert (row["status"], row["error"]) == ("REFUSED" if rcode == 5 else "NOTAUTH", "Transfer failed")


@pytest.mark.parametrize(
    ("reply", "why"),
    [
        (answers(WHOLE[:2]), "the server closed the connection"),
        (answers(WHOLE[1:]), "the first record is no SOA of a.test"),
        (answers(WHOLE, WHOLE), None),  # what comes after the end is not read
        (lambda asked: [b"\x80\0\0\0\0\1\0\0\0\0"], "malformed"),
        (lambda asked: [b"\0\0\0\0\0\0\0\0\0\0"], "no reply to the question"),
        (lambda asked: [b"\x80"], "no reply to the question"),
        (lambda asked: [], "the server closed the connection"),
    ],
)
def test_broken_transfers(run, reply, why):
    code, out, err, _ = run(reply, "a.test", "AXFR")
    if why is None:
        assert code == 0
        return
    assert code == 9
    assert out.endswith("; Transfer failed.\n")
    assert why in err


def test_a_server_that_fails_in_the_middle_breaks_the_transfer(run):
    """A script that looks at the exit status must not take half a zone for all of it."""

    def reply(asked):
        yield from answers(WHOLE[:2])(asked)
        yield from answers([], rcode=2)(asked)

    code, out, err, _ = run(reply, "a.test", "AXFR")
    assert code == 9
    assert out.endswith("; Transfer failed.\n")
    assert "SERVFAIL" in err


def test_the_soa_record_once(run):
    code, out, err, _ = run(answers(WHOLE[:2], WHOLE[2:]), "a.test", "AXFR", "+onesoa", "+noall", "+answer")
    assert (code, err) == (0, "")
    assert [line.split()[3] for line in out.splitlines() if line and line[0] != ";"] == ["SOA", "NS", "A"]


def bad_key(asked):
    """As BIND answers a key that it does not know: NOTAUTH, with a TSIG record that is not signed (RFC 8945 §5.2.1)."""
    data = b"\x0bhmac-sha256\0" + bytes(6) + b"\1\x2c\0\0" + asked.id.to_bytes(2, "big") + b"\0\x11\0\0"
    tail = b"\2k1\0" + b"\0\xfa\0\xff\0\0\0\0" + len(data).to_bytes(2, "big") + data
    made = dns.message.make_response(asked)
    made.set_rcode(9)
    made.tsig = made.keyring = None
    wire = made.to_wire()
    count = int.from_bytes(wire[10:12], "big") + 1
    yield wire[2:10] + count.to_bytes(2, "big") + wire[12:] + tail


def test_why_a_signed_question_is_refused(run):
    code, _, err, _ = run(bad_key, "a.test", "AXFR", "-y", KEY)
    assert code == 0
    assert "answered NOTAUTH (TSIG: BADKEY)" in err
    _, out, err, _ = run(bad_key, "a.test", "SOA", "-y", KEY)
    assert "hmac-sha256. 0 300 0 " in out
    assert '""' not in out
    assert "the server says BADKEY" in err


def test_a_signed_transfer(run, tmp_path):
    code, out, err, server = run(answers(WHOLE[:2], WHOLE[2:]), "a.test", "AXFR", "-y", KEY, "+short")
    assert (code, len(out.splitlines()), err) == (0, 4, "")
    assert server.seen[0].had_tsig
    path = tmp_path / "key"
    path.write_text(f'key "k1" {{ algorithm hmac-sha256; secret "{SECRET}"; }};')
    assert run(answers(WHOLE), "a.test", "AXFR", "-k", str(path), "+short")[0] == 0


def unsigned(*messages):
    def reply(asked):
        for one in answers(*messages)(asked):
            one.tsig = one.keyring = None
            one.request_mac = b""
            yield one.to_wire()[2:]

    return reply


def test_a_transfer_that_is_not_signed(run):
    code, out, err, _ = run(unsigned(WHOLE), "a.test", "AXFR", "-y", KEY, "+short")
    assert (code, out) == (9, "; Transfer failed.\n")
    assert "not signed" in err


def test_a_transfer_without_its_last_signature(run):
    def reply(asked):
        yield from answers(WHOLE[:2])(asked)
        yield from unsigned(WHOLE[2:])(asked)

    code, out, err, _ = run(reply, "a.test", "AXFR", "-y", KEY, "+short")
    assert code == 9
    assert "192.0.2.1" not in out  # what no signature covers is not shown
    assert "the last message is not signed" in err


def test_a_signed_question(run):
    code, out, err, server = run(answers([ZONE[2]]), "b.a.test", "-y", KEY)
    assert (code, err) == (0, "")
    assert ";; TSIG PSEUDOSECTION:\nk1.\t\t\t0\tANY\tTSIG\thmac-sha256. " in out
    assert server.seen[0].had_tsig
    code, out, err, _ = run(unsigned([ZONE[2]]), "b.a.test", "-y", KEY, "+short")
    assert (code, out) == (0, "192.0.2.1\n")  # as dig: it is shown, with a warning
    assert "warning: the signature (TSIG) could not be verified: it is not signed" in err


def test_headers_of_ones_own(run):
    _, out, _, server = run(answers([]), "a.test", "+qid=77", "+opcode=notify", "+coflag", "+dnssec")
    asked = server.seen[0]
    assert (asked.id, asked.opcode().name) == (77, "NOTIFY")
    assert asked.ednsflags == 0xC000
    assert "opcode: NOTIFY, status: NOERROR, id: 77" in out
    _, out, _, server = run(answers([]), "a.test", "+header-only")
    assert server.seen[0].question == []
    assert "QUERY: 0," in out
    assert "QUESTION SECTION" not in out


def test_a_header_alone_keeps_edns(run):
    """As dig's: a server gives its cookie to such a question (RFC 7873 §5.4), and FORMERR without an OPT record."""
    _, _, _, server = run(answers([]), "a.test", "+header-only", "+nsid")
    asked = server.seen[0]
    assert (asked.question, asked.edns) == ([], 0)
    assert {int(one.otype) for one in asked.options} == {3, 10}
    assert run(answers([]), "a.test", "+header-only", "+noedns")[3].seen[0].edns == -1


def test_the_question_section_is_that_of_the_reply(run):
    _, out, _, _ = run(lambda asked: [b"\x90\4" + bytes(8)], "a.test", "+opcode=status")
    assert "QUERY: 0," in out
    assert "SECTION" not in out
    _, out, _, _ = run(answers([]), "a.test", "SOA", "+opcode=update")
    assert ";; ZONE SECTION:\n;a.test." in out


def old_edns(asked):
    """A server that knows version 0 only (RFC 6891 §6.1.3)."""
    made = dns.message.make_response(asked)
    made.use_edns(0)
    if asked.edns > 0:
        made.set_rcode(16)
    else:
        made.answer.extend(records([ZONE[2]]))
    yield made


def test_a_version_of_edns_that_is_not_known(run):
    _, out, _, server = run(old_edns, "b.a.test", "+edns=1")
    assert [one.edns for one in server.seen] == [1, 0]
    assert ";; BADVERS, retrying with EDNS version 0.\n" in out
    assert "192.0.2.1" in out
    _, out, _, server = run(old_edns, "b.a.test", "+edns=1", "+noednsneg")
    assert [one.edns for one in server.seen] == [1]
    assert "status: BADVERS" in out


def test_options_of_edns_by_name(run):
    words = ["+ednsopt=nsid", "+ednsopt=ecs:00010000", "+expire", "+keepalive", "+subnet=0/0", "+nocookie"]
    _, _, _, server = run(answers([]), "a.test", *words)
    assert [int(one.otype) for one in server.seen[0].options] == [3, 8, 9, 11, 8]
    assert [
        int(one.otype) for one in run(answers([]), "a.test", "+expire", "+noexpire", "+nocookie")[3].seen[0].options
    ] == []


def test_from_an_address(run):
    code, _, _, server = run(answers([ZONE[2]]), "b.a.test", "-b", "127.0.0.7", "+short")
    assert (code, server.peers[0][0]) == (0, "127.0.0.7")
    code, _, _, server = run(answers(WHOLE), "a.test", "AXFR", "-b", "127.0.0.7#0", "+short")
    assert (code, server.peers[0][0]) == (0, "127.0.0.7")
    assert run(answers([]), "b.a.test", "-b", "192.0.2.250")[0] == 9  # not ours


def test_the_first_reply_counts(server, capsys):
    with NameServer() as other:
        server.script("a.test", Servfail())
        other.add("a.test", "A", "192.0.2.9")
        words = [f"@{server.address}", f"@{other.address}", "a.test", "+noall", "+comments"]
        assert main([*words, "+nofail"]) == 0
        assert "NOERROR" in capsys.readouterr().out
        assert main([*words, "+fail"]) == 0
        assert "SERVFAIL" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "code", "why"),
    [
        (["a.test", "IXFR"], 1, "IXFR needs the serial"),
        (["a.test", "IXFR=99999999999"], 1, "not a number from 0 to 4294967295"),
        (["a.test", "-y", "x"], 1, "option -y: a key is written as"),
        (["a.test", "-y", "hmac-rot13:a:AAAA"], 1, "no algorithm of TSIG"),
        (["a.test", "-k", "/nowhere"], 8, "option -k: /nowhere: No such file"),
        (["a.test", "-k", "/dev/null"], 1, "option -k: /dev/null: no key"),
        (["a.test", "-b", "nowhere"], 1, "not an IPv4 or IPv6 address"),
        (["a.test", "-b", "127.0.0.1#x"], 1, "not a number from 0 to 65535"),
        (["a.test", "+opcode=nonsense"], 1, "not a number from 0 to 15"),
        (["a.test", "+qid=65536"], 1, "not a number from 0 to 65535"),
        (["@127.0.0.1", "a.test", "AXFR", "--format", "yaml"], 1, "no --format yaml"),
        (["@127.0.0.1", "a.test", "AXFR", "+https"], 1, "not over https://"),
        (["@127.0.0.1", "a.test", "+qid=1", "+https"], 1, "do not go with https://"),
        (["@127.0.0.1#1", "a.test", "AXFR", "+time=1"], 9, "Connection refused"),
    ],
)
def test_wrong_options(capsys, words, code, why):
    assert main(words) == code
    assert why in capsys.readouterr().err
