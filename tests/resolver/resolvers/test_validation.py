"""``query(validate=True)``, ``resolve +validate`` and ``resolve bulk --validate-dnssec`` on recorded replies."""

import asyncio
import gzip
import json
from types import SimpleNamespace

import pytest

pytest.importorskip("cryptography", reason="validation needs cryptography, of the extra dnssec")

from celadon import resolver
from celadon.hub import Timeout, sleep, spawn
from celadon.resolver import (
    Kind,
    Question,
    ResolveError,
    ResolverConfigError,
    ResolverUnavailable,
    RRType,
    aio,
    registry,
)
from celadon.resolver.cli import main
from celadon.resolver.resolvers import validation
from celadon.resolver.testing import Drop, Servfail
from tests.resolver.dns.dnssec.replayed import Servers, anchor, now, serve

pytestmark = pytest.mark.usefixtures("that_day")


@pytest.fixture
def that_day(monkeypatch):
    monkeypatch.setattr(validation, "time", SimpleNamespace(time=now))


@pytest.fixture
def anchors(tmp_path):
    path = tmp_path / "anchors"
    path.write_text(anchor() + "\n")
    return str(path)


@pytest.fixture(params=["python", "ares"])
def asking(request, server, anchors):
    serve(server)
    with resolver.scope(request.param, servers=server.servers, timeout=1.0):
        yield lambda name, rdtype="A", **options: resolver.query(
            name, rdtype, validate=True, anchors=anchors, **options
        )


def test_query(asking, server):
    found = asking("www.good.test")
    assert sorted(found.data) == ["192.0.2.1", "192.0.2.2"]
    assert (found.validation.state, found.validation.zone) == ("secure", "good.test")
    assert {one.rdtype for one in found.records} == {RRType.A}
    assert asking("www.plain.test").validation.state == "insecure"
    assert server.count("test", "DNSKEY") == 1
    with pytest.raises(ResolveError) as caught:
        asking("www.expired.test")
    error = caught.value
    assert (error.kind, error.answer.validation.ede) == (Kind.BOGUS, 7)
    assert "expired at" in error.detail
    assert "expired at" in error.__notes__[0]
    with pytest.raises(ResolveError) as caught:
        asking("nx.good.test")
    assert (caught.value.kind, caught.value.answer.validation.state) == (Kind.NXDOMAIN, "secure")
    with pytest.raises(ResolveError) as caught:
        asking("www.good.test", "AAAA")
    assert (caught.value.kind, caught.value.answer.validation.state) == (Kind.NODATA, "secure")


def test_signatures_for_who_wants_them(asking):
    found = asking("www.good.test", dnssec=True)
    assert {one.rdtype for one in found.records} == {RRType.A, RRType.RRSIG}


def test_query_without_keys(asking, server):
    server.unscript("good.test")
    server.script("good.test", Servfail())
    with pytest.raises(ResolveError) as caught:
        asking("www.good.test")
    assert caught.value.kind is Kind.INDETERMINATE
    assert caught.value.answer.validation.state == "indeterminate"


def test_the_deadline_is_that_of_the_whole(asking, server):
    server.unscript("good.test")
    server.script("good.test", Drop())
    with pytest.raises(ResolveError) as caught:
        asking("www.good.test", deadline=0.3)
    assert caught.value.kind is Kind.INDETERMINATE
    with pytest.raises(Timeout), Timeout(0.05):
        asking("www.good.test")


def test_who_cannot(anchors, tmp_path, server):
    with resolver.scope("thread"), pytest.raises(ResolveError) as caught:
        resolver.query("www.good.test", validate=True, anchors=anchors)
    assert caught.value.kind is Kind.UNSUPPORTED
    with resolver.scope("python", servers=server.servers):
        with pytest.raises(ResolverConfigError, match="/nowhere: No such file"):
            resolver.query("www.good.test", validate=True, anchors="/nowhere")
        binary = tmp_path / "binary"
        binary.write_bytes(gzip.compress(b"x" * 100))
        with pytest.raises(ResolverConfigError, match="binary: "):
            resolver.query("www.good.test", validate=True, anchors=str(binary))


def test_without_the_library(monkeypatch):
    monkeypatch.setattr(registry, "VALIDATION", "resolvers.not_there")
    with resolver.scope("python"), pytest.raises(ResolverUnavailable, match=r"pip install 'celadon\[dnssec\]'"):
        resolver.query("www.good.test", validate=True)


# -- the engine --------------------------------------------------------------------------------------------------


class Recorded:
    """An engine over the recorded replies; each comes at the loop's next turn."""

    name = "recorded"

    def __init__(self):
        self.servers = Servers()
        self.pending = {}
        self.count = 0

    def submit(self, question, done):
        self.count += 1
        number = self.count

        def answer():
            sleep(0)
            if self.pending.pop(number, None) is not None:
                done(self.servers.answer(question))

        self.pending[number] = spawn(answer)
        return lambda: self.pending.pop(number, None)

    def close(self):
        self.pending.clear()


