"""The codec against dnspython's, both ways, and against bytes that nobody should send."""

import time
from pathlib import Path
from pickle import dumps, loads

import pytest
from dns.exception import DNSException
from dns.message import from_wire, make_query, make_response
from dns.name import Name
from dns.name import from_text as name_from_text
from dns.rdata import from_text as rdata_from_text
from dns.rdatatype import RdataType
from dns.rrset import from_rdata, from_text
from hypothesis import example, given, settings
from hypothesis import strategies as st

from celadon.resolver import Answer, Question, Record, ResolveError, RRType
from celadon.resolver.dns.rdata import Message
from celadon.resolver.dns.wire import WireAnswer, WireError, decode, encode_name, encode_question, question_tail
from celadon.resolver.frozen import replace

PACKETS = sorted(Path(__file__).parents[3].joinpath("fixtures/packets").glob("*.hex"))

settings.register_profile("patient", deadline=None)  # a busy machine is no finding
settings.load_profile("patient")

label = st.binary(min_size=1, max_size=63)
wire_name = st.lists(label, max_size=6).filter(lambda labels: sum(map(len, labels)) + len(labels) < 250)


def presentation(labels):
    return Name([*labels, b""]).to_text(omit_final_dot=True) if labels else ""


def reply(question, *rrsets, authority=(), additional=(), rcode=0):
    asked = make_query(question.name + ".", question.rdtype, use_edns=0)
    made = make_response(asked)
    made.answer.extend(rrsets)
    made.authority.extend(authority)
    made.additional.extend(additional)
    made.set_rcode(rcode)
    return made.to_wire(want_shuffle=False)


def read(question, message):
    return decode(question, (message, 12 + len(question_tail(question)), "127.0.0.1#53", 0.5, False, 1))


@given(wire_name)
def test_names_both_ways(labels):
    text = presentation(labels)
    assert encode_name(text) == b"".join(bytes((len(one),)) + one for one in labels) + b"\0"
    assert encode_name(text) == name_from_text(text + "." if text else ".").to_wire()
    question = Question("q.test", 5)
    message = reply(question, from_rdata(name_from_text("q.test."), 5, rdata_from_text(1, 5, text + ".")))
    [record] = read(question, message).records
    assert record == Record("q.test", 5, 5, text + ".")


@given(st.text(max_size=80))
def test_any_text_is_a_name_or_illegal(text):
    try:
        wire = encode_name(text)
    except ResolveError:
        return
    assert wire.endswith(b"\0")
    assert len(wire) <= 255
    assert from_wire(b"\0\0\1\0\0\1\0\0\0\0\0\0" + wire + b"\0\1\0\1").question[0].name.to_wire() == wire


@given(st.sampled_from(list(RRType)), wire_name, st.booleans())
def test_questions_as_dnspython_reads_them(rdtype, labels, edns):
    question = Question(presentation(labels), int(rdtype))
    message = from_wire(b"\x12\x34" + encode_question(question, edns))
    assert message.question[0].rdtype == rdtype
    assert message.question[0].name.labels == (*labels, b"")
    assert message.payload == (1232 if edns else 0)


DATA = {
    "A": ["192.0.2.1"],
    "AAAA": ["2001:db8::1", "::", "::ffff:1.2.3.4"],
    "NS": ["ns.example."],
    "CNAME": ["c.example."],
    "PTR": ["p.example."],
    "DNAME": ["d.example."],
    "MX": ["10 mx.example.", "0 ."],
    "TXT": ['"one" "two"', '"a \\"quoted\\" \\\\ word; \\001\\255"', '""'],
    "SOA": ["ns.example. root.example. 1 2 3 4 5"],
    "SRV": ["1 2 443 s.example."],
    "CAA": ['0 issue "ca.example; x=y"'],
    "NAPTR": ['100 10 "u" "E2U+sip" "!^.*$!sip:info@example.com!" .'],
    "HINFO": ['"PC" "Linux"'],
    "RP": ["a.example. b.example."],
    "AFSDB": ["1 a.example."],
    "KX": ["1 a.example."],
    "URI": ['10 1 "https://example.com/"'],
    "NSEC": ["n.example. A MX RRSIG NSEC TYPE65535"],
}


