"""The command under the name massdns: the command lines of the tools that call it, and its forms byte for byte."""

import json
import os
import re
import struct
import subprocess
import sys
from pathlib import Path

import dns.message
import pytest

import celadon
from celadon.resolver.cli import main
from celadon.resolver.cli.bulk import descriptors
from celadon.resolver.cli.exits import UsageError
from celadon.resolver.cli.massdns import bulk_words
from celadon.resolver.testing import Servfail
from celadon.resolver.testing.nameserver import Script

ROOT = str(Path(celadon.__file__).parent.parent)
SYNTHETIC = False
RECORDS = [
    ("a.test", "A", "192.0.2.1"),
    ("alias.test", "CNAME", "a.test."),
    ("wei\\.rd.test", "A", "192.0.2.3"),
    ("a.test", "TXT", '"semi;colon \\"quoted\\"" "back\\\\slash"'),
    ("a.test", "CAA", '128 issue "ca.test"'),
    ("a.test", "MX", "10 mail.a.test."),
    ("a.test", "HINFO", '"PC" "Linux"'),
    ("a.test", "TLSA", "3 1 1 " + "D2ABDE24" * 8),
]
SCRIPTS = {}
NAMES = ["a.test", "alias.test", "nx.test", "fail.test", "bad..name"]


@pytest.fixture
def files(tmp_path, server, monkeypatch):
    """A file of servers, one of which is not one, and a file of names, in the current folder."""
    server.synthetic = False
    monkeypatch.chdir(tmp_path)
    (tmp_path / "resolvers").write_text(f"{server.address}\nnot a server\n\n")
    (tmp_path / "names").write_text("".join(f"{one}\n" for one in NAMES))
    return tmp_path


@pytest.fixture
def massdns(tmp_path):
    """A link to the script that an installation makes."""
    script = tmp_path / "resolve"
    script.write_text(
        f"#!{sys.executable}\nimport sys\nsys.path.insert(0, {ROOT!r})\n"
        "from celadon.resolver.cli import main\nif __name__ == '__main__':\n    sys.exit(main())\n"
    )
    script.chmod(0o755)
    link = tmp_path / "massdns"
    link.symlink_to(script)
    return str(link)


ANSWERS = ["a.test. A 192.0.2.1", "alias.test. CNAME a.test.\na.test. A 192.0.2.1"]


def test_as_puredns_calls_it(files, massdns):
    """pkg/massdns/runner.go of puredns 2.1: names on stdin, at its own pace."""
    words = "-q -r resolvers -o Snl -t A --root --retry REFUSED --retry SERVFAIL -w out -s 500"
    done = subprocess.run(
        [massdns, *words.split()], input="\n".join(NAMES).encode(), capture_output=True, timeout=30, check=False
    )
    assert (done.returncode, done.stdout) == (0, b"")
    replies = (files / "out").read_text().split("\n\n")
    assert sorted(one.strip("\n") for one in replies if one.strip("\n")) == ANSWERS


def test_as_shuffledns_calls_it(files, massdns):
    """pkg/massdns/process.go of shuffledns 1.1: stdout and stderr are its own files."""
    words = "-r resolvers -o Snl --retry REFUSED --retry SERVFAIL -t A names -s 10000"
    done = subprocess.run([massdns, *words.split()], capture_output=True, timeout=30, check=False)
    assert done.returncode == 0
    assert sorted(one.strip("\n") for one in done.stdout.decode().split("\n\n") if one.strip("\n")) == ANSWERS
    assert b"not a server" in done.stderr


def written(files, capfdbinary, *words, names=("a.test",)):
    (files / "names").write_text("".join(f"{one}\n" for one in names))
    assert main(["massdns", "-q", "-r", "resolvers", "-c", "2", "-i", "3000", *words, "names"]) == 0
    return capfdbinary.readouterr().out


