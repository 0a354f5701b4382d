"""``resolve servers`` tells every kind of bad server from a good one, and from each other."""

import io
import json
from contextlib import ExitStack

import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import pytest

from celadon.resolver.cli import main
from celadon.resolver.cli.servers.server_checks import Finding, judge, probes, reasons
from celadon.resolver.cli.servers.servers_command import Plan, Wanted, _listed, parse
from celadon.resolver.errors import Kind, ResolveError
from celadon.resolver.model import Answer
from celadon.resolver.testing import Delay, NameServer

KNOWN = "www.known.test=192.0.2.1"
ALL = ["--zones", "one.test,two.test", "--known", KNOWN, "--signed", "signed.test", "--timeout", "2", "-c", "1"]


class Scripted(NameServer):
    """A name server that does something to every reply; ``tcp`` False closes connections unread."""

    def __init__(self, change=None, tcp=True, delay=0.0):
        super().__init__()
        self.change, self.over_tcp, self.delay = change, tcp, delay
        self.by_tcp = False  # whether the question at hand came so
        self.add("www.known.test", "A", "192.0.2.1")
        self.add("signed.test", "SOA", "ns.signed.test. admin.signed.test. 1 2 3 4 5")

    def _lookup(self, asked, name, rdtype, question):
        message = dns.message.from_wire(super()._lookup(asked, name, rdtype, question))
        if rdtype == "SOA":
            message.flags |= dns.flags.AD
        if self.change is not None:
            message = self.change(asked, message, name) or message
        return message.to_wire()

    def _take_script(self, name, tcp):
        return Delay(self.delay) if self.delay else super()._take_script(name, tcp)

    def _read_tcp(self, stream, buffer):
        if not self.over_tcp:
            return False
        self.by_tcp = True
        try:
            return super()._read_tcp(stream, buffer)
        finally:
            self.by_tcp = False


class WorseByTcp(Scripted):
    """Does to replies over TCP only what it does."""

    def _lookup(self, asked, name, rdtype, question):
        change, self.change = self.change, self.change if self.by_tcp else None
        try:
            return super()._lookup(asked, name, rdtype, question)
        finally:
            self.change = change


def with_address(message, name, address):
    message.set_rcode(0)
    message.answer = [dns.rrset.from_text(f"{name}.", 60, "IN", "A", address)]


def hijacked(asked, message, name):
    if message.rcode() == dns.rcode.NXDOMAIN:
        with_address(message, name, "203.0.113.5")


def emptied(asked, message, name):
    if message.rcode() == dns.rcode.NXDOMAIN:
        message.set_rcode(0)


def one_zone_hijacked(asked, message, name):
    if name.endswith("two.test"):
        with_address(message, name, "203.0.113.5")


def www_hijacked(asked, message, name):
    """As the search pages of providers do it: only what a person may have typed."""
    if name.startswith("www."):
        hijacked(asked, message, name)


def without_ad(asked, message, name):
    message.flags &= ~dns.flags.AD


def without_edns(asked, message, name):
    message.use_edns(-1)


def hates_edns(asked, message, name):
    if asked.edns >= 0:
        message.use_edns(-1)
        message.set_rcode(1)


def wrong(asked, message, name):
    if name == "www.known.test":
        with_address(message, name, "203.0.113.9")


def refuses(asked, message, name):
    message.set_rcode(5)
    message.answer = []