@pytest.mark.parametrize(("kind", "data"), [(kind, one) for kind, many in DATA.items() for one in many])
def test_data_as_dnspython_writes_it(kind, data):
    question = Question("q.test", int(RdataType[kind]))
    message = reply(question, from_text("q.test.", 300, "IN", kind, data))
    [record] = read(question, message).records
    assert record.data == from_wire(message).answer[0][0].to_text()
    assert record.data == data


@pytest.mark.parametrize(
    ("kind", "given", "expected"),
    [  # where dig's form is another than dnspython's, as dig 9.18 prints it
        ("DS", "1 8 2 " + "ab" * 32, f"1 8 2 {'AB' * 28} {'AB' * 4}"),
        ("SSHFP", "1 1 " + "ab" * 20, "1 1 " + "AB" * 20),
        ("TLSA", "3 1 1 " + "ab" * 32, f"3 1 1 {'AB' * 28} {'AB' * 4}"),
        ("DNSKEY", "257 3 8 " + "A" * 64, f"257 3 8 {'A' * 56} {'A' * 8}"),
        (
            "RRSIG",
            "A 8 2 300 20260101000000 20251201000000 1 e. " + "A" * 64,
            f"A 8 2 300 20260101000000 20251201000000 1 e. {'A' * 56} {'A' * 8}",
        ),
        ("NSEC3", "1 0 10 aabb 2vptu5timamqttgl4luu9kg21e0aor3s A RRSIG",
         "1 0 10 AABB 2VPTU5TIMAMQTTGL4LUU9KG21E0AOR3S A RRSIG"),
        ("HTTPS", '1 . alpn="h2,h3" port=8443 ipv4hint=192.0.2.1,192.0.2.2 ipv6hint=2001:db8::1 key777="x"',
         '1 . alpn="h2,h3" port=8443 ipv4hint=192.0.2.1,192.0.2.2 ipv6hint=2001:db8::1 key777="x"'),
        ("NSEC3PARAM", "1 0 10 aabb", "1 0 10 AABB"),
        ("NSEC3PARAM", "1 0 0 -", "1 0 0 -"),
        ("TYPE65280", "\\# 3 abcdef", "\\# 3 ABCDEF"),
        ("EUI48", "00-00-5e-00-53-2a", "00-00-5e-00-53-2a"),
    ],
)  # fmt: skip
def test_data_as_dig_writes_it(kind, given, expected):
    question = Question("q.test", int(RdataType.make(kind)))
    [record] = read(question, reply(question, from_text("q.test.", 300, "IN", kind, given))).records
    assert record.data == expected


def test_an_answer_of_one_address_is_lazy_and_equal_to_a_plain_one():
    question = Question("Q.test", 1)
    answer = read(question, reply(question, from_text("q.test.", 300, "IN", "A", "192.0.2.1")))
    assert isinstance(answer, WireAnswer)
    assert isinstance(answer, Answer)
    assert answer.records == (Record("Q.test", 1, 300, "192.0.2.1"),)
    assert answer == answer.plain()
    assert (answer.rtt, answer.server, answer.tcp, answer.rcode, answer.attempts) == (0.5, "127.0.0.1#53", False, 0, 1)
    assert answer.size == len(answer.message)
    assert answer.edns is not None
    assert replace(answer, rtt=1.0).rtt == 1.0
    assert loads(dumps(answer)) == answer.plain()
    with pytest.raises(AttributeError):
        answer.rtt = 2.0


def test_an_address_with_more_behind_it_is_read_at_once_and_the_rest_when_somebody_looks(monkeypatch):
    question = Question("q.test", 1)
    message = reply(
        question,
        from_text("q.test.", 60, "IN", "A", "192.0.2.1"),
        authority=[from_text("test.", 60, "IN", "NS", "ns.test.")],
        additional=[from_text("ns.test.", 60, "IN", "A", "192.0.2.53")],
    )
    with monkeypatch.context() as patched:
        patched.setattr("celadon.resolver.dns.wire.text", None)
        answer = read(question, message)
        assert answer.one == (60, "192.0.2.1")
        assert answer.records == (Record("q.test", 1, 60, "192.0.2.1"),)
    assert (answer.authority[0].data, answer.additional[0].data) == ("ns.test.", "192.0.2.53")
    assert answer == answer.plain()
    assert answer.plain().one is None
    for cut in range(1, len(message) - 24 - 16):
        with pytest.raises(WireError):
            read(question, message[:-cut])


