"""Where names come from: words and domains, servers in lines, zone files; and compound questions, fields, EDNS."""

import itertools
import json
import os
import sys

import pytest

from celadon.resolver import ResolveError
from celadon.resolver.cli import main
from celadon.resolver.cli.bulk.compound import joined, policy, targets
from celadon.resolver.cli.bulk.names_in import Form, Watermark, patterns_of, questions
from celadon.resolver.cli.bulk.zone_lines import ZoneLines
from celadon.resolver.cli.exits import UsageError
from celadon.resolver.dns.exchange import Exchange, Tuning
from celadon.resolver.model import Answer, Config, Question, Record, Server
from celadon.resolver.testing import NameServer, synthetic_address

SYNTHETIC = False
RECORDS = [
    ("a.test", "A", "192.0.2.1"),
    ("a.test", "MX", "20 mail2.a.test."),
    ("a.test", "MX", "10 mail1.a.test."),
    ("a.test", "NS", "ns.a.test."),
    ("a.test", "TXT", '"v=spf1 " "-all"'),
    ("a.test", "TXT", '"other"'),
    ("_dmarc.a.test", "TXT", '"v=DMARC1; p=reject"'),
    ("a.test", "CAA", '0 issue "ca.test"'),
    ("mail1.a.test", "A", "192.0.2.10"),
    ("mail1.a.test", "AAAA", "2001:db8::10"),
    ("mail2.a.test", "A", "192.0.2.20"),
    ("ns.a.test", "A", "192.0.2.53"),
    ("null.test", "MX", "0 ."),
    ("www.sub.a.test", "A", "192.0.2.2"),
]


@pytest.fixture
def bulk(server, tmp_path, capfdbinary):
    def run(lines, *words, code=0):
        (tmp_path / "lines").write_text("".join(f"{one}\n" for one in lines))
        words = ["bulk", str(tmp_path / "lines"), "-r", server.address, "-q", "--timeout", "0.5", *words]
        assert main(words) == code
        return [json.loads(one) for one in capfdbinary.readouterr().out.splitlines()]

    return run


def asked(lines, **form):
    found = questions([one.encode() for one in lines], Form(**form), Watermark())
    return [(key.text, one.detail if isinstance(one, ResolveError) else (one.name, one.rdtype)) for key, one in found]


# -- words and domains -------------------------------------------------------------------------------------------


def test_words_and_domains():
    assert patterns_of("a.test, .b.test") == ("FUZZ.a.test", "FUZZ.b.test")
    assert patterns_of("x-FUZZ.a.test") == ("x-FUZZ.a.test",)
    found = asked(["www\n", "mail\n"], patterns=patterns_of("a.test,FUZZ-1.b.test"))
    assert [name for name, _ in found] == ["www.a.test", "www-1.b.test", "mail.a.test", "mail-1.b.test"]
    with pytest.raises(UsageError):
        patterns_of(",")


def test_words_are_combined_lazily():
    """A word and a million domains, and as many words as one likes, are never in memory."""
    taken = []
    words = (taken.append(n) or b"w%d\n" % n for n in itertools.count())
    found = questions(words, Form(patterns=tuple(f"FUZZ.d{n}.test" for n in range(10_000))), Watermark())
    assert next(found)[1].name == "w0.d0.test"
    assert next(found)[1].name == "w0.d1.test"
    assert len(taken) == 1


@pytest.mark.parametrize("processes", ["1", "2"])
def test_brute_force(bulk, server, tmp_path, processes):
    (tmp_path / "domains").write_text("a.test\n# none\nFUZZ.sub.a.test\n")
    rows = bulk(["www", "mail1", "bad..word"], "-d", str(tmp_path / "domains"), "-P", processes)
    found = {row.get("input", row["name"]): row["status"] for row in rows}
    assert found == {
        "www.a.test": "NXDOMAIN", "mail1.a.test": "NOERROR", "bad..word.a.test": "ILLEGAL_INPUT",
        "www.sub.a.test": "NOERROR", "mail1.sub.a.test": "NXDOMAIN", "bad..word.sub.a.test": "ILLEGAL_INPUT",
    }  # fmt: skip


