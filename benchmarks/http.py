"""The HTTP server beside its peers: ``python -m benchmarks.http [--seconds N] [--servers a,b] [--parts load,…]``.

load: requests/s by wrk over keep-alive connections, and the server's CPU time for each request. instructions: for each
request, by valgrind (cachegrind), which repeats on a busy machine. idle: memory of each idle keep-alive connection.
stream: a gigabyte up and down in constant memory. connects: what a minute of new connections leaves. loris: service
beside a thousand clients that never end their head.
Needs Debian's wrk, and valgrind for the instructions; a peer that is not installed is left out.
"""

import argparse
import contextlib
import os
import re
import resource
import shutil
import socket
import subprocess
import sys
import tempfile
import time

from .measure import cpu_of

SIZES = {"hello": 13, "10 KiB": 10240}
CONNECTIONS = (1, 50, 500)

APPLICATION = """
import os
BODY = b"x" * int(os.environ["SIZE"])
FIELDS = [("Content-Type", "text/plain"), ("Content-Length", str(len(BODY)))]
def application(environ, start_response):
    if environ["PATH_INFO"] == "/stream":
        start_response("200 OK", [("Content-Length", environ["CONTENT_LENGTH"])])
        return iter(lambda: environ["wsgi.input"].read(65536), b"")
    start_response("200 OK", FIELDS)
    return [BODY]
"""
GUNICORN = "import sys; from gunicorn.app.wsgiapp import run; sys.argv[1:] = {}; run()"
#: How each is started, as it comes from its documentation for one process, without an access log.
SERVERS = {
    "celadon": """
from celadon.green.servers.wsgi import Limits, WSGIServer
LIMITS = Limits(keep_alive_seconds=600)
WSGIServer(("127.0.0.1", PORT), application, backlog=2048, log=None, limits=LIMITS).serve_forever()
""",
    "gevent.pywsgi": """
from gevent.pywsgi import WSGIServer
WSGIServer(("127.0.0.1", PORT), application, backlog=2048, log=None).serve_forever()
""",
    "eventlet.wsgi": """
import warnings; warnings.simplefilter("ignore")
import eventlet.wsgi
eventlet.wsgi.server(eventlet.listen(("127.0.0.1", PORT), backlog=2048), application, log_output=False, max_size=20000)
""",
    "gunicorn sync": GUNICORN.format('["-w1", "-b127.0.0.1:%d" % PORT, "served:application"]'),
    "gunicorn gthread": GUNICORN.format(
        '["-w1", "-kgthread", "--threads=16", "--keep-alive=600", "--worker-connections=20000", '
        '"-b127.0.0.1:%d" % PORT, "served:application"]'
    ),
    "waitress": """
import waitress
waitress.serve(application, listen="127.0.0.1:%d" % PORT, connection_limit=20000, backlog=2048, channel_timeout=600)
""",
    "cheroot": """
from cheroot.wsgi import Server
Server(("127.0.0.1", PORT), application, numthreads=16, request_queue_size=2048, timeout=600).start()
""",
}