#: What a server does, and the words that it fails by.
SERVERS = {
    "good": (Scripted, {}, []),
    "hijacked": (Scripted, {"change": hijacked}, ["honest"]),
    "emptied": (Scripted, {"change": emptied}, ["honest"]),
    "one zone": (Scripted, {"change": one_zone_hijacked}, ["honest"]),
    "www": (Scripted, {"change": www_hijacked}, ["honest"]),
    "wrong by tcp": (WorseByTcp, {"change": wrong}, ["tcp"]),
    "refuses tcp": (WorseByTcp, {"change": refuses}, ["tcp"]),
    "slow": (Scripted, {"delay": 0.8}, ["speed"]),
    "ad": (Scripted, {"change": without_ad}, ["ad"]),
    "no tcp": (Scripted, {"tcp": False}, ["tcp"]),
    "no edns": (Scripted, {"change": without_edns}, ["edns"]),
    "hates edns": (Scripted, {"change": hates_edns}, ["edns"]),
    "wrong": (Scripted, {"change": wrong}, ["answers"]),
    "refuses": (Scripted, {"change": refuses}, ["honest", "answers"]),
}


@pytest.fixture
def farm(tmp_path):
    """The servers of all kinds, running: their addresses by kind, and the file that lists them."""
    with ExitStack() as stack:
        found = {kind: stack.enter_context(make(**how)).address for kind, (make, how, _) in SERVERS.items()}
        lines = [*found.values(), "127.0.0.1:1", "not a server", "", "# a comment", found["good"]]
        (tmp_path / "list").write_text("".join(f"{one}\n" for one in lines))
        yield found, str(tmp_path / "list")


def test_all_liars_are_told_apart(farm, capfd, tmp_path):
    found, path = farm
    report = tmp_path / "report"
    words = ["servers", path, *ALL, "--max-rtt", "600", "--report", str(report), "-w", str(tmp_path / "clean")]
    assert main(words) == 0
    out, err = capfd.readouterr()
    assert out == ""
    assert (tmp_path / "clean").read_text() == f"{found['good']}\n"
    rows = [json.loads(line) for line in report.read_text().splitlines()]
    assert [row["server"] for row in rows] == [*found.values(), "127.0.0.1:1", "not a server"]
    why = {row["server"]: row["reasons"] for row in rows}
    assert {kind: why[address] for kind, address in found.items()} == {kind: one[2] for kind, one in SERVERS.items()}
    assert why["127.0.0.1:1"] == ["alive"]
    assert why["not a server"] == ["syntax"]
    assert "1 of 16 servers passed" in err
    rows = {row["server"]: row["checks"] for row in rows}
    assert "203.0.113.5" in rows[found["hijacked"]]["honest"]["why"]
    assert "www.known.test is 192.0.2.1, not 203.0.113.9" in rows[found["wrong"]]["answers"]["why"]
    assert "203.0.113.9" in rows[found["wrong by tcp"]]["tcp"]["why"]
    assert "REFUSED" in rows[found["refuses tcp"]]["tcp"]["why"]
    assert "FORMERR" in rows[found["hates edns"]]["edns"]["why"]


def test_what_is_forgiven(farm, capfd):
    found, path = farm
    assert main(["servers", path, *ALL, "--max-rtt", "600", "--allow", "ad,edns,tcp,speed", "-q"]) == 0
    kinds = {address: kind for kind, address in found.items()}
    clean = [kinds[one] for one in capfd.readouterr().out.split()]
    assert clean == ["good", "wrong by tcp", "refuses tcp", "slow", "ad", "no tcp", "no edns", "hates edns"]


def test_trusted_servers_say_what_is_true(farm, capfd):
    found, _ = farm
    words = ["--zones", "one.test", "--known", "www.known.test", "--signed", "signed.test", "--timeout", "0.4"]
    listed = ",".join(found[one] for one in ("good", "wrong", "ad"))
    assert main(["servers", listed, "-c", "1", *words, "--trusted", found["good"], "--json"]) == 0
    rows = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
    assert [row["reasons"] for row in rows] == [[], ["answers"], ["ad"]]
    assert main(["servers", listed, *words, "--trusted", "127.0.0.1:1", "-c", "1"]) == 1
    assert "none of these servers answers" in capfd.readouterr().err