def test_brute_force_is_resumed(server, tmp_path):
    (tmp_path / "words").write_text("".join(f"w{n}\n" for n in range(50)))
    out = tmp_path / "out"
    words = ["bulk", "-W", str(tmp_path / "words"), "-d", "a.test,b.test,c.test", "-r", server.address, "-q"]
    words += ["-w", str(out), "--checkpoint", str(tmp_path / "note")]
    assert main(words) == 0
    note = json.loads((tmp_path / "note").read_text())
    lines = out.read_text().splitlines(keepends=True)
    size = sum(map(len, lines[:70]))
    note |= {"finished": False, "size": size, "at": [0, 0], "done": 0}
    first = [json.loads(line)["name"] for line in lines[:70]]
    done = "".join("1" if f"w{n // 3}.{'abc'[n % 3]}.test" in first else "0" for n in range(150))
    note["spans"] = [[[0, 0], [(tmp_path / "words").stat().st_size, 0], done]]
    (tmp_path / "note").write_text(json.dumps(note))
    assert main([*words, "--resume"]) == 0
    names = [json.loads(line)["name"] for line in out.read_text().splitlines()]
    assert sorted(names) == sorted(f"w{n}.{one}.test" for n in range(50) for one in "abc")


# -- a server for each line --------------------------------------------------------------------------------------


@pytest.mark.parametrize("processes", ["1", "2"])
def test_a_server_for_each_line(bulk, server, processes):
    with NameServer() as other:
        other.add("a.test", "A", "192.0.2.200")
        lines = [f"a.test,{other.address}", "a.test", f"www.sub.a.test,{other.address}", "a.test,nonsense"]
        rows = bulk(lines, "--input-format", "name,server", "-P", processes)
        assert other.count("a.test") == 1
    found = {(row["name"], row.get("resolver")): row for row in rows}
    assert found["a.test", other.address]["data"]["answers"][0]["data"] == "192.0.2.200"
    assert found["a.test", server.address]["data"]["answers"][0]["data"] == "192.0.2.1"
    assert found["www.sub.a.test", other.address]["status"] == "NXDOMAIN"
    assert "nonsense" in found["a.test", None]["error"]
    assert len(rows) == 4


