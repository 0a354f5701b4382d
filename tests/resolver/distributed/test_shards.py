"""Shards by processes: each name once in the merged output, whatever is killed, full, changed or asked for twice."""

import errno
import gzip
import json
import os
import signal
import sys
import threading
import time
from functools import partial
from pathlib import Path

import pytest

from celadon.resolver import registry
from celadon.resolver.cli import main
from celadon.resolver.cli.bulk.pieces import WorkerLost
from celadon.resolver.cli.bulk.stop import Stop
from celadon.resolver.cli.exits import FileError, UsageError
from celadon.resolver.distributed import ForkPool, Lost, ShardStopped, drive, fork_pool, merge, plan, shard, shard_work
from celadon.resolver.distributed.driver import Outcome
from celadon.resolver.distributed.parts import Parts
from celadon.resolver.testing import Delay, Drop, NameServer, synthetic_address

NAMES = [f"n{n}.test" for n in range(600)]


@pytest.fixture
def server():
    with NameServer(synthetic=True) as made:
        yield made


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "names"
    path.write_text("# a comment\n\n" + "".join(f"{one}\n" for one in NAMES))
    return str(path)


@pytest.fixture
def cut(server, source, tmp_path):
    """A plan of seven shards."""
    return plan(source, str(tmp_path / "parts"), lines=100, resolvers=server.address, timeout=1, tries=3)


def check(path, names=NAMES):
    rows = [json.loads(line) for line in Path(path).read_text().splitlines()]
    assert [row["name"] for row in rows] == names
    for row in rows:
        assert row["data"]["answers"][0]["data"] == synthetic_address(row["name"])


def notes_of(made):
    return Parts(made.directory, made.suffix).finished(made)


# -- a shard ---------------------------------------------------------------------------------------------------


def test_shards_one_by_one_in_any_order_and_twice(cut, server, tmp_path):
    server.add("other.test", "A", "192.0.2.1")  # a server with names of its own keeps a list of its queries
    assert len(cut) == 7
    notes = [shard(one) for one in reversed([*cut])]
    assert sum(one["records"] for one in notes) == len(NAMES)
    count = len(server.queries)
    assert count == len(NAMES)
    assert [shard(one) for one in cut] == notes[::-1], "what is finished is not asked again"
    assert len(server.queries) == count
    assert merge(cut.directory, str(tmp_path / "out"), ordered=True) == len(NAMES)
    check(tmp_path / "out")


def test_records_keep_the_order_of_the_input_while_one_name_is_slow(server, source, tmp_path):
    server.script("n3.test", Delay(0.3))
    made = plan(source, str(tmp_path / "parts"), lines=1000, resolvers=server.address)
    for one in made:
        shard(one)
    merge(made.directory, str(tmp_path / "out"), ordered=True)
    check(tmp_path / "out")


def test_a_shard_works_in_a_thread(cut):
    done = []
    thread = threading.Thread(target=lambda: done.append(shard(next(iter(cut)))))
    thread.start()
    thread.join()
    assert done[0]["records"] == 98


def _text(path, zipped):
    return gzip.decompress(path.read_bytes()) if zipped else path.read_bytes()


@pytest.mark.parametrize("form", ["J", "S", "L", "csv", "F", "B"])
@pytest.mark.parametrize("packed", [False, True])
def test_what_is_merged_is_what_one_process_writes(server, source, tmp_path, form, packed):
    zipped = {"gzip": True} if packed else {}
    made = plan(source, str(tmp_path / "p"), lines=250, resolvers=server.address, output_format=form, **zipped)
    for one in made:
        shard(one)
    merge(made.directory, str(tmp_path / "out"))
    words = ["bulk", source, "-r", server.address, "-o", form, "--ordered", "-w", str(tmp_path / "one"), "-q"]
    assert main(words + (["--gzip"] if packed else [])) == 0
    unpacked = [_text(tmp_path / one, packed) for one in ("out", "one")]
    if form in ("S", "L"):
        assert unpacked[0] == unpacked[1]
    if form == "B":  # times and ids differ, lengths do not
        assert len(unpacked[0]) == len(unpacked[1])
    else:
        assert unpacked[0].count(b"\n") == unpacked[1].count(b"\n") >= len(NAMES)


