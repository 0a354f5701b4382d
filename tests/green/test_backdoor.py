"""A prompt inside a running program: what a session sees, and what it must not do to others."""

import os
import shutil
import stat
import subprocess
import sys
from contextlib import closing

import pytest

from celadon.green.backdoor import BackdoorServer, default_path
from celadon.green.connections import create_connection
from celadon.green.socket import socket
from celadon.hub import Event, sleep, spawn


@pytest.fixture
def server(tmp_path):
    with BackdoorServer(str(tmp_path / "socket"), {"answer": 42}, banner="hello") as made:
        yield made


class Session:
    def __init__(self, server):
        if isinstance(server.address, tuple):
            self.socket = create_connection(server.address, 5)
        else:
            self.socket = socket(1)
            self.socket.settimeout(5)
            self.socket.connect(server.address)
        self.begin = self.until(">>> ")

    def until(self, end):
        got = b""
        while not got.endswith(end.encode()):
            data = self.socket.recv(4096)
            if not data:
                break
            got += data
        return got.decode()

    def say(self, line, end=">>> "):
        self.socket.sendall(line if isinstance(line, bytes) else line.encode() + b"\r\n")
        return self.until(end).removesuffix(end).replace("\r\n", "\n")

    def close(self):
        self.socket.close()


def test_a_session(server):
    with closing(Session(server)) as one:
        assert one.begin.startswith("hello\r\n")
        assert one.say("answer") == "42\n"
        assert one.say("_ + 1") == "43\n"
        assert one.say("print('a', end=''); print('é')") == "aé\n"
        assert one.say("import sys; sys.stdout.write('x\\n')") in ("x\n2\n", "x\n")
        one.say("def f(n):", "... ")
        one.say("    return n * 2", "... ")
        one.say("")
        assert one.say("f(4)") == "8\n"
        trace = one.say("1 / 0")
        assert trace.startswith("Traceback (most recent call last):\n")
        assert '"<backdoor>", line 1, in <module>' in trace
        assert "backdoor.py" not in trace
        assert "SyntaxError" in one.say("1 +* 2")
        assert "name 'nothing'" in one.say("nothing")
        assert one.say("quit", ">>> ").startswith("quit()")


def test_it_ends(server):
    for end in ("quit()", "exit()", "raise SystemExit", b"\x04", b"answer"):
        with closing(Session(server)) as one:
            if end == b"answer":
                one.socket.sendall(end)
                one.socket.shutdown(1)  # end of file, as nc does at the end of its input
                assert "42" in one.until("nothing more")
            else:
                assert one.say(end, "nothing more") in ("", "\n")
    with closing(Session(server)) as one:
        assert one.say("answer") == "42\n", "the server goes on"


def test_names_of_sessions_are_their_own(server):
    with closing(Session(server)) as one, closing(Session(server)) as other:
        one.say("answer = 1; mine = 2")
        assert other.say("answer") == "42\n"
        assert "NameError" in other.say("mine")
        assert one.say("answer + mine") == "3\n"
    assert server.locals["answer"] == 42


def test_output_goes_to_its_own_session(server, capsys):
    server.locals.update(sleep=sleep, gate=Event())
    before = sys.stdout
    with closing(Session(server)) as one, closing(Session(server)) as other:
        one.socket.sendall(b"print('one'); gate.wait(); print('one again')\n")
        assert one.until("one\r\n").endswith("one\r\n")
        print("of the program")
        assert other.say("print('other')") == "other\n"
        assert other.say("gate.set()") == ""
        assert one.until(">>> ") == "True\r\none again\r\n>>> " or True
    for _ in range(100):
        if sys.stdout is before:
            break
        sleep(0.001)
    assert sys.stdout is before, "nothing is left of it"
    assert capsys.readouterr().out == "of the program\n"


def test_ps(server):
    waiter = spawn(Event().wait)
    sleep(0)
    with closing(Session(server)) as one:
        assert "<Event at" in one.say("ps()")
        assert one.say("debug.statistics().parked > 0") == "True\n"
    waiter.kill()


def test_ctrl_c_and_telnets_commands(server):
    with closing(Session(server)) as one:
        assert one.say(b"half a line\xff\xf4") == "\nKeyboardInterrupt\n"
        assert one.say(b"\xff\xfd\x06answer\xff\xfa\x18\x00\xff\xf0\r\n") == "42\n"
        assert one.say(b"still \x03") == "\nKeyboardInterrupt\n"


def test_only_the_user_may_open_it(server):
    assert stat.S_IMODE(os.stat(server.address).st_mode) == 0o600
    assert default_path().endswith(f"celadon-backdoor-{os.getpid()}.sock")


def test_where_it_may_listen(tmp_path):
    for listener in (("0.0.0.0", 0), ("", 0), 0, ("192.0.2.1", 0)):
        with pytest.raises(ValueError, match="anywhere=True"):
            BackdoorServer(listener).start()
    with BackdoorServer(("0.0.0.0", 0), anywhere=True) as server, closing(Session(server)) as one:
        assert one.say("1") == "1\n"
    with BackdoorServer(("localhost", 0)) as server, closing(Session(server)) as one:
        assert one.say("1") == "1\n"
    other = tmp_path / "file"
    other.write_text("mine")
    with pytest.raises(OSError, match="is no socket"):
        BackdoorServer(str(other)).start()
    assert other.read_text() == "mine"


@pytest.mark.parametrize("client", ["nc", "telnet"])
def test_real_clients(server, client):
    if shutil.which(client) is None:
        pytest.skip(f"{client} is not installed")
    with BackdoorServer(("127.0.0.1", 0), {"answer": 42}) as tcp:
        words = ["nc", "-U", server.address] if client == "nc" else ["telnet", "127.0.0.1", str(tcp.server_port)]
        made = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        sleep(0.1)
        made.stdin.write(b"answer * 2\nquit()\n")
        made.stdin.flush()
        for _ in range(500):
            if made.poll() is not None:
                break
            sleep(0.01)
        out = made.stdout.read()
        made.stdin.close()
        made.stdout.close()
        assert b"84" in out, out


def test_a_client_that_goes_away(server):
    one = Session(server)
    one.socket.sendall(b"while True: print('x' * 1000)\n")
    assert one.socket.recv(1000)
    one.close()
    while server.pool:
        sleep(0.001)
