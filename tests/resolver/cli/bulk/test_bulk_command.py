"""Exactly one record for each name and type, whatever the servers, the input or the user do."""

import _socket
import contextlib
import gc
import gzip
import itertools
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from celadon.resolver import Kind, ResolveError, bulk
from celadon.resolver.cli import main
from celadon.resolver.cli.bulk.names_in import Form, Watermark, chunks, questions
from celadon.resolver.engines.static import make_static
from celadon.resolver.testing import Delay, Drop, NameServer, synthetic_address

from .lossy import RECORDS, RESOLVE, SCRIPTS, SYNTHETIC, Lossy, check, rows  # noqa: F401  (the fixture `server` reads three)

# -- loss and death --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("every", [0, 100, 20, 5])
def test_loss(names, tmp_path, every):
    given = [f"n{n}.test" for n in range(1500)]
    target = str(tmp_path / "out")
    with Lossy(every) as server:
        args = ["bulk", names(given), "-r", server.address, "-w", target, "--timeout", "0.5", "-q", "-c", "8"]
        assert main(args) == 0
    found = rows(target)
    check(found, given)
    assert Counter(one["status"] for one in found) == {"NOERROR": 1500}


def test_dead_servers_among_living_ones(names, tmp_path, server):
    hole = _socket.socket(_socket.AF_INET, _socket.SOCK_DGRAM)
    hole.bind(("127.0.0.1", 0))
    servers = ",".join(["127.0.0.1:1", "{}:{}".format(*hole.getsockname()), server.address])
    given = [f"n{n}.test" for n in range(600)]
    target, meta = str(tmp_path / "out"), str(tmp_path / "meta")
    args = ["bulk", names(given), "-r", servers, "-w", target, "--timeout", "0.3", "-q", "--metadata-file", meta]
    assert main(args) == 0
    check(rows(target), given)
    summary = json.loads(Path(meta).read_text())
    assert summary["statuses"] == {"NOERROR": 600}
    assert summary["servers"]["127.0.0.1#1"]["answered"] == 0
    hole.close()


def test_nobody_there(names, tmp_path, capsys):
    target = str(tmp_path / "out")
    assert main(["bulk", names(["a.test", "b.test", ".."]), "-r", "127.0.0.1:1", "-w", target, "-c", "1"]) == 9
    assert Counter(one["status"] for one in rows(target)) == {"UNREACHABLE": 2, "ILLEGAL_INPUT": 1}
    assert "2 unanswered" in capsys.readouterr().err


def test_a_share_of_unanswered_that_is_too_much(names, tmp_path, server):
    source = names(["n1.test", "n2.test", "n3.test", "dead.test"])
    args = ["bulk", source, "-r", server.address, "-w", str(tmp_path / "out"), "--timeout", "0.1", "-c", "1", "-q"]
    assert main([*args, "--max-unanswered", "30"]) == 0
    assert main([*args, "--max-unanswered", "20"]) == 9


# -- forms in and out ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("engine", ["ares", "python"])
@pytest.mark.parametrize("processes", ["1", "2"])
def test_one_record_per_name_and_type(server, tmp_path, capsys, names, engine, processes):
    given = [f"n{n}.test" for n in range(300)] + ["fail.test", "dead.test", "..", "x" * 70, "n1.test", "\udcff\udcfe"]
    target = str(tmp_path / "out")
    args = ["bulk", names(given), "-r", server.address, "-t", "A,AAAA", "-w", target, "--timeout", "0.5"]
    assert main([*args, "-c", "2", "--resolver", engine, "-s", "50", "-P", processes]) == 0
    found = rows(target)
    given = [*given[:-1], "\\255\\254"]  # what is no UTF-8, byte by byte
    check(found, given, ("A", "AAAA"))
    by_name = {one.get("input", one["name"]): one["status"] for one in found}
    assert by_name["fail.test"] == "SERVFAIL"
    assert by_name["dead.test"] == "TIMEOUT"
    assert by_name[".."] == by_name["\\255\\254"] == "ILLEGAL_INPUT"
    assert f"{len(found)} records" in capsys.readouterr().err


