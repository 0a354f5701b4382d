"""The engine that starts at the root: a private tree on loopback, with everything in it that goes wrong."""

import json
from contextlib import ExitStack

import dns.flags
import dns.message
import dns.rrset
import pytest

from celadon.resolver import Answer, Kind, ResolveError
from celadon.resolver.cli import main
from celadon.resolver.dns.exchange import Tuning
from celadon.resolver.engines.iterative import IterativeEngine
from celadon.resolver.model import Config, Question
from celadon.resolver.resolvers.stub import ask
from celadon.resolver.testing import NameServer

ROOT, TLD, LEAF, OTHER = "127.0.0.1", "127.0.0.2", "127.0.0.3", "127.0.0.4"
#: address -> zone -> name -> records; NS below the top are delegations.
TREE = {
    ROOT: {"": {"test": ["NS ns.test."], "ns.test": [f"A {TLD}"], "dead": ["NS ns.dead."], "ns.dead": ["A 127.0.0.9"]}},
    TLD: {"test": {
        "a.test": ["NS ns.a.test."], "ns.a.test": [f"A {LEAF}"],
        "b.test": ["NS ns.a.test."],  # the server's name is in another zone
        "inner.test": ["NS ns.foo.inner.test."],
        **{f"c{n}.test": ["NS ns.a.test."] for n in range(9)},
        "alias.test": ["NS two.a.test."],  # which is no name of a server, but an alias
        "lame.test": ["NS ns1.lame.test.", "NS ns2.lame.test."],
        "ns1.lame.test": [f"A {OTHER}"], "ns2.lame.test": [f"A {LEAF}"],
        "loop1.test": ["NS ns.loop2.test."], "loop2.test": ["NS ns.loop1.test."],
        "www.test": ["A 192.0.2.1"],
    }},
    LEAF: {
        "a.test": {"www.a.test": ["A 192.0.2.2"], "ns.a.test": [f"A {LEAF}"], "far.a.test": ["CNAME www.b.test."],
                   "two.a.test": ["CNAME ns.a.test."],
                   "gone.a.test": ["CNAME nothing.b.test."], "round.a.test": ["CNAME round.b.test."],
                   "itself.a.test": ["CNAME itself.a.test."], "x.y.a.test": ["A 192.0.2.9"]},
        "b.test": {"www.b.test": ["A 192.0.2.3"], "round.b.test": ["CNAME round.a.test."]},
        "lame.test": {"www.lame.test": ["A 192.0.2.4"]},
        **{f"c{n}.test": {f"www.c{n}.test": [f"CNAME www.c{n + 1}.test."]} for n in range(8)},
        "c8.test": {"www.c8.test": ["CNAME www.b.test."]},
        "alias.test": {"www.alias.test": ["A 192.0.2.5"]},
    },
    OTHER: {},
}  # fmt: skip


class Authority(NameServer):
    """Serves the zones of its address; refers where one is delegated; refuses all else."""

    def _lookup(self, asked, name, rdtype, question):
        made = dns.message.make_response(asked)
        zones = TREE[self.host]
        zone = max((one for one in zones if not one or name == one or name.endswith("." + one)), key=len, default=None)
        if zone is None:
            made.set_rcode(5)
            return made.to_wire()
        rows = zones[zone]
        if name.endswith(".ever.a.test"):
            rows = {**rows, name: [f"CNAME {int(name.partition('.')[0]) + 1}.ever.a.test."]}
        cut = next((one for one in rows if rows[one][0].startswith("NS") and (name + ".").endswith(f"{one}.")
                    and (name == one or name.endswith("." + one))), None)  # fmt: skip
        if cut is not None:
            self._add(made.authority, cut, rows[cut])
            for one in rows[cut]:
                glue = one.partition(" ")[2].rstrip(".")
                self._add(made.additional, glue, [two for two in rows.get(glue, []) if two[0] == "A"])
            return made.to_wire()
        made.flags |= dns.flags.AA
        found = [one for one in rows.get(name, []) if one.partition(" ")[0] in (rdtype, "CNAME")]
        self._add(made.answer, name, found)
        if not found:
            below = any(one.endswith("." + name) for one in rows)
            made.set_rcode(0 if name in rows or below or name == zone else 3)
            self._add(made.authority, zone, ["SOA ns. host. 1 2 3 4 5"])
        return made.to_wire()

    def _add(self, section, name, rows):
        for row in rows:
            kind, _, data = row.partition(" ")
            section.append(dns.rrset.from_text(f"{name}." if name else ".", 300, "IN", kind, data))