def test_an_empty_input_gives_an_empty_output(server, tmp_path):
    (tmp_path / "none").write_text("")
    made = plan(str(tmp_path / "none"), str(tmp_path / "parts"), resolvers=server.address)
    outcome = drive(ForkPool(2), made)
    assert outcome.finished
    assert not outcome.notes
    assert merge(made.directory, str(tmp_path / "out")) == 0
    assert (tmp_path / "out").read_text() == ""


def test_a_shard_of_a_changed_input_is_refused(cut, source):
    specs = [*cut]
    text = Path(source).read_text()
    Path(source).write_text(text[:-5])
    with pytest.raises(FileError, match="are missing: it has changed"):
        shard(specs[-1])
    Path(source).write_text("x" + text)
    with pytest.raises(FileError, match="no line begins"):
        shard(specs[-1])
    assert not [one for one in os.listdir(cut.directory) if one.endswith(".tmp")]


def test_another_version_is_refused(cut):
    spec = next(iter(cut))
    other = type(spec)(spec.directory, spec.shard, spec.words, spec.suffix, "", 1, "0.0.1")
    with pytest.raises(UsageError, match=r"planned by 0\.0\.1"):
        shard(other)


def test_a_directory_that_a_worker_does_not_see_is_said(cut, tmp_path):
    spec = next(iter(cut))
    other = type(spec)(str(tmp_path / "gone"), spec.shard, spec.words, spec.suffix, "", 1, spec.version)
    with pytest.raises(FileError, match="No such file or directory \\(on "):
        shard(other)


def test_a_shard_of_a_run_that_has_ended_stops(cut):
    with pytest.raises(ShardStopped):
        shard(cut.spec(cut.shards[0], "some-run"))


# -- a plan ----------------------------------------------------------------------------------------------------


def test_a_plan_is_gone_on_with(cut, source, server):
    shard(next(iter(cut)))
    again = plan(source, cut.directory, resolvers=server.address)
    assert again.shards == cut.shards
    assert [*notes_of(again)] == [0]
    assert not notes_of(plan(source, cut.directory, resolvers=server.address, restart=True))


def test_another_run_in_the_directory_is_refused(cut, source, tmp_path):
    with pytest.raises(UsageError, match=r"types was \[1\], now it is \[28\]"):
        plan(source, cut.directory, type="AAAA")
    with pytest.raises(UsageError, match="schema"):
        plan(source, cut.directory, schema="zdns")
    (tmp_path / "other").write_text("a.test\n")
    with pytest.raises(UsageError, match="input was"):
        plan(str(tmp_path / "other"), cut.directory)


def test_an_input_that_has_changed_is_refused(cut, source, server):
    shard(next(iter(cut)))
    text = Path(source).read_text()
    Path(source).write_text(text.replace("n1.test", "x1.test"))
    with pytest.raises(FileError, match="not what it was when these shards were done: 0"):
        plan(source, cut.directory, resolvers=server.address)
    Path(source).write_text(text + "more.test\n")
    with pytest.raises(FileError, match="bytes in the plan, now it has"):
        plan(source, cut.directory, resolvers=server.address)


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"processes": 2}, UsageError),
        ({"no_such": 1}, UsageError),
        ({"rate": "x"}, UsageError),
        ({"resolvers": "not a server,"}, UsageError),
        ({"resolver": "thread"}, UsageError),
    ],
)
def test_options_that_cannot_be(source, tmp_path, options, error):
    with pytest.raises(error):
        plan(source, str(tmp_path / "parts"), **options)
    assert not (tmp_path / "parts").exists()


def test_a_file_that_has_no_plan(source, tmp_path):
    (tmp_path / "plan.json").write_text("{}")
    with pytest.raises(FileError, match=r"plan.json.*--restart"):
        plan(source, str(tmp_path))


# -- a run -----------------------------------------------------------------------------------------------------


