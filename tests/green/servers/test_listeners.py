"""Listeners: stale paths of Unix sockets, numbers and sockets that were inherited."""

import errno
import fcntl
import os
import socket as std_socket
import stat
import subprocess
import sys

import pytest

from celadon.green import create_connection
from celadon.green import socket as green
from celadon.green.servers import DatagramServer, StreamServer, inherited, systemd_listeners, unix_path
from celadon.hub import joinall, spawn

LOCAL = ("127.0.0.1", 0)


def upper(client, peer):
    client.sendall(client.recv(100).upper())


def ask(path):
    with green.socket(std_socket.AF_UNIX) as one:
        one.connect(path)
        one.sendall(b"hello")
        return one.recv(100)


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "socket")


def leave_a_stale_one(path, kind=std_socket.SOCK_STREAM):
    with std_socket.socket(std_socket.AF_UNIX, kind) as one:
        one.bind(path)
        if kind == std_socket.SOCK_STREAM:
            one.listen()


# -- paths -----------------------------------------------------------------------------------------------------


def test_a_stale_path_is_taken_over_and_left_clean(path):
    leave_a_stale_one(path)
    with StreamServer(path, upper) as server:
        assert ask(path) == b"HELLO"
        assert server.address == path
    assert not os.path.exists(path)


def test_a_stale_path_of_datagrams(path):
    leave_a_stale_one(path, std_socket.SOCK_DGRAM)
    with DatagramServer(path, lambda data, peer: None), pytest.raises(OSError, match="in use"):
        DatagramServer(path, lambda data, peer: None).start()
    assert not os.path.exists(path)


def test_a_path_in_use_is_left_alone(path):
    with StreamServer(path, upper):
        for other in (StreamServer(path, upper), DatagramServer(path, lambda data, peer: None)):
            with pytest.raises(OSError, match="in use") as caught:
                other.start()
            assert caught.value.errno == errno.EADDRINUSE
        assert ask(path) == b"HELLO"


def test_a_path_in_use_by_one_whose_queue_is_full(path):
    with std_socket.socket(std_socket.AF_UNIX) as busy:
        busy.bind(path)
        busy.listen(0)
        clients = []
        while True:
            one = std_socket.socket(std_socket.AF_UNIX)
            one.setblocking(False)
            clients.append(one)
            if one.connect_ex(path):
                break
        with pytest.raises(OSError, match="in use"):
            StreamServer(path, upper).start()
        for one in clients:
            one.close()


OTHERS = {
    "file": lambda path: open(path, "w").close(),
    "folder": os.mkdir,
    "fifo": os.mkfifo,
    "link to a file": lambda path: (open(path + "x", "w").close(), os.symlink(path + "x", path)),
    "link to a socket": lambda path: (leave_a_stale_one(path + "x"), os.symlink(path + "x", path)),
}


@pytest.mark.parametrize("case", OTHERS)
def test_what_is_no_socket_is_left_alone(case, path):
    OTHERS[case](path)
    before = os.lstat(path)
    with pytest.raises(OSError, match="there is a file that is no socket"):
        StreamServer(path, upper).start()
    assert os.path.samestat(before, os.lstat(path))


def test_a_path_that_another_has_taken_over_is_not_unlinked(path):
    server = StreamServer(path, upper)
    server.start()
    os.unlink(path)
    with StreamServer(path, upper):
        server.stop()
        assert ask(path) == b"HELLO"


def test_a_process_that_inherited_it_does_not_unlink(path):
    with StreamServer(path, upper) as server:
        pid = os.fork()
        if not pid:
            server.close()
            os._exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
        assert ask(path) == b"HELLO"


def test_a_relative_path_is_unlinked_from_elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with StreamServer("./socket", upper):
        monkeypatch.chdir("/")
    assert not os.path.exists(tmp_path / "socket")


def test_of_many_that_come_at_once_one_gets_it(path):
    leave_a_stale_one(path)
    servers = [StreamServer(path, upper) for _ in range(20)]

    def try_it(server):
        try:
            server.start()
        except OSError as error:
            return error.errno
        return 0

    tries = [spawn(try_it, one) for one in servers]
    joinall(tries)
    assert sorted(one.get() for one in tries) == [0] + [errno.EADDRINUSE] * 19
    assert ask(path) == b"HELLO"
    for one in servers:
        one.stop()
    assert not os.path.exists(path)


