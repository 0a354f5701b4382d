"""The example servers, run as their first lines say."""

import contextlib
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@contextlib.contextmanager
def run(name, *args, stream="stdout"):
    """The example, and the port in the first line that it writes."""
    pipes = {stream: subprocess.PIPE}
    program = subprocess.Popen([sys.executable, "-m", f"examples.{name}", *args], cwd=ROOT, text=True, **pipes)
    try:
        line = getattr(program, stream).readline()
        found = re.search(r"', (\d+)\)", line)
        yield program, ("127.0.0.1", int(found[1]) if found else 0)
        if program.poll() is None:
            program.send_signal(signal.SIGTERM)
        assert program.wait(20) == 0
    finally:
        program.kill()
        program.wait()
        getattr(program, stream).close()


def test_echo():
    with run("echo_server", "127.0.0.1:0") as (program, address):
        with socket.create_connection(address, 20) as one:
            one.sendall(b"hello")
            assert one.recv(100) == b"hello"
        program.send_signal(signal.SIGINT)
        assert "accepted=1, handled=1, active=0" in program.stdout.readline()
        assert program.wait(20) == 0


def test_port_forwarder():
    with socket.create_server(("127.0.0.1", 0)) as target:
        where = "{}:{}".format(*target.getsockname())
        with run("port_forwarder", "127.0.0.1:0", where) as (_, address), socket.create_connection(address, 20) as one:
            one.sendall(b"question")
            one.shutdown(socket.SHUT_WR)
            with target.accept()[0] as asked:
                assert asked.recv(100, socket.MSG_WAITALL) == b"question"
                asked.sendall(b"answer")
            assert one.recv(100) == b"answer"
            assert one.recv(100) == b""


def test_udp():
    with run("udp_server", "127.0.0.1:0") as (_, address), socket.socket(type=socket.SOCK_DGRAM) as one:
        one.settimeout(20)
        for answer in (b"1: hello", b"2: hello"):
            one.sendto(b"hello", address)
            assert one.recv(100) == answer


def test_prefork(tmp_path):
    path = str(tmp_path / "socket")
    with run("prefork_server", path, "2", stream="stderr") as (program, _):
        lines = iter(program.stderr.readline, "")
        next(line for line in lines if "is ready" in line)
        with socket.socket(socket.AF_UNIX) as one:
            one.connect(path)
            one.sendall(b"hello")
            pid, _, rest = one.recv(100).partition(b": ")
        assert rest == b"hello"
        assert int(pid) != program.pid
        program.send_signal(signal.SIGHUP)
        next(line for line in lines if "has ended" in line)


@pytest.mark.parametrize("name", ["echo_server", "port_forwarder", "udp_server", "prefork_server"])
def test_its_first_line_says_how_to_run_it(name):
    assert f"python -m examples.{name}" in (ROOT / "examples" / f"{name}.py").read_text().partition('"""\n')[0]
