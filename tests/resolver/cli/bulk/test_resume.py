"""A run that is stopped, killed or cut goes on: what is done is not asked again, and all else is."""

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

from celadon.resolver.cli import main
from celadon.resolver.cli.bulk.checkpoint import State
from celadon.resolver.cli.bulk.files import PENDING, Output
from celadon.resolver.cli.bulk.names_in import Block, Form, Watermark, chunks, of_block, questions
from celadon.resolver.cli.bulk.stop import Stop
from celadon.resolver.testing import NameServer

from .lossy import RECORDS, SCRIPTS, SYNTHETIC, check, rows  # noqa: F401  (the fixture `server` reads three)


def test_the_mark_is_contiguous():
    mark = Watermark()
    lines = [b"n%d.test\n" % n for n in range(200)]
    keys = [key for key, _ in questions(lines, Form(), mark)]
    for key in keys[64:]:
        finish(key)
    assert mark.settle() == (0, 0)
    for key in keys[:63]:
        finish(key)
    assert mark.settle() == (0, 0)
    finish(keys[63])
    assert mark.settle() == (sum(map(len, lines)), 0)
    assert mark.done == 200
    again = Watermark(State((sum(map(len, lines[:64])), 0)))
    assert [key.text for key, _ in questions(lines[64:], Form(), again)] == [f"n{n}.test" for n in range(64, 200)]
    inside = Watermark(State((0, 66)))
    run = questions([b"10.0.0.0/24\n"], Form(ptr=True, types=(12,)), inside)
    assert next(run)[0].text == "10.0.0.66"


def finish(key):
    key.block.done[key.index] = 1
    key.block.left -= 1


def read(form, state, lines, stride):
    """Read on where ``state`` says; of what is read, finish each ``stride``-th, and say what and where that led to."""
    mark = Watermark(state)
    left = [
        line
        for at, line in zip(itertools.accumulate(map(len, lines), initial=0), lines, strict=False)
        if at >= state.at[0]
    ]
    found = [(key.text, key.rdtype) for key, _ in questions(left, form, mark)]
    mark = Watermark(state)
    done = []
    for number, (key, _) in enumerate(questions(left, form, mark)):
        if number % stride == 0:
            finish(key)
            done.append((key.text, key.rdtype))
    return found, done, mark.state(0, False)


@pytest.mark.parametrize("form", [Form(types=(1, 28, 15)), Form(ptr=True, types=(12, 16)), Form(kind="dnsperf")])
@pytest.mark.parametrize("processes", [False, True])
def test_what_is_done_is_not_asked_again_and_all_else_is(form, processes):
    """Whatever was done, in whatever order, over many stops; read by one process or by the chunk for several."""
    lines = [b"n%d.test\n" % n for n in range(250)]
    if form.ptr:
        lines = [b"192.0.2.%d\n" % n for n in range(50)] + [
            b"# no\n",
            b"10.0.0.0/25\n",
            b"\n",
            b"2001:db8::/121\n",
            b"no\n",
        ]
    if form.kind == "dnsperf":
        lines[5:60] = [b"n%d.test MX\n" % n for n in range(5, 60)]
    state, all_done, stride = State(), [], 7
    wanted, _, _ = read(form, State(), lines, 1)
    for _ in range(4):
        found, done, state = (read_chunks if processes else read)(form, state, lines, stride)
        assert Counter(all_done) + Counter(found) == Counter(wanted)
        assert state.records == len(all_done) + len(done)
        all_done += done
        stride = max(stride - 2, 1)
    assert Counter(all_done) == Counter(wanted)
    assert state.records == len(wanted)


def read_chunks(form, state, lines, stride):
    """As ``read``, with a worker's reading of the chunks and its parent's notes."""
    mark = Watermark(state)
    left = [
        line
        for at, line in zip(itertools.accumulate(map(len, lines), initial=0), lines, strict=False)
        if at >= state.at[0]
    ]
    found, done = [], []
    for block, chunk in chunks(left, form, mark):
        block.left, block.closed = 1, True
        away = Block(known=block.known)
        keys = [key for line in chunk for key, _ in of_block(away, line.removesuffix(b"\n"), form)]
        found += [(key.text, key.rdtype) for key in keys]
        finished = keys[::stride]
        for key in finished:
            block.note(key.index)
        done += [(key.text, key.rdtype) for key in finished]
        if len(finished) == len(keys):
            block.all_done(len(away.done))
    return found, done, mark.state(0, False)


