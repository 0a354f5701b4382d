"""What c-ares read is taken alike with the accelerator and without, and made records of when somebody looks."""

import pickle
from dataclasses import fields, replace

import pytest
from dns.message import from_wire, make_response
from dns.rrset import from_text

from celadon.resolver import Answer, Config, Question, Record, Server, accel
from celadon.resolver.engines.ares import library
from celadon.resolver.registry import make_engine
from celadon.resolver.resolvers.stub import ask
from celadon.resolver.testing import Script

REFERRAL = (["test. 60 NS ns.test."], ["ns.test. 60 A 192.0.2.53", "ns.test. 60 AAAA 2001:db8::53"])
# Type asked for, rcode, and the records by section.
REPLIES = {
    "an address, name server and glue": (1, 0, ["a.test. 60 A 192.0.2.1"], *REFERRAL),
    "addresses behind an alias": (1, 0, ["a.test. 60 CNAME b.test.", "b.test. 60 A 192.0.2.1 192.0.2.2"], [], []),
    "one of another owner": (1, 0, ["b.test. 60 A 192.0.2.1"], [], []),
    "a type that is not read": (1, 0, ["a.test. 60 A 192.0.2.1", 'a.test. 60 TXT "x"'], [], []),
    "IPv6": (28, 0, ["a.test. 60 AAAA 2001:db8::1"], *REFERRAL),
    "a name": (12, 0, ["a.test. 60 PTR a\\ b.test."], [], []),
    "mail": (15, 0, ["a.test. 60 MX 10 m.test."], *REFERRAL),
    "a service": (33, 0, ["a.test. 60 SRV 1 2 3 s.test."], [], []),
    "no such name": (1, 3, [], ["test. 60 SOA ns.test. root.test. 1 2 3 4 5"], []),
    "no data": (1, 0, [], [], []),
}


def rrset(line):
    owner, ttl, kind, data = line.split(" ", 3)
    return from_text(owner, int(ttl), "IN", kind, *(data.split() if kind == "A" else [data]))


def asked(server, rdtype):
    engine = make_engine("ares", Config(servers=(Server("127.0.0.1", server.port),)))
    [answer] = ask(engine, (Question("a.test", rdtype),))
    engine.close()
    return answer


@pytest.mark.parametrize("kind", REPLIES)
def test_with_the_accelerator_and_without(server, monkeypatch, kind):
    rdtype, rcode, *sections = REPLIES[kind]

    def reply(query, _):
        made = make_response(from_wire(query))
        for section, lines in zip((made.answer, made.authority, made.additional), sections, strict=True):
            section.extend(map(rrset, lines))
        made.set_rcode(rcode)
        return [made.to_wire(want_shuffle=False)]

    server.script("a.test", Script(reply))
    given = asked(server, rdtype)
    monkeypatch.setattr(library, "_taken", None)
    plain = asked(server, rdtype)
    for one in fields(Answer):
        if one.name != "rtt":
            assert getattr(given, one.name) == getattr(plain, one.name), one.name
    assert given.one == plain.one
    wanted = [sum([len(rrset(line)) for line in lines if " TXT " not in line]) for lines in sections]
    assert [len(one) for one in (given.records, given.authority, given.additional)] == wanted
    assert given == given.plain() == pickle.loads(pickle.dumps(given))
    assert replace(given, rtt=1.0).rtt == 1.0
    assert (given.one is not None) == (kind == "an address, name server and glue")
    if given.one:
        assert given.records == (Record("a.test", 1, 60, "192.0.2.1"),)


@pytest.mark.skipif(accel.codec is None, reason="the accelerator is not built, or off")
@pytest.mark.parametrize("given", [(0, library._FUNCTIONS), (1, b""), (1, library._FUNCTIONS + b"x")])
def test_no_record_and_no_library_are_refused(given):
    with pytest.raises(ValueError, match="no record, or no library"):
        accel.codec.taken(*given)