@pytest.mark.parametrize(
    ("name", "kind", "records"),
    [
        ("q.test", "A", [("q.test.", "A", "192.0.2.1"), ("q.test.", "A", "192.0.2.2")]),
        ("q.test", "A", [("q.test.", "CNAME", "a.test."), ("a.test.", "A", "192.0.2.1")]),
        ("q.test", "A", [("other.test.", "A", "192.0.2.1")]),
        ("q.test", "AAAA", [("q.test.", "A", "192.0.2.1")]),
        ("q.test", "A", [("q.test.", "AAAA", "2001:db8::1")]),
        ("q.test", "A", []),
    ],
)
def test_what_is_not_one_address_of_the_name_is_not_taken_for_it(name, kind, records):
    question = Question(name, int(RdataType[kind]))
    rrsets = [from_text(owner, 60, "IN", *rest) for owner, *rest in records]
    assert read(question, reply(question, *rrsets)).one is None


def test_all_sections_and_the_opt_record():
    question = Question("q.test", 1)
    message = reply(
        question,
        from_text("q.test.", 60, "IN", "CNAME", "a.test."),
        from_text("a.test.", 60, "IN", "A", "192.0.2.1", "192.0.2.2"),
        authority=[from_text("test.", 60, "IN", "NS", "ns.test.")],
        additional=[from_text("ns.test.", 60, "IN", "A", "192.0.2.53")],
    )
    answer = read(question, message)
    assert [(one.name, one.data) for one in answer.records] == [
        ("q.test", "a.test."),
        ("a.test", "192.0.2.1"),
        ("a.test", "192.0.2.2"),
    ]
    assert [one.data for one in answer.authority] == ["ns.test."]
    assert [one.name for one in answer.additional] == ["ns.test"]
    assert answer.edns is not None
    assert answer == answer.plain()


# -- what nobody should send -----------------------------------------------------------------------------------


@settings(max_examples=300)
@given(st.binary(max_size=120))
@example(b"\xc0\x0c\0\1\0\1\0\0\0\0\0\4\1\2\3\4")
def test_any_bytes_are_an_answer_or_wire_error(body):
    question = Question("q.test", 1)
    for counts in (b"\0\1\0\0\0\0", b"\0\2\0\1\0\1", b"\xff\xff\xff\xff\xff\xff"):
        message = b"\0\0\x81\x80\0\1" + counts + question_tail(question) + body
        try:
            answer = read(question, message)
        except WireError:
            continue
        assert all(isinstance(one.data, str) for one in (*answer.records, *answer.authority, *answer.additional))


@settings(max_examples=200)
@given(st.data())
def test_a_broken_reply_is_an_answer_or_wire_error(data):
    kind = data.draw(st.sampled_from(sorted(DATA)))
    question = Question("q.test", int(RdataType[kind]))
    message = bytearray(reply(question, from_text("q.test.", 300, "IN", kind, DATA[kind][0])))
    for _ in range(data.draw(st.integers(1, 4))):
        message[data.draw(st.integers(12 + 12, len(message) - 1))] = data.draw(st.integers(0, 255))
    message = bytes(message[: data.draw(st.integers(24, len(message)))])
    try:
        answer = read(question, message)
    except WireError:
        return
    for one in answer.records:
        assert isinstance(one.data, str)


@settings(max_examples=200)
@given(st.lists(st.tuples(st.sampled_from(sorted(DATA)), wire_name), max_size=8))
def test_what_dnspython_packs_is_read_alike(rows):
    question = Question("q.test", 255)
    rrsets = [
        from_rdata(name_from_text(presentation(labels) + "."), 300, rdata_from_text(1, RdataType[kind], DATA[kind][0]))
        for kind, labels in rows
    ]
    message = reply(question, *rrsets)
    expected = sorted(
        (rrset.name.to_text(omit_final_dot=True) if rrset.name.labels != (b"",) else "", rdata.to_text())
        for rrset in from_wire(message, one_rr_per_rrset=True).answer
        for rdata in rrset
    )
    assert sorted((one.name, one.data) for one in read(question, message).records) == expected


