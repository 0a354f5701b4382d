"""``celadon proxy`` beside tinyproxy: 500 CONNECT tunnels at once. ``python -m benchmarks.proxy``; needs tinyproxy.

The origin and the clients are one process each, on epoll and with large buffers, so that the proxies are what is
measured. Each row is a run of its own, the proxies by turns. ``--tunnels 10000`` opens so many and says what memory
the proxy takes; it needs a limit of 20,010 descriptors.
"""

import argparse
import os
import resource
import selectors
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager, suppress

ROOM = 1 << 20
ADDRESS = "127.0.0.1"


def origin(port_to):
    """Send each client as many bytes as its line says; echo one byte for ``0``."""
    listener = socket.create_server((ADDRESS, 0), backlog=4096)
    print(listener.getsockname()[1], file=port_to, flush=True)
    listener.setblocking(False)
    look = selectors.DefaultSelector()
    look.register(listener, selectors.EVENT_READ)
    zeros = memoryview(bytes(ROOM))
    left = {}
    while True:
        for key, _ in look.select():
            one = key.fileobj
            if one is listener:
                made, _ = listener.accept()
                made.setblocking(False)
                look.register(made, selectors.EVENT_READ)
                continue
            try:
                if one in left:
                    left[one] -= one.send(zeros[: min(left[one], ROOM)])
                    if not left[one]:
                        del left[one]
                        look.modify(one, selectors.EVENT_READ)
                    continue
                line = one.recv(100)
            except OSError:
                line = b""
            if not line:
                left.pop(one, None)
                look.unregister(one)
                one.close()
            elif int(line):
                left[one] = int(line)
                look.modify(one, selectors.EVENT_WRITE)
            else:
                one.send(b"x")


def tunnel(proxy, port):
    """A connection through the proxy; blocking."""
    made = socket.create_connection((ADDRESS, proxy), timeout=30)
    made.sendall(b"CONNECT %s:%d HTTP/1.1\r\nHost: %s\r\n\r\n" % (ADDRESS.encode(), port, ADDRESS.encode()))
    got = b""
    while not got.endswith(b"\r\n\r\n"):
        more = made.recv(4096)
        assert more, got
        got += more
    assert b" 200 " in got.partition(b"\r\n")[0], got
    return made


def bulk(proxy, port, count, size):
    """MB/s of ``count`` tunnels that each get ``size`` bytes."""
    looked = selectors.DefaultSelector()
    for _ in range(count):
        looked.register(tunnel(proxy, port), selectors.EVENT_READ, [0])
    room = bytearray(ROOM)
    begin = time.perf_counter()
    for key in list(looked.get_map().values()):
        key.fileobj.sendall(b"%d\n" % size)
    left = count
    while left:
        for key, _ in looked.select(30) or sys.exit("nothing comes any more"):
            got = key.fileobj.recv_into(room)
            assert got, "a tunnel ended early"
            key.data[0] += got
            if key.data[0] >= size:
                left -= 1
                looked.unregister(key.fileobj)
                key.fileobj.close()
    return count * size / (time.perf_counter() - begin) / 1e6


def rate(proxy, port, count, seconds):
    """Tunnels in a second, ``count`` at once, for one byte each."""
    looked = selectors.DefaultSelector()
    line = b"CONNECT %s:%d HTTP/1.1\r\nHost: %s\r\n\r\n" % (ADDRESS.encode(), port, ADDRESS.encode())

    def begin():
        made = socket.socket()
        made.setblocking(False)
        made.connect_ex((ADDRESS, proxy))
        looked.register(made, selectors.EVENT_WRITE)

    for _ in range(count):
        begin()
    done, start = 0, time.perf_counter()
    while time.perf_counter() - start < seconds:
        for key, events in looked.select(5):
            one = key.fileobj
            if events & selectors.EVENT_WRITE:
                one.send(line)
                looked.modify(one, selectors.EVENT_READ, b"")
                continue
            got = key.data + one.recv(4096)
            if got.endswith(b"\r\n\r\n"):
                one.send(b"0\n")
                looked.modify(one, selectors.EVENT_READ, b"y")
            elif got == b"yx":
                done += 1
                looked.unregister(one)
                one.close()
                begin()
            else:
                looked.modify(one, selectors.EVENT_READ, got)
    spent = time.perf_counter() - start
    for key in list(looked.get_map().values()):
        key.fileobj.close()
    return done, done / spent


