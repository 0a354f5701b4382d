"""What stops ``resolve bulk``, what servers and lists say to it, which files it takes: nothing is lost or believed."""

import csv
import errno
import io
import json
import os
import signal
import struct
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from celadon.resolver.cli import main
from celadon.resolver.cli.bulk import files as bulkfiles
from celadon.resolver.cli.bulk import workers
from celadon.resolver.cli.bulk.files import Output, replace_file
from celadon.resolver.cli.bulk.names_in import Form, of_line
from celadon.resolver.cli.bulk.stop import Abandoned, Stop
from celadon.resolver.errors import ResolveError
from celadon.resolver.testing import Script

ROOT = Path(__file__).resolve().parents[4]
ENGINES = ["python", "ares"]


RECORDS = []


@pytest.fixture
def bulk(server, tmp_path, capfdbinary):
    """Run the command over these lines; its exit status and what it wrote."""

    def run(lines, *args, code=0):
        source = tmp_path / "lines"
        source.write_bytes(lines)
        words = ["bulk", str(source), "-r", server.address, "--timeout", "1", "-c", "1", "--ordered", "-q", *args]
        assert main(words) == code
        return capfdbinary.readouterr().out

    return run


def strict(data):
    """The records, as a reader takes them that knows JSON as RFC 8259 has it."""

    def refuse(word):
        raise ValueError(word)

    found = [json.loads(line, parse_constant=refuse) for line in data.decode("utf-8").splitlines()]
    json.dumps(found, ensure_ascii=False).encode("utf-8")  # no lone surrogates
    return found


# -- signals -----------------------------------------------------------------------------------------------------


def test_stopped_at_random_moments():
    """A short run of the fuzz, of which ``make test-bulk-signals`` is the long one."""
    command = [sys.executable, "-m", "benchmarks.bulk_signals", "--runs", "4", "--names", "300"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_signal_is_noted_once_and_its_handler_put_back():
    before = [signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]
    with Stop() as stop:
        assert stop.status == 0
        os.kill(os.getpid(), signal.SIGHUP)
        os.kill(os.getpid(), signal.SIGTERM)
        assert (stop.number, stop.count, stop.status) == (signal.SIGHUP, 2, 129)
        assert os.read(stop.fd, 9) == b"!!"
    assert [signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)] == before


ENDING = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}


def blocked():
    return ENDING & signal.pthread_sigmask(signal.SIG_BLOCK, ())


def test_handlers_are_put_back_while_no_signal_can_come(monkeypatch):
    """A signal noted for a handler that is gone is "ignored due to race condition", with a traceback on stderr."""
    seen = []
    with Stop():
        real = signal.signal
        monkeypatch.setattr(signal, "signal", lambda *args: (seen.append(blocked()), real(*args))[1])
    assert seen == [ENDING] * 3
    assert not blocked()


def test_a_worker_is_forked_while_no_signal_can_come(monkeypatch):
    """Until it ignores them. Its parent gets them afterwards."""

    class Forked(Exception):
        pass

    def fork():
        assert blocked() == ENDING
        raise Forked

    monkeypatch.setattr(os, "fork", fork)
    pipes = []
    pipe = os.pipe
    monkeypatch.setattr(os, "pipe", lambda: pipes.append(pipe()) or pipes[-1])
    with pytest.raises(Forked):
        workers._Hand(None, [], (-1, -1))
    assert not blocked()
    for fd in [fd for pair in pipes for fd in pair]:
        os.close(fd)