@pytest.fixture
def tree():
    """The servers by address; all on one port."""
    with ExitStack() as stack:
        for _ in range(20):
            first = Authority(ROOT)
            try:
                rest = [Authority(one, first.port) for one in (TLD, LEAF, OTHER)]
            except OSError:
                first.__enter__().__exit__(None, None, None)
                continue
            break
        yield {one.host: stack.enter_context(one) for one in (first, *rest)}


@pytest.fixture
def engine(tree):
    made = IterativeEngine(Config(timeout=0.3), Tuning(tries=2), [("ns.root", ROOT)], tree[ROOT].port)
    yield made
    made.close()


def look(engine, name, rdtype=1):
    return ask(engine, (Question(name, rdtype),))[0]


def data(outcome):
    return [one.data for one in outcome.records]


def total(tree):
    return sum(len(one.queries) for one in tree.values())


def test_from_the_root_down(engine, tree):
    found = look(engine, "www.a.test")
    assert isinstance(found, Answer)
    assert (found.rcode, data(found), found.attempts) == (0, ["192.0.2.2"], 3)
    assert total(tree) == 3
    assert data(look(engine, "x.y.a.test")) == ["192.0.2.9"]
    assert total(tree) == 4  # the delegations are known
    assert data(look(engine, "www.a.test")) == ["192.0.2.2"]
    assert total(tree) == 4  # and so is the answer


def test_nothing_there(engine):
    assert look(engine, "nothing.a.test").rcode == 3
    assert look(engine, "missing-tld").rcode == 3
    empty = look(engine, "y.a.test")
    assert (empty.rcode, data(empty)) == (0, [])
    assert [one.rdtype for one in empty.authority] == [6]
    assert look(engine, "www.a.test", 16).rcode == 0


def test_a_server_whose_name_is_elsewhere(engine):
    assert data(look(engine, "www.b.test")) == ["192.0.2.3"]


def test_aliases(engine):
    assert data(look(engine, "far.a.test")) == ["www.b.test.", "192.0.2.3"]
    gone = look(engine, "gone.a.test")
    assert (gone.rcode, data(gone)) == (3, ["nothing.b.test."])
    assert look(engine, "round.a.test").rcode == 2  # as resolvers say it
    assert look(engine, "itself.a.test").rcode == 2


def test_servers_below_the_name_that_is_asked_at_the_same_time(engine):
    """Each waits for what the other finds out; once this hung."""
    found = ask(engine, tuple(Question(one, 1) for one in ("a.foo.inner.test", "ns.foo.inner.test")))
    assert [one.rcode for one in found] == [2, 2]


def test_aliases_in_many_zones_whose_servers_are_elsewhere(engine):
    """The bound of look-ups inside one another is that of servers' names, not of aliases."""
    found = look(engine, "www.c0.test")
    assert (found.rcode, len(found.records)) == (0, 10)


def test_aliases_without_end(engine, tree):
    assert look(engine, "1.ever.a.test").rcode == 2
    assert total(tree) < 25


def test_the_name_of_a_server_is_no_alias(engine):
    assert look(engine, "www.alias.test").rcode == 2  # RFC 2181 §10.3


def test_a_lame_server_is_passed_over(engine, tree):
    assert data(look(engine, "www.lame.test")) == ["192.0.2.4"]


def test_zones_whose_servers_need_each_other(engine):
    assert look(engine, "www.loop1.test").rcode == 2  # as resolvers say it


def test_a_dead_zone(engine):
    assert look(engine, "www.dead").rcode == 2


