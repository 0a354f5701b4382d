"""The checks of a bulk run: wildcards, the cut of RFC 8020, canaries."""

import json
import os
import signal
import subprocess
import sys

import pytest

from benchmarks import wildcard_proof
from celadon.resolver import Answer, Kind, Record, ResolveError
from celadon.resolver.cli import main
from celadon.resolver.cli.bulk.nxdomain_cut import denied
from celadon.resolver.cli.bulk.wildcard_rules import Evidence, given_by, parents
from celadon.resolver.dns.exchange import Exchange, Query, Tuning
from celadon.resolver.model import Config, Question, Server
from celadon.resolver.testing import Drop, NameServer

SYNTHETIC = False
RECORDS = [
    ("www.real.test", "A", "192.0.2.1"),
    ("*.wild.test", "A", "192.0.2.7"),
    ("www.wild.test", "A", "192.0.2.8"),
    ("silent.test", "A", "192.0.2.9"),
]


# -- the rules ---------------------------------------------------------------------------------------------------


def answer(name, *records, rcode=0, rdtype=1):
    return Answer(Question(name, rdtype), rcode, tuple(Record(*one) for one in records))


def test_what_an_answer_gives():
    assert given_by(answer("a.test", ("a.test", 1, 60, "192.0.2.1"))) == {(1, "192.0.2.1")}
    assert given_by(answer("a.test")) == {(0, "")}
    assert given_by(answer("a.test", rcode=3)) == frozenset()
    assert given_by(answer("a.test", ("a.test", 5, 60, "Gone.test."), rcode=3)) == {(5, "gone.test.")}
    aliased = answer("x.a.test", ("x.a.test", 5, 60, "x.cdn.test."), ("x.cdn.test", 1, 60, "192.0.2.1"))
    assert given_by(aliased) == {(5, "*.cdn.test.")}
    assert given_by(ResolveError(Kind.TIMEOUT, "a.test")) == frozenset()
    assert given_by(answer("a.test", rcode=2)) == frozenset()


def test_parents():
    assert parents("A.b.C.test") == ["test", "c.test", "b.c.test"]
    assert parents("test") == []
    assert parents("a\\.b.c") == ["c"]
    assert parents("a.b\\\\.c") == ["c", "b\\\\.c"]


def test_evidence():
    found = Evidence()
    assert found.settles(given_by(answer("a.test"))) is False
    found.add(answer("x.test", rcode=3))
    assert found.replies == 1
    assert found.settles(given_by(answer("a.test"))) is False
    found.add(ResolveError(Kind.TIMEOUT, "y.test"))
    found.add(answer("z.test", rcode=5))
    assert found.replies == 1
    found.add(answer("y.test", ("y.test", 1, 60, "192.0.2.1")))
    real = given_by(answer("a.test", ("a.test", 1, 60, "192.0.2.2")))
    assert found.settles(given_by(answer("b.test", ("b.test", 1, 60, "192.0.2.1")))) is True
    asked = 0
    while found.settles(real) is None:
        found.add(answer("y.test", ("y.test", 1, 60, "192.0.2.1")))
        asked += 1
    assert found.settles(real) is False
    assert asked == 16


def test_a_wildcard_that_never_gives_the_same_twice():
    found = Evidence()
    real = given_by(answer("a.test", ("a.test", 1, 60, "192.0.2.2")))
    asked = 0
    while asked == 0 or found.settles(real) is None:
        found.add(answer("y.test", ("y.test", 1, 60, f"10.0.{asked >> 8}.{asked & 255}")))
        asked += 1
    assert asked == 1000
    assert found.settles(real) is True


def test_what_does_not_exist():
    assert denied(answer("A.test", rcode=3)) == "a.test"
    assert denied(answer("a.test", ("a.test", 5, 60, "gone.test."), rcode=3)) == "gone.test"
    assert denied(answer("a.test")) == denied(ResolveError(Kind.TIMEOUT, "a.test")) == ""


# -- runs --------------------------------------------------------------------------------------------------------