def test_what_was_ignored_stays_ignored():
    """As under nohup, or in the background of a script."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with Stop() as stop:
            os.kill(os.getpid(), signal.SIGHUP)
            assert stop.number == 0
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_pipe_that_nobody_reads_is_given_up_at_the_second_signal():
    """What it has taken is whole records."""
    read, write = os.pipe()
    with Stop() as stop:
        out = Output(f"/dev/fd/{write}", False, True, stop)
        os.close(write)
        stop.count = 2
        taken = []
        with pytest.raises(Abandoned):
            fill(out, taken)
        out.close()
    data = b""
    while part := os.read(read, 1 << 16):
        data += part
    os.close(read)
    assert data == b"".join(b"record %d\n" % number for number in taken)


def fill(out, taken):
    for number in range(100_000):
        out.write(f"record {number}")
        taken.append(number)


def test_a_disk_that_is_full_keeps_no_part_of_a_record(tmp_path, monkeypatch):
    path = tmp_path / "out"
    left = 25

    def write(fd, data):
        nonlocal left
        if not left:
            raise OSError(errno.ENOSPC, "No space left on device")
        count = min(left, len(data), 7)  # short writes
        left -= count
        return real(fd, data[:count])

    real = os.write
    out = Output(str(path), False, False, Stop())
    out.begin(0)
    monkeypatch.setattr(bulkfiles.os, "write", write)
    for word in ("first", "second", "third", "fourth"):
        out.write(word)
    with pytest.raises(OSError, match="No space"):
        out.flush()
    out.close()
    assert path.read_bytes() == b"first\nsecond\nthird\n"


def test_each_commit_ends_a_gzip_member(tmp_path):
    path = tmp_path / "out"
    out = Output(str(path), True, False, Stop())
    out.begin(0)
    out.write("one")
    size = out.commit()
    out.write("two")
    out.close()
    command = ["gzip", "-dc"]
    assert subprocess.run(command, input=path.read_bytes()[:size], capture_output=True, check=True).stdout == b"one\n"
    assert subprocess.run(command, input=path.read_bytes(), capture_output=True, check=True).stdout == b"one\ntwo\n"


# -- the question is part of the answer --------------------------------------------------------------------------


def only_an_address(query, reply):
    end = 12 + query[12:].index(b"\0") + 5
    answer = b"\xc0\x0c" + struct.pack("!HHIH", 1, 1, 60, 4) + b"\6\6\6\6"
    return [query[:2] + struct.pack("!5H", 0x8180, 1, 1, 0, 0) + query[12:end] + answer]


@pytest.mark.parametrize("engine", ENGINES)
def test_an_address_answers_no_other_question(server, bulk, engine):
    server.add("a.test", "A", "192.0.2.1")
    server.script("a.test", Script(only_an_address))
    more = ["-t", "A,AAAA,TXT,MX", "--resolver", engine]
    found = strict(bulk(b"a.test\n", *more))
    assert [(one["type"], [r["data"] for r in one["data"]["answers"]], one.get("nodata")) for one in found] == [
        ("A", ["6.6.6.6"], None),
        ("AAAA", [], True),
        ("TXT", [], True),
        ("MX", [], True),
    ]
    for schema in ("massdns", "zdns", "dnsx"):
        assert bulk(b"a.test\n", "--schema", schema, *more).count(b"6.6.6.6") == 1
    assert bulk(b"a.test\n", "-o", "S", *more) == b"a.test. A 6.6.6.6\n"
    assert bulk(b"a.test\n", "-o", "L", *more) == b"a.test\n"
    rows = list(csv.reader(io.StringIO(bulk(b"a.test\n", "-o", "csv", *more).decode())))
    assert [row[1:4] for row in rows] == [["A", "NOERROR", "6.6.6.6"]] + [
        [kind, "NOERROR", ""] for kind in ("AAAA", "TXT", "MX")
    ]
    assert len(strict(bulk(b"a.test\n", "--filter", "NODATA", *more))) == 3


def test_any_has_data_of_any_type(server, bulk):
    server.add("a.test", "A", "192.0.2.1")
    server.script("a.test", Script(only_an_address))
    [found] = strict(bulk(b"a.test\n", "-t", "ANY"))
    assert found["data"]["answers"][0]["data"] == "6.6.6.6"
    assert "nodata" not in found
    assert bulk(b"a.test\n", "-t", "ANY", "-o", "L") == b"a.test\n"
    assert b"6.6.6.6" in bulk(b"a.test\n", "-t", "ANY", "-o", "csv")


# -- what others wrote is data -----------------------------------------------------------------------------------

BAD = b"=1\n+x\x1b]0;t\x07\r\x9b2J"


def hostile(query, reply):
    """A CNAME to a name, a TXT and an MX of the worst octets, as the question's type wants it."""
    end = 12 + query[12:].index(b"\0") + 5
    name = bytes((len(BAD),)) + BAD + b"\0"
    rdtype = struct.unpack("!H", query[end - 4 : end - 2])[0]
    data = {16: bytes((len(BAD),)) + BAD, 15: b"\0\1" + name, 12: name, 5: name}.get(rdtype, b"\0\1\xff" + BAD)
    answer = b"\xc0\x0c" + struct.pack("!HHIH", rdtype, 1, 60, len(data)) + data
    return [query[:2] + struct.pack("!5H", 0x8180, 1, 1, 0, 0) + query[12:end] + answer]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("form", ["J", "S", "L", "csv", "massdns", "zdns", "dnsx"])