class Served:
    """One of the servers in a process of its own, listening."""

    def __init__(self, name, folder, size=13, wrapper=()):
        with socket.socket() as one:
            one.bind(("127.0.0.1", 0))
            self.port = one.getsockname()[1]
        with open(f"{folder}/served.py", "w") as file:
            file.write(APPLICATION)
        code = f"PORT = {self.port}\nfrom served import application\n{SERVERS[name]}"
        path = os.pathsep.join([str(folder), os.getcwd()])
        self.process = subprocess.Popen(
            [*wrapper, sys.executable, "-c", code],
            env={**os.environ, "SIZE": str(size), "PYTHONPATH": path, "PYTHONHASHSEED": "0"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def __enter__(self):
        begin = time.monotonic()
        while time.monotonic() - begin < 60 and self.process.poll() is None:
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return self
            time.sleep(0.1)
        raise ConnectionError("it does not listen: is it installed?")

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.terminate()
        self.process.wait()

    def pids(self):
        """Its process and its workers."""
        with open(f"/proc/{self.process.pid}/task/{self.process.pid}/children") as file:
            return [self.process.pid, *map(int, file.read().split())]

    def cpu(self):
        """Seconds of CPU so far."""
        return sum(cpu_of(pid) for pid in self.pids())

    def descriptors(self):
        """How many are open."""
        return sum(len(os.listdir(f"/proc/{pid}/fd")) for pid in self.pids())

    def memory(self):
        """Bytes that are resident."""
        return sum(resident_of(pid) for pid in self.pids())


def resident_of(pid):
    """Bytes that are resident in a process."""
    with open(f"/proc/{pid}/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize()


def request(extra=""):
    """The bytes of a request as a client of an interface sends it."""
    return (
        f"GET /a/path?with=query HTTP/1.1\r\nHost: web.test\r\nUser-Agent: benchmark/1.0\r\nAccept: */*\r\n"
        f"Accept-Encoding: gzip, deflate\r\n{extra}\r\n"
    ).encode()


def load(names, folder, seconds):
    """Requests/s and CPU."""
    print("\n| server | size | connections | requests/s | CPU us/request | errors |\n|---|---|--:|--:|--:|---|")
    for size, count in SIZES.items():
        for connections in CONNECTIONS:
            for name in names:
                try:
                    print(
                        f"| {name} | {size} | {connections} | {measured(name, folder, count, connections, seconds)} |"
                    )
                except ConnectionError as error:
                    print(f"| {name} | {size} | {connections} | {error} |")


def measured(name, folder, size, connections, seconds):
    """One row."""
    with Served(name, folder, size) as served:
        wrk = ["wrk", "-t1", f"-c{connections}", f"http://127.0.0.1:{served.port}/"]
        subprocess.run([*wrk, "-d1"], check=True, capture_output=True)
        before = served.cpu()
        said = subprocess.run([*wrk, f"-d{seconds}"], check=True, capture_output=True, text=True).stdout
        spent = served.cpu() - before
        done = int(re.search(r"(\d+) requests in", said)[1])
        rate = float(re.search(r"Requests/sec: *([\d.]+)", said)[1])
        errors = re.search(r"Socket errors: .*|Non-2xx.*", said)
        return f"{rate:,.0f} | {spent / max(done, 1) * 1e6:.0f} | {errors[0] if errors else ''}"


def instructions(names, folder, few=300, many=1300):
    """Thousands of instructions for one more request on a connection."""
    if shutil.which("valgrind") is None:
        print("instructions: valgrind is not here")
        return
    print("\n| server | size | thousand instructions/request |\n|---|---|--:|")
    log = f"{folder}/cachegrind"
    valgrind = (
        "valgrind",
        "--tool=cachegrind",
        "--cache-sim=no",
        "--cachegrind-out-file=/dev/null",
        f"--log-file={log}",
    )
    for size, count in SIZES.items():
        for name in names:
            if name.startswith("gunicorn"):
                continue  # its worker is a child of what is counted
            found = []
            for requests in (few, many):
                with Served(name, folder, count, valgrind) as served:
                    ask(served.port, requests, count)
                with open(log) as file:
                    found.append(int(re.search(r"I +refs: +([\d,]+)", file.read())[1].replace(",", "")))
            print(f"| {name} | {size} | {(found[1] - found[0]) / (many - few) / 1000:.0f} |")


def ask(port, requests, size):
    """So many requests on one connection, one after the other."""
    with socket.create_connection(("127.0.0.1", port), 60) as one:
        one.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
        for _ in range(requests):
            one.sendall(request())
            data = b""
            while b"\r\n\r\n" not in data or len(data.partition(b"\r\n\r\n")[2]) < size:
                more = one.recv(65536)
                if not more:
                    raise ConnectionError(f"closed after {data!r}")
                data += more


def idle(names, folder, count=10_000):
    """Memory of idle connections, each of which has had an answer."""
    print("\n| server | idle connections | KiB for each |\n|---|--:|--:|")
    for name in names:
        if name == "gunicorn sync":
            continue  # it keeps none
        with contextlib.ExitStack() as stack:
            served = stack.enter_context(Served(name, folder))
            ask(served.port, 50, 13)
            before = served.memory()
            kept = 0
            with contextlib.suppress(OSError):  # one that serves no more than select(2) can look at
                for number in range(count):
                    one = stack.enter_context(socket.socket())
                    one.bind((f"127.0.0.{2 + number // 20_000}", 0))
                    one.settimeout(20)
                    one.connect(("127.0.0.1", served.port))
                    one.sendall(request())
                    kept += bool(one.recv(65536))
            print(f"| {name} | {kept:,} | {(served.memory() - before) / max(kept, 1) / 1024:.1f} |", flush=True)


def stream(names, folder, size=1 << 30):
    """Send so many bytes and read them back."""
    print("\n| server | GiB up and down | seconds | CPU s | MiB more at the peak |\n|---|--:|--:|--:|--:|")
    for name in names:
        with Served(name, folder) as served:
            ask(served.port, 1, 13)
            before, cpu, begin = served.memory(), served.cpu(), time.monotonic()
            try:
                peak = echo(served, size)
            except OSError as error:
                print(f"| {name} | {size >> 30} | {error} | | |", flush=True)
                continue
            spent = time.monotonic() - begin
            cpu = served.cpu() - cpu
            print(
                f"| {name} | {size >> 30} | {spent:.1f} | {cpu:.1f} | {(peak - before) / (1 << 20):.1f} |", flush=True
            )


def echo(served, size):
    """The greatest memory while it goes through."""
    block, peak, sent, got = b"x" * 65536, 0, 0, -1
    with socket.create_connection(("127.0.0.1", served.port), 60) as one:
        one.sendall(f"POST /stream HTTP/1.1\r\nHost: h\r\nContent-Length: {size}\r\nConnection: close\r\n\r\n".encode())
        while sent < size:
            one.sendall(block)
            sent += len(block)
            if got < 0:
                got = len(one.recv(65536).partition(b"\r\n\r\n")[2])
            while got < sent - (1 << 20):
                got += len(one.recv(1 << 20))
            if sent % (64 << 20) == 0:
                peak = max(peak, served.memory())
        one.shutdown(socket.SHUT_WR)
        while data := one.recv(1 << 20):
            got += len(data)
    if got != size:
        raise ConnectionError(f"{got} of {size} bytes came back")
    return peak


def connects(names, folder, seconds=60, a_second=1000):
    """New connections at this pace, each with one request; descriptors and memory that are left after them."""
    print("\n| server | connects/s | failed | descriptors more | KiB more |\n|---|--:|--:|--:|--:|")
    for name in names:
        with Served(name, folder) as served:
            ask(served.port, 1, 13)
            time.sleep(0.5)
            before, memory, failed, done = served.descriptors(), served.memory(), 0, 0
            begin = time.monotonic()
            while (spent := time.monotonic() - begin) < seconds:
                if done > spent * a_second:
                    time.sleep(0.001)
                    continue
                done += 1
                try:
                    with socket.create_connection(("127.0.0.1", served.port), 10) as one:
                        one.sendall(request("Connection: close\r\n"))
                        while one.recv(65536):
                            pass
                except OSError:
                    failed += 1
            time.sleep(1)
            more = served.descriptors() - before
            grown = (served.memory() - memory) / 1024
            print(f"| {name} | {done / seconds:,.0f} | {failed} | {more} | {grown:,.0f} |", flush=True)


def loris(names, folder, count=1000):
    """The slowest of a hundred requests beside so many clients that send a byte now and then."""
    print("\n| server | slow clients | worst of 100 requests, ms | slow ones closed after 60 s |\n|---|--:|--:|--:|")
    for name in names:
        with contextlib.ExitStack() as stack:
            served = stack.enter_context(Served(name, folder))
            slow = [stack.enter_context(socket.create_connection(("127.0.0.1", served.port), 10)) for _ in range(count)]
            worst, begin, asked = 0.0, time.monotonic(), 0
            while time.monotonic() - begin < 60:
                for one in slow:
                    with contextlib.suppress(OSError):
                        one.sendall(b"GET / HTTP/1.1\r\nX" if not asked else b"y")
                asked += 1
                at = time.monotonic()
                with contextlib.suppress(OSError):
                    ask(served.port, 5, 13)
                worst = max(worst, time.monotonic() - at)
                time.sleep(0.5)
            print(f"| {name} | {count} | {worst * 1e3:.0f} | {sum(map(ended, slow))} |")


def ended(one):
    """Whether the server has closed it."""
    one.setblocking(False)
    try:
        while one.recv(65536):
            pass
    except BlockingIOError:
        return False
    except OSError:
        pass
    return True


PARTS = {
    "load": load,
    "instructions": instructions,
    "idle": idle,
    "stream": stream,
    "connects": connects,
    "loris": loris,
}


def main():
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=10, help="of each run of wrk")
    parser.add_argument("--servers", default=",".join(SERVERS))
    parser.add_argument("--parts", default="load,instructions,idle,stream")
    options = parser.parse_args()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    names = options.servers.split(",")
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        for part in options.parts.split(","):
            PARTS[part](names, folder, **({"seconds": options.seconds} if part == "load" else {}))


if __name__ == "__main__":
    main()