#: What massdns 1.1.0 (70331f6) wrote about the same records.
TEXTS = [
    (["-o", "S"], ["alias.test"], "alias.test. CNAME a.test.\n"),
    (["-o", "Sn"], ["alias.test"], "alias.test. CNAME a.test.\na.test. A 192.0.2.1\n"),
    (["-o", "Snl"], ["alias.test"], "alias.test. CNAME a.test.\na.test. A 192.0.2.1\n\n"),
    (["-o", "Snl"], ["nx.test"], "\n"),
    (["-o", "Sq"], ["a.test"], "a.test.  A\na.test. A 192.0.2.1\n"),
    (["-o", "Sqti"], ["a.test"], "a.test. IN A\n\ta.test. IN 300 A 192.0.2.1\n"),
    (["-o", "Snm"], ["alias.test"], "alias.test. CNAME a.test.\n"),
    (["-o", "L"], ["a.test", "nodata.a.test"], "a.test\n"),
    (["-o", "S", "-t", "TXT"], ["a.test"], 'a.test. TXT "semi;colon "quoted"" "back\\x5cslash" \n'),
    (["-o", "S", "-t", "CAA"], ["a.test"], 'a.test. CAA 1 issue "ca.test"\n'),
    (["-o", "S", "-t", "MX"], ["a.test"], "a.test. MX 10 mail.a.test.\n"),
    (["-o", "S", "-t", "TLSA"], ["a.test"], f"a.test. TLSA 3 1 1 {'d2abde24' * 8}\n"),
    (["-o", "S", "-t", "HINFO"], ["a.test"], "a.test. 13 \\x02PC\\x05Linux\n"),
    (["-o", "L0", "-t", "SRV"], ["a.test"], "a.test\n"),
]


@pytest.mark.parametrize(("words", "names", "text"), TEXTS)
def test_letters(files, capfdbinary, words, names, text):
    assert written(files, capfdbinary, *words, names=names).decode() == text


def test_full_is_the_default(files, capfdbinary, server):
    text = written(files, capfdbinary, names=["a.test"]).decode()
    text = re.sub(r"Unix time: \d+", "Unix time: T", re.sub(r"id: \d+", "id: I", text))
    assert text == (
        f";; Server: {server.address}\n;; Size: 51\n;; Unix time: T\n"
        ";; ->>HEADER<<- opcode: QUERY, status: NOERROR, id: I\n"
        ";; flags: qr aa rd ra ; QUERY: 1, ANSWER: 1, AUTHORITY: 0, ADDITIONAL: 0\n\n"
        ";; QUESTION SECTION:\na.test. IN A\n\n;; ANSWER SECTION:\na.test. 300 IN A 192.0.2.1\n\n\n"
    )


def test_json(files, capfdbinary, server):
    rows = written(files, capfdbinary, "-o", "J", "-t", "TXT", names=["a.test", "bad..name"]).decode().splitlines()
    [row] = map(json.loads, rows)
    del row["rx_ts"]
    data = 'semi;colon "quoted"back\\x5cslash'
    assert row == {
        "name": "a.test.", "type": "TXT", "class": "IN", "status": "NOERROR",
        "data": {"answers": [{"ttl": 300, "type": "TXT", "class": "IN", "name": "a.test.", "data": data}]},
        "flags": ["aa", "rd", "ra"], "resolver": server.address, "proto": "UDP",
    }  # fmt: skip
    assert written(files, capfdbinary, "-o", "Ja", names=["nx.test"]) == b""


def test_failures(files, capfdbinary, server):
    """Silence and what is tried again are no replies; ``Je`` tells of them."""
    server.add("fail.test", "A", "192.0.2.1")
    server.script("fail.test", Servfail())
    for form in ("J", "F", "Snl", "L"):
        assert written(files, capfdbinary, "-o", form, names=["fail.test"]) == b""
    [row] = written(files, capfdbinary, "-o", "Je", names=["fail.test"]).decode().splitlines()
    assert json.loads(row) == {"name": "fail.test.", "type": "A", "class": "IN", "error": "MAXRETRIES"}
    row = written(files, capfdbinary, "-o", "J", "--retry", "never", names=["fail.test"])
    assert json.loads(row)["status"] == "SERVFAIL"