def test_no_form_lets_through_what_does_not_print(server, bulk, engine, form):
    server.add("a.test", "A", "192.0.2.1")
    server.script("a.test", Script(hostile))
    how = ["-o", form] if form in ("J", "S", "L", "csv") else ["--schema", form]
    lines = b"a.test\n" + BAD.replace(b"\n", b"") + b"\n\xe2\x80\xaegnp.test\n=cmd.test\n"
    out = bulk(lines, "-t", "TXT,MX,PTR,CNAME,SRV", "--resolver", engine, *how)
    assert all(one.isprintable() for one in out.decode("utf-8").splitlines())
    assert out.count(b"\n") == {"L": 5, "S": 5}.get(form, 20)
    if form not in ("S", "L", "csv"):
        strict(out)


def test_no_cell_is_a_formula(server, bulk):
    for name in ("=1+1.test", "+1.test", "-1.test"):
        server.add(name, "PTR", "=cmd.test.")
    out = bulk(b"=1+1.test\n+1.test\n-1.test\n@sum.test\nplain.test\n", "-o", "csv", "-t", "PTR")
    rows = list(csv.reader(io.StringIO(out.decode())))
    assert [row[0] for row in rows] == ["'=1+1.test", "'+1.test", "'-1.test", "'@sum.test", "plain.test"]
    assert [row[3] for row in rows] == ["'=cmd.test."] * 3 + ["", ""]


# -- what is asked, and what is not ------------------------------------------------------------------------------


def test_comments_are_counted_and_not_asked(server, bulk, tmp_path):
    server.add("a.test", "A", "192.0.2.1")
    meta = tmp_path / "meta"
    for processes in ("1", "2"):
        out = bulk(b"# a list\na.test\n  #b.test\n\n", "-P", processes, "--metadata-file", str(meta))
        assert [one["name"] for one in strict(out)] == ["a.test"]
        assert json.loads(meta.read_text())["comments"] == 2
    assert [one["name"] for one in strict(bulk(b"; x\na.test A\n", "--input-format", "dnsperf"))] == ["a.test"]


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        (b"two words.test", "two words.test"),
        (b"a\tb.test", "a\\009b.test"),
        ("a\u3000b.test".encode(), "a\\227\\128\\128b.test"),
        (b"\xff\xfe.test", "\\255\\254.test"),
        (b"x" * 300, "x" * 252 + "..."),
        (b"\\065" * 900, "\\065" * 63 + "..."),
        (b"y." * 5_000_000, "y." * 126 + "..."),
        ("\u00e4".encode() * 400, "\u00e4" * 126 + "..."),
    ],
)
def test_what_is_no_name_is_said_to_be_none(bulk, line, shown):
    [one] = strict(bulk(line + b"\n"))
    assert (one["status"], one["name"]) == ("ILLEGAL_INPUT", shown)
    assert len(one["error"]) < 300