@pytest.fixture
def bulk(server, tmp_path, capfdbinary):
    server.synthetic = False

    def run(names, *words, code=0):
        (tmp_path / "names").write_text("".join(f"{one}\n" for one in names))
        words = ["bulk", str(tmp_path / "names"), "-r", server.address, "--timeout", "0.3", *words]
        assert main(words) == code
        out = capfdbinary.readouterr().out.decode()
        return {row["name"]: row for row in map(json.loads, out.splitlines())} if "-o" not in words else out

    return run


def test_marks(bulk, server, tmp_path):
    roots = tmp_path / "roots"
    meta = tmp_path / "meta"
    names = ["www.real.test", "nx.real.test", "www.wild.test", "a.wild.test", "b.wild.test", "bad..name", "test"]
    words = ["-q", "--write-wildcards", str(roots), "--metadata-file", str(meta)]
    for how in ("mark", "auto"):
        rows = bulk(names, "--wildcard", how, *words)
        found = {name: row.get("wildcard", "absent") for name, row in rows.items()}
        assert found == {
            "www.real.test": False, "nx.real.test": "absent", "www.wild.test": False, "bad..name": "absent",
            "a.wild.test": "*.wild.test", "b.wild.test": "*.wild.test", "test": "absent",
        }  # fmt: skip
        assert roots.read_text() == "*.wild.test\n"
    summary = json.loads(meta.read_text())
    assert (summary["wildcard_records"], summary["wildcard_roots"]) == (2, 1)
    assert summary["wildcard_tests"] == len([one for one in server.queries if len(one.name) > 24]) // 2


@pytest.mark.parametrize("processes", ["1", "2"])
def test_drops(bulk, processes):
    names = ["www.real.test", "nx.real.test", "www.wild.test", "a.wild.test", "b.wild.test"]
    rows = bulk(names, "--wildcard", "drop", "-q", "-P", processes)
    assert sorted(rows) == ["nx.real.test", "www.real.test", "www.wild.test"]
    text = bulk(names, "--wildcard", "auto", "-q", "-o", "L", "--ordered")
    assert text == "www.real.test\nwww.wild.test\n"
    text = bulk(names, "--wildcard", "drop", "-q", "-o", "Snl", "--ordered")
    assert "a.wild" not in text
    assert "www.wild.test. A 192.0.2.8\n" in text


def test_a_name_asked_twice_is_marked_twice(bulk, server, tmp_path, capfdbinary):
    (tmp_path / "twice").write_text("a.wild.test\n" * 5)
    assert main(["bulk", str(tmp_path / "twice"), "-r", server.address, "-q", "--wildcard", "mark"]) == 0
    lines = capfdbinary.readouterr().out.splitlines()
    assert [json.loads(one)["wildcard"] for one in lines] == ["*.wild.test"] * 5


def test_nobody_knows_what_random_names_get(bulk, server):
    """The server answers the name, but none of its random neighbours: the verdict is null."""
    rows = bulk(["silent.test"], "--wildcard", "mark", "-q", "-c", "1")
    assert rows["silent.test"]["wildcard"] is False
    refused = server._lookup

    def lookup(asked, name, rdtype, question):
        reply = refused(asked, name, rdtype, question)
        return reply if name == "silent.test" else reply[:3] + b"\x05" + reply[4:]

    server._lookup = lookup
    rows = bulk(["silent.test"], "--wildcard", "mark", "-q", "-c", "1")
    assert rows["silent.test"]["wildcard"] is None


def test_the_small_proof(tmp_path):
    """All kinds of zones that ``make test-wildcards`` has, with fewer names."""
    pid, address = wildcard_proof.server()
    try:
        wrong, _, seen = wildcard_proof.check(tmp_path, address, 1500)
    finally:
        os.kill(pid, signal.SIGTERM)
        os.waitpid(pid, 0)
    assert wrong == []
    assert min(seen.values()) >= 100


def test_the_cut(bulk, server):
    names = ["nx.test", *(f"n{n}.nx.test" for n in range(50)), "www.real.test"]
    rows = bulk(names, "--nxdomain-cut", "-q", "-s", "1")
    assert {row["status"] for name, row in rows.items() if "nx" in name} == {"NXDOMAIN"}
    assert rows["n7.nx.test"]["cut"] == "nx.test"
    assert rows["n7.nx.test"]["tries"] == 0
    assert "cut" not in rows["nx.test"]
    assert rows["www.real.test"]["status"] == "NOERROR"
    assert len(server.queries) == 2
    bulk(names, "-q", "-s", "1")
    assert len(server.queries) == 54