def asked(lines, **form):
    form = Form(**form)
    return [
        (key.text, question if isinstance(question, ResolveError) else (question.name, question.rdtype), key.meta)
        for key, question in questions([one.encode() for one in lines], form, Watermark())
    ]


def test_input_forms():
    assert asked(["a\n", "\n", " b \n", "c."], types=(1, 28)) == [
        (name, (name[0], kind), None) for name in ("a", "b", "c.") for kind in (1, 28)
    ]
    assert asked(['"a",x,y\n'], kind="csv", meta=True) == [("a", ("a", 1), ["x", "y"])]
    assert asked(["a MX\n", "b\n"], kind="dnsperf") == [("a", ("a", 15), None), ("b", ("b", 1), None)]
    assert asked(['{"name":"a","type":"TXT","meta":{"k":1}}\n'], kind="jsonl", meta=True) == [
        ("a", ("a", 16), {"k": 1})
    ]
    assert asked(["a\n"], prefix="www.", suffix=".test") == [("a", ("www.a.test", 1), None)]
    assert asked(["192.0.2.0/31\n", "2001:db8::1\n"], ptr=True, types=(12,)) == [
        ("192.0.2.0", ("0.2.0.192.in-addr.arpa", 12), None),
        ("192.0.2.1", ("1.2.0.192.in-addr.arpa", 12), None),
        ("2001:db8::1", ("1." + "0." * 23 + "8.b.d.0.1.0.0.2.ip6.arpa", 12), None),
    ]
    for bad, form in (("x\n", "jsonl"), ("[]\n", "jsonl"), ("a NONSENSE\n", "dnsperf")):
        [(_, error, _)] = asked([bad], kind=form)
        assert error.kind is Kind.ILLEGAL
    [(_, error, _)] = asked(["no address\n"], ptr=True)
    assert error.kind is Kind.ILLEGAL


def test_a_whole_network_is_never_in_memory():
    run = questions([b"10.0.0.0/8\n"], Form(ptr=True, types=(12,)), Watermark())
    assert [question.name for _, question in itertools.islice(run, 2)] == [
        "0.0.0.10.in-addr.arpa",
        "1.0.0.10.in-addr.arpa",
    ]
    block, lines = next(chunks([b"10.0.0.0/8\n"], Form(ptr=True, types=(12,)), Watermark()))
    assert lines[:2] == [b"10.0.0.0\n", b"10.0.0.1\n"]
    assert block.end == (0, len(lines))


def output(
    server, capfdbinary, names, *args, given=("n1.test", "alias.test", "nodata.test", "nx.nodata.test", "dead.test")
):
    source = names(given)
    assert main(["bulk", source, "-r", server.address, "--timeout", "0.4", "-c", "1", "-q", "--ordered", *args]) == 0
    return capfdbinary.readouterr().out.decode()