def test_pending_goes_through():
    lines = [b"a\n", PENDING, b"b\n"]
    assert [one if one is PENDING else one[0].text for one in questions(lines, Form(), Watermark())] == [
        "a",
        PENDING,
        "b",
    ]
    assert [one if one is PENDING else one[1] for one in chunks(lines, Form(), Watermark())] == [
        [b"a\n"],
        PENDING,
        [b"b\n"],
    ]


def test_a_line_that_was_not_written_to_its_end_is_cut(tmp_path):
    path = tmp_path / "out"
    path.write_bytes(b"one\ntwo\nthr")
    out = Output(str(path), False, False, Stop())
    assert out.begin(8) == 3
    out.write("three")
    assert out.commit() == 14
    out.close()
    assert path.read_bytes() == b"one\ntwo\nthree\n"


@pytest.mark.parametrize("processes", ["1", "2"])
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_stopped_and_resumed(names, tmp_path, how, processes):
    given = [f"n{n}.test" for n in range(3000)]
    target, meta, note = (str(tmp_path / one) for one in ("out", "meta", "note"))
    with NameServer(synthetic=True) as server:
        command = [sys.executable, "-m", "celadon.resolver.cli", "bulk", names(given), "-r", server.address, "-w",
                   target, "--checkpoint", note, "--metadata-file", meta, "-P", processes, "-s", "64"]  # fmt: skip
        with subprocess.Popen([*command, "--rate", "1500", "--flush"], stderr=subprocess.PIPE) as run:
            deadline = time.monotonic() + 20
            while (not os.path.exists(target) or os.path.getsize(target) < 50_000) and time.monotonic() < deadline:
                time.sleep(0.01)
            run.send_signal(how)
            err = run.communicate(timeout=20)[1]
            assert (
                run.returncode == {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129, signal.SIGKILL: -9}[how]
            ), err
        if how != signal.SIGKILL:
            assert json.loads(Path(meta).read_text())["aborted"] is True
            first = rows(target)
            assert 0 < len(first) < len(given)
            assert all(one["status"] == "NOERROR" for one in first)
        done = subprocess.run([*command, "--resume"], capture_output=True, text=True, timeout=50, check=False)
        assert done.returncode == 0, done.stderr
    found = rows(target)
    count = Counter(one["name"] for one in found)
    assert set(count) == set(given)  # at least once
    check(found, given)  # and once
    summary = json.loads(Path(meta).read_text())
    assert summary["kept"] + summary["records"] == len(given)


def test_a_run_that_cannot_go_on_says_so(names, tmp_path):
    target = tmp_path / "out"
    with NameServer(synthetic=True) as server:
        command = [sys.executable, "-m", "celadon.resolver.cli", "bulk", names([f"n{n}.test" for n in range(3000)]),
                   "-r", server.address, "-w", target, "--rate", "500", "--flush"]  # fmt: skip
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as run:
            deadline = time.monotonic() + 20
            while (not target.exists() or not target.stat().st_size) and time.monotonic() < deadline:
                time.sleep(0.01)
            run.send_signal(signal.SIGINT)
            err = run.communicate(timeout=20)[1]
    assert err.endswith("; stopped; the same command begins anew (with --checkpoint FILE, --resume would go on)\n")


def test_a_checkpoint_of_another_run(names, tmp_path, server, capsys):
    note = tmp_path / "note"
    base = [
        "bulk",
        names(["n1.test"]),
        "-r",
        server.address,
        "-w",
        str(tmp_path / "out"),
        "--checkpoint",
        str(note),
        "-q",
    ]
    assert main([*base, "--resume"]) == 0  # nothing to resume: from the beginning
    assert main([*base, "--resume"]) == 0  # all was done
    assert len(rows(tmp_path / "out")) == 1
    assert main([*base, "--resume", "-t", "MX"]) == 1
    assert "another run" in capsys.readouterr().err
    for bad in ("nonsense", "[" * 200_000, note.read_text().replace('"done":1', '"done":1e400')):
        note.write_text(bad)
        for more in ([], ["--resume"]):
            assert main([*base, *more]) == 8
            err = capsys.readouterr().err
            assert "not a checkpoint" in err
            assert err.count("\n") == 1
        assert note.read_text() == bad
    assert main([*base, "--restart"]) == 0
    assert len(rows(tmp_path / "out")) == 1