@pytest.mark.parametrize("processes", ["1", "2"])
def test_a_canary_that_is_answered(bulk, server, processes, capfdbinary):
    names = [f"n{n}.wild.test" for n in range(40)]
    rows = bulk(names, "--canary", "10", "-q", "-s", "2", "-P", processes)
    assert not any("canary" in row for row in rows.values())
    assert sum(1 for one in server.queries if one.name.endswith(".test") and one.name.count(".") == 1) >= 4
    server.synthetic = True  # from now on everything has an address
    rows = bulk(names, "--canary", "10", "-q", "-s", "2", "-P", processes)
    marked = [name for name, row in rows.items() if "canary" in row]
    assert len(rows) == 40
    assert 20 <= len(marked) < 40
    assert bulk(names, "--canary", "10", "-q", "-s", "2", "-P", processes, "--canary-stop", code=9) != {}
    rows = bulk(names, "--canary", "10", "-q", "-s", "2", "--canary-name", "other.test")
    assert any(one.name.endswith(".other.test") for one in server.queries)


def test_the_reason_for_a_stop(server, tmp_path):
    server.synthetic = True
    command = [sys.executable, "-m", "celadon.resolver.cli", "bulk", "-r", server.address, "-s", "1", "--canary", "1"]
    done = subprocess.run(
        [*command, "--canary-stop"], input=b"a.test\nb.test\nc.test\n", capture_output=True, check=False, timeout=30
    )
    assert done.returncode == 9
    assert b"answers names that do not exist" in done.stderr
    assert done.stderr.count(b"Traceback") == 0


# -- trusted servers, a second pass, checks in a run -------------------------------------------------------------


@pytest.fixture
def trusted():
    with NameServer() as made:
        made.add("www.real.test", "A", "192.0.2.100")
        made.add("silent.test", "A", "192.0.2.9")
        made.script("silent.test", Drop())
        yield made


@pytest.mark.parametrize("processes", ["1", "2"])
def test_trusted_servers_ask_hits_again(bulk, trusted, tmp_path, processes):
    meta = tmp_path / "meta"
    names = ["www.real.test", "www.wild.test", "nx.test", "silent.test", "bad..name"]
    words = ["--trusted-resolvers", trusted.address, "--rate-trusted", "1000", "-c", "1", "-q", "-P", processes]
    rows = bulk(names, *words, "--metadata-file", str(meta))
    assert {name: row.get("verified", "absent") for name, row in rows.items()} == {
        "www.real.test": True, "www.wild.test": False, "nx.test": "absent", "silent.test": None, "bad..name": "absent",
    }  # fmt: skip
    assert rows["www.real.test"]["data"]["answers"][0]["data"] == "192.0.2.100"
    assert rows["www.real.test"]["resolver"] == trusted.address
    assert rows["www.wild.test"]["data"]["answers"][0]["data"] == "192.0.2.8"
    assert trusted.count("nx.test") == 0
    summary = json.loads(meta.read_text())
    assert (summary["verified"], summary["unverified"], summary["not_verified"]) == (1, 1, 1)
    assert bulk(names, *words, "-o", "L", "--ordered") == "www.real.test\nsilent.test\n"


def test_trusted_servers_have_a_rate_of_their_own(bulk, trusted):
    for n in range(12):
        trusted.add(f"n{n}.wild.test", "A", "192.0.2.1")
    names = [f"n{n}.wild.test" for n in range(12)]
    bulk(names, "--trusted-resolvers", trusted.address, "--rate-trusted", "20", "-q")
    times = [one.when for one in trusted.queries]
    assert times[-1] - times[0] > 0.4


def test_trusted_servers_are_asked_for_random_names(bulk, server, trusted):
    trusted.add("*.wild.test", "A", "192.0.2.7")
    rows = bulk(["x.wild.test"], "--trusted-resolvers", trusted.address, "--wildcard", "mark", "-q")
    assert (rows["x.wild.test"]["wildcard"], rows["x.wild.test"]["verified"]) == ("*.wild.test", True)
    assert len(server.queries) == 1