def test_many_at_once_ask_for_keys_once(anchors):
    inner = Recorded()
    engine = validation.engine(inner, anchors)
    names = ["www.good.test", "www.good3.test", "www.expired.test", "www.plain.test", "nx.good.test"] * 20
    found = dict(resolver.bulk(names, engine=engine, concurrency=200))
    assert {question.name: str(answer.validation.state) for question, answer in found.items()} == {
        "www.good.test": "secure",
        "www.good3.test": "secure",
        "www.expired.test": "bogus",
        "www.plain.test": "insecure",
        "nx.good.test": "secure",
    }
    asked = [one for one in inner.servers.asked if one.endswith((" DS", " DNSKEY"))]
    assert len(asked) == len(set(asked)) == 10
    engine.close()


def test_a_question_that_is_cancelled_at_each_step(anchors):
    for turns in range(16):
        inner = Recorded()
        engine = validation.engine(inner, anchors)
        came = []
        cancel = engine.submit(Question("www.good.test", RRType.A), came.append)
        for _ in range(turns):
            sleep(0)
        cancel()
        before = list(came)
        for _ in range(30):
            sleep(0)
        assert came == before
        assert not inner.pending
        engine.close()


# -- the command -------------------------------------------------------------------------------------------------


@pytest.fixture
def command(server, anchors, capsys):
    serve(server)

    def run(*words):
        code = main([f"@{server.address}", "+validate", "--anchors", anchors, *words])
        return code, *capsys.readouterr()

    return run


def test_validate(command):
    code, out, err = command("www.good.test")
    assert (code, err) == (0, "")
    assert ";; DNSSEC: secure by good.test, key " in out
    assert "RRSIG" not in out
    assert "RRSIG" in command("www.good.test", "+dnssec")[1]
    code, out, err = command("www.good.test", "+short")
    assert (code, sorted(out.split()), err) == (0, ["192.0.2.1", "192.0.2.2"], "")
    assert command("www.plain.test")[1].count(";; DNSSEC: insecure: plain.test is delegated without a DS record") == 1


def test_bogus(command):
    code, out, err = command("www.tamper.test", "+short")
    assert (code, out) == (4, "")
    assert err.startswith("resolve: www.tamper.test A: bogus: A of www.tamper.test: the signature of key ")
    code, out, _ = command("www.tamper.test")
    assert code == 4
    assert ";; DNSSEC: bogus: A of www.tamper.test: " in out
    code, out, _ = command("www.tamper.test", "--json")
    assert code == 4
    row = json.loads(out)["dnssec"]
    assert (row["status"], row["zone"], row["ede"]) == ("bogus", "tamper.test", 6)
    assert "dnssec: 'bogus: A of" in command("www.tamper.test", "+yaml")[1]
    assert "NOERROR, bogus" in command("www.tamper.test", "--format", "table")[1]


@pytest.mark.parametrize(
    ("words", "status", "told"),
    [
        (["x", "+validate", "+trace"], 1, "+validate does not go with +trace"),
        (["x", "+validate", "--resolver", "thread"], 1, "+validate needs --resolver python"),
        (["x", "+validate", "--anchors", "/nowhere"], 8, "/nowhere: No such file"),
        (["bulk", "/dev/null", "--validate-dnssec", "--anchors", "/nowhere"], 8, "/nowhere: No such file"),
    ],
)
def test_wrong_options(server, capsys, words, status, told):
    words = words if words[0] == "bulk" else [f"@{server.address}", *words]
    assert main(words) == status
    assert told in capsys.readouterr().err


@pytest.mark.parametrize("processes", [1, 2])
def test_bulk(server, anchors, tmp_path, capsys, processes):
    serve(server)
    names = tmp_path / "names"
    names.write_text("www.good.test\nwww.tamper.test\nwww.plain.test\nnx.good3.test\n")
    words = ["bulk", str(names), "-r", server.address, "--validate-dnssec", "--anchors", anchors, "-q"]
    assert main([*words, "-P", str(processes)]) == 0
    rows = {row["name"]: row for row in map(json.loads, capsys.readouterr().out.splitlines())}
    assert {name: row["dnssec"]["status"] for name, row in rows.items()} == {
        "www.good.test": "secure",
        "www.tamper.test": "bogus",
        "www.plain.test": "insecure",
        "nx.good3.test": "secure",
    }
    assert {one["type"] for one in rows["www.good.test"]["data"]["answers"]} == {"A"}
    assert main([*words, "--schema", "zdns"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {row["name"]: row["results"]["A"]["data"]["dnssec"]["status"] for row in rows}["www.good.test"] == "Secure"


@pytest.mark.parametrize("engine", ["python", "ares"])
def test_query_awaited(engine, server, anchors):
    serve(server)

    async def main():
        async with aio.Resolver(engine, servers=server.servers, timeout=1.0) as made:

            async def ask(name, **options):
                return await made.query(name, validate=True, anchors=anchors, **options)

            found = await ask("www.good.test", deadline=5)
            assert sorted(found.data) == ["192.0.2.1", "192.0.2.2"]
            assert (found.validation.state, found.validation.zone) == ("secure", "good.test")
            assert (await ask("www.plain.test")).validation.state == "insecure"
            assert server.count("test", "DNSKEY") == 1
            with pytest.raises(ResolveError) as caught:
                await ask("www.expired.test")
            assert (caught.value.kind, caught.value.answer.validation.ede) == (Kind.BOGUS, 7)
            with pytest.raises(ResolveError) as caught:
                await ask("nx.good.test")
            assert caught.value.answer.validation.state == "secure"
            with pytest.raises(ResolverConfigError):
                await made.query("www.good.test", validate=True, anchors="/no/such/file")

    asyncio.run(main())