def test_a_silent_root():
    engine = IterativeEngine(Config(timeout=0.1), Tuning(tries=1), [("ns.root", "127.0.0.9")], 1)
    found = look(engine, "www.test")
    engine.close()
    assert isinstance(found, ResolveError)
    assert found.kind is Kind.NETWORK


def test_many_at_once_learn_a_delegation_once(tree):
    names = [f"n{n}.a.test" for n in range(50)]
    engine = IterativeEngine(Config(timeout=3.0), Tuning(), [("ns.root", ROOT)], tree[ROOT].port)
    found = ask(engine, tuple(Question(one, 1) for one in names))
    engine.close()
    assert {one.rcode for one in found} == {3}
    assert len(tree[ROOT].queries) == 1
    assert len(tree[TLD].queries) == 1
    assert {one.name for one in tree[LEAF].queries} == set(names)


def test_a_rate_for_each_authority(tree):
    engine = IterativeEngine(Config(timeout=1.0), Tuning(rate_per_server=20), [("ns.root", ROOT)], tree[ROOT].port)
    ask(engine, tuple(Question(f"n{n}.a.test", 1) for n in range(12)))
    engine.close()
    times = [one.when for one in tree[LEAF].queries]
    assert len(times) == 12
    assert times[-1] - times[0] > 0.4


def test_a_bound_for_each_authority(tree):
    engine = IterativeEngine(Config(timeout=1.0), Tuning(in_flight_per_server=1), [("ns.root", ROOT)], tree[ROOT].port)
    assert len(ask(engine, tuple(Question(f"n{n}.a.test", 1) for n in range(12)))) == 12
    engine.close()


def test_closing_ends_what_is_under_way(engine):
    ended = []
    engine.submit(Question("www.dead", 1), ended.append)
    look(engine, "www.test")
    engine.close()
    with pytest.raises(ResolveError):
        engine.submit(Question("www.test", 1), ended.append)


@pytest.mark.parametrize("processes", ["1", "2"])
def test_the_command(tree, tmp_path, capfdbinary, processes):
    (tmp_path / "names").write_text("www.a.test\nwww.b.test\nnx.a.test\nfar.a.test\n")
    (tmp_path / "hints").write_text(f". 3600000 NS ns.root.\nns.root. 3600000 A {ROOT}  ; the root\n")
    words = ["--iterative", "--hints", str(tmp_path / "hints"), "-p", str(tree[ROOT].port), "-q", "-P", processes]
    meta = tmp_path / "meta"
    assert main(["bulk", str(tmp_path / "names"), *words, "--metadata-file", str(meta)]) == 0
    rows = {row["name"]: row for row in map(json.loads, capfdbinary.readouterr().out.splitlines())}
    assert {name: row["status"] for name, row in rows.items()} == {
        "www.a.test": "NOERROR", "www.b.test": "NOERROR", "nx.a.test": "NXDOMAIN", "far.a.test": "NOERROR",
    }  # fmt: skip
    assert rows["www.a.test"]["resolver"] == f"{LEAF}:{tree[ROOT].port}"
    assert json.loads(meta.read_text())["authority_queries"] > 3


@pytest.mark.parametrize("form", ["J", "csv", "F"])
def test_no_server_is_no_address(tree, tmp_path, capfdbinary, form):
    """Of a walk that ends before anybody was asked; once a lone colon was written."""
    (tmp_path / "names").write_text("ns.foo.inner.test\na.foo.inner.test\n")
    words = ["--iterative", "--hints", ROOT, "-p", str(tree[ROOT].port), "-q", "-o", form]
    assert main(["bulk", str(tmp_path / "names"), *words]) == 0
    out = capfdbinary.readouterr().out.decode()
    assert "SERVFAIL" in out
    assert not any(one in out for one in ('"resolver":":"', ",:,", "Server: :"))


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["--iterative", "-r", "127.0.0.1"], "leave out --resolvers"),
        (["--iterative", "--resolver", "ares"], "leave out --resolver"),
        (["--iterative", "--hints", "nowhere"], "nowhere"),
    ],
)
def test_what_cannot_be(capsys, words, text):
    assert main(["bulk", *words]) in (1, 8)
    assert text in capsys.readouterr().err