def test_processes_share_the_shards(cut, tmp_path):
    outcome = drive(ForkPool(2), cut)
    assert outcome.finished
    assert outcome.records == len(NAMES)
    workers = outcome.workers()
    assert sum(one["parts"] for one in workers.values()) == 7
    assert sum(one["records"] for one in workers.values()) == len(NAMES)
    assert 1 <= len(workers) <= 2
    assert drive(ForkPool(2), cut).kept == frozenset(range(7))
    assert sorted(os.listdir(cut.directory)) == sorted(
        ["plan.json", *(f"part-{n}.{end}" for n in range(7) for end in ("json", "ndjson"))]
    )
    merge(cut.directory, str(tmp_path / "out"))
    check(tmp_path / "out")


def test_a_killed_process_costs_its_shard_only(cut, server, tmp_path):
    server.script("n250.test", Delay(0.9, times=1))
    pool = ForkPool(2)
    killed = []

    def kill(*_):
        for child in pool._children.values() if not killed else ():
            if child.spec.shard.number == 2:
                killed.append(child.pid)
                os.kill(child.pid, signal.SIGKILL)

    outcome = drive(pool, cut, tell=kill)
    assert killed
    assert outcome.finished
    assert outcome.again == 1
    merge(cut.directory, str(tmp_path / "out"), ordered=True)
    check(tmp_path / "out")


def test_a_shard_that_always_dies_ends_the_run(cut, monkeypatch):
    real = fork_pool.shard

    def die(spec, holder):
        if spec.shard.number == 3:
            os.kill(os.getpid(), signal.SIGKILL)
        return real(spec, holder)

    monkeypatch.setattr(fork_pool, "shard", die)
    with pytest.raises(WorkerLost, match=r"shard 3 failed 4 times, at last by ChildDied: .* signal 9"):
        drive(ForkPool(2), cut)
    monkeypatch.undo()
    assert drive(ForkPool(2), cut).finished


class Here:
    """A pool that runs a shard when it is asked for results, and misbehaves as it is told."""

    def __init__(self, twist=lambda number, run: [run()]):
        self.specs, self.twist = [], twist

    def slots(self):
        return 1

    def submit(self, spec):
        self.specs.append(spec)

    def finished(self, wait):
        for _ in range(min(1, len(self.specs))):
            spec = self.specs.pop(0)
            for result in self.twist(spec.shard.number, partial(shard, spec)):
                yield spec.shard.number, result

    def close(self):
        self.specs.clear()


def finish(made, tmp_path, twist):
    outcome = drive(Here(twist), made)
    merge(made.directory, str(tmp_path / "out"), ordered=True)
    check(tmp_path / "out")
    return outcome


def test_a_duplicated_completion(cut, tmp_path):
    assert finish(cut, tmp_path, lambda _, run: [run(), run()]).again == 0


def test_a_lost_result_of_a_finished_shard(cut, tmp_path):
    def lose(number, run):
        run()
        return [Lost()]

    assert finish(cut, tmp_path, lose).again == 0


def test_a_lost_shard_is_asked_again_as_often_as_it_takes(cut, tmp_path):
    lost = [2] * 9

    def lose(number, run):
        return [Lost(lost.pop())] if number == 2 and lost else [run()]

    assert finish(cut, tmp_path, lose).again == 9


def test_parts_that_were_bent_meanwhile_are_asked_again(cut, tmp_path):
    bent = []

    def bend(number, run):
        note = run()
        if number == 1 and not bent:
            bent.append(cut.directory + "/part-1.ndjson")
            path = Path(bent[0])
            path.write_text(path.read_text().replace("NOERROR", "NOERR0R"))
        return [note]

    assert finish(cut, tmp_path, bend).again == 1


def test_a_note_that_is_not_here_is_said(cut):
    with pytest.raises(FileError, match=r"done on elsewhere, but .* all machines must see the same directory"):
        drive(Here(lambda *_: [{"worker": "elsewhere"}]), cut)


def test_a_full_disk_ends_the_run_which_goes_on_later(cut, monkeypatch, tmp_path):
    real = shard_work.Output._put
    full = [True]

    def put(output, data):
        if full[0] and ".tmp" in str(os.readlink(f"/proc/self/fd/{output._fd}")) and b"n450.test" in data:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(output, data)

    monkeypatch.setattr(shard_work.Output, "_put", put)
    with pytest.raises(FileError, match="No space left on device"):
        drive(Here(), cut)
    assert not [one for one in os.listdir(cut.directory) if one.endswith(".tmp")]
    full[0] = False
    assert 0 < len(finish(cut, tmp_path, lambda _, run: [run()]).kept) < 7


