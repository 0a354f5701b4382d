"""``python -m celadon.resolver.testing``: its options, and how it ends."""

import signal
import subprocess
import sys

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


@pytest.mark.parametrize(
    ("words", "cause"),
    [
        (["--port", "x"], "not a port"),
        (["--port", "65536"], "not a port"),
        (["--zone", "/nowhere/zone"], "No such file"),
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