def test_rate(farm, capfd):
    found, _ = farm
    words = [*ALL, "--json", "--rate", "100", "-q"]
    assert main(["servers", found["good"], *words]) == 0
    assert json.loads(capfd.readouterr().out)["checks"]["rate"] == {"ok": True}

    class Limited(Scripted):
        """Answers twenty questions, and no more."""

        def _answer(self, *args):
            if len(self.queries) < 20:
                super()._answer(*args)

    with Limited() as server:
        assert main(["servers", server.address, *words]) == 9
    row = json.loads(capfd.readouterr().out)
    assert row["reasons"] == ["rate"]
    assert "of 100 questions" in row["checks"]["rate"]["why"]


def test_a_list_on_stdin(farm, capfd, monkeypatch, tmp_path):
    found, _ = farm
    (tmp_path / "stdin").write_text(f"nameserver {found['good']}  # one\n")
    with open(tmp_path / "stdin") as file:
        monkeypatch.setattr("builtins.open", opening(file))
        assert main(["servers", "-", *ALL, "-q"]) == 0
    assert capfd.readouterr().out == f"{found['good']}\n"


def opening(file, real=open):
    def fake(path, *args, **kwargs):
        return io.StringIO(file.read()) if path == 0 else real(path, *args, **kwargs)

    return fake


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ([], "no list of servers"),
        (["a", "b"], "one list of servers at a time"),
        (["127.0.0.1", "--nonsense"], "unknown option --nonsense"),
        (["127.0.0.1", "--allow", "ad,x"], "'ad,x' is not of"),
        (["127.0.0.1", "-c", "0"], "not a number from 1"),
        (["127.0.0.1", "--max-rtt", "soon"], "not a number from"),
        (["127.0.0.1", "--zones", ","], "no zone given"),
        (["127.0.0.1", "--zones", "a..b"], "'a..b' is not a name"),
        (["127.0.0.1", "--known"], "needs a value"),
        (["127.0.0.1", "--json=yes"], "takes no value"),
        (["127.0.0.1", "--trusted", "nowhere"], "nowhere"),
    ],
)
def test_what_cannot_be(capsys, words, text):
    assert main(["servers", *words]) in (1, 8)
    assert text in capsys.readouterr().err


def test_help(capsys):
    assert main(["servers", "--help"]) == 0
    assert max(map(len, capsys.readouterr().out.splitlines())) <= 120
    assert parse(["x"]) == Plan(source="x")


@pytest.mark.parametrize(
    ("written", "listed"),
    [
        ("192.0.2.1:53", "192.0.2.1"),
        ("[2001:db8::53]:53", "2001:db8::53"),
        ("192.0.2.1:5353", "192.0.2.1:5353"),
        ("[2001:db8::53]:5353", "[2001:db8::53]:5353"),
        ("tls://192.0.2.1:53", "tls://192.0.2.1:53"),
    ],
)
def test_the_list_has_no_usual_port(written, listed):
    assert _listed(written) == listed


def test_why_there_is_no_ad_bit():
    wanted = Wanted(signed="signed.test", ad=True)
    asked = probes(wanted, lambda: "x")
    outcomes = [Answer(question) for _, question, _ in asked[:-1]]
    for last, why in (
        (ResolveError(Kind.TIMEOUT, "signed.test", detail="no answer in 1 s"), "signed.test: no answer in 1 s"),
        (Answer(asked[-1][1], 2), "signed.test: SERVFAIL"),
        (Answer(asked[-1][1]), "without the AD bit"),
    ):
        found = {one.check: one for one in judge(wanted, asked, [*outcomes, last])}
        assert found["ad"].ok is False
        assert why in found["ad"].why


def test_a_silent_server_has_one_finding():
    asked = probes(Wanted(), lambda: "x")
    outcomes = [ResolveError(Kind.TIMEOUT, question.name, detail="no answer") for _, question, _ in asked]
    found = judge(Wanted(), asked, outcomes)
    assert found == [Finding("alive", False, "no answer")]
    assert reasons(found, frozenset(("alive",))) == []