@pytest.mark.parametrize(
    "line",
    [
        '{"name":"\\ud800.test"}',
        '{"name":"a.test","meta":NaN}',
        '{"name":"a.test","meta":1e400}',
        '{"name":"a.test","type":null}',
        '{"name":"a.test","type":"' + "Z" * 5000 + '"}',
        '{"name":"a b"}',
        "[" * 100_000,
        "1" * 5000,
    ],
)
def test_lines_of_json_that_cannot_be(bulk, line):
    for processes in ("1", "2"):
        more = ["--input-format", "jsonl", "--metadata-passthrough", "-P", processes]
        [one] = strict(bulk(line.encode() + b"\n", *more))
        assert one["status"] == "ILLEGAL_INPUT"
        assert len(json.dumps(one)) < 900


def test_what_comes_with_a_name_is_json_again(server, bulk):
    server.add("a.test", "A", "192.0.2.1")
    line = b'{"name":"a.test","meta":{"k\\udc80":["\\ud83d\\ude00", "\\udcff"]}}\n'
    [one] = strict(bulk(line, "--input-format", "jsonl", "--metadata-passthrough"))
    assert one["meta"] == {"k\\128": ["\U0001f600", "\\255"]}
    [one] = strict(bulk(b'a.test,caf\xe9,"\n', "--input-format", "csv", "--metadata-passthrough"))
    assert one["meta"][0] == "caf\\233"


def test_addresses_and_reverse_names(server, bulk):
    server.add("4.3.2.1.in-addr.arpa", "PTR", "host.test.")
    server.add("1.0.0.0." + "0." * 20 + "8.b.d.0.1.0.0.2.ip6.arpa", "PTR", "six.test.")
    lines = b"1.2.3.4\n4.3.2.1.IN-ADDR.arpa.\n2001:db8::1\nno.test\n"

    def data(*args):
        return [
            (one["status"], [r["data"] for r in one.get("data", {}).get("answers", ())])
            for one in strict(bulk(lines, *args))
        ]

    six = ("NOERROR", ["six.test."])
    host = ("NOERROR", ["host.test."])
    assert data("--ptr") == [host, host, six, ("ILLEGAL_INPUT", [])]
    assert data("-t", "PTR") == [host, host, six, ("NXDOMAIN", [])]
    kept = [one.get("input", one["name"]) for one in strict(bulk(lines, "-t", "PTR"))]
    assert kept == ["1.2.3.4", "4.3.2.1.IN-ADDR.arpa.", "2001:db8::1", "no.test"]


def test_a_line_is_one_thing_whatever_it_holds():
    """Random octets, as each form reads them: a question or an error for each type, nothing else."""
    for seed in range(200):
        line = bytes((seed * one * 31 + one) % 256 for one in range(1, 40)).replace(b"\n", b"") + b'",[{'
        for kind in ("names", "csv", "dnsperf", "jsonl"):
            for ptr in (False, True):
                found = list(of_line(line.strip(), Form(kind=kind, ptr=ptr, meta=True)))
                assert len(found) == 1
                assert found[0][0].isprintable() or isinstance(found[0][3], ResolveError)


# -- files -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("option", "path"),
    [
        ("-w", "lines"),
        ("-w", "soft"),
        ("-w", "hard"),
        ("-w", "../{folder}/lines"),
        ("--checkpoint", "lines"),
        ("--checkpoint", "out"),
        ("--metadata-file", "hard"),
        ("--metadata-file", "out"),
        ("-w", "servers"),
    ],
)
def test_one_file_for_two_things(server, tmp_path, capsys, option, path):
    lines = tmp_path / "lines"
    lines.write_text("a.test\n")
    (tmp_path / "soft").symlink_to(lines)
    (tmp_path / "hard").hardlink_to(lines)
    (tmp_path / "servers").write_text(f"{server.address}\n")
    words = ["bulk", str(lines), "-r", str(tmp_path / "servers"), "-w", str(tmp_path / "out"), "-q"]
    assert main([*words, option, str(tmp_path / path.format(folder=tmp_path.name))]) == 1
    assert "the same file" in capsys.readouterr().err
    assert lines.read_text() == "a.test\n"
    assert (tmp_path / "servers").read_text() == f"{server.address}\n"
    assert not (tmp_path / "out").exists()


