"""Name servers on loopback that tell each name the address that stands in it: ``n10-1-2-3.bench`` has 10.1.2.3.

NSD and Knot (Debian's packages) are what a client is measured against; the responder needs only Python, and loses
what it is told to lose.
"""

import contextlib
import multiprocessing
import os
import pathlib
import random
import shutil
import socket
import subprocess
import tempfile
import time

ZONE = "bench"
_APEX = f"$ORIGIN {ZONE}.\n$TTL 300\n@ SOA ns root 1 3600 600 86400 60\n@ NS ns\nns A 127.0.0.1\n"


def name_of(number):
    """The ``number``-th name; there are 2**24."""
    return f"n10-{number >> 16 & 255}-{number >> 8 & 255}-{number & 255}.{ZONE}"


def number_of(name):
    """Which name it is."""
    _, a, b, c = name.partition(".")[0].split("-")
    return int(a) << 16 | int(b) << 8 | int(c)


def address_of(name):
    """The address that the name has."""
    return name.partition(".")[0][1:].replace("-", ".")


def free_port():
    """A port that nobody has now, for UDP and TCP."""
    with socket.socket() as tcp, socket.socket(type=socket.SOCK_DGRAM) as udp:
        tcp.bind(("127.0.0.1", 0))
        udp.bind(tcp.getsockname())
        return tcp.getsockname()[1]


def _answers(port):
    """Whether a server answers there."""
    query = b"\x12\x34\1\0\0\1\0\0\0\0\0\0\x09n10-0-0-1\5bench\0\0\1\0\1"
    with socket.socket(type=socket.SOCK_DGRAM) as client:
        client.settimeout(0.5)
        client.connect(("127.0.0.1", port))
        with contextlib.suppress(OSError):
            client.send(query)
            return b"\x0a\0\0\1" in client.recv(512)
    return False


class Served:
    """A running server: ``address``, its name and processes; CPU seconds that they have used."""

    def __init__(self, kind, port, pids):
        self.kind = kind
        self.address = f"127.0.0.1:{port}"
        self._pids = pids

    def cpu(self):
        """CPU seconds of all its processes so far."""
        ticks = 0
        for pid in self._pids():
            with contextlib.suppress(OSError):
                fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
                ticks += int(fields[11]) + int(fields[12])
        return ticks / os.sysconf("SC_CLK_TCK")


def _family(pid):
    """A process and all below it."""
    found = [pid]
    for one in found:
        with contextlib.suppress(OSError):
            for task in pathlib.Path(f"/proc/{one}/task").iterdir():
                found += map(int, (task / "children").read_text().split())
    return found


@contextlib.contextmanager
def _process(kind, command, port, core, patience):
    if core is not None and shutil.which("taskset"):
        command = ["taskset", "-c", str(core), *command]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as server:
        try:
            deadline = time.monotonic() + patience
            while not _answers(port):
                if server.poll() is not None or time.monotonic() > deadline:
                    server.kill()
                    raise RuntimeError(f"{kind} does not answer: {server.stderr.read().decode()[-500:]}")
                time.sleep(0.1)
            yield Served(kind, port, lambda: _family(server.pid))
        finally:
            server.terminate()
            try:
                server.wait(10)
            except subprocess.TimeoutExpired:
                server.kill()


@contextlib.contextmanager
def nsd(names, core=None, minimal=True):
    """NSD with a zone of so many names; its socket buffers are large, as for a server that is asked much.

    ``minimal``: its replies have the answer alone; otherwise the zone's NS and its address as well.
    """
    with tempfile.TemporaryDirectory() as folder:
        port = free_port()
        with open(f"{folder}/zone", "w", encoding="ascii") as zone:
            zone.write(_APEX)
            for number in range(names):
                name = name_of(number)
                zone.write(f"{name.partition('.')[0]} A {address_of(name)}\n")
        pathlib.Path(f"{folder}/conf").write_text(f"""
server:
    ip-address: 127.0.0.1@{port}
    server-count: 1
    receive-buffer-size: 4194304
    send-buffer-size: 4194304
    rrl-ratelimit: 0
    rrl-whitelist-ratelimit: 0
    minimal-responses: {"yes" if minimal else "no"}
    username: ""
    database: ""
    zonesdir: {folder}
    pidfile: {folder}/pid
    xfrdfile: {folder}/xfrd
    zonelistfile: {folder}/zones
remote-control:
    control-enable: no
zone:
    name: {ZONE}
    zonefile: zone
""")
        with _process("nsd", ["nsd", "-d", "-c", f"{folder}/conf"], port, core, 30 + names / 20_000) as served:
            yield served


@contextlib.contextmanager
def knot(core=None):
    """Knot with synthrecord: any number of names in little memory."""
    with tempfile.TemporaryDirectory() as folder:
        port = free_port()
        pathlib.Path(f"{folder}/zone").write_text(_APEX)
        pathlib.Path(f"{folder}/conf").write_text(f"""
server:
    rundir: {folder}
    listen: 127.0.0.1@{port}
    udp-workers: 1
    tcp-workers: 1
    background-workers: 1
database:
    storage: {folder}
mod-synthrecord:
  - id: all
    type: forward
    prefix: n
    ttl: 300
    network: 10.0.0.0/8
zone:
  - domain: {ZONE}
    storage: {folder}
    file: zone
    zonefile-sync: -1
    journal-content: none
    module: mod-synthrecord/all
""")
        with _process("knot", ["knotd", "-c", f"{folder}/conf"], port, core, 30) as served:
            yield served


def _respond(port, loss, seed):
    """Answer for ever, from a process of its own."""
    server = socket.socket(type=socket.SOCK_DGRAM)
    server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
    server.bind(("127.0.0.1", port))
    chance = random.Random(seed).random
    receive, send = server.recvfrom, server.sendto
    while True:
        query, peer = receive(4096)
        if loss and chance() < loss:
            continue
        question = query[12 : query.index(b"\0", 12) + 5]
        try:
            packed = bytes(map(int, question[2 : 1 + question[0]].split(b"-")))
        except ValueError:
            packed = b""
        if len(packed) == 4 and question[-4:] == b"\0\1\0\1":
            head = b"\x85\x80\0\1\0\1\0\0\0\0"
            send(query[:2] + head + question + b"\xc0\x0c\0\1\0\1\0\0\1\x2c\0\4" + packed, peer)
        else:
            send(query[:2] + b"\x85\x83\0\1\0\0\0\0\0\0" + question, peer)


@contextlib.contextmanager
def responder(loss=0.0, seed=1):
    """A small server in Python that loses this share of what it is asked."""
    port = free_port()
    process = multiprocessing.get_context("spawn").Process(target=_respond, args=(port, loss, seed), daemon=True)
    process.start()
    try:
        deadline = time.monotonic() + 60
        while not _answers(port):
            if time.monotonic() > deadline:
                raise RuntimeError("the responder does not answer")
            time.sleep(0.05)
        yield Served("responder", port, lambda: [process.pid])
    finally:
        process.terminate()
        process.join()


def best(names, core=None):
    """The fastest server that is here: NSD, else Knot, else the responder."""
    if shutil.which("nsd") and names <= 2_000_000:
        return nsd(names, core)
    if shutil.which("knotd"):
        return knot(core)
    return responder()