def test_as_massdns_has_it(server, tmp_path, capfdbinary, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with NameServer() as other:
        other.add("a.test", "A", "192.0.2.200")
        (tmp_path / "resolvers").write_text(server.address)
        (tmp_path / "names").write_text(f"a.test {other.address}\n")
        assert main(["massdns", "-q", "-r", "resolvers", "--extended-input", "-o", "S", "names"]) == 0
    assert capfdbinary.readouterr().out == b"a.test. A 192.0.2.200\n"


def test_many_named_servers_take_little():
    exchange = Exchange(Config(servers=(Server("127.0.0.1"),)), Tuning(), 0.0, os.urandom)
    for n in range(5000):
        exchange.state_of(Server(f"10.0.{n >> 8}.{n & 255}"), 0.0).answered += 1
    assert len(exchange.servers) < 1100
    assert exchange.answers == 5000


def test_sockets_to_named_servers_close(bulk, server, tmp_path):
    """More servers than a process may have sockets: each closes with its answer."""
    before = len(os.listdir("/dev/fd"))
    rows = bulk([f"a.test,127.0.{n}.1:1" for n in range(200)] + ["a.test"], "--input-format", "name,server", "-c", "1")
    assert len(rows) == 201
    assert len(os.listdir("/dev/fd")) == before


# -- zone files --------------------------------------------------------------------------------------------------

ZONE = """\
$ORIGIN example.test.  ; the zone
$TTL 1h
@       3600 IN SOA ns admin (
            1 ; serial
            2 3 4 5 )
        IN NS ns
ns      A 192.0.2.1
        AAAA 2001:db8::1
www 300 IN A 192.0.2.2 ; "quoted" (not open
txt     TXT "a ; b ( c" more
other.test. IN 60 A 192.0.2.3
$ORIGIN sub
a       CNAME www.example.test.
hash    NSEC3 1 0 0 - abc
a       RRSIG A 8 2 3600 20260101000000 20250101000000 1 example.test. abc=
b       1d A 192.0.2.4
"""


def test_owners_of_a_zone_file():
    zone = ZoneLines()
    found = [owner for line in ZONE.splitlines() if (owner := zone.owner(line))]
    base = "example.test"
    assert found == [base, f"ns.{base}", f"www.{base}", f"txt.{base}", "other.test", f"a.sub.{base}", f"b.sub.{base}"]
    assert ZoneLines("a.test").owner("@ A 192.0.2.1") == "a.test"
    assert ZoneLines().owner(". NS a.root.") == "."
    assert ZoneLines().owner("com.\t172800\tin\tns\ta.gtld-servers.net.") == "com"


def test_a_zone_file(server, tmp_path, capfdbinary):
    server.synthetic = True
    (tmp_path / "zone").write_text(ZONE)
    for processes in ("1", "2"):
        words = ["bulk", "--zone-file", str(tmp_path / "zone"), "-r", server.address, "-q", "-P", processes]
        assert main([*words, "--ordered"]) == 0
        rows = [json.loads(one) for one in capfdbinary.readouterr().out.splitlines()]
        assert [row["name"] for row in rows][:3] == ["example.test", "ns.example.test", "www.example.test"]
        assert len(rows) == 7
        assert rows[2]["data"]["answers"][0]["data"] == synthetic_address("www.example.test")


# -- compound questions ------------------------------------------------------------------------------------------


def test_parts_of_compound_questions():
    assert joined('"v=spf1 " "-all"') == "v=spf1 -all"
    assert joined('"a\\"b\\092\\065"') == 'a"b\\A'

    def txt(*data):
        return Answer(Question("a.test", 16), records=tuple(Record("a.test", 16, 60, one) for one in data))

    assert policy(txt('"v=spf1 -all"', '"x"'), "v=spf1") == "v=spf1 -all"
    assert policy(txt('"v=spf10 -all"'), "v=spf1") is None
    assert policy(txt('"v=spf1 -all"', '"v=spf1 +all"'), "v=spf1") is None
    mx = Answer(Question("a", 15), records=(Record("a", 15, 1, "20 b."), Record("a", 15, 1, "5 c.")))
    assert targets(mx) == [("c", 5), ("b", 20)]


@pytest.mark.parametrize("processes", ["1", "2"])
def test_compound_questions(bulk, processes):
    [row] = bulk(["a.test"], "--lookup", "mx+a", "-P", processes)
    assert row["exchanges"] == [
        {"name": "mail1.a.test", "preference": 10, "addresses": ["192.0.2.10", "2001:db8::10"]},
        {"name": "mail2.a.test", "preference": 20, "addresses": ["192.0.2.20"]},
    ]
    assert row["type"] == "MX"
    [row] = bulk(["a.test"], "--lookup", "ns+a")
    assert row["servers"] == [{"name": "ns.a.test", "addresses": ["192.0.2.53"]}]
    rows = {row["name"]: row for row in bulk(["a.test", "nx.test", "null.test"], "--lookup", "spf")}
    assert rows["a.test"]["spf"] == "v=spf1 -all"
    assert rows["nx.test"]["spf"] is None
    [row] = bulk(["x.y.a.test"], "--lookup", "dmarc")
    assert (row["dmarc"], row["dmarc_name"], row["input"]) == ("v=DMARC1; p=reject", "a.test", "x.y.a.test")
    [row] = bulk(["x.a.test"], "--lookup", "caa")
    assert (row["caa"], row["caa_name"]) == (['0 issue "ca.test"'], "a.test")
    rows = {row["name"]: row for row in bulk(["nx.test", "null.test"], "--lookup", "mx+a")}
    assert rows["nx.test"]["exchanges"] == []
    assert rows["null.test"]["exchanges"] == [{"name": "", "preference": 0, "addresses": []}]


# -- fields and EDNS ---------------------------------------------------------------------------------------------


def test_fields(bulk):
    rows = bulk(["a.test", "nx.test"], "--fields", "status,name,data.answers,wildcard", "--ordered")
    assert list(rows[0]) == ["status", "name", "data.answers"]
    assert rows[1] == {"status": "NXDOMAIN", "name": "nx.test", "data.answers": []}


def test_a_field_of_each_record(bulk):
    row = bulk(["a.test"], "--fields", "data.answers.data,data.answers.nope")[0]
    assert row == {"data.answers.data": ["192.0.2.1"], "data.answers.nope": []}


def test_edns_options(bulk, server):
    seen = []
    real = server._lookup

    def lookup(asked, name, rdtype, question):
        seen.append(asked)
        return real(asked, name, rdtype, question)

    server._lookup = lookup
    words = ["--nsid", "--client-subnet", "192.0.2.0/24", "--checking-disabled", "--authenticated-data", "--dnssec"]
    bulk(["a.test"], *words)
    [query] = seen
    assert {int(one.otype) for one in query.options} == {3, 8}
    assert query.flags & 0x30 == 0x30
    assert query.ednsflags & 0x8000


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["-W", "words"], "--wordlist needs domains"),
        (["--zone-file", "zone", "--checkpoint", "x", "-w", "y"], "leave out --checkpoint"),
        (["--lookup", "mx+a", "-t", "A"], "leave out --type"),
        (["--lookup", "mx+a", "-o", "L"], "--lookup needs records with fields"),
        (["--fields", "name", "-o", "csv"], "--fields needs records with fields"),
        (["--fields", ","], "--fields: no field named"),
        (["--client-subnet", "here"], "'here'"),
        (["--lookup", "everything"], "is not one of"),
        (["-d", ","], "no domain"),
        (["--input-format", "names", "a", "--zone-file", "b"], "bulk reads one file"),
    ],
)
def test_what_cannot_be(server, capsys, words, text):
    assert main(["bulk", "-r", server.address, *words]) == 1
    assert text in capsys.readouterr().err


