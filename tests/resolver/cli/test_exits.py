"""Exit statuses: dig's, measured row by row; what a shell sees of an interrupt, a closed pipe, an error inside."""

import os
import signal
import subprocess
import sys
import time

import pytest

from celadon.resolver.cli import main
from celadon.resolver.cli.dig import dig_command
from celadon.resolver.testing import Drop, Refused, Servfail

RECORDS = [
    ("data.test", "A", "192.0.2.1"),
    ("other.test", "AAAA", "2001:db8::1"),
    ("fail.test", "A", "192.0.2.1"),
    ("refused.test", "A", "192.0.2.1"),
    ("dead.test", "A", "192.0.2.1"),
]
SCRIPTS = {"fail.test": Servfail(), "refused.test": Refused(), "dead.test": Drop()}


def at(server):
    return [f"@{server.address}", "+tries=1", "+timeout=0.3"]


@pytest.mark.parametrize("short", [[], ["+short"], ["--json"]], ids=["text", "short", "json"])
@pytest.mark.parametrize(
    ("name", "code"),
    [("data.test", 0), ("nosuch.test", 0), ("fail.test", 0), ("refused.test", 0), ("other.test", 0), ("dead.test", 9)],
)
def test_what_dig_says(server, capsys, name, code, short):
    assert main([*at(server), *short, name]) == code
    assert capsys.readouterr().err.count("\n") <= 1


def test_usage_and_files(server, capsys, tmp_path):
    assert main([*at(server), "data.test", "+nonsense"]) == 1
    assert main([*at(server), "-f", str(tmp_path / "none")]) == 8
    batch = tmp_path / "batch"
    batch.write_text("data.test\ndead.test\nother.test\n")
    assert main([*at(server), "-f", str(batch)]) == 9
    batch.write_text("data.test\nother.test\n")
    assert main([*at(server), "-f", str(batch)]) == 0
    assert "Traceback" not in capsys.readouterr().err


def test_an_error_inside(server, capsys, monkeypatch):
    def broken(*args):
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr(dig_command, "Asker", broken)
    assert main([*at(server), "data.test"]) == 10
    out, err = capsys.readouterr()
    assert out == ""
    assert "ZeroDivisionError" in err
    assert err.count("\n") == 1


def started(server, *words, **pipes):
    command = [sys.executable, "-m", "celadon.resolver.cli", f"@{server.address}", *words]
    return subprocess.Popen(command, stderr=subprocess.PIPE, **pipes)


def test_an_interrupt(server):
    with started(server, "+timeout=30", "dead.test", stdout=subprocess.PIPE) as run:
        ends = time.monotonic() + 20
        while not server.queries and time.monotonic() < ends:
            time.sleep(0.01)
        run.send_signal(signal.SIGINT)
        _, err = run.communicate(timeout=20)
    assert (run.returncode, b"Traceback" in err) == (130, False)


def test_a_closed_pipe(server):
    read, write = os.pipe()
    os.close(read)
    with started(server, "data.test", stdout=write) as run:
        os.close(write)
        _, err = run.communicate(timeout=20)
    assert (run.returncode, err) == (141, b"")


@pytest.mark.parametrize("option", ["--servers", "--hints"])
def test_a_list_of_servers_that_cannot_be_read_is_a_file_that_cannot(capsys, option):
    assert main(["+trace", option, "/nowhere/list", "a.test"]) == 8
    out, err = capsys.readouterr()
    assert out == ""
    assert "No such file" in err
    assert err.count("\n") == 1