@pytest.mark.parametrize("processes", ["1", "2"])
def test_a_second_pass(bulk, server, tmp_path, processes):
    """Servers that were silent answer later; each name has one record all the same."""
    meta = tmp_path / "meta"
    names = [f"n{n}.real.test" for n in range(30)]
    for name in names:
        server.add(name, "A", "192.0.2.1")
    for name in names[:4]:
        server.script(name, Drop(1))
    server.script(names[5], Drop())
    words = ["--second-pass", "-c", "1", "--rate", "200", "-q", "--metadata-file", str(meta), "-P", processes]
    rows = bulk(names, *words)
    assert len(rows) == 30
    assert [name for name, row in rows.items() if row["status"] != "NOERROR"] == [names[5]]
    summary = json.loads(meta.read_text())
    assert summary["records"] == 30
    assert (summary["second_pass"], summary["second_pass_answered"]) == (5, 4)
    assert summary["unanswered"] == 1


def test_a_second_pass_is_slower(bulk, server):
    names = [f"n{n}.real.test" for n in range(6)]
    for name in names:
        server.add(name, "A", "192.0.2.1")
        server.script(name, Drop(1))
    bulk(names, "--second-pass", "-c", "1", "--rate", "100", "-q")
    times = [one.when for one in server.queries][6:]
    assert len(times) == 6
    assert times[-1] - times[0] > 0.4  # 10 a second


def test_a_server_that_begins_to_lie_is_left_out(bulk, server, tmp_path):
    meta = tmp_path / "meta"
    names = [f"n{n}.wild.test" for n in range(200)]
    with NameServer(synthetic=True) as liar:
        both = f"{server.address},{liar.address}"
        words = ["-r", both, "--recheck", "0.1", "--recheck-zones", "one.test", "--rate", "200", "-q"]
        rows = bulk(names, *words, "--metadata-file", str(meta))
        asked = len([one for one in liar.queries if one.name.endswith("wild.test")])
    assert len(rows) == 200
    assert asked < 60
    assert json.loads(meta.read_text())["servers_left_out"] == 1


def test_no_server_is_left(bulk, server, capfdbinary):
    server.synthetic = True
    names = [f"n{n}.test" for n in range(100)]
    bulk(names, "--recheck", "0.1", "--rate", "100", code=9)


def test_leaving_out():
    config = Config(servers=(Server("127.0.0.1"), Server("127.0.0.2")), rotate=True)
    exchange = Exchange(config, Tuning(), 0.0, os.urandom)
    assert exchange.leave_out(Server("127.0.0.1"))
    assert not exchange.leave_out(Server("127.0.0.2"))
    query = Query(Question("a.test", 1), lambda outcome: None, None)
    for _ in range(3):
        assert exchange.begin(query, 0.0) == 0.0
        assert query.state.server == Server("127.0.0.2")


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["--rate-trusted", "5"], "--rate-trusted needs --trusted-resolvers"),
        (["--trusted-resolvers", "nowhere"], "nowhere"),
        (["--recheck-zones", "a"], "--recheck-zones needs --recheck"),
        (["--recheck", "1", "--resolver", "ares"], "--recheck needs --resolver python"),
        (["--second-pass", "--ordered"], "exclude each other"),
        (["--wildcard", "mark", "-o", "L"], "--wildcard mark needs"),
        (["--wildcard", "perhaps"], "'perhaps' is not one of"),
        (["--wildcard-tests", "3"], "--wildcard-tests needs --wildcard"),
        (["--write-wildcards", "x"], "--write-wildcards needs --wildcard"),
        (["--wildcard", "mark", "--wildcard-tests", "0"], "number from 1 to 100"),
        (["--canary-stop"], "--canary-stop needs --canary"),
        (["--canary", "0"], "positive number"),
    ],
)
def test_what_cannot_be(server, capsys, words, text):
    assert main(["bulk", "-r", server.address, *words, os.devnull]) in (1, 8)
    assert text in capsys.readouterr().err


def test_a_file_of_wildcards_that_cannot_be_written(server, tmp_path, capsys):
    words = ["bulk", "-r", server.address, "--wildcard", "mark", "--write-wildcards", str(tmp_path / "no" / "file")]
    assert main([*words, os.devnull]) == 8
    assert "no/file" in capsys.readouterr().err