def test_the_output_that_a_shell_appends_to_its_input(server, tmp_path):
    lines = tmp_path / "lines"
    lines.write_text("a.test\n")
    command = [sys.executable, "-m", "celadon.resolver.cli", "bulk", "-r", server.address]
    with open(lines, "rb") as source, open(lines, "ab") as target:
        done = subprocess.run(command, stdin=source, stdout=target, stderr=subprocess.PIPE, cwd=ROOT, check=False)
    assert done.returncode == 1
    assert b"the same file" in done.stderr
    assert lines.read_text() == "a.test\n"


def test_a_file_is_replaced_through_none_that_lies_in_wait(tmp_path, monkeypatch):
    victim, path = tmp_path / "victim", tmp_path / "note"
    victim.write_text("mine")
    monkeypatch.setattr(bulkfiles.os, "urandom", bytes)
    (tmp_path / "note.000000000000").symlink_to(victim)
    with pytest.raises(FileExistsError):
        replace_file(str(path), "text")
    assert victim.read_text() == "mine"
    (tmp_path / "note.000000000000").unlink()
    (tmp_path / "elsewhere").mkdir()
    path.symlink_to(tmp_path / "elsewhere" / "real")
    replace_file(str(path), "text")
    assert path.is_symlink()
    assert (tmp_path / "elsewhere" / "real").read_text() == "text"
    assert os.listdir(tmp_path / "elsewhere") == ["real"]


def test_an_unfinished_run_is_not_begun_anew_by_mistake(server, tmp_path, capsys):
    lines, out, note = (tmp_path / one for one in ("lines", "out", "note"))
    lines.write_text("a.test\nb.test\n")
    words = ["bulk", str(lines), "-r", server.address, "-w", str(out), "--checkpoint", str(note), "-q"]
    assert main(words) == 0
    written = out.read_bytes()
    state = json.loads(note.read_text())
    assert state["finished"] is True
    note.write_text(json.dumps({**state, "at": [0, 1], "done": 1, "size": written.index(b"\n") + 1, "finished": False}))
    assert main(words) == 1
    assert "--resume" in capsys.readouterr().err
    assert out.read_bytes() == written
    assert main([*words, "--resume"]) == 0
    assert Counter(one["name"] for one in strict(out.read_bytes())) == {"a.test": 1, "b.test": 1}
    for change in ({"at": [999, 0]}, {"size": 1 << 40}, {"at": [3, 0]}):
        said = json.dumps({**state, "finished": False, **change})
        note.write_text(said)
        assert main([*words, "--resume"]) == 8
        assert json.loads(note.read_text()) == json.loads(said)
        assert capsys.readouterr().err.count("\n") == 1
    assert main([*words, "--restart"]) == 0
    assert main(words) == 0  # finished: a new run is what is meant


@pytest.mark.parametrize(
    ("given", "code", "cause"),
    [
        ("nowhere.txt", 8, "No such file"),
        (".", 8, "Is a directory"),
        ("1.2.3.4,x", 1, "'x'"),
        ("empty", 1, "no server"),
    ],
)
def test_servers_that_cannot_be_had(tmp_path, monkeypatch, capsys, given, code, cause):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").write_text("# none\n")
    (tmp_path / "lines").write_text("a.test\n")
    assert main(["bulk", "lines", "-r", given]) == code
    err = capsys.readouterr().err
    assert cause in err
    assert err.count("\n") == 1
