"""+trace and +nssearch: several servers, each of which knows a part. And what a plain question imports."""

import subprocess
import sys

import dns.flags
import dns.message
import dns.rrset
import pytest

from celadon.resolver.cli import main
from celadon.resolver.testing import Drop, NameServer, Script


def referral(zone, server, address=None):
    """Sends whoever asks on to the server of a zone, with its address or without."""

    def change(query, reply):
        made = dns.message.make_response(dns.message.from_wire(query))
        made.authority.append(dns.rrset.from_text(zone, 172800, "IN", "NS", server))
        if address:
            made.additional.append(dns.rrset.from_text(server, 172800, "IN", "A", address))
        return [made.to_wire()]

    return Script(change)


@pytest.fixture
def world():
    """The root on 127.0.0.1, ``test.`` on 127.0.0.2, ``celadon.test.`` on 127.0.0.3, all on one port."""
    with NameServer() as root, NameServer("127.0.0.2", root.port) as tld, NameServer("127.0.0.3", root.port) as zone:
        root.add("", "NS", "a.root.test.")
        zone.add("celadon.test", "NS", "ns1.celadon.test.")
        zone.add("celadon.test", "NS", "ns2.celadon.test.")
        zone.add("celadon.test", "SOA", "ns1.celadon.test. hostmaster.celadon.test. 7 7200 900 1209600 300")
        zone.add("ns1.celadon.test", "A", "127.0.0.3")
        zone.add("ns2.celadon.test", "A", "127.0.0.3")
        zone.add("www.celadon.test", "A", "192.0.2.80")
        yield root, tld, zone


@pytest.mark.parametrize("glue", [True, False])
def test_trace_walks_down_from_the_root(world, capsys, glue):
    root, tld, zone = world
    root.script("www.celadon.test", referral("test.", "ns.test.", "127.0.0.2"))
    root.script("ns.celadon.test", referral("test.", "ns.test.", "127.0.0.2"))
    tld.script("www.celadon.test", referral("celadon.test.", "ns1.other.test.", "127.0.0.3" if glue else None))
    root.script("ns1.other.test", referral("test.", "ns.test.", "127.0.0.2"))
    tld.add("ns1.other.test", "A", "127.0.0.3")
    assert main(["+trace", "--hints", "127.0.0.1", "-p", str(root.port), "www.celadon.test"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    records = [line.split() for line in out.splitlines() if line and line[0] != ";"]
    assert [one[3:] for one in records] == [
        ["NS", "a.root.test."],
        ["NS", "ns.test."],
        ["NS", "ns1.other.test."],
        ["A", "192.0.2.80"],
    ]
    received = [line for line in out.splitlines() if line.startswith(";; Received")]
    assert [line.split()[5].partition("#")[0] for line in received] == [
        "127.0.0.1",
        "127.0.0.1",
        "127.0.0.2",
        "127.0.0.3",
    ]
    assert zone.count("www.celadon.test") == 1


def test_trace_reads_a_hints_file_and_passes_a_dead_root_by(world, capsys, tmp_path):
    root, tld, _ = world
    root.script("www.celadon.test", referral("test.", "ns.test.", "127.0.0.2"))
    tld.script("www.celadon.test", referral("celadon.test.", "ns1.celadon.test.", "127.0.0.3"))
    hints = tmp_path / "root.hints"
    hints.write_text(
        "; comment\n. 3600000 NS a.root.test.\nb.root.test. 1 A 127.0.0.9\na.root.test. 3600000 A 127.0.0.1\n"
    )
    words = [
        "+trace",
        "--hints",
        str(hints),
        "-p",
        str(root.port),
        "www.celadon.test",
        "+short",
        "+time=0.2",
        "+tries=1",
    ]
    assert main(words) == 0
    assert capsys.readouterr().out == "192.0.2.80\n"


def test_trace_ends_with_nine_where_nobody_answers(world, capsys):
    root, _, _ = world
    root.script("", Drop())
    words = ["+trace", "--hints", "127.0.0.1", "-p", str(root.port), "www.celadon.test", "+time=0.1", "+tries=1"]
    assert main(words) == 9
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert "TIMEOUT" in err


def test_nssearch_asks_every_server_of_the_zone(world, capsys):
    _, _, zone = world
    assert main(["@127.0.0.3", "-p", str(zone.port), "celadon.test", "+nssearch"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    soa = "SOA ns1.celadon.test. hostmaster.celadon.test. 7 7200 900 1209600 300 from server 127.0.0.3 in "
    assert all(line.startswith(soa) for line in lines)


#: What a plain question may not import, each with what it would cost: it is there for other commands.
NOT_FOR_A_QUESTION = {
    "pycares", "dns", "dns.message", "asyncio", "importlib.metadata", "celadon.resolver.cli.manual",
    "celadon.resolver.cli.dig.formats", "celadon.resolver.cli.dig.trace", "celadon.resolver.cli.compare",
    "celadon.resolver.cli.bulk.bulk_command", "celadon.resolver.engines.ares.ares_engine", "encodings.idna",
    "dataclasses", "inspect", "traceback", "json", "difflib", "ctypes", "random", "ssl", "argparse", "threading",
    "socket", "celadon.green", "celadon.resolver.factory", "celadon.resolver.crawl.crawler",
    "celadon.resolver.bulk_lookup", "celadon.hub.debug", "celadon.hub.greenlets.dagpool", "celadon.resolver.testing",
}  # fmt: skip


def test_a_plain_question_imports_what_it_needs(world):
    code = (
        "import sys; from celadon.resolver.cli import main; code = main(sys.argv[1:]); "
        "print(*sorted(sys.modules), file=sys.stderr); sys.exit(code)"
    )
    _, _, zone = world
    words = ["@127.0.0.3", "-p", str(zone.port), "www.celadon.test"]
    done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, timeout=30, check=True)
    assert not NOT_FOR_A_QUESTION & set(done.stderr.split())


def test_nobody_reads_the_output(world):
    _, _, zone = world
    words = f"@127.0.0.3 -p {zone.port} www.celadon.test"
    script = f"'{sys.executable}' -m celadon.resolver.cli {words} | true; echo done"
    done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, timeout=30, check=True)
    assert done.stdout == "done\n"
    assert done.stderr == ""