def test_binary(files, capfdbinary, server):
    data = written(files, capfdbinary, "-o", "B", names=["a.test", "nx.test"])
    assert data[:17] == b"massdns\0" + struct.pack("=IIB", 0x12345678, 0, 8)
    assert struct.unpack("@5N", data[17:57]) == (8, 128, 0, 2, 2)
    at, found = 93, []
    while at < len(data):
        port, address = data[at + 10 : at + 12], data[at + 12 : at + 16]
        assert (int.from_bytes(port, "big"), address) == (server.port, b"\x7f\0\0\1")
        [size] = struct.unpack("=H", data[at + 136 : at + 138])
        message = dns.message.from_wire(data[at + 138 : at + 138 + size])
        found.append((message.question[0].name.to_text(), int(message.rcode())))
        at += 138 + size
    assert sorted(found) == [("a.test.", 0), ("nx.test.", 3)]


def test_binary_by_processes_is_the_same(files, capfdbinary):
    names = [f"n{n}.test" for n in range(300)]
    data = written(files, capfdbinary, "-o", "B", "--processes", "2", names=names)
    assert data.count(b"massdns\0") == 1
    assert all(f"\x04n{n:03}"[1:].replace("n0", "n").encode() in data for n in (100, 200, 299))


def test_data_against_the_rules_of_its_type(files, capfdbinary, server):
    """A server may write anything there; it ends no run, and is shown as far as it is understood."""
    for rdtype, code, data in ("CAA", 257, "00"), ("TXT", 16, "ff"), ("SSHFP", 44, "01"), ("NAPTR", 35, "00ff"):
        change = bytes.fromhex(data)
        server.script(
            "odd.test",
            Script(lambda query, reply, code=code, data=change: [
                reply[:2] + b"\x84\0\0\1\0\1\0\0\0\0" + query[12:26] + b"\xc0\x0c" + code.to_bytes(2, "big")
                + b"\0\1\0\0\0\1" + len(data).to_bytes(2, "big") + data
            ], times=1),
        )  # fmt: skip
        text = written(files, capfdbinary, "-o", "S", "-t", rdtype, names=["odd.test"]).decode()
        assert text.startswith(f"odd.test. {rdtype} ")


def test_a_silent_server_is_no_error(files, capfdbinary):
    """As with massdns: who calls it looks at the output."""
    (files / "resolvers").write_text("127.0.0.1:1\n")
    assert written(files, capfdbinary) == b""


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["names"], "no servers"),
        (["-r", "resolvers", "--nonsense"], "unknown option --nonsense"),
        (["-r", "resolvers", "-s", "0"], "at least 1"),
        (["-r", "resolvers", "-w"], "missing value for -w"),
        (["-r", "resolvers", "--tcp-raw"], "not supported"),
        (["-r", "names"], "no server in this file"),
        (["-r", "resolvers", "-o", "X", "names"], "'X' is no form"),
        (["-r", "resolvers", "-t", "NONSENSE", "names"], "NONSENSE"),
        (["-r", "nowhere", "names"], "nowhere"),
        (["-r", "resolvers", "nowhere"], "nowhere"),
    ],
)
def test_what_cannot_be(files, capsys, words, text):
    assert main(["massdns", *words]) == 1
    assert text in capsys.readouterr().err


def test_help_and_version(capsys):
    assert main(["massdns", "--help"]) == 0
    assert main(["massdns"]) == 1
    assert main(["massdns", "--version"]) == 0
    assert "massdns" in capsys.readouterr().err


def test_words_of_its_own(files):
    given = "-r resolvers -s auto -c 200 --drop-user nobody -l log --status-format ansi --processes 0 --types AAAA -"
    made = bulk_words(given.split())
    assert made[made.index("--concurrency") + 1] == "60000"
    assert made[made.index("--tries") + 1] == "50"
    assert made[made.index("--type") + 1] == "AAAA"
    assert made[-1] == "-"
    assert int(made[made.index("--processes") + 1]) == min(os.cpu_count() or 1, 64)
    with pytest.raises(UsageError):
        bulk_words([])


def test_as_many_sockets_as_servers(monkeypatch):
    """Each server has a socket of its own; lists of public servers have thousands."""
    limits, given = (1024, 4096), []
    monkeypatch.setattr(descriptors.resource, "getrlimit", lambda which: limits)
    monkeypatch.setattr(descriptors.resource, "setrlimit", lambda which, wanted: given.append(wanted))
    descriptors.make_room(20)
    assert given == []
    descriptors.make_room(1000)
    descriptors.make_room(100000)
    assert given == [(2256, 4096), (4096, 4096)]
