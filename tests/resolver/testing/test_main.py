"""``python -m celadon.resolver.testing``: its options, and how it ends."""

import signal
import subprocess
import sys
import time

import pytest

from celadon.resolver.cli import main as resolve
from celadon.resolver.testing.__main__ import main, zone_records
from celadon.resolver.testing.nameserver import NameServer

ZONE = """$ORIGIN example.test.
$TTL 60
@ SOA ns root 1 2 3 4 5
www A 192.0.2.1
    AAAA 2001:db8::1
alias CNAME www
text TXT "a b"
"""


def test_help(capsys):
    with pytest.raises(SystemExit) as end:
        main(["--help"])
    assert end.value.code == 0
    out = capsys.readouterr().out
    assert "--zone FILE" in out
    assert "--port PORT" in out


def test_a_zone_file(tmp_path, capsys):
    path = tmp_path / "zone"
    path.write_text(ZONE)
    with NameServer() as server:
        for record in zone_records(str(path)):
            server.add(*record)
        words = [f"@{server.address}", "+short", "alias.example.test", "A", "AAAA", "text.example.test", "TXT"]
        assert resolve(words) == 0
    assert capsys.readouterr().out == 'www.example.test.\n192.0.2.1\nwww.example.test.\n2001:db8::1\n"a b"\n'


def test_a_zone_file_with_several_origins(tmp_path):
    path = tmp_path / "zone"
    path.write_text(
        "$ORIGIN example.test.\nwww 60 IN A 192.0.2.1\n$ORIGIN 2.0.192.in-addr.arpa.\n1 60 IN PTR www.example.test.\n"
    )
    assert zone_records(str(path)) == [
        ("www.example.test.", "A", "192.0.2.1", 60),
        ("1.2.0.192.in-addr.arpa.", "PTR", "www.example.test.", 60),
    ]
    path.write_text(
        "$ORIGIN a.test.\n@ 60 SOA a b 1 2 3 4 5\n$ORIGIN b.test.\n@ SOA a b 1 2 3 4 5\nw CNAME x.a.test.\n"
    )
    assert [(name, rdtype, ttl) for name, rdtype, _, ttl in zone_records(str(path))] == [
        ("a.test.", "SOA", 60),
        ("b.test.", "SOA", 60),
        ("w.b.test.", "CNAME", 60),
    ]
    path.write_text("www 60 IN A 192.0.2.1\n")
    assert zone_records(str(path), "a.test") == [("www.a.test.", "A", "192.0.2.1", 60)]


def test_a_delay_before_each_answer():
    with NameServer(synthetic=True, delay=0.05) as server:
        begin = time.monotonic()
        assert resolve([f"@{server.address}", "+short", "a.test", "+tries=1"]) == 0
        assert time.monotonic() - begin >= 0.05


@pytest.mark.parametrize(
    ("words", "cause"),
    [
        (["--port", "x"], "not a port"),
        (["--port", "65536"], "not a port"),
        (["--zone", "/nowhere/zone"], "No such file"),
        (["--delay", "x"], "not a number of seconds"),
        (["--delay", "nan"], "not a number of seconds"),
        (["--nonsense"], "unrecognized"),
    ],
)
def test_what_cannot_be(capsys, words, cause):
    with pytest.raises(SystemExit) as end:
        main(words)
    assert end.value.code == 2
    assert cause in capsys.readouterr().err


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_it_ends_in_order(how):
    command = [sys.executable, "-m", "celadon.resolver.testing"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline().startswith("127.0.0.1:")
        process.send_signal(how)
        assert process.wait(20) == 0