def test_schemas(server, capfdbinary, names):
    server.synthetic = False
    server.add("n1.test", "A", "192.0.2.9")
    lines = output(server, capfdbinary, names, given=("N1.test.", "alias.test", "nodata.test", "nx.test", "dead.test"))
    native = [json.loads(one) for one in lines.splitlines()]
    assert output(server, capfdbinary, names, "-o", "json", given=("n1.test",)).count("\n") == 1
    assert native[0]["input"] == "N1.test."
    assert native[0]["data"]["answers"] == [
        {"name": "N1.test", "type": "A", "class": "IN", "ttl": 300, "data": "192.0.2.9"}
    ]
    assert native[0]["flags"] == ["aa", "rd", "ra"]
    assert native[0]["resolver"] == server.address
    assert [one["type"] for one in native[1]["data"]["answers"]] == ["CNAME", "A"]
    assert native[2]["nodata"] is True
    assert [one["status"] for one in native] == ["NOERROR", "NOERROR", "NOERROR", "NXDOMAIN", "TIMEOUT"]
    assert native[4]["tries"] == 1
    massdns = [json.loads(one) for one in output(server, capfdbinary, names, "--schema", "massdns").splitlines()]
    assert massdns[0]["name"] == "n1.test."
    assert massdns[0]["data"]["answers"][0]["name"] == "n1.test."
    assert massdns[0]["proto"] == "UDP"
    assert massdns[2]["data"] == {}
    assert massdns[4] == {"name": "dead.test.", "type": "A", "class": "IN", "error": "TIMEOUT"}
    zdns = [json.loads(one) for one in output(server, capfdbinary, names, "--schema", "zdns").splitlines()]
    assert zdns[0]["results"]["A"]["data"]["answers"][0]["answer"] == "192.0.2.9"
    assert zdns[1]["results"]["A"]["data"]["answers"][0]["answer"] == "n1.test"
    assert zdns[4]["results"]["A"]["status"] == "TIMEOUT"
    dnsx = [json.loads(one) for one in output(server, capfdbinary, names, "--schema", "dnsx").splitlines()]
    assert dnsx[1]["cname"] == ["n1.test"]
    assert dnsx[1]["a"] == ["192.0.2.9"]
    assert len(dnsx) == 5


def test_plain_forms_and_filters(server, capfdbinary, names):
    server.synthetic = False
    server.add("n1.test", "A", "192.0.2.9")
    assert output(server, capfdbinary, names, "-o", "S") == (
        "n1.test. A 192.0.2.9\nalias.test. CNAME n1.test.\nn1.test. A 192.0.2.9\n"
    )
    assert output(server, capfdbinary, names, "-o", "L") == "n1.test\nalias.test\n"
    rows = output(server, capfdbinary, names, "-o", "csv").splitlines()
    assert rows[0].startswith("n1.test,A,NOERROR,192.0.2.9,300,127.0.0.1:")
    assert rows[4] == f"dead.test,A,TIMEOUT,,,{server.address},,1"

    def left(*args):
        return [json.loads(one)["name"] for one in output(server, capfdbinary, names, *args).splitlines()]

    assert left("--filter", "NXDOMAIN,timeout") == ["nx.nodata.test", "dead.test"]
    assert left("--ignore", "NODATA,NXDOMAIN") == ["n1.test", "alias.test", "dead.test"]
    assert left("--no-failures") == ["n1.test", "alias.test", "nodata.test", "nx.nodata.test"]


def test_gzip_and_stdin(server, tmp_path):
    target = tmp_path / "out.gz"
    for processes in ("1", "2"):
        command = [
            sys.executable,
            "-m",
            "celadon.resolver.cli",
            "bulk",
            "-r",
            server.address,
            "-w",
            str(target),
            "--gzip",
        ]
        done = subprocess.run(
            [*command, "-P", processes, "-q"], input=b"n1.test\nn2.test", check=False, timeout=30, capture_output=True
        )
        assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
        check([json.loads(one) for one in gzip.decompress(target.read_bytes()).splitlines()], ["n1.test", "n2.test"])


def test_names_that_come_slowly_are_answered_as_they_come(server):
    for processes in ("1", "2"):
        command = [
            sys.executable,
            "-m",
            "celadon.resolver.cli",
            "bulk",
            "-r",
            server.address,
            "--flush",
            "-q",
            "-P",
            processes,
        ]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as run:
            for n in range(3):
                run.stdin.write(b"n%d.test\n" % n)
                run.stdin.flush()
                assert json.loads(run.stdout.readline())["name"] == f"n{n}.test"
            run.stdin.close()
            assert run.stdout.read() == b""
            assert run.wait(10) == 0