def test_the_lock_of_the_folder(path, monkeypatch):
    monkeypatch.setattr(unix_path, "_PATIENCE", 0.02)
    folder = os.open(os.path.dirname(path), os.O_RDONLY)
    fcntl.flock(folder, fcntl.LOCK_EX)
    server = StreamServer(path, upper)
    with pytest.raises(OSError, match="another program holds the lock"):
        server.start()
    os.close(folder)
    server.start()
    server.stop()


@pytest.mark.parametrize("mode", [0o600, 0o666])
def test_the_mode_of_a_path(path, mode):
    class Server(StreamServer):
        unix_mode = mode

    with Server(path, upper):
        assert stat.S_IMODE(os.stat(path).st_mode) == mode


def test_an_abstract_path():
    path = f"\0celadon-test-{os.getpid()}"
    with StreamServer(path, upper):
        assert ask(path) == b"HELLO"


# -- inherited -------------------------------------------------------------------------------------------------


def test_a_number():
    listener = std_socket.create_server(LOCAL)
    address, number = listener.getsockname(), listener.detach()
    with StreamServer(f"fd://{number}", upper) as server:
        assert server.address == address
        assert not os.get_inheritable(number)
        with create_connection(address, 10) as one:
            one.sendall(b"hello")
            assert one.recv(100) == b"HELLO"
    with pytest.raises(OSError, match=f"descriptor {number} is not an open socket"):
        StreamServer(f"fd://{number}", upper)


def test_a_number_of_a_file(tmp_path):
    with open(tmp_path / "file", "w") as file, pytest.raises(OSError, match=r"is not an open socket: .*non-socket"):
        StreamServer(f"fd://{file.fileno()}", upper)


SYSTEMD = {
    "nothing": ({}, ()),
    "another's": ({"LISTEN_PID": "43", "LISTEN_FDS": "2"}, ()),
    "no pid": ({"LISTEN_FDS": "2"}, ()),
    "two": ({"LISTEN_PID": "42", "LISTEN_FDS": "2"}, ((3, "unknown"), (4, "unknown"))),
    "none": ({"LISTEN_PID": "42", "LISTEN_FDS": "0"}, ()),
    "names": ({"LISTEN_PID": "42", "LISTEN_FDS": "2", "LISTEN_FDNAMES": "http:"}, ((3, "http"), (4, ""))),
    "no number": ({"LISTEN_PID": "42", "LISTEN_FDS": "two"}, ValueError),
    "negative": ({"LISTEN_PID": "42", "LISTEN_FDS": "-1"}, ValueError),
    "no count": ({"LISTEN_PID": "42"}, ValueError),
    "too many names": ({"LISTEN_PID": "42", "LISTEN_FDS": "1", "LISTEN_FDNAMES": "a:b"}, ValueError),
}


@pytest.mark.parametrize("case", SYSTEMD)
def test_what_systemd_says(case):
    environ, expected = SYSTEMD[case]
    if expected is ValueError:
        with pytest.raises(ValueError, match="LISTEN_FD"):
            inherited.listen_fds(environ, 42)
    else:
        assert inherited.listen_fds(environ, 42) == expected


STARTED = """
import os, sys
os.environ["LISTEN_PID"] = str(os.getpid())
from celadon.green.servers import StreamServer, systemd_listeners
(one,) = systemd_listeners()
assert one.name == "echo" and not {"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"} & {*os.environ}
assert systemd_listeners() == ()
def handle(client, peer):
    client.sendall(client.recv(100).upper())
    server.stop()
server = StreamServer(one.socket, handle)
server.serve_forever()
"""


def test_started_as_systemd_does():
    with std_socket.create_server(LOCAL) as listener:
        program = subprocess.Popen(
            [sys.executable, "-c", STARTED],
            env={**os.environ, "LISTEN_FDS": "1", "LISTEN_FDNAMES": "echo"},
            preexec_fn=lambda: os.dup2(listener.fileno(), 3),  # where systemd puts it
            close_fds=False,
        )
        with create_connection(listener.getsockname(), 20) as one:
            one.sendall(b"hello")
            assert one.recv(100) == b"HELLO"
        assert program.wait(20) == 0


def test_nothing_from_systemd():
    assert systemd_listeners({"LISTEN_PID": "1", "LISTEN_FDS": "3"}) == ()
