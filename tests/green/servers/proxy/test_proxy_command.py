"""``celadon proxy`` as it is used: a command line, clients, signals, the log."""

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytest.importorskip("httptools", reason="the proxy needs httptools")

ROOT = str(Path(__file__).parents[4])


class Running:
    """A running command, its stderr in a file."""

    def __init__(self, folder, *options):
        self.path = folder / "errors"
        environ = {**os.environ, "PYTHONPATH": ROOT, "PYTHONDONTWRITEBYTECODE": "1"}
        with open(self.path, "w") as errors:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "celadon", "proxy", *options],
                stdout=subprocess.PIPE,
                stderr=errors,
                env=environ,
                text=True,
            )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    @property
    def errors(self):
        return self.path.read_text()

    def address(self):
        deadline = time.monotonic() + 30
        while (found := re.search(r"listens on 127.0.0.1:(\d+)", self.errors)) is None:
            assert self.process.poll() is None, self.errors
            assert time.monotonic() < deadline, self.errors
            time.sleep(0.01)
        return "127.0.0.1", int(found[1])

    def ended(self):
        return self.process.wait(30)


@contextlib.contextmanager
def listener():
    with socket.create_server(("127.0.0.1", 0)) as made:
        made.settimeout(10)
        yield made


def tunnel(proxy, site):
    made = socket.create_connection(proxy, timeout=10)
    made.sendall(b"CONNECT 127.0.0.1:%d HTTP/1.1\r\nHost: x\r\n\r\n" % site.getsockname()[1])
    got = b""
    while not got.endswith(b"\r\n\r\n"):
        got += made.recv(1000) or pytest.fail(got.decode())
    assert got.startswith(b"HTTP/1.1 200 ")
    return made


def accepts(proxy):
    try:
        socket.create_connection(proxy, timeout=10).close()
    except ConnectionRefusedError:
        return False
    except ConnectionResetError:
        pass  # closed while the connection was in its queue
    return True


def test_term_lets_tunnels_end(tmp_path):
    with (
        listener() as site,
        Running(tmp_path, "-b", "127.0.0.1:0", "--allow-net", "127.0.0.1", "--access-log", "-") as one,
    ):
        proxy = one.address()
        with tunnel(proxy, site) as client, site.accept()[0] as origin:
            one.process.send_signal(signal.SIGTERM)
            deadline = time.monotonic() + 10
            while accepts(proxy):
                assert time.monotonic() < deadline, "it accepts still"
            client.sendall(b"hello")
            assert origin.recv(10) == b"hello"
            assert one.process.poll() is None
        assert one.ended() == 0
        entry = json.loads(one.process.stdout.read())
        assert (entry["kind"], entry["status"], entry["sent"]) == ("connect", 200, 5)


def test_the_second_signal_ends_them(tmp_path):
    with (
        listener() as site,
        Running(tmp_path, "-b", "127.0.0.1:0", "--allow-net", "127.0.0.1") as one,
        tunnel(one.address(), site) as client,
    ):
        one.process.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + 10
        while "ends; open tunnels" not in one.errors and time.monotonic() < deadline:
            time.sleep(0.01)
        one.process.send_signal(signal.SIGINT)
        assert one.ended() == 0
        with contextlib.suppress(ConnectionResetError):
            assert client.recv(10) == b""


def test_several_workers(tmp_path):
    log = tmp_path / "log"
    words = ("-b", "127.0.0.1:0", "-w", "2", "--allow-net", "127.0.0.1", "--access-log", str(log))
    with listener() as site, Running(tmp_path, *words) as one:
        proxy = one.address()
        children = Path(f"/proc/{one.process.pid}/task/{one.process.pid}/children")
        assert len(children.read_text().split()) == 2
        with tunnel(proxy, site) as client, site.accept()[0] as origin:
            one.process.send_signal(signal.SIGTERM)
            deadline = time.monotonic() + 10
            while accepts(proxy):
                assert time.monotonic() < deadline, "it accepts still"
            client.sendall(b"hello")
            assert origin.recv(10) == b"hello"
        assert one.ended() == 0
    [entry] = map(json.loads, log.read_text().splitlines())
    assert (entry["kind"], entry["status"], entry["sent"]) == ("connect", 200, 5)


def test_the_debug_page(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with Running(tmp_path, "-b", "127.0.0.1:0", "--debug-page", str(port)) as one:
        one.address()
        deadline = time.monotonic() + 10
        while "the debug page is at" not in one.errors and time.monotonic() < deadline:
            time.sleep(0.01)
        with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
            client.sendall(b"GET /data.json HTTP/1.0\r\nHost: localhost\r\n\r\n")
            got = b"".join(iter(lambda: client.recv(65536), b""))
        found = json.loads(got.partition(b"\r\n\r\n")[2])
        assert {"proxy", "proxy_hosts", "servers", "resolver"} <= set(found["sections"])
        assert found["sections"]["proxy"][0]["open"] == 0


@pytest.mark.parametrize(
    ("line", "code", "says"),
    [
        ("--help", 0, ""),
        ("-b 0.0.0.0:0", 2, "open to everybody who reaches it"),
        ("-b 192.0.2.1:80", 1, "cannot listen on"),
        ("--servers nonsense", 2, "'nonsense' is not an IP address"),
        ("--access-log /nonexistent/x", 1, "/nonexistent/x: No such file or directory"),
        ("-b 127.0.0.1:0 --debug-page 0.0.0.0:0", 2, "is not loopback"),
        ("--resolver nope", 2, "unknown resolver 'nope'"),
        ("-w 2 -b 0.0.0.0:0", 2, "open to everybody who reaches it"),
        ("-w 2 -b 192.0.2.1:80", 1, "192.0.2.1"),
        ("-w 2 -b 127.0.0.1:0 --access-log /nonexistent/x", 1, "/nonexistent/x: No such file or directory"),
        ("-w 2 --per-host 3", 2, "--per-host is of one process"),
        ("-w 0", 2, "--workers"),
    ],
)
def test_it_does_not_serve(tmp_path, line, code, says):
    with Running(tmp_path, *line.split()) as one:
        assert one.ended() == code
        assert says in one.errors
        assert "Traceback" not in one.errors