@pytest.mark.parametrize("path", PACKETS, ids=lambda path: path.stem)
def test_the_corpus_of_broken_packets(path):
    """Each is refused, or read as far as dnspython reads it; the first line of the file says which."""
    verdict, *lines = path.read_text().splitlines()
    message = bytes.fromhex("".join(lines))
    question = Question("a.test", 1)
    try:
        answer = read(question, message)
    except WireError:
        assert verdict == "# refused"
    else:
        assert verdict == "# " + " ".join(["read", *(one.data for one in answer.records)])


def test_the_corpus_is_there():
    assert len(PACKETS) >= 20


@pytest.mark.parametrize("pattern", ["pointers to pointers", "long names", "deep names", "many addresses", "options"])
def test_work_is_linear(pattern):
    """64 KB of the worst of each kind: quadratic work would take minutes, so a generous bound finds it."""
    question = Question("a.test", 1)
    head = b"\0\0\x81\x80\0\1%b\0\0%b" + question_tail(question)
    record = b"\0\1\0\1\0\0\0\0\0\4\1\2\3\4"
    body, count, extra = b"", 0, 0
    if pattern == "pointers to pointers":
        at = 12 + len(question_tail(question))
        previous = 12
        while len(body) < 16000:
            body += (0xC000 | previous).to_bytes(2, "big") + record
            previous = at
            at += 16
            count += 1
    elif pattern == "many addresses":
        count = 4000
        body = (b"\xc0\x0c" + record) * count
    elif pattern == "options":
        extra = 1
        body = b"\0\0\x29\4\0\0\0\0\0" + (64000).to_bytes(2, "big") + b"\0\1\0\0" * 16000
    else:
        name = b"\1a" * 126 if pattern == "deep names" else (b"\x3f" + b"a" * 63) * 3
        start = 12 + len(question_tail(question))
        body = name + b"\0" + record
        count = 1
        while len(body) < 64000:
            body += (0xC000 | start + 2 * (count % 100) * (pattern == "deep names")).to_bytes(2, "big") + record
            count += 1
    message = head % (count.to_bytes(2, "big"), extra.to_bytes(2, "big")) + body
    began = time.process_time()
    try:
        assert len(read(question, message).records) == count
    except WireError:
        assert pattern == "pointers to pointers"
    assert time.process_time() - began < 2


@given(st.text(alphabet='ab.\\"0123', max_size=20))
def test_presentation_is_dnspythons(text):
    try:
        mine = encode_name(text)
    except ResolveError:
        mine = None
    try:
        theirs = name_from_text(text + "." if text else ".").to_wire() if not text.endswith((".", "\\")) else None
    except (DNSException, ValueError):
        theirs = None
    if theirs is not None or mine is None:
        assert mine == theirs or text.endswith("\\")


@pytest.mark.parametrize(("owners", "good"), [((4, 4), True), ((4, 0), False), ((0, 4), False)])
def test_what_is_a_name_does_not_depend_on_what_was_read_before(owners, good):
    """A label that runs on into a name whose pointer leads into that very label: forbidden in whatever order."""
    question = Question("a.test", 1)
    start = 12 + len(question_tail(question)) + 12  # of the first record's data
    data = b"\3z\0q" + b"\1y" + (0xC000 | start + 2).to_bytes(2, "big")  # from 4 on: y, and the root inside the label
    records = b"\xc0\x0c\0\x63\0\1\0\0\0\0\0\x08" + data
    for one in owners:
        records += (0xC000 | start + one).to_bytes(2, "big") + b"\0\1\0\1\0\0\0\0\0\4\1\2\3\4"
    message = b"\0\0\x81\x80\0\1\0\3\0\0\0\0" + question_tail(question) + records
    if good:
        assert [one.name for one in read(question, message).records[1:]] == ["y", "y"]
    else:
        with pytest.raises(WireError):
            read(question, message)


def test_a_name_may_begin_where_the_bytes_begin():
    """As the command's readers of names have it, which are no messages."""
    assert Message(b"\1a\4test\0").name(0) == ("a.test", 8)
    assert Message(b"\0").name(0) == ("", 1)