def test_progress(server, capsys, names, tmp_path):
    source = names(f"n{n}.test" for n in range(150))
    args = ["bulk", source, "-r", server.address, "-w", str(tmp_path / "out"), "--rate", "100"]
    assert main([*args, "--status-format", "json"]) == 0
    lines = capsys.readouterr().err.splitlines()
    row = json.loads(lines[0])
    assert 0 < row["progress"]["percent"] <= 100
    assert 50 < row["processed"] <= 150
    assert lines[-1].startswith("resolve: 150 records: 150 NOERROR; 0 unanswered")
    assert main([*args, "--status-format", "none", "-q"]) == 0
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("processes", ["1", "2", "3"])
def test_in_the_order_of_the_input(server, tmp_path, names, processes):
    """Though the first chunk is slow, and long after the others are done."""
    given = [f"n{n}.test" for n in range(3000)]
    given[7] = given[1500] = "dead.test"
    target = str(tmp_path / "out")
    args = ["bulk", names(given), "-r", server.address, "-w", target, "--timeout", "0.3", "-c", "2", "-q"]
    assert main([*args, "--ordered", "-P", processes]) == 0
    assert [one["name"] for one in rows(target)] == given


@pytest.mark.parametrize("processes", ["1", "2"])
def test_nobody_reads_the_output_any_more(server, names, processes):
    """As in ``resolve bulk names | head -1``: at once, quietly, with the status that a shell gives for SIGPIPE."""
    command = [*RESOLVE, names(f"n{n}.test" for n in range(50_000)), "-r", server.address, "-P", processes]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as run:
        assert run.stdout.readline().startswith(b'{"name":"n')
        run.stdout.close()
        assert run.wait(30) == 141
        assert run.stderr.read() == b""


@pytest.mark.parametrize("processes", ["1", "2"])
def test_what_cannot_be_read_or_written(tmp_path, names, capsys, processes):
    base = ["-r", "127.0.0.1:1", "-P", processes]
    assert main(["bulk", str(tmp_path / "nowhere"), *base]) == 8
    assert "No such file" in capsys.readouterr().err
    assert main(["bulk", names(["a.test"]), *base, "-w", str(tmp_path)]) == 8
    assert "Is a directory" in capsys.readouterr().err


@pytest.mark.parametrize("processes", ["1", "2"])
def test_a_full_disk_while_few_names_come(server, processes):
    """It is found by the flush of every second, which is nobody's call."""
    command = [*RESOLVE, "-r", server.address, "-w", "/dev/full", "-P", processes]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE) as run:
        run.stdin.write(b"n1.test\n")
        run.stdin.flush()
        assert run.wait(30) == 8
        assert run.stderr.read().splitlines() == [b"resolve: No space left on device"]


def children_of(pid):
    return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@pytest.mark.parametrize("options", [[], ["--ordered", "-t", "A,AAAA"], ["--gzip", "--flush"]])
def test_a_process_that_dies_costs_nothing(names, tmp_path, options):
    """What it had is asked by another one; each name has one record, and the counts are those of the records."""
    count = 1000
    out = tmp_path / "out"
    with NameServer(synthetic=True) as server:
        for number in range(0, count, 100):
            server.script(f"n{number}.test", Delay(0.2, times=1))  # so that a chunk has both, done and not
        command = [*RESOLVE, names(f"n{n}.test" for n in range(count)), "-r", server.address, "-w", str(out),
                   "-P", "2", "--rate", "1500", "-s", "400", *options]  # fmt: skip
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as run:
            for size in (1000, 60_000):
                while not out.exists() or out.stat().st_size < size // (10 if "--gzip" in options else 1):
                    assert run.poll() is None, run.stderr.read()
                    time.sleep(0.01)
                os.kill(children_of(run.pid)[0], signal.SIGKILL)
            said = run.stderr.read()
            assert run.wait(30) == 0, said
    text = gzip.decompress(out.read_bytes()) if "--gzip" in options else out.read_bytes()
    rows = [json.loads(line) for line in text.splitlines()]
    types = 2 if "-t" in options else 1
    assert len(rows) == len({(row["name"], row["type"]) for row in rows}) == count * types
    assert all(
        row["data"]["answers"][0]["data"] == synthetic_address(row["name"]) for row in rows if row["type"] == "A"
    )
    assert f"{count * types} records: " in said
    assert "asked again, because a process had died" in said
    if "--ordered" in options:
        assert [row["name"] for row in rows] == [f"n{n}.test" for n in range(count) for _ in range(types)]