def free_port():
    """A port that nobody listens on."""
    with socket.create_server((ADDRESS, 0)) as made:
        return made.getsockname()[1]


@contextmanager
def running(words, port, **kwargs):
    """The number of a process that listens on ``port``."""
    with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **kwargs) as process:
        try:
            ends = time.monotonic() + 20
            while True:
                try:
                    socket.create_connection((ADDRESS, port)).close()
                    break
                except ConnectionRefusedError:
                    assert time.monotonic() < ends, f"{words[0]} does not listen"
                    assert process.poll() is None, f"{words[0]} has ended"
                    time.sleep(0.05)
            yield process.pid
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()


def celadon(workers=1):
    """Our proxy, on a free port."""
    port = free_port()
    words = [sys.executable, "-m", "celadon", "proxy", "-b", f"{ADDRESS}:{port}", "--allow-net", ADDRESS]
    return port, [*words, "--workers", str(workers)]


def tinyproxy(folder):
    """Debian's, with as many clients as it takes, and a log of what is wrong only, as ours."""
    port = free_port()
    path = os.path.join(folder, "tinyproxy.conf")
    with open(path, "w") as file:
        file.write(f"Port {port}\nListen {ADDRESS}\nMaxClients 2000\nTimeout 600\nLogLevel Error\n")
        file.write(f'LogFile "{folder}/log"\nAllow {ADDRESS}\n')
    return port, [shutil.which("tinyproxy") or sys.exit("tinyproxy is not installed"), "-d", "-c", path]


def spent_by(pid):
    """CPU seconds of a process and its threads."""
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory(pid):
    """KB of private memory."""
    with open(f"/proc/{pid}/smaps_rollup") as file:
        found = {line.split()[0]: int(line.split()[1]) for line in file if line.startswith("Private")}
    return sum(found.values())


def tunnels(count, port):
    """What ``count`` idle tunnels take."""
    proxy, words = celadon()
    with running(words, proxy) as pid:
        first = tunnel(proxy, port)
        before, made = memory(pid), [first]
        begin = time.perf_counter()
        made += [tunnel(proxy, port) for _ in range(count)]
        spent = time.perf_counter() - begin
        kilobytes = memory(pid) - before
        print(
            f"{count} idle tunnels: {kilobytes / 1024:.0f} MB, {kilobytes / count:.1f} KB each; opened in {spent:.1f} s"
        )
        for one in made:
            one.sendall(b"0\n")
        assert all(one.recv(1) == b"x" for one in made), "a tunnel is dead"
        print("and each has carried a byte both ways")
        for one in made:
            one.close()


def main():
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--connections", type=int, default=500)
    parser.add_argument("--megabytes", type=int, default=2, help="for each connection")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=3.0, help="of each measurement of the rate")
    parser.add_argument("--tunnels", type=int, default=0)
    parser.add_argument("--origin", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):  # only root may have more
        hard = max(hard, 65536)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if options.origin:
        origin(sys.stdout)
    words = [sys.executable, "-m", "benchmarks.proxy", "--origin"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process, tempfile.TemporaryDirectory() as folder:
        try:
            port = int(process.stdout.readline())
            if options.tunnels:
                tunnels(options.tunnels, port)
                return
            for number in range(options.rounds):
                for name, (proxy, command) in (("celadon", celadon()), ("tinyproxy", tinyproxy(folder))):
                    with running(command, proxy) as pid:
                        fast = bulk(proxy, port, options.connections, options.megabytes << 20)
                        first = spent_by(pid)
                        done, often = rate(proxy, port, options.connections, options.seconds)
                        cost = (spent_by(pid) - first) / done * 1e6
                        gigabyte = first / (options.connections * options.megabytes / 1024)
                        print(
                            f"{number + 1} {name:10} {fast:6.0f} MB/s ({gigabyte:.2f} CPU s/GB) {often:6.0f} tunnels/s "
                            f"({cost:.0f} CPU us each) {memory(pid) >> 10:5} MB"
                        )
        finally:
            process.kill()


if __name__ == "__main__":
    main()