def test_a_stop_leaves_what_is_committed(cut, tmp_path):
    stop = Stop()

    def twist(number, run):
        note = run()
        if number == 2:
            stop.number = signal.SIGINT
        return [note]

    outcome = drive(Here(twist), cut, stop=stop)
    assert not outcome.finished
    assert [*outcome.notes] == [0, 1, 2]
    assert finish(cut, tmp_path, lambda _, run: [run()]).kept == {0, 1, 2}


def test_no_worker_is_waited_for_so_long_and_no_longer(cut):
    pool = Here()
    pool.slots = lambda: 0
    began = time.monotonic()
    with pytest.raises(WorkerLost, match="no worker"):
        drive(pool, cut, patience=0.05)
    assert time.monotonic() - began < 10


def test_workers_that_do_nothing_are_waited_for_so_long_and_no_longer(cut):
    class Busy(Here):
        def finished(self, wait):
            time.sleep(0.01)
            return []

    with pytest.raises(WorkerLost, match=r"no worker has done anything for 0 s, with 2 shards to do"):
        drive(Busy(), cut, patience=0.2)


def test_a_second_run_takes_over(cut):
    taken = []

    def twist(number, run):
        note = run()
        if not taken:
            taken.append(1)
            path = Path(cut.directory, "run.json")
            path.write_text(json.dumps({**json.loads(path.read_text()), "run": "other"}))
            time.sleep(0.6)
        return [note]

    with pytest.raises(FileError, match="another run has taken"):
        drive(Here(twist), cut)


def test_the_rate_is_shared_and_kept(server, source, tmp_path):
    server.add("other.test", "A", "192.0.2.1")  # a server with names of its own keeps a list of its queries
    made = plan(source, str(tmp_path / "parts"), lines=100, resolvers=server.address, rate=400)
    began = time.monotonic()
    outcome = drive(ForkPool(3), made)
    assert outcome.records == len(NAMES)
    assert time.monotonic() - began > len(NAMES) / 400 * 0.9
    times = sorted(one.when for one in server.queries)
    assert len(times) == len(NAMES)
    for at, first in enumerate(times):
        assert sum(1 for one in times[at:] if one < first + 0.5) <= 400 * 0.5 + 400 / 20 + 6


# -- the command -----------------------------------------------------------------------------------------------


def resolve(capfd, *words):
    code = main(["bulk", *words])
    said = capfd.readouterr()
    return code, said.out, said.err


def test_the_command_in_shards(server, source, tmp_path, capfd):
    words = [source, "-r", server.address, "--parts", str(tmp_path / "parts"), "--shard-lines", "100", "-P", "2"]
    meta = tmp_path / "meta"
    code, out, err = resolve(capfd, *words, "--metadata-file", str(meta))
    assert (code, out) == (0, "")
    assert "600 records: 600 NOERROR; 0 unanswered" in err
    assert "7 of 7 parts" in err
    summary = json.loads(meta.read_text())
    assert summary["parts_done"] == 7
    assert sum(one["records"] for one in summary["workers"].values()) == 600
    assert sum(row["sent"] for one in summary["workers"].values() for row in one["servers"].values()) == 600
    code, out, err = resolve(capfd, *words)
    assert (code, out) == (1, "")
    assert "has the parts of a run; --resume goes on" in err
    code, out, err = resolve(capfd, *words, "--resume")
    assert code == 0
    assert "600 records were done before" in err
    code, out, err = resolve(capfd, "merge", str(tmp_path / "parts"), "--ordered", "-w", str(tmp_path / "out"))
    assert (code, out, err) == (0, "", "resolve: 600 records merged\n")
    check(tmp_path / "out")
    code, out, err = resolve(capfd, "merge", str(tmp_path / "parts"), "-q")
    assert (code, err) == (0, "")
    assert out == (tmp_path / "out").read_text()