@pytest.mark.parametrize("busy", [True, False])
def test_processes_that_always_die_end_the_run(names, tmp_path, busy):
    """With the status that says so; with chunks, or while a pipe has no names yet."""
    with NameServer(synthetic=True) as server:
        if busy:
            server.script("n3.test", Drop())
        source = names(f"n{n}.test" for n in range(4)) if busy else "-"
        command = [*RESOLVE, source, "-r", server.address, "-P", "2", "--timeout", "60", "-q"]
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        ) as run:
            killed = 0
            while run.poll() is None:
                for child in children_of(run.pid):
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(child, signal.SIGKILL)
                        killed += 1
                time.sleep(0.2)
            said = run.stderr.read()
            assert run.wait() == 10
    assert killed >= 4
    assert "was ended by signal 9" in said
    assert ("chunk of lines 1 failed 4 times" in said) == busy


def test_one_slow_name_in_each_chunk_holds_nobody_up(names, tmp_path):
    """Loss is like that: with 8 chunks at a time for each process, 1 % of it made two processes slower than one."""
    count = 6000
    with NameServer(synthetic=True) as server:
        for number in range(0, count, 128):
            server.script(f"n{number}.test", Drop())
        command = [*RESOLVE, names(f"n{n}.test" for n in range(count)), "-r", server.address, "-w",
                   str(tmp_path / "out"), "-P", "2", "--timeout", "60", "--tries", "1", "-q"]  # fmt: skip
        with subprocess.Popen(command) as run:
            deadline = time.monotonic() + 30
            while len(server.queries) < count and time.monotonic() < deadline:
                time.sleep(0.02)
            run.send_signal(signal.SIGTERM)
        assert len(server.queries) == count


@pytest.mark.parametrize(
    ("args", "cause"),
    [
        (["--resume"], "--checkpoint"),
        (["--checkpoint", "x"], "input file"),
        (["--restart"], "--checkpoint"),
        (["a", "--checkpoint", "x", "-w", "y", "--resume", "--restart"], "exclude"),
        (["a", "b"], "one file"),
        (["-s", "0"], "60000"),
        (["--rate", "x"], "questions a second"),
        (["--schema", "other"], "massdns"),
        (["--filter", "NONSENSE"], "no status"),
        (["--resolver", "thread"], "bulk asks DNS"),
        (["--resolver", "ares", "--rate", "5"], "--rate needs"),
        (["--ordered=1"], "takes no value"),
        (["-r"], "needs a value"),
        (["--json"], "JSON is what bulk writes by default"),
        (["--csv"], "write -o csv"),
        (["--orderd"], "did you mean --ordered?"),
        (["-o", "xml"], "choose J (JSON, the default)"),
        (["a", "@192.0.2.1"], "bulk takes servers by -r: -r 192.0.2.1"),
    ],
)
def test_usage(capsys, args, cause):
    assert main(["bulk", *args]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert cause in err


def test_help(capsys):
    assert main(["bulk", "--help"]) == 0
    assert "--checkpoint FILE" in capsys.readouterr().out


def test_memory_does_not_grow_with_the_names():
    """The slope from 5,000 to 50,000 names, by what Python itself has allocated; the rest is measured elsewhere."""
    engine = make_static({})

    def blocks(count):
        for _ in bulk((f"n{n}.test" for n in range(count)), engine=engine):
            pass
        gc.collect()
        return sys.getallocatedblocks()

    blocks(5000)
    before = blocks(5000)
    assert blocks(50_000) - before < 2000
    engine.close()