# -- local addresses, Parquet ------------------------------------------------------------------------------------


def test_local_addresses(server, tmp_path, capfdbinary):
    (tmp_path / "names").write_text("".join(f"n{n}.test\n" for n in range(1300)))
    peers = set()
    real = server._udp.recvfrom

    class Seen:
        """The server's socket, which notes who sends."""

        def __getattr__(self, name):
            return getattr(socket, name)

        def recvfrom(self, size):
            data, peer = real(size)
            peers.add(peer[0])
            return data, peer

    socket, server._udp = server._udp, Seen()
    words = ["bulk", str(tmp_path / "names"), "-r", server.address, "-q", "-b", "127.0.0.5", "-b", "127.0.0.6:0"]
    assert main([*words, "-o", "L"]) == 0
    server._udp = socket
    assert peers == {"127.0.0.5", "127.0.0.6"}


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["-b", "here"], "'here' is not an IP address"),
        (["-b", "192.0.2.1"], "192.0.2.1"),
        (["-b", "127.0.0.1", "--resolver", "ares"], "--local-address needs --resolver python"),
        (["-o", "parquet"], "needs a file"),
        (["-o", "parquet", "-w", "x", "--gzip"], "exclude each other"),
    ],
)
def test_what_else_cannot_be(server, capsys, words, text):
    assert main(["bulk", "-r", server.address, *words]) == 1
    assert text in capsys.readouterr().err


def test_parquet_without_its_library(server, tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.delitem(sys.modules, "celadon.resolver.cli.bulk.parquet", raising=False)
    assert main(["bulk", "-r", server.address, "-o", "parquet", "-w", str(tmp_path / "x"), os.devnull]) == 1
    assert "celadon[parquet]" in capsys.readouterr().err


@pytest.mark.parametrize("processes", ["1", "2"])
def test_parquet(server, tmp_path, processes):
    pq = pytest.importorskip("pyarrow.parquet", reason="pyarrow, of the extra parquet, is not installed")
    (tmp_path / "names").write_text("a.test\nnx.test\nbad..name\n")
    out = tmp_path / "out.parquet"
    words = ["bulk", str(tmp_path / "names"), "-r", server.address, "-q", "-o", "parquet", "-w", str(out)]
    assert main([*words, "--wildcard", "mark", "-P", processes]) == 0
    rows = {row["name"]: row for row in pq.read_table(out).to_pylist()}
    assert {name: row["status"] for name, row in rows.items()} == {
        "a.test": "NOERROR", "nx.test": "NXDOMAIN", "bad..name": "ILLEGAL_INPUT",
    }  # fmt: skip
    assert rows["a.test"]["answers"] == [
        {"name": "a.test", "type": "A", "class": "IN", "ttl": 300, "data": "192.0.2.1"}
    ]
    assert json.loads(rows["a.test"]["notes"]) == {"wildcard": False}
    assert rows["a.test"]["ts"].year >= 2025
    assert rows["nx.test"]["answers"] == []
    assert rows["bad..name"]["answers"] is None
