"""Clusters: each name once in the output, none wrong, whatever is killed, full or done twice; CLUSTER_NAMES of them."""

import contextlib
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from multiprocessing import resource_tracker
from pathlib import Path

import pytest

from benchmarks import nameservers
from celadon.resolver.distributed import merge, plan, pools
from celadon.resolver.distributed import run as run_plan
from celadon.resolver.testing.nameserver import synthetic_reply

distributed = pytest.importorskip("distributed", reason="needs the extra celadon[dask]")

FILES = [word for option in ("ca-file", "cert", "key") for word in (f"--tls-{option}", __file__)]
SO_TIMESTAMPNS = 35  # of Linux; socket has no name for it
NAMES = int(os.environ.get("CLUSTER_NAMES", "40000"))
ROOT = Path(__file__).parent.parent.parent
ENV = {**os.environ, "PYTHONPATH": str(ROOT)}
DASK = [sys.executable, "-m", "distributed.cli.dask_"]
RESOLVE = [sys.executable, "-m", "celadon.resolver.cli", "bulk"]

pytestmark = pytest.mark.timeout(120 + NAMES // 200)


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    path = tmp_path_factory.mktemp("names") / "names"
    with open(path, "w", encoding="ascii") as out:
        out.writelines(nameservers.name_of(number) + "\n" for number in range(NAMES))
    return str(path)


@pytest.fixture(scope="module")
def server():
    with nameservers.best(NAMES) if NAMES > 100_000 else nameservers.responder(0.001) as served:
        yield served


@contextlib.contextmanager
def process(*words, **kwargs):
    """A process that is gone at the end, with all that it has started."""
    with subprocess.Popen(words, env=ENV, start_new_session=True, **kwargs) as made:
        try:
            yield made
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(made.pid, signal.SIGKILL)


def scheduler(port):
    words = ["--host", "127.0.0.1", "--port", str(port), "--no-dashboard"]
    return process(*DASK[:-1], DASK[-1] + "scheduler", *words, stderr=subprocess.DEVNULL)


def worker(port):
    words = [f"tcp://127.0.0.1:{port}", "--nthreads", "1", "--no-dashboard", "--nanny"]
    return process(*DASK[:-1], DASK[-1] + "worker", *words, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)


def run(source, server, folder, *words):
    lines = max(500, NAMES // 20)
    options = ["-r", server.address, "-w", str(folder / "out"), "--shard-lines", str(lines), "-c", "6"]
    options += ["--parts", str(folder / "parts"), "--metadata-file", str(folder / "meta"), *words]
    return process(*RESOLVE, source, *options, stderr=subprocess.PIPE, text=True)


def ended(made, code=0):
    """Wait for a run; what it said last."""
    said = made.stderr.read()
    assert made.wait() == code, said
    return said.splitlines()[-1]


def parts_done(folder):
    return len([*folder.glob("parts/part-*.json")])


def wait_for(count, folder, made):
    while parts_done(folder) < count:
        assert made.poll() is None, made.stderr.read()
        time.sleep(0.05)


def check(folder):
    """Each name once, in the order of the input, with the address that it stands for."""
    number = -1
    with open(folder / "out", encoding="utf-8") as lines:
        for number, line in enumerate(lines):
            row = json.loads(line)
            assert row["name"] == nameservers.name_of(number)
            assert row["status"] == "NOERROR", line
            assert [one["data"] for one in row["data"]["answers"]] == [nameservers.address_of(row["name"])]
    assert number + 1 == NAMES
    return json.loads((folder / "meta").read_text())


def children(pid):
    """All processes below one, by number."""
    found = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(OSError):
            for one in map(int, (task / "children").read_text().split()):
                found += [one, *children(one)]
    return found


def command(pid):
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    return ""


def test_a_cluster_of_our_own_whose_worker_is_killed(source, server, tmp_path):
    with run(source, server, tmp_path, "--dask", "local:2") as made:
        wait_for(2, tmp_path, made)
        workers = [one for one in children(made.pid) if "spawn_main" in command(one)]
        os.kill(workers[-1], signal.SIGKILL)
        said = ended(made)
    summary = check(tmp_path)
    print(said)
    assert len(summary["workers"]) >= 2
    assert sum(one["records"] for one in summary["workers"].values()) == NAMES


def test_the_scheduler_is_killed_and_started_again(source, server, tmp_path):
    port = nameservers.free_port()
    with contextlib.ExitStack() as stack:
        first = stack.enter_context(scheduler(port))
        stack.enter_context(worker(port))
        stack.enter_context(worker(port))
        made = stack.enter_context(run(source, server, tmp_path, "--dask", f"tcp://127.0.0.1:{port}"))
        wait_for(3, tmp_path, made)
        os.killpg(first.pid, signal.SIGKILL)
        first.wait()
        time.sleep(2)
        stack.enter_context(scheduler(port))
        stack.enter_context(worker(port))  # workers that lose their scheduler end
        stack.enter_context(worker(port))
        print(ended(made))
    check(tmp_path)


def test_the_coordinator_is_killed_and_another_goes_on(source, server, tmp_path):
    with run(source, server, tmp_path, "--dask", "local:2") as made:
        wait_for(3, tmp_path, made)
        os.killpg(made.pid, signal.SIGKILL)
    before = parts_done(tmp_path)
    with run(source, server, tmp_path, "--dask", "local:2", "--resume") as made:
        assert "records were done before" in ended(made)
    assert check(tmp_path)["parts_done"] >= before


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_run_which_can_go_on(source, server, tmp_path, number):
    with run(source, server, tmp_path, "--dask", "local:2") as made:
        wait_for(1, tmp_path, made)
        os.killpg(made.pid, number) if number == signal.SIGINT else os.kill(made.pid, number)
        said = ended(made, 128 + number)
    assert "stopped, --resume goes on" in said
    with run(source, server, tmp_path, "--dask", "local:2", "--resume") as made:
        ended(made)
    check(tmp_path)


def test_the_processes_of_one_machine_are_killed(source, server, tmp_path):
    with run(source, server, tmp_path, "-P", "2") as made:
        for count in (1, 4, 8):
            wait_for(count, tmp_path, made)
            for one in children(made.pid)[:1]:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(one, signal.SIGKILL)
        print(ended(made))
    assert check(tmp_path)["parts_again"] >= 1


def test_the_processes_of_a_plain_run_are_killed(source, server, tmp_path):
    """``-P`` without parts: chunks of lines are its pieces, and one output appears as records come."""
    meta, out = tmp_path / "meta", tmp_path / "out"
    words = ["-r", server.address, "-w", str(out), "-P", "2", "-c", "6", "--ordered", "--metadata-file", str(meta)]
    with process(*RESOLVE, source, *words, stderr=subprocess.PIPE, text=True) as made:
        for size in (1000, NAMES * 50, NAMES * 120):
            while not out.exists() or out.stat().st_size < size:
                assert made.poll() is None, made.stderr.read()
                time.sleep(0.01)
            for one in children(made.pid)[:1]:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(one, signal.SIGKILL)
        said = ended(made)
    print(said)
    assert f"{NAMES} records: {NAMES} NOERROR" in said
    assert check(tmp_path)["chunks_again"] >= 1


@pytest.mark.skipif(os.geteuid() != 0, reason="mounts a small tmpfs")
def test_a_full_disk_in_the_middle(source, server, tmp_path):
    (tmp_path / "parts").mkdir()
    size = NAMES * 320 // 2
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "none", tmp_path / "parts"], check=False)
    if mounted.returncode:
        pytest.skip("no tmpfs can be mounted here")
    try:
        with run(source, server, tmp_path, "--dask", "local:2") as made:
            assert "No space left on device" in ended(made, 8)
        assert not (tmp_path / "out").exists()
        assert parts_done(tmp_path)
        subprocess.run(["mount", "-o", f"remount,size={NAMES * 800}", tmp_path / "parts"], check=True)
        with run(source, server, tmp_path, "--dask", "local:2", "--resume") as made:
            ended(made)
        check(tmp_path)
    finally:
        subprocess.run(["umount", "-l", tmp_path / "parts"], check=True)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nonsense"], "missing port number in address 'nonsense'; it is tls://HOST:PORT"),
        (["udp://127.0.0.1:1"], "unknown address scheme 'udp'"),
        (["local:0"], "N is a number from 1 to 64, not '0'"),
        (["tls://127.0.0.1:1"], "tls:// needs --tls-ca-file, --tls-cert and --tls-key"),
        (["tls://127.0.0.1:1", "--tls-ca-file", "none"], "option --tls-ca-file: none: no such file"),
        (["tls://127.0.0.1:1", *FILES], "the TLS files do not fit"),
        (["tcp://127.0.0.1:1", "--tls-ca-file", "none"], "belong to a tls:// address"),
    ],
)
def test_an_address_that_cannot_be_ends_at_once_in_one_line(source, tmp_path, words, said):
    words = [*RESOLVE, source, "-r", "127.0.0.1", "--parts", str(tmp_path / "parts"), "--dask", *words]
    done = subprocess.run(words, env=ENV, stderr=subprocess.PIPE, text=True, timeout=20, check=False)
    assert done.returncode == 1
    assert said in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "parts").exists()