def test_an_output_is_merged_and_the_parts_stay_if_they_were_named(server, source, tmp_path, capfd):
    words = [source, "-r", server.address, "--shard-lines", "300", "-w", str(tmp_path / "out"), "-q"]
    assert resolve(capfd, *words, "--parts", str(tmp_path / "parts")) == (0, "", "")
    check(tmp_path / "out")
    assert (tmp_path / "parts" / "plan.json").exists()


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--parts", "p", "--checkpoint", "c", "-w", "o"], 1, "--checkpoint and shards exclude"),
        (["--parts", "p", "--flush"], 1, "--flush and shards exclude"),
        (["--parts", "p", "-r", "a b"], 8, "neither a server's address nor a file"),
        (["--parts", "p", "--wildcard", "mark", "--write-wildcards", "f"], 1, "--write-wildcards and shards exclude"),
        (["--parts", "p", "-o", "parquet", "-w", "f"], 1, "--parts and -o parquet exclude"),
        (["--shard-lines", "5"], 1, "--shard-lines needs"),
        (["--resume"], 1, "--resume needs --checkpoint FILE or --parts DIR"),
        (["--dask", "tcp://127.0.0.1:1"], 1, "needs --parts DIR or -w FILE"),
        (["--dask", "local:2", "-P", "2"], 1, "--processes and --dask exclude"),
        (["merge"], 1, "needs one directory"),
    ],
)
def test_wrong_options(source, tmp_path, capfd, monkeypatch, words, code, said):
    monkeypatch.chdir(tmp_path)
    words = words if words[0] == "merge" else [source, *words]
    got, out, err = resolve(capfd, *words)
    assert (got, out) == (code, "")
    assert said in err
    assert err.count("\n") == 1
    assert sorted(os.listdir(tmp_path)) == ["names"]


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["x"], 8, "not a directory of parts"),
        (["x", "y"], 1, "needs one directory"),
        (["x", "--what"], 1, "unknown option --what"),
        (["x", "-w"], 1, "needs a value"),
    ],
)
def test_wrong_merges(tmp_path, capfd, monkeypatch, words, code, said):
    monkeypatch.chdir(tmp_path)
    got, out, err = resolve(capfd, "merge", *words)
    assert (got, out) == (code, "")
    assert said in err


def test_a_cluster_without_its_library_is_said(source, tmp_path, capfd, monkeypatch):
    """As on a machine where the extra is not installed; nothing is written before."""
    monkeypatch.setitem(sys.modules, "distributed", None)
    monkeypatch.delitem(sys.modules, "celadon.resolver.distributed.dask_pool", raising=False)
    monkeypatch.chdir(tmp_path)
    code, out, err = resolve(capfd, source, "--dask", "local:2", "-w", "out")
    assert (code, out) == (1, "")
    assert err.startswith("resolve: --dask needs an extra: pip install 'celadon[dask]'")
    assert err.count("\n") == 1
    assert os.listdir(tmp_path) == ["names"]


def test_a_shard_asks_as_the_options_say(server, source, tmp_path, monkeypatch):
    """From the root down, or with validation: not by the plain engine."""
    made = []
    real = registry.make_iterative
    monkeypatch.setattr(registry, "make_iterative", lambda *words: (made.append(words), real(*words))[1])
    host, port = server.address.split(":")
    cut = plan(source, str(tmp_path / "parts"), iterative=True, hints=host, port=port)
    assert shard(next(iter(cut)))["records"] == len(NAMES)
    assert made


def test_stdin_has_no_shards(tmp_path, capfd):
    code, _, err = resolve(capfd, "-", "--parts", str(tmp_path / "p"))
    assert code == 1
    assert "write the names into one first" in err


def test_silent_servers_have_their_exit_status(server, source, tmp_path, capfd):
    for one in NAMES:
        server.script(one, Drop())
    words = ["-r", server.address, "--timeout", "0.05", "-c", "1", "-q", "--parts", str(tmp_path / "parts")]
    assert resolve(capfd, source, *words)[0] == 9


def test_an_outcome_of_nothing():
    assert Outcome({}, frozenset(), 0, True).tally().records == 0
