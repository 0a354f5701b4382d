"""What servers and users wrote is shown on one line, without a terminal's commands, and is data in YAML and JSON."""

import json
import struct

import pytest

from celadon.resolver.cli import main
from celadon.resolver.cli.escapes import clipped, printable, strict
from celadon.resolver.testing import Script

TEXT = b"x: #)\n;; ANSWER SECTION:\nbank.test.\t300\tIN\tA\t192.0.2.66\n'\x1b]0;t\x07\x9b2J\xe2\x80\xae"


def told(query, reply):
    """An extended error and an NSID of the worst octets."""
    end = 12 + query[12:].index(b"\0") + 5
    options = struct.pack("!HHH", 15, 2 + len(TEXT), 0) + TEXT + struct.pack("!HH", 3, len(TEXT)) + TEXT
    header = query[:2] + struct.pack("!5H", 0x8180, 1, 0, 0, 1)
    return [header + query[12:end] + b"\0" + struct.pack("!HHIH", 41, 1232, 0, len(options)) + options]


RECORDS = [
    ("a.test", "A", "192.0.2.1"),
]
SCRIPTS = {"a.test": Script(told)}


@pytest.mark.parametrize("more", [[], ["+short"], ["+yaml"], ["+json"], ["--format", "table"]])
def test_what_a_server_says_makes_no_line_of_its_own(server, capsys, more):
    assert main([f"@{server.address}", "a.test", *more]) == 0
    out, err = capsys.readouterr()
    lines = (out + err).replace("\t", " ").splitlines()
    assert all(line.isprintable() for line in lines)
    assert not [line for line in lines if line.startswith(("bank.test.", ";; ANSWER"))]


def test_yaml_takes_a_servers_words_for_text(server, capsys):
    assert main([f"@{server.address}", "a.test", "+yaml"]) == 0
    lines = capsys.readouterr().out.splitlines()
    [text] = [line.partition(": ")[2] for line in lines if "EXTRA-TEXT" in line]
    [nsid] = [line.partition(": ")[2] for line in lines if "NSID" in line]
    for one in (text, nsid):
        assert one[0] == one[-1] == "'"
        assert "'" not in one[1:-1].replace("''", "")
    assert "INFO-CODE: 0 (Other)" in map(str.strip, lines)


def test_what_the_user_wrote(server, capsys):
    assert main([f"@{server.address}", "a.test\x1b[2J\n;; x", "+tries=1", "+time=1"]) in (0, 1, 9)
    out, err = capsys.readouterr()
    assert "\x1b" not in out + err
    assert not [line for line in (out + err).splitlines() if line.startswith(";; x")]
    assert main([f"@{server.address}", "a\udcff.test", "--json", "+tries=1"]) in (0, 1, 9)
    out = capsys.readouterr().out
    for line in out.splitlines():
        json.dumps(json.loads(line), ensure_ascii=False).encode("utf-8")


def test_the_escapes():
    assert printable("m\u00fcnchen.test") == "m\u00fcnchen.test"
    assert (
        printable("a\n\x7f\u2028\u202e\udcff\ud800") == "a\\010\\127\\226\\128\\168\\226\\128\\174\\255\\237\\160\\128"
    )
    assert strict("\u00e4\n\udcff\ud83d") == "\u00e4\n\\255\\237\\160\\189"
    assert clipped("x" * 255) == "x" * 255
    assert clipped("\n" * 1000) == "\\010" * 63 + "..."
    assert len(clipped("\u00e4" * 1000).encode()) <= 255