# -- from a program --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def tracker():
    """The process of multiprocessing that ends with the interpreter: its pipe is nobody's leak."""
    resource_tracker.ensure_running()


@contextlib.contextmanager
def local_client(workers):
    with (
        distributed.LocalCluster(
            n_workers=workers, threads_per_worker=1, dashboard_address=None, silence_logs=50
        ) as cluster,
        distributed.Client(cluster, set_as_default=False) as client,
    ):
        yield client


class Doubled:
    """A pool that has every shard done twice, at the same time if it can."""

    def __init__(self, pool):
        self.slots, self.finished, self.close = pool.slots, pool.finished, pool.close
        self._submit = pool.submit

    def submit(self, spec):
        self._submit(spec)
        self._submit(spec)


def test_every_completion_is_doubled(tracker, source, server, tmp_path):
    made = plan(source, str(tmp_path / "parts"), lines=NAMES // 20, resolvers=server.address, tries=6)
    with local_client(2) as client:
        outcome = run_plan(Doubled(pools.pool_of(client)), made)
    assert outcome.finished
    assert merge(made.directory, str(tmp_path / "out"), ordered=True) == NAMES
    (tmp_path / "meta").write_text("{}")
    check(tmp_path)


class Stamped(threading.Thread):
    """A name server that knows when the kernel got each question: on a busy machine it may read them much later."""

    def __init__(self):
        super().__init__(daemon=True)
        self._socket = socket.socket(type=socket.SOCK_DGRAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        self._socket.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        self._socket.bind(("127.0.0.1", 0))
        self.address = "{}:{}".format(*self._socket.getsockname())
        self.times = []

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        with socket.socket(type=socket.SOCK_DGRAM) as end:
            end.sendto(b"end", self._socket.getsockname())
        self.join()
        self._socket.close()

    def run(self):
        while True:
            query, [(_, _, stamp)], _, peer = self._socket.recvmsg(4096, 64)
            if query == b"end":
                return
            seconds, nanoseconds = struct.unpack("qq", stamp)
            self.times.append(seconds + nanoseconds / 1e9)
            self._socket.sendto(synthetic_reply(query), peer)


def test_the_rate_of_all_workers_while_one_dies_and_one_comes(tracker, tmp_path):
    rate, names = 800, 20_000
    source = tmp_path / "names"
    source.write_text("".join(f"n{number}.test\n" for number in range(names)))
    killed = []
    with Stamped() as server, local_client(3) as client:
        made = plan(str(source), str(tmp_path / "parts"), lines=1000, resolvers=server.address, rate=rate)

        def kill(tally, done, out):
            if not killed and tally.records > names // 4:
                killed.append(_a_worker(client))
                os.kill(killed[0], signal.SIGKILL)

        outcome = run_plan(client, made, tell=kill)
        times = sorted(server.times)
    assert outcome.finished
    assert outcome.records == names
    assert killed
    most = max(_within(times, 10))
    took = times[-1] - times[0]
    print(f"{len(times)} questions in {took:.1f} s at {rate}/s; at most {most} in 10 s")
    assert most <= rate * 10 * 1.05
    assert len(times) / took > rate * 0.5


def _a_worker(client):
    return next(iter(client.run(os.getpid).values()))


def _within(times, seconds):
    first = 0
    for at, one in enumerate(times):
        while times[first] < one - seconds:
            first += 1
        yield at - first + 1


# -- Ray -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("deaths", [0, 2])
def test_a_ray_cluster(tmp_path, source, server, deaths):
    """In a process of its own: Ray leaves threads and descriptors behind."""
    pytest.importorskip("ray", reason="needs the extra celadon[ray]")
    program = f"""
import ray
from celadon.resolver.distributed import merge, plan, run
ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
made = plan({source!r}, "parts", lines={NAMES // 20}, resolvers={server.address!r}, tries=6)
outcome = run(ray, made)
assert outcome.finished and merge("parts", "out", ordered=True) == {NAMES}
assert outcome.again >= {deaths}, outcome.again
ray.shutdown()
"""
    words = {"stdout": subprocess.DEVNULL, "stderr": (tmp_path / "err").open("w"), "cwd": tmp_path}
    with words["stderr"], process(sys.executable, "-c", program, **words) as made:
        for number in range(deaths):
            _kill_a_ray_worker(made, tmp_path, 2 + 3 * number)
        made.wait(60 + NAMES / 500)
        assert made.returncode == 0, (tmp_path / "err").read_text()
    (tmp_path / "meta").write_text("{}")
    check(tmp_path)


def _kill_a_ray_worker(made, folder, after):
    """Kill one that has a shard, when so many parts are done."""
    while parts_done(folder) < after:
        assert made.poll() is None, (folder / "err").read_text()
        time.sleep(0.05)
    for number in iter(lambda: parts_done(folder), 20):
        at_work = {one.name.split(".")[3] for one in folder.glob("parts/part-*.tmp")}
        found = [one for one in children(made.pid) if command(one).startswith("ray::shard") and str(one) in at_work]
        if found:
            os.kill(found[0], signal.SIGKILL)
            return
        assert made.poll() is None, number
        time.sleep(0.01)
    raise AssertionError("no worker had a shard")
